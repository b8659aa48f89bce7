/** What: where a record stands, what it tells of its blob, and why there may be none. */
import type { SeqNum } from '../base/index.js'

/** Why there is no value. */
export type MissReason = 'absent' | 'expired' | 'purged' | 'collision' | 'corrupt' | 'io'

/** Where a record stands. */
export interface RecordPlace {
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  readonly recordNum: number
}

/** What a record tells of its blob. */
export interface RecordFacts {
  readonly place: RecordPlace
  readonly seqNum: SeqNum
  /** 0: none. */
  readonly version: number
  readonly meta: Uint8Array
  readonly createdMs: number
  /** 0: never. */
  readonly expiresMs: number
  /** Where the value begins in the file. */
  readonly valueAt: number
  readonly storedBytes: number
  /** 0: never. */
  readonly staleMs: number
  readonly plainBytes: number
  /** What the value is compressed with, 0: nothing. */
  readonly codecNumber: number
}
