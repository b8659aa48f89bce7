/**
 * The protocol of a streamed value as a small machine, all of whose states are visited: the value file, its name, the
 * entry in a log that names it, the flush that lists it, the edit that takes it out again. A crash may come in every
 * state and takes what was not synced, or leaves it. A rule that is left out must make a state that is wrong.
 */

/** A reason why a step must wait for another. Without it the protocol is broken. */
export type StreamRule =
  | 'the value is synced before its entry is written'
  | 'the name is durable before the entry is written'
  | 'a file that an entry names is not removed when the caller hears of a failure'
  | 'a flush lists a file whose entry was overwritten'
  | 'the edit that takes a file out waits for the flush to be durable'
  | 'the edit that takes a file out waits for pins'
  | 'the unlink waits for that edit to be durable'
  | 'the unlink waits for readers'
  | 'an open looks at logs before it removes what no version lists'

export const STREAM_RULES: readonly StreamRule[] = [
  'the value is synced before its entry is written',
  'the name is durable before the entry is written',
  'a file that an entry names is not removed when the caller hears of a failure',
  'a flush lists a file whose entry was overwritten',
  'the edit that takes a file out waits for the flush to be durable',
  'the edit that takes a file out waits for pins',
  'the unlink waits for that edit to be durable',
  'the unlink waits for readers',
  'an open looks at logs before it removes what no version lists',
]

/** How sure something on the disk is: not there, there unless power is lost, there. */
type Depth = 0 | 1 | 2

export interface StreamState {
  value: Depth
  name: Depth
  /** True when the name was removed; a crash may bring it back. */
  isUnlinked: boolean
  entry: Depth
  /** The caller was told that it failed, though the entry may be there. */
  hasFailed: boolean
  /** The newest entry of the key is another one. */
  isOverwritten: boolean
  /** The edit of the flush: it lists the file, and the log is not replayed any more. */
  flush: Depth
  /** The edit has the file among those that it lists. */
  isListed: boolean
  /** The merge that lets go of the value. */
  merge: Depth
  sweep: Depth
  isPinned: boolean
  /** Somebody reads who may find the value: in the memtable, or in the version. */
  isRead: boolean
  isLogGone: boolean
}

export const START: StreamState = {
  value: 0, name: 0, isUnlinked: false, entry: 0, hasFailed: false, isOverwritten: false, flush: 0, isListed: false,
  merge: 0, sweep: 0, isPinned: false, isRead: false, isLogGone: false,
}

type Kept = (rule: StreamRule) => boolean

/** Every state that one step leads to. */
export function stepsFrom(s: StreamState, kept: Kept): StreamState[] {
  const next: StreamState[] = []
  const may = (isAllowed: boolean, change: Partial<StreamState>): void => {
    if (isAllowed) next.push({ ...s, ...change })
  }
  const must = (rule: StreamRule, isSo: boolean): boolean => isSo || !kept(rule)
  const isThere = s.name > 0 && !s.isUnlinked
  may(s.value === 0, { value: 1 })
  may(s.value === 1, { value: 2 })
  may(s.value > 0 && s.name === 0, { name: 1 })
  may(s.name === 1 && !s.isUnlinked, { name: 2 })
  may(
    isThere && s.entry === 0 && !s.hasFailed &&
      must('the value is synced before its entry is written', s.value === 2) &&
      must('the name is durable before the entry is written', s.name === 2),
    { entry: 1 },
  )
  may(s.entry === 1, { entry: 2 })
  // The source fails, the write is refused, or the sync of the log fails: then the entry is there all the same.
  may(!s.hasFailed && s.flush === 0, { hasFailed: true })
  may(
    s.hasFailed && isThere && s.flush === 0 &&
      must('a file that an entry names is not removed when the caller hears of a failure', s.entry === 0),
    { isUnlinked: true },
  )
  may(s.entry > 0 && !s.isOverwritten, { isOverwritten: true })
  const lists = !s.isOverwritten || kept('a flush lists a file whose entry was overwritten')
  may(s.entry > 0 && s.flush === 0, { flush: 1, isListed: lists })
  may(s.flush === 1, { flush: 2, entry: 2 })
  // A file that its flush does not list goes when that is durable, as whatever no version lists.
  may(s.flush === 2 && !s.isListed && isThere && !s.isRead, { isUnlinked: true })
  may(s.flush > 0 && s.isOverwritten && s.merge === 0, { merge: 1 })
  may(s.merge === 1 && s.flush === 2, { merge: 2 })
  may(
    s.isListed && s.merge > 0 && s.sweep === 0 &&
      must('the edit that takes a file out waits for the flush to be durable', s.flush === 2 && s.merge === 2) &&
      must('the edit that takes a file out waits for pins', !s.isPinned),
    { sweep: 1 },
  )
  may(s.sweep === 1, { sweep: 2 })
  may(
    isThere && s.sweep > 0 && must('the unlink waits for that edit to be durable', s.sweep === 2) &&
      must('the unlink waits for readers', !s.isRead),
    { isUnlinked: true },
  )
  may(s.entry === 0 && !s.isPinned, { isPinned: true })
  may(s.isPinned, { isPinned: false })
  may(s.entry > 0 && s.sweep === 0 && !s.isRead && (s.flush === 0 || (s.isListed && s.merge === 0)), { isRead: true })
  may(s.isRead, { isRead: false })
  may(s.flush === 2 && !s.isPinned && !s.isLogGone, { isLogGone: true })
  return next
}

/** Why a running database is wrong in this state, or null. */
export function runningProblem(s: StreamState): string | null {
  const isThere = s.name > 0 && !s.isUnlinked
  if (s.isRead && !isThere) return 'a reader misses the file'
  if (s.isPinned && s.entry > 0 && !isThere) return 'a follower misses the file'
  const isNeeded = s.entry > 0 && (s.flush === 0 || (s.isListed && s.merge === 0))
  return isNeeded && !isThere ? 'a reader to come misses the file' : null
}

/** What of it a crash leaves: each way that it may turn out. */
function* survivals(s: StreamState): Generator<StreamState> {
  for (const isLucky of [[false, false, false], [true, false, false], [false, true, false], [true, true, false],
    [false, false, true], [true, false, true], [false, true, true], [true, true, true]]) {
    const [dataStays, logStays, namesStay] = isLucky as [boolean, boolean, boolean]
    const left = (depth: Depth, stays: boolean): Depth => (depth === 1 ? (stays ? 2 : 0) : depth)
    const name = left(s.name, namesStay)
    // An unlink that nobody synced may be undone, a name that nobody synced cannot come back.
    for (const isUnlinked of s.isUnlinked && s.name === 2 ? [true, false] : [s.isUnlinked]) {
      yield {
        ...s, value: left(s.value, dataStays), name, isUnlinked, entry: left(s.entry, logStays),
        flush: s.flush === 2 ? 2 : 0, merge: s.merge === 2 ? 2 : 0, sweep: s.sweep === 2 ? 2 : 0, isRead: false,
      }
    }
  }
}

/** Why an open after a crash in this state finds something wrong, or null. */
export function crashProblem(s: StreamState, kept: Kept): string | null {
  for (const left of survivals(s)) {
    const isThere = left.name === 2 && !left.isUnlinked && left.value === 2
    const isReplayed = left.entry === 2 && left.flush !== 2
    const isPointedTo = left.flush === 2 && left.isListed && left.merge !== 2
    if (isReplayed && !isThere) return 'an entry that is replayed names a file that is not whole'
    if (isReplayed && !kept('an open looks at logs before it removes what no version lists')) {
      return 'an open removes a file that an entry names'
    }
    if (isPointedTo && !isThere) return 'a table points to a file that is not whole'
    if (left.flush === 2 && left.isListed && left.sweep !== 2 && !isThere) return 'the manifest lists a lost file'
    if (left.isPinned && left.flush === 2 && left.entry === 2 && !isThere) return 'a pinned log names a lost file'
  }
  return null
}

/** True when nothing more can happen, and the file is there though nobody needs it. */
export function isDebris(s: StreamState, kept: Kept): boolean {
  const isThere = s.name > 0 && !s.isUnlinked
  const isNeeded = s.entry > 0 && s.flush === 2 && s.merge !== 2
  return isThere && !isNeeded && stepsFrom(s, kept).length === 0
}
