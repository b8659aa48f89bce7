/**
 * What: the options of `compact` as users give them.
 */
import { invalidArgument, takeOptions } from '../base/index.js'
import { AbortWatch } from '../engine/index.js'
import type { CompactCall, CompactOptions } from '../engine/index.js'

const NAMES = ['signal', 'onProgress']

/** Begins to watch the signal. `compact` ends the watch, so the caller must go on to it. Throws INVALID_ARGUMENT. */
export function readCompactCall(options: CompactOptions | undefined): CompactCall {
  if (options === undefined) return { abort: null, onProgress: undefined }
  const { signal, onProgress } = takeOptions('compact', NAMES, options, takeFields)
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('option onProgress must be a function')
  }
  return { abort: signal === undefined ? null : new AbortWatch(signal), onProgress }
}

function takeFields({ signal, onProgress }: CompactOptions): CompactOptions {
  return { signal, onProgress }
}
