/**
 * What: what a load takes and gives: its source, its call and its result.
 * Thread: main.
 */
import type { AbortWatch, Bytes, SeqNum } from '../base/index.js'
import type { Progress } from '../report/index.js'

/** An entry of a load. */
export type LoadEntry = readonly [key: Bytes, value: Bytes] | {
  /** Text is stored as UTF-8. */
  key: Bytes
  /** Text is stored as UTF-8. */
  value: Bytes
  /** When the value expires, in milliseconds since 1970; without it, as a put does. */
  expiresAt?: number | undefined
}

/** Entries, or arrays of them, which is faster: what waits between two arrays does not wait between two entries. */
export type LoadSource =
  Iterable<LoadEntry | readonly LoadEntry[]> | AsyncIterable<LoadEntry | readonly LoadEntry[]>

/** A load, checked. */
export interface LoadCall {
  /** True: the keys come in ascending order, and one that does not ends the load. */
  isSorted: boolean
  /** Watches the caller's signal; the load ends the watch. */
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
  /** The most bytes a second that are written; Infinity for no limit. */
  bytesPerSecond: number
}

/** What a load has done. */
export interface LoadResult {
  /** Entries that are in the database now; of several with one key the last. */
  entryCount: number
  /** Entries that a later one with the same key replaced. */
  duplicateCount: number
  /** Tables that were ingested. */
  tableCount: number
  /** Bytes of these tables. */
  bytes: number
  /** The sequence number of all these entries; that of the last write when there were none. */
  seqNum: SeqNum
  /** How long the call took. */
  durationMs: number
}
