/**
 * What: says where a read looks, and what it does when a table that it needs is gone, since a writer may remove
 * tables that a read-only view has no room to keep open. The view then looks at the directory anew (read-only.ts),
 * and a read of the present is done again in what the view sees then. A read at a snapshot is not: its moment is
 * over.
 * Thread: main. No state.
 */
import type { SeqNum } from '../base/index.js'
import type { ReadTime } from '../iterator/index.js'
import type { ReadState } from './read-state.js'
import type { HeldSnapshot, ReadView } from './read-view.js'

/** The moment, and the state of it, at which a read looks. */
export interface ReadMoment {
  readonly state: ReadState
  readonly seqNum: SeqNum
  /** What tells the time at which it looks. */
  readonly time: ReadTime
  /** True for the present moment, false for a snapshot. */
  readonly isNow: boolean
}

/** A read is tried again this many times; a writer that is still faster wins. */
const RENEWALS_MAX = 3

/** Gives the moment of the snapshot, or the present one. */
export function momentAt(view: ReadView, held: HeldSnapshot | null): ReadMoment {
  if (held === null) return { state: view.state, seqNum: view.visibleSeqNum, time: view.readClock, isNow: true }
  return { state: held.state ?? view.state, seqNum: held.seqNum, time: held.time, isNow: false }
}

/** Does a read again after an error at `moment`, if that helps; otherwise throws the last error. */
export function readAnew<T>(view: ReadView, moment: ReadMoment, error: unknown, read: (moment: ReadMoment) => T): T {
  for (let left = RENEWALS_MAX; left > 0; left--) {
    if (!view.renew(error) || !moment.isNow) break
    try {
      return read(momentAt(view, null))
    } catch (again) {
      error = again
    }
  }
  throw error
}
