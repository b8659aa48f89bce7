/**
 * What: checks one log by itself: its header, its frames, the padding between them, and what stands behind them. How
 * logs follow one another is told by findHistory (log-reader.ts).
 * Owns: nothing; these are functions over bytes. Thread: any (pure), with a pause now and then.
 */
import {
  compareBytes, corruption, dirtyPadding, emptyFrameHeader, FILE_HEADER_BYTES, fileSeed, frameBytes, logFileName,
  readFrameHeader, VarveError,
} from '../base/index.js'
import type { LogFacts } from '../base/index.js'
import { scanSlices } from './log-reader.js'
import type { ScannedLog } from './log-reader.js'

/** Something in a log that is not as it must be. */
export interface LogProblem {
  offset: number
  bytes: number
  /**
   * `damage`: bytes that were synced cannot be read. `torn`: history may end here, as it does when a machine stops in
   * the middle of a write. `void`: bytes behind the end of the log, which nobody reads.
   */
  kind: 'damage' | 'torn' | 'void'
  error: VarveError
}

/** The log as it was found. */
export interface LogCheckInput {
  bytes: Uint8Array
  fileBytes: number
  databaseId: Uint8Array
  /** What is known of it: the manifest's facts, or where the log behind it says that it ends; `salt` null: nothing. */
  facts: Omit<LogFacts, 'salt'> & { salt: Uint8Array | null }
}

/** Checks a log; gives it as it was scanned, or null when a frame in it cannot be read by this version. */
export function* checkLogBytes(
  { bytes, fileBytes, databaseId, facts }: LogCheckInput, report: (problem: LogProblem) => void,
): Generator<undefined, ScannedLog | null, unknown> {
  const { fileNum, salt, mustExist } = facts
  const name = logFileName(fileNum)
  let log: ScannedLog
  try {
    log = yield* scanSlices(fileNum, bytes, fileBytes, databaseId)
  } catch (error) {
    if (!VarveError.is(error)) throw error
    const offset = error.offset ?? 0
    report({ offset, bytes: fileBytes - offset, kind: 'damage', error })
    return null
  }
  if (log.header === null) {
    const wasUsed = mustExist || fileBytes > FILE_HEADER_BYTES
    report({ offset: 0, bytes: fileBytes, kind: wasUsed ? 'damage' : 'torn', error: log.headerProblem! })
    return log
  }
  if (salt !== null && compareBytes(log.header.salt, salt) !== 0) {
    const error = corruption(name, 48, 'another file of this number')
    report({ offset: 0, bytes: fileBytes, kind: 'damage', error })
    return log
  }
  yield* checkPadding(log, report)
  checkEnd(log, facts, report)
  return log
}

function* checkPadding(
  { bytes, goodEnd, fileNum, header }: ScannedLog, report: (problem: LogProblem) => void,
): Generator<undefined, void, unknown> {
  const seed = fileSeed(header!)
  const frame = emptyFrameHeader()
  for (let at = FILE_HEADER_BYTES, i = 0; at < goodEnd; at += frameBytes(frame.bodyBytes), i++) {
    readFrameHeader(bytes, at, at, seed, frame)
    const dirty = dirtyPadding(bytes, at, frame.bodyBytes)
    if (dirty >= 0) {
      const error = corruption(logFileName(fileNum), dirty, 'padding is not zero')
      report({ offset: dirty, bytes: 1, kind: 'damage', error })
    }
    if (i % 4096 === 4095) yield
  }
}

function checkEnd(
  { bytes, fileBytes, goodEnd, endsClean }: ScannedLog, facts: LogCheckInput['facts'],
  report: (problem: LogProblem) => void,
): void {
  const { fileNum, bytes: knownBytes, isExact, mustExist } = facts
  const name = logFileName(fileNum)
  if (mustExist && goodEnd < knownBytes) {
    const what = `the good frames end here, but ${knownBytes} bytes of this log were synced`
    const error = corruption(name, goodEnd, what)
    report({ offset: goodEnd, bytes: knownBytes - goodEnd, kind: 'damage', error })
    return
  }
  if (isExact) {
    const dirty = firstDirty(bytes, knownBytes, fileBytes)
    if (dirty < 0) return
    const error = corruption(name, dirty, 'bytes behind the end of the log', 'nobody reads them: nothing is to be done')
    report({ offset: dirty, bytes: fileBytes - dirty, kind: 'void', error })
    return
  }
  if (endsClean) return
  const error = corruption(name, goodEnd, 'no good frame stands here, and there are bytes behind it',
    'an open takes what is before: it is all if the machine or the process stopped while this was written')
  report({ offset: goodEnd, bytes: fileBytes - goodEnd, kind: 'torn', error })
}

function firstDirty(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return i
  return -1
}
