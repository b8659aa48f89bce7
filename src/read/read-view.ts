/**
 * What: what readers need of a database, open for writing or read-only.
 */
import { OWN_BUFFERS, UserBytes, VarveError } from '../base/index.js'
import type { Clock, SeqNum, Turns } from '../base/index.js'
import { GapHint } from './gap-hint.js'
import type { ReadTime } from '../iterator/index.js'
import { SampledLatency } from '../stats/index.js'
import type { ReadState } from './read-state.js'
import { ReadsInFlight } from './reads-in-flight.js'

/** The error of a read at a moment of which something has left since. */
export function momentGone(): VarveError {
  return new VarveError('SNAPSHOT_GONE', 'what this reader saw has left: the database had more than maxBytes', {
    hint: 'begin again at the present, or take a new snapshot',
  })
}

/** Something that a user holds and that ends with the database. */
export interface Resource {
  cut(): void
}

export interface HeldSnapshot {
  readonly seqNum: SeqNum
  /** The time at which its readers read. */
  readonly time: ReadTime
  /** The one state that has what the snapshot sees; absent when every later state has it, too. */
  readonly state?: ReadState | undefined
  release(): void
}

/** Makes copies of keys and values for the user: they share chunks of memory, or each has memory of its own. */
class UserCopies {
  private readonly shared = new UserBytes()
  /** Makes copies as the option `ownBuffers` of `open` says. */
  readonly byDefault: UserBytes

  constructor(ownBuffers: boolean) {
    this.byDefault = ownBuffers ? OWN_BUFFERS : this.shared
  }

  /** Makes copies as the option of a read says; undefined for the default. */
  for(ownBuffers: boolean | undefined): UserBytes {
    if (ownBuffers === undefined) return this.byDefault
    return ownBuffers ? OWN_BUFFERS : this.shared
  }
}

/** A walk that a user has open: see cursor.ts. */
export interface OpenCursor {
  holdMoment(): void
  letGo(): void
  cut(): void
}

/** The open cursors of a database, and what all its readers share. */
export class Iterators {
  readonly open = new Set<OpenCursor>()
  /** Count of the table iterators of open cursors. */
  tableCount = 0
  /** Count of the deleted keys that closed cursors walked over, forward. */
  passedCount = 0
  /** How often tables have left with what readers saw in them: a moment from before the last time is gone. */
  lostCount = 0
  readonly gap = new GapHint()
  /** How long steps of cursors took. */
  readonly steps = new SampledLatency(256)
  readonly valueReads: ReadsInFlight
  readonly copies: UserCopies

  constructor(ownBuffers: boolean, clock: Clock) {
    this.copies = new UserCopies(ownBuffers)
    this.valueReads = new ReadsInFlight(clock)
  }

  /** Makes every open cursor hold its moment; called when a memtable is sealed. */
  holdMoments(): void {
    for (const cursor of this.open) cursor.holdMoment()
  }

  /** Makes open cursors let go of their states; called when new readers find in tables what a memtable held. */
  letGo(): void {
    for (const cursor of this.open) cursor.letGo()
  }

  /** Ends everything that is open, since the database is closed. */
  cut(): void {
    for (const cursor of [...this.open]) cursor.cut()
  }
}

export interface ReadView {
  readonly dir: string
  readonly clock: Clock
  /** The time for readers that begin now. */
  readonly readClock: ReadTime
  readonly turns: Turns
  /** The present read state, which is swapped as a whole. A reader that awaits something holds it. */
  readonly state: ReadState
  readonly visibleSeqNum: SeqNum
  readonly position: Uint8Array | null
  readonly iterators: Iterators
  /** Throws CLOSED when the database is closed. */
  checkReadable(): void
  holdSnapshot(): HeldSnapshot
  /**
   * Makes all later states keep what the moment sees until it is released. Null: readers stay in the state they
   * hold.
   */
  holdMoment(seqNum: SeqNum, timeMs: number): HeldSnapshot | null
  /**
   * Called when a read failed. If another process may have removed a table, it looks at the directory anew,
   * blocking. Gives true when there is a newer state now.
   */
  renew(error: unknown): boolean
  /** Called before a cursor is made. */
  prepareIteration(): void
  attach(resource: Resource): void
  detach(resource: Resource): void
  close(): Promise<void>
}
