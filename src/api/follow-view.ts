/**
 * What: `refresh` and `follow` as users call them: their options, and whom they are refused.
 */
import { AbortWatch, checkFlag, invalidArgument, takeOptions, VarveError } from '../base/index.js'
import { newFollowing, ReadOnlyView } from '../open/index.js'
import type { FollowCall, Following, RefreshResult } from '../open/index.js'
import type { ReadView } from '../read/index.js'

/** Options of `refresh`. */
export interface RefreshOptions {
  /**
   * Shows only what the files say was synced, so that no power loss takes it back. What is shown already stays. The
   * writer notes what it has synced beside later writes, so its last ones come late, or with the next flush.
   */
  durableOnly?: boolean | undefined
  /** Ends the call: it rejects with the signal's reason. The reading may still end, and be shown. */
  signal?: AbortSignal | undefined
}

/** Options of `follow`. */
export interface FollowingOptions extends RefreshOptions {
  /** Milliseconds from the end of a refresh to the next one, 1 to 2,147,483,647; default 250. */
  everyMs?: number | undefined
  /** Hears of each refresh that changed something, after it is seen by reads; the next one waits for its promise. */
  onChange?: ((result: RefreshResult) => unknown) | undefined
  /**
   * Hears of each refresh that failed; then reads see what they saw before, and the next refresh tries again. After
   * SNAPSHOT_GONE there is none.
   */
  onError?: ((error: unknown) => unknown) | undefined
}

const REFRESH_NAMES = ['durableOnly', 'signal']
const FOLLOW_NAMES = [...REFRESH_NAMES, 'everyMs', 'onChange', 'onError']
const EVERY_MS_DEFAULT = 250
const EVERY_MS_MAX = 2 ** 31 - 1

/** Throws NOT_SUPPORTED for a database that is open for writing. */
function readerOf(view: ReadView, call: string): ReadOnlyView {
  if (view instanceof ReadOnlyView) return view
  throw new VarveError('NOT_SUPPORTED', `${call} is for a database that was opened with readOnly: true`, {
    hint: 'a database that is open for writing is the only writer, and always shows all of its writes',
  })
}

export async function refreshView(view: ReadView, options: RefreshOptions = {}): Promise<RefreshResult> {
  const reader = readerOf(view, 'refresh')
  const { durableOnly, signal } = takeOptions('refresh', REFRESH_NAMES, options, takeRefreshFields)
  const isDurable = checkFlag(durableOnly, 'durableOnly') ?? false
  const abort = signal === undefined ? null : new AbortWatch(signal)
  try {
    abort?.check()
    const refreshed = reader.follower.refresh(isDurable)
    return await (abort?.orAborted(refreshed) ?? refreshed)
  } finally {
    abort?.end()
  }
}

export function followView(view: ReadView, options: FollowingOptions = {}): Following {
  const reader = readerOf(view, 'follow')
  reader.checkReadable()
  return newFollowing(reader, checkFollow(takeOptions('follow', FOLLOW_NAMES, options, (given) => ({
    ...takeRefreshFields(given), everyMs: given.everyMs, onChange: given.onChange, onError: given.onError,
  }))))
}

function takeRefreshFields({ durableOnly, signal }: RefreshOptions): RefreshOptions {
  return { durableOnly, signal }
}

/** The signal comes last: from its watch on the call must go on. */
function checkFollow(
  { everyMs = EVERY_MS_DEFAULT, onChange, onError, durableOnly, signal }: FollowingOptions,
): FollowCall {
  if (!(typeof everyMs === 'number' && everyMs >= 1 && everyMs <= EVERY_MS_MAX)) {
    throw invalidArgument(`option everyMs must be a number from 1 to ${EVERY_MS_MAX}`)
  }
  for (const [name, value] of [['onChange', onChange], ['onError', onError]] as const) {
    if (value !== undefined && typeof value !== 'function') throw invalidArgument(`option ${name} must be a function`)
  }
  const isDurable = checkFlag(durableOnly, 'durableOnly') ?? false
  const abort = signal === undefined ? null : new AbortWatch(signal)
  return { everyMs, durableOnly: isDurable, abort, onChange, onError }
}
