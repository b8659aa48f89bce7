/**
 * What: what readers need of a database, open for writing or read-only.
 */
import { OWN_BUFFERS, UserBytes } from '../base/index.js'
import type { Clock, SeqNum, Turns } from '../base/index.js'
import { GapHint } from './gap-hint.js'
import type { ReadState } from './read-state.js'
import { ReadsInFlight } from './reads-in-flight.js'

/** Something a user holds that ends with the database. */
export interface Resource {
  cut(): void
}

export interface HeldSnapshot {
  readonly seqNum: SeqNum
  /** What it sees is there only; absent: in every later state too. */
  readonly state?: ReadState | undefined
  release(): void
}

/** What copies keys and values for the user: all that is read fills one chunk together, or shares nothing. */
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

/** What the readers of a database share. */
export class Iterators {
  readonly open = new Set<OpenCursor>()
  /** Table iterators under them. */
  tableCount = 0
  /** Deleted keys that closed cursors walked over, forward. */
  passedCount = 0
  readonly gap = new GapHint()
  readonly valueReads = new ReadsInFlight()
  readonly copies: UserCopies

  constructor(ownBuffers: boolean) {
    this.copies = new UserCopies(ownBuffers)
  }

  /** To be called when a memtable is sealed. */
  holdMoments(): void {
    for (const cursor of this.open) cursor.holdMoment()
  }

  /** To be called when readers that begin now find in tables what a memtable held. */
  letGo(): void {
    for (const cursor of this.open) cursor.letGo()
  }

  /** The database is closed. */
  cut(): void {
    for (const cursor of [...this.open]) cursor.cut()
  }
}

export interface ReadView {
  readonly dir: string
  readonly clock: Clock
  readonly turns: Turns
  /** Swapped whole; hold it over an await. */
  readonly state: ReadState
  readonly visibleSeqNum: SeqNum
  readonly position: Uint8Array | null
  readonly iterators: Iterators
  /** Throws CLOSED. */
  checkReadable(): void
  holdSnapshot(): HeldSnapshot
  /** Until it is released, every later state has what that moment sees; null: readers stay in the state they hold. */
  holdMoment(seqNum: SeqNum): HeldSnapshot | null
  /**
   * A read failed. Where that may be because another process removed a table, looks at the directory anew, blocking.
   * True: there is a newer state now.
   */
  renew(error: unknown): boolean
  /** Called before a cursor is made. */
  prepareIteration(): void
  attach(resource: Resource): void
  detach(resource: Resource): void
  close(): Promise<void>
}
