/**
 * What: what readers need of a database, open for writing or read-only.
 */
import { UserBytes } from '../base/index.js'
import type { SeqNum, Turns } from '../base/index.js'
import { GapHint } from './gap-hint.js'
import type { ReadState } from './read-state.js'

/** Something a user holds that ends with the database. */
export interface Resource {
  cut(): void
}

export interface HeldSnapshot {
  readonly seqNum: SeqNum
  release(): void
}

/** What the cursors of a database share. */
export class Iterators {
  /** Open cursors, and the table iterators under them. */
  count = 0
  tableCount = 0
  /** Deleted keys that closed cursors walked over, forward. */
  passedCount = 0
  readonly gap = new GapHint()
  /** Short walks fill one chunk together. */
  readonly userBytes = new UserBytes()
}

export interface ReadView {
  readonly dir: string
  readonly turns: Turns
  /** Swapped whole; hold it over an await. */
  readonly state: ReadState
  readonly visibleSeqNum: SeqNum
  readonly position: Uint8Array | null
  readonly iterators: Iterators
  /** Throws CLOSED. */
  checkReadable(): void
  holdSnapshot(): HeldSnapshot
  /** Called before a cursor is made. */
  prepareIteration(): void
  attach(resource: Resource): void
  detach(resource: Resource): void
  close(): Promise<void>
}
