/**
 * What: the options of `compact` and `collectGarbage` as users give them.
 */
import { AbortWatch, checkFlag, invalidArgument, takeOptions } from '../base/index.js'
import type { CollectCall, CollectOptions, CompactCall, CompactOptions } from '../engine/index.js'

const NAMES = ['signal', 'onProgress']
const RATIO_MIN = 0.05
const RATIO_MAX = 0.95

/** Begins to watch the signal. `compact` ends the watch, so the caller must go on to it. Throws INVALID_ARGUMENT. */
export function readCompactCall(options: CompactOptions | undefined): CompactCall {
  if (options === undefined) return { abort: null, expired: false, onProgress: undefined }
  const { expired, ...fields } = takeOptions('compact', [...NAMES, 'expired'], options, (given) =>
    ({ expired: given.expired, ...takeFields(given) }))
  return { ...checkCall(fields), expired: checkFlag(expired, 'expired') ?? false }
}

/** Likewise for `collectGarbage`. */
export function readCollectCall(options: CollectOptions | undefined): CollectCall {
  if (options === undefined) return { abort: null, expired: false, onProgress: undefined, ratio: null }
  const { ratio, ...fields } = takeOptions('collectGarbage', [...NAMES, 'ratio'], options, (given) =>
    ({ ratio: given.ratio, ...takeFields(given) }))
  if (ratio !== undefined && !(typeof ratio === 'number' && ratio >= RATIO_MIN && ratio <= RATIO_MAX)) {
    throw invalidArgument(`option ratio must be a number from ${RATIO_MIN} to ${RATIO_MAX}`)
  }
  return { ...checkCall(fields), ratio: ratio ?? null }
}

function checkCall({ signal, onProgress }: CompactOptions): CompactCall {
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('option onProgress must be a function')
  }
  return { abort: signal === undefined ? null : new AbortWatch(signal), expired: false, onProgress }
}

function takeFields({ signal, onProgress }: CompactOptions): CompactOptions {
  return { signal, onProgress }
}
