/**
 * What: what a caller asks of a checkpoint, checked, and what he hears of it.
 */
import type { AbortWatch, SeqNum } from '../base/index.js'
import type { Progress } from '../report/index.js'

/** The values of the option `mode`. */
export const CHECKPOINT_MODES = ['auto', 'link', 'copy'] as const
/** How the files come into a checkpoint. */
export type CheckpointMode = 'auto' | 'link' | 'copy'

/** The values of the option `logs`. */
export const CHECKPOINT_LOGS = ['auto', 'keep', 'flush'] as const
/** What becomes of what is only in logs yet. */
export type CheckpointLogs = 'auto' | 'keep' | 'flush'

export interface CheckpointCall {
  mode: CheckpointMode
  logs: CheckpointLogs
  /** An earlier checkpoint whose equal files are linked; null for none. */
  base: string | null
  verify: boolean
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
  /** Infinity for no limit. */
  bytesPerSecond: number
}

/** What a checkpoint has. */
export interface CheckpointResult {
  /** The last sequence number in it: it has every write up to this one, and none after it. */
  seqNum: SeqNum
  /** The external position of the last batch in it that carried one. */
  position: Uint8Array | null
  /** Tables, value logs and logs in it. */
  fileCount: number
  /** Bytes that are links to the source's files: they took no room. */
  linkedBytes: number
  /** Bytes that were written. */
  copiedBytes: number
  /** Bytes that are links to the files of `base`. */
  reusedBytes: number
  /** How long the call took. */
  durationMs: number
}
