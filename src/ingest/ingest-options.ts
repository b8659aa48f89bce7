/**
 * What: what an ingest takes and gives.
 * Thread: main.
 */
import type { AbortWatch, LevelNum, SeqNum } from '../base/index.js'
import type { Progress } from '../report/index.js'

/**
 * How a file comes into the directory of the database. `link`: it gets a second name there, which costs nothing; where
 * it cannot have one, on another volume, it is copied. `move`: the same, and its first name goes when the database has
 * it. `copy`: the database has a file of its own.
 */
export type IngestMode = 'link' | 'copy' | 'move'

export const INGEST_MODES: readonly IngestMode[] = ['link', 'copy', 'move']

/** An ingest, checked. */
export interface IngestCall {
  mode: IngestMode
  /** True: every byte of the files is read and checked first. */
  isVerified: boolean
  /** Watches the caller's signal; the ingest ends the watch. */
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
  /** The most bytes a second that are read and written; Infinity for no limit. */
  bytesPerSecond: number
}

/** What an ingest has done. */
export interface IngestResult {
  /** The sequence number of all entries of the files; that of the last write when there were no files. */
  seqNum: SeqNum
  /** The level of each file, in the order in which they were given. */
  levels: LevelNum[]
  /** Files that the mode `move` could not remove; the database has them all the same. */
  sourcesLeft: string[]
}
