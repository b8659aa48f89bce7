/**
 * What: what the database knows of a table without opening it; the manifest's record of a table, and
 * what a table builder reports. Plain data: crosses threads.
 */
import type { FileNum, SeqNum } from './ids.js'

/** What a table points to in one value-log file. */
export interface ValueFileReference {
  fileNum: FileNum
  valueCount: number
  valueBytes: number
}

export interface TableFacts {
  fileNum: FileNum
  /** Size of the file. */
  bytes: number
  entryCount: number
  tombstoneCount: number
  /** Versions that a newer one in the same table hides; 0 also where an older manifest does not say. */
  hiddenCount: number
  /** Keys and values as the user gave them, without framing. */
  rawBytes: number
  smallestKey: Uint8Array
  largestKey: Uint8Array
  smallestSeqNum: SeqNum
  largestSeqNum: SeqNum
  /** Logs whose entries a flush put here, inclusive; 0 and 0 for a compaction's output. */
  firstLog: FileNum
  lastLog: FileNum
  /** The salt in the file's header: tells two files of one number apart. */
  salt: Uint8Array
  /** 0 is the default keyspace. */
  keyspaceId: number
  /** Milliseconds since 1970; 0 when no entry expires. */
  expiryMin: number
  expiryMax: number
  valueFiles: ValueFileReference[]
}

/** What a point lookup found; filled by the owner of the entry, no allocation per lookup. */
export interface PointResult {
  /** EntryKind; a tombstone is a result too. */
  kind: number
  /** Lent until the next operation on the source. */
  valueBytes: Uint8Array
  valueStart: number
  valueEnd: number
}
