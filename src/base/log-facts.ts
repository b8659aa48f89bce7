/**
 * What: what the manifest says of a log: that it belongs to this history, and how much of it must be there.
 * It is plain data.
 */
import type { FileNum } from './ids.js'

export interface LogFacts {
  fileNum: FileNum
  /** The salt in the file's header, which tells two files of one number apart. */
  salt: Uint8Array
  /** Bytes that were known synced when these facts were recorded. */
  bytes: number
  /** True when exactly these bytes count: whatever stands behind them is void. */
  isExact: boolean
  /** True when history has a hole if the file is missing or shorter than `bytes`. */
  mustExist: boolean
}
