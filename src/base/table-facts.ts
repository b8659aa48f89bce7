/**
 * What: what the database knows of a table without opening it. The manifest lists it, and a table builder
 * reports it. It is plain data and crosses threads.
 * A table that was made outside of any database and ingested is not rewritten: its `origin` says what its header has,
 * and
 * which sequence number counts in place of the zeros in it (ING-4).
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

/** A stretch of keys of which every version below a number is deleted. */
export interface WideSpan {
  lower: Uint8Array
  /** The exclusive bound; null: to the last key. */
  upper: Uint8Array | null
  seqNum: SeqNum
}

/** What is known of a table's range tombstones. */
export interface SpanFacts {
  /** The fragments into which they are cut at one another's bounds. */
  count: number
  /** The first key that one of them deletes. */
  lower: Uint8Array
  /** The bound from which on none of them deletes a key; null when there is none. */
  upper: Uint8Array | null
  /** The widest stretches that they delete. */
  widest: WideSpan[]
}

/** What is known of the entries of a table that expire; times are in milliseconds since 1970. */
export interface ExpiryFacts {
  count: number
  earliestMs: number
  latestMs: number
  /** About when each eighth of them, by expiry, has expired; empty where that is not known. */
  octilesMs: readonly number[]
}

/** Where a table comes from that no database made (file number 0 in its header), and the number of its entries here. */
export interface TableOrigin {
  /** The database id in its header: random, that of no database. */
  databaseId: Uint8Array
  /** The one sequence number of all its entries and range tombstones. The file itself says 0. */
  seqNum: SeqNum
}

/** The file number in the header of a table that no database made. */
export const OUTSIDE_FILE_NUM = 0

export interface TableFacts {
  fileNum: FileNum
  /** Size of the file. */
  bytes: number
  entryCount: number
  tombstoneCount: number
  /**
   * Count of entries that something newer in the same table hides, a version or a range tombstone; 0 also where an
   * older manifest does not say.
   */
  hiddenCount: number
  /** Bytes of keys and values as the user gave them, without framing. */
  rawBytes: number
  /** The smallest key of an entry; range tombstones may begin before it. */
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
  /** Null when no entry expires. */
  expiry: ExpiryFacts | null
  valueFiles: ValueFileReference[]
  /** Null when the table has no range tombstones. */
  spans: SpanFacts | null
  /** Absent, or null, for a table that a database made: its own, in all but a few cases. */
  origin?: TableOrigin | null
}

/** What is added to each sequence number that stands in the file of a table: 0 unless it was made outside. */
export function addedSeqNum({ origin }: Pick<TableFacts, 'origin'>): SeqNum {
  return origin?.seqNum ?? 0
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
