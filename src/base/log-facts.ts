/**
 * What: what the manifest says of a log: that it belongs to this history, and how much of it must be there.
 * Plain data.
 */
import type { FileNum } from './ids.js'

export interface LogFacts {
  fileNum: FileNum
  /** The salt in the file's header: tells two files of one number apart. */
  salt: Uint8Array
  /** Bytes that were known synced when this was written down. */
  bytes: number
  /** Exactly these bytes count: what stands behind them is void, zeros or frames. */
  isExact: boolean
  /** Without the file, or with less than these bytes of it, history has a hole. */
  mustExist: boolean
}
