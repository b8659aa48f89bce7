/**
 * What: what the database knows of a table without opening it. The manifest lists it, and a table builder
 * reports it. It is plain data and crosses threads.
 */
import type { FileNum, SeqNum } from './ids.js'

/** What a table points to in one value log. */
export interface ValueFileReference {
  fileNum: FileNum
  valueCount: number
  valueBytes: number
}

/** Handles of values in all these files. */
export function handleCountOf(files: readonly ValueFileReference[]): number {
  return files.reduce((sum, { valueCount }) => sum + valueCount, 0)
}

export interface TableFacts {
  fileNum: FileNum
  /** Size of the file. */
  bytes: number
  entryCount: number
  tombstoneCount: number
  /** Count of versions that a newer one in the same table hides; 0 also where an older manifest does not say. */
  hiddenCount: number
  /** Bytes of keys and values as the user gave them, without framing. */
  rawBytes: number
  smallestKey: Uint8Array
  largestKey: Uint8Array
  smallestSeqNum: SeqNum
  largestSeqNum: SeqNum
  /** The first of the logs whose entries a flush put into this table; 0 in a compaction's output. */
  firstLog: FileNum
  lastLog: FileNum
  /** The salt in the file's header, which tells two files of one number apart. */
  salt: Uint8Array
  /** The keyspace of the keys; 0 is the default one. */
  keyspaceId: number
  /** The earliest expiry, in milliseconds since 1970; 0 when no entry expires. */
  expiryMin: number
  expiryMax: number
  valueFiles: ValueFileReference[]
}

/** What a point lookup found. The owner of the entry fills it in, so that a lookup allocates nothing. */
export interface PointResult {
  /** The kind byte of the entry; a tombstone is a result too. */
  kind: number
  /** The bytes with the value in them, lent until the next operation on the source. */
  valueBytes: Uint8Array
  valueStart: number
  valueEnd: number
}
