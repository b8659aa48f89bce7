/**
 * What: checks one log by itself: its header, its frames, the padding between them, and what stands behind them. How
 * logs follow one another is told by findHistory (log-reader.ts).
 * Owns: nothing; these are functions over bytes. Thread: any (pure), with a pause now and then.
 */
import {
  compareBytes, corruption, dirtyPadding, emptyFrameHeader, entryContentStart, entryEndWithin, EntryKind, entryKind,
  entryValueEnd, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes, FrameType, kindOf, logFileName,
  readFrameHeader, VarveError,
} from '../base/index.js'
import type { FileNum, LogFacts } from '../base/index.js'
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
  known: KnownLog
}

/** What the manifest, or the log behind it, says of a log. */
export interface KnownLog {
  fileNum: FileNum
  /** Null when nothing says it. */
  salt: Uint8Array | null
  /** Bytes that were synced. */
  syncedBytes: number
  /** Where the log ends, whatever stands behind; null when nothing says it. */
  end: number | null
}

/** What a manifest's facts say of a log. */
export function knownOf({ fileNum, salt, bytes, isExact, mustExist }: LogFacts): KnownLog {
  return { fileNum, salt, syncedBytes: mustExist ? bytes : 0, end: isExact ? bytes : null }
}

/** Checks a log; gives it as it was scanned, or null when a frame in it cannot be read by this version. */
export function* checkLogBytes(
  { bytes, fileBytes, databaseId, known }: LogCheckInput, report: (problem: LogProblem) => void,
): Generator<undefined, ScannedLog | null, unknown> {
  const { fileNum, salt, syncedBytes } = known
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
    const wasUsed = syncedBytes > 0 || fileBytes > FILE_HEADER_BYTES
    // A log that is just being made, or was when the machine stopped: nobody has written to it, and an open passes it.
    if (!wasUsed && salt === null && fileBytes < FILE_HEADER_BYTES) return log
    report({ offset: 0, bytes: fileBytes, kind: wasUsed ? 'damage' : 'torn', error: log.headerProblem! })
    return log
  }
  if (salt !== null && compareBytes(log.header.salt, salt) !== 0) {
    const error = corruption(name, 48, 'another file of this number')
    report({ offset: 0, bytes: fileBytes, kind: 'damage', error })
    return log
  }
  yield* checkPadding(log, report)
  checkEnd(log, known, report)
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
  { bytes, fileBytes, goodEnd, endsClean }: ScannedLog, { fileNum, syncedBytes, end }: KnownLog,
  report: (problem: LogProblem) => void,
): void {
  const name = logFileName(fileNum)
  if (goodEnd < syncedBytes) {
    const what = `the good frames end here, but ${syncedBytes} bytes of this log were synced`
    const error = corruption(name, goodEnd, what)
    report({ offset: goodEnd, bytes: syncedBytes - goodEnd, kind: 'damage', error })
  } else if (end !== null && goodEnd >= end) {
    const dirty = firstDirty(bytes, end, fileBytes)
    if (dirty < 0) return
    const error = corruption(name, dirty, 'bytes behind the end of the log')
    report({ offset: dirty, bytes: fileBytes - dirty, kind: 'void', error })
  } else if (!endsClean || end !== null) {
    const error = corruption(
      name, goodEnd, 'no good frame stands here, and this is not where the log ended',
      'an open takes what is before: it is all if the machine or the process stopped while this was written')
    report({ offset: goodEnd, bytes: Math.max(fileBytes, end ?? 0) - goodEnd, kind: 'torn', error })
  }
}

function firstDirty(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return i
  return -1
}

/** Gives copies of the value handles in the entries of a log that are history: those of streamed values. */
export function* handlesIn({ bytes, goodEnd, header }: ScannedLog): Generator<Uint8Array> {
  const seed = fileSeed(header!)
  const frame = emptyFrameHeader()
  for (let at = FILE_HEADER_BYTES; at < goodEnd; at += frameBytes(frame.bodyBytes)) {
    readFrameHeader(bytes, at, at, seed, frame)
    if (frame.type !== FrameType.batch) continue
    const end = at + FRAME_HEADER_BYTES + frame.bodyBytes
    let entry = at + FRAME_HEADER_BYTES + frame.extensionBytes
    for (let i = 0; i < frame.count; i++) {
      if (kindOf(entryKind(bytes, entry)) === EntryKind.valueHandle) {
        yield bytes.slice(entryContentStart(bytes, entry), entryValueEnd(bytes, entry))
      }
      entry = entryEndWithin(bytes, entry, end)
    }
  }
}
