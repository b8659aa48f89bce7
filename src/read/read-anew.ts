/**
 * What: where a read looks, and what it does when a table that it needs is gone: a writer may remove tables that a
 * read-only view has no room to keep open. Then the view looks at the directory anew (read-only.ts), and a read of
 * now is done again in what it sees then. One at a snapshot is not: that moment is over.
 * Thread: main. No state.
 */
import type { SeqNum } from '../base/index.js'
import type { ReadState } from './read-state.js'
import type { HeldSnapshot, ReadView } from './read-view.js'

/** Where a read looks. */
export interface ReadMoment {
  readonly state: ReadState
  readonly seqNum: SeqNum
  /** Not at a snapshot. */
  readonly isNow: boolean
}

/** A writer that is so much faster wins. */
const RENEWALS_MAX = 3

/** At the snapshot, or now. */
export function momentAt(view: ReadView, held: HeldSnapshot | null): ReadMoment {
  if (held === null) return { state: view.state, seqNum: view.visibleSeqNum, isNow: true }
  return { state: held.state ?? view.state, seqNum: held.seqNum, isNow: false }
}

/** After `error` of a read at `place`: the read again, if that helps. Throws the last error. */
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
