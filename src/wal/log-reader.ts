/**
 * What: reads logs back, and decides which frames are history and where history ends.
 *
 * A bad or missing frame ends history, and everything behind it is void, later logs included: writes
 * are synced in order, so every write that was acknowledged as durable stands before it. But if a good frame
 * further on carries a sync mark above that place, synced bytes are damaged, and that is an error.
 *
 * Owns: nothing; these are functions over bytes. Thread: main.
 * Invariants: REC-1 history has no hole. REC-2 damage below a sync mark is never taken for an end.
 */
import {
  compareBytes, corruption, decodeFileHeader, emptyFrameHeader, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES,
  frameBytes, frameProblem, FrameType, getU32, KiB, LOG_FRAMES, logFileName, readFrame, readFrameHeader, SEQ_NUM_MAX,
  unknownFrame, VarveError,
} from '../base/index.js'
import type { FileHeader, FileNum, FrameHeader, SeqNum } from '../base/index.js'
import { decodePredecessor, FIRST_BATCH_OFFSET } from './log-format.js'
import type { Predecessor } from './log-format.js'

/** The limit for sequence numbers of one log, as memtables count in 32 bits. It is far more than a log can hold. */
const SEQ_NUMS_PER_LOG_MAX = 2 ** 32

/** Bytes that are scanned between two pauses: about a millisecond's work when frames are small. */
const SLICE_BYTES = 128 * KiB

/** One log as it was found, its bytes in memory. */
export interface ScannedLog {
  fileNum: FileNum
  /** The bytes of the file, from its beginning. */
  bytes: Uint8Array
  fileBytes: number
  /** The file header; null when it is not good, and then `headerProblem` says why. */
  header: FileHeader | null
  headerProblem: VarveError | null
  /** What the first frame says; null when it is not there or not good. */
  predecessor: Predecessor | null
  /** What the last sync mark in a good frame says: so many bytes of that log were synced, and all logs before it. */
  markLog: FileNum
  markBytes: number
  /** The end of the unbroken good frames. */
  goodEnd: number
  /** True when nothing but zeros stands behind `goodEnd`, or nothing at all. */
  endsClean: boolean
  firstSeqNum: SeqNum
  lastSeqNum: SeqNum
  entryCount: number
  /** The sequence number of tables from outside that its first frame tells of; 0 when there is no such note. */
  noteSeqNum: SeqNum
  /** Where the note ends. */
  noteEnd: number
}

/** Where history was cut. The report of an open has it. */
export interface HistoryCut {
  file: string
  offset: number
  /** Bytes behind the cut that were not zeros: unsynced writes that are lost. */
  bytes: number
}

/** Reads headers and frames of one log. `bytes` holds the whole file at [0, fileBytes). */
export function scanLog(
  fileNum: FileNum, bytes: Uint8Array, fileBytes: number, databaseId: Uint8Array,
): ScannedLog {
  const slices = scanSlices(fileNum, bytes, fileBytes, databaseId)
  for (;;) {
    const { done, value } = slices.next()
    if (done === true) return value
  }
}

/** Reads a log as `scanLog` does, with a pause now and then for callers that must not hold the event loop. */
export function* scanSlices(
  fileNum: FileNum, bytes: Uint8Array, fileBytes: number, databaseId: Uint8Array,
): Generator<undefined, ScannedLog, unknown> {
  const log: ScannedLog = {
    fileNum, bytes, fileBytes, header: null, headerProblem: null, predecessor: null,
    markLog: 0, markBytes: 0, goodEnd: 0, endsClean: false, firstSeqNum: 0, lastSeqNum: 0, entryCount: 0,
    noteSeqNum: 0, noteEnd: 0,
  }
  const header = readHeader(bytes.subarray(0, fileBytes), logFileName(fileNum), fileNum, databaseId)
  if (VarveError.is(header)) {
    log.headerProblem = header
    return log
  }
  log.header = header
  log.goodEnd = FILE_HEADER_BYTES
  yield* scanOn(log)
  return log
}

/**
 * Reads on behind `goodEnd`, up to `fileBytes`, with pauses: of a log that has grown since it was read. Requires: the
 * header is good, and nothing but scans has changed the log.
 */
export function* scanOn(log: ScannedLog): Generator<undefined, void, unknown> {
  const { fileNum, bytes, fileBytes } = log
  const name = logFileName(fileNum)
  const seed = fileSeed(log.header!)
  const frame = emptyFrameHeader()
  let at = log.goodEnd
  let pauseAt = at + SLICE_BYTES
  for (;;) {
    if (at >= pauseAt) {
      pauseAt = at + SLICE_BYTES
      yield
    }
    const state = readFrame(bytes, at, fileBytes, at, seed, LOG_FRAMES, frame)
    if (state === 'unknown') throw unknownFrame(name, at, frame, LOG_FRAMES)
    if (state !== 'good' || !acceptFrame(log, at, frame, name)) {
      log.goodEnd = at
      log.endsClean = state === 'end' && isZero(bytes, at, fileBytes)
      return
    }
    if (frame.markBytes > 0) {
      log.markLog = fileNum - frame.markDistance
      log.markBytes = frame.markBytes
    }
    at += frameBytes(frame.bodyBytes)
  }
}

/**
 * Gives how many bytes of a log the process that wrote it knew to be synced, as far as the frames of these logs tell.
 * What is behind them may be good in the page cache and not on the disk: of a sync that failed nobody hears twice
 * (docs/design/0009-engine.md).
 */
export function provenBytes(log: ScannedLog, logs: readonly ScannedLog[]): number {
  let bytes = 0
  for (const { markLog, markBytes } of logs) {
    if (markLog > log.fileNum) return log.goodEnd
    if (markLog === log.fileNum && markBytes > bytes) bytes = markBytes
  }
  return Math.min(bytes, log.goodEnd)
}

/**
 * Reads the file header. One that is not good is no error by itself: a crash while the log was made leaves
 * none, half of one, or the header of a deleted log where the disk shows old bytes.
 */
function readHeader(
  bytes: Uint8Array, name: string, fileNum: FileNum, databaseId: Uint8Array,
): FileHeader | VarveError {
  let header: FileHeader
  try {
    header = decodeFileHeader(bytes, 'varvelog', name)
  } catch (error) {
    if (VarveError.is(error) && error.code === 'CORRUPTION') return error
    throw error
  }
  if (header.fileNum !== fileNum) return corruption(name, 40, `this is log ${header.fileNum}`)
  for (let i = 0; i < 16; i++) {
    if (header.databaseId[i] !== databaseId[i]) return corruption(name, 24, 'this log is of another database')
  }
  return header
}

/**
 * False when a frame with a good checksum does not fit, so that it cannot be history. Throws UNSUPPORTED_FORMAT for a
 * frame that this version does not know, CORRUPTION for one that no version writes.
 */
function acceptFrame(log: ScannedLog, at: number, frame: FrameHeader, name: string): boolean {
  const problem = frameProblem(log.bytes, at, frame, name)
  if (problem !== null) throw problem
  if (at === FILE_HEADER_BYTES) return frame.type === FrameType.predecessor && acceptPredecessor(log, at)
  if (frame.type === FrameType.ingestNote) return acceptNote(log, at, frame)
  return frame.type === FrameType.mark || acceptBatch(log, at, frame, name)
}

function acceptNote(log: ScannedLog, at: number, { firstSeqNum, bodyBytes }: FrameHeader): boolean {
  if (firstSeqNum <= log.lastSeqNum || firstSeqNum > SEQ_NUM_MAX) return false
  log.noteSeqNum = firstSeqNum
  log.noteEnd = at + frameBytes(bodyBytes)
  log.lastSeqNum = firstSeqNum
  return true
}

function acceptPredecessor(log: ScannedLog, at: number): boolean {
  log.predecessor = decodePredecessor(log.bytes, at + FRAME_HEADER_BYTES)
  if (log.predecessor === null) return false
  log.lastSeqNum = log.predecessor.lastSeqNum
  return true
}

function acceptBatch(log: ScannedLog, at: number, frame: FrameHeader, name: string): boolean {
  const expected = log.lastSeqNum + 1
  const isFirst = log.entryCount === 0
  if (isFirst ? frame.firstSeqNum < expected : frame.firstSeqNum !== expected) return false
  const lastSeqNum = frame.firstSeqNum + frame.count - 1
  if (lastSeqNum > SEQ_NUM_MAX || lastSeqNum - log.predecessor!.lastSeqNum >= SEQ_NUMS_PER_LOG_MAX) {
    throw corruption(name, at, 'sequence numbers leap')
  }
  if (isFirst) log.firstSeqNum = frame.firstSeqNum
  log.entryCount += frame.count
  log.lastSeqNum = lastSeqNum
  return true
}

export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}

/**
 * Decides how far history goes over `logs` (ascending numbers, from the log pointer on). Sets each
 * log's `goodEnd`; logs that are void get none. Returns the cut, or null when nothing was lost.
 * Throws CORRUPTION or MISSING_FILE when synced bytes are proven to be damaged.
 */
export function findHistory(logs: ScannedLog[], logPointer: FileNum): HistoryCut | null {
  let previous: ScannedLog | null = null
  for (let i = 0; i < logs.length; i++) {
    const log = logs[i]!
    const chain = checkChain(log, previous, logPointer, logs)
    if (chain === 'unused') continue
    if (chain === 'broken') return endHistory(logs, previous === null ? i : logs.indexOf(previous), previous)
    const successor = logs.slice(i + 1).find((later) => later.predecessor?.fileNum === log.fileNum)
    const declaredEnd = successor?.predecessor?.end
    if (declaredEnd !== undefined && declaredEnd < log.goodEnd) cutVoidFrames(log, declaredEnd)
    else if (!log.endsClean && declaredEnd !== log.goodEnd) return endHistory(logs, i, log)
    previous = log
  }
  return null
}

type ChainState = 'good' | 'unused' | 'broken'

/** Tells whether the log follows the one before it. A log without frames was never used. */
function checkChain(
  log: ScannedLog, previous: ScannedLog | null, logPointer: FileNum, logs: ScannedLog[],
): ChainState {
  if (log.header === null) {
    checkNeverUsed(log, logs)
    return 'unused'
  }
  if (log.predecessor === null) {
    if (log.goodEnd === FILE_HEADER_BYTES && log.endsClean) return 'unused'
    return 'broken'
  }
  const { fileNum, salt, end } = log.predecessor
  if (fileNum < logPointer || fileNum === 0) return previous === null ? 'good' : 'broken'
  if (previous !== null && previous.fileNum === fileNum) {
    if (compareBytes(previous.header!.salt, salt) !== 0) {
      const what = `it follows another ${logFileName(fileNum)} than the one that is here`
      throw corruption(logFileName(log.fileNum), FILE_HEADER_BYTES, what)
    }
    if (previous.goodEnd < end) return 'broken'
    if (previous.lastSeqNum <= log.predecessor.lastSeqNum) return 'good'
    throw corruption(logFileName(log.fileNum), FILE_HEADER_BYTES, 'sequence numbers go back')
  }
  if (!logs.some((other) => other.fileNum === fileNum)) {
    const name = logFileName(fileNum)
    throw new VarveError('MISSING_FILE', `${name} is missing: ${logFileName(log.fileNum)} follows it`, {
      file: name, hint: 'restore the file from a backup',
    })
  }
  return 'broken'
}

/** Throws when the log was used: headers are synced before the first frame is written, so its bad one is damage. */
function checkNeverUsed(log: ScannedLog, logs: ScannedLog[]): void {
  const wasUsed = log.fileBytes > FILE_HEADER_BYTES
  if (wasUsed || logs.some((other) => other.predecessor?.fileNum === log.fileNum)) {
    throw log.headerProblem!
  }
}

/** Cuts the log at the end that the next log or the manifest names. Frames behind it are void: their writes failed. */
export function cutVoidFrames(log: ScannedLog, end: number): void {
  const seed = fileSeed(log.header!)
  const frame = emptyFrameHeader()
  let at = FILE_HEADER_BYTES
  let [count, lastSeqNum] = [0, log.predecessor!.lastSeqNum]
  while (at < end && readFrame(log.bytes, at, log.fileBytes, at, seed, LOG_FRAMES, frame) === 'good') {
    if (frame.type === FrameType.ingestNote) lastSeqNum = frame.firstSeqNum
    if (frame.type === FrameType.batch) {
      count += frame.count
      lastSeqNum = frame.firstSeqNum + frame.count - 1
    }
    at += frameBytes(frame.bodyBytes)
  }
  if (at !== end) throw corruption(logFileName(log.fileNum), end, 'the recorded end of this log lies inside a frame')
  log.goodEnd = at
  log.entryCount = count
  log.lastSeqNum = lastSeqNum
}

/**
 * Cuts a note off that never came true, since the manifest has no edit up to its number; then true. Throws CORRUPTION
 * when frames stand behind it, since they were written after that edit was durable: then the manifest is not the one
 * it should be.
 */
export function cutVoidNote(log: ScannedLog, lastSeqNum: SeqNum): boolean {
  if (log.noteSeqNum <= lastSeqNum || log.goodEnd < log.noteEnd) return false
  if (log.goodEnd > log.noteEnd) {
    throw corruption(
      logFileName(log.fileNum), log.noteEnd,
      `it goes on behind tables from outside with sequence number ${log.noteSeqNum}, of which the manifest has none`,
      'the manifest lost an edit: restore it from a backup; nothing was changed',
    )
  }
  log.goodEnd = FIRST_BATCH_OFFSET
  log.lastSeqNum = log.predecessor!.lastSeqNum
  return true
}

/** Ends history at the `goodEnd` of logs[index]: everything behind it is void. Throws when a sync mark objects. */
function endHistory(logs: ScannedLog[], index: number, last: ScannedLog | null): HistoryCut {
  const log = logs[index]!
  const offset = last === null ? 0 : log.goodEnd
  let lostBytes = log.fileBytes - offset
  refuteBySyncMarks(log, Math.max(offset, FILE_HEADER_BYTES), log, offset)
  for (const later of logs.slice(index + 1)) {
    refuteBySyncMarks(log, Math.max(offset, FILE_HEADER_BYTES), later, FILE_HEADER_BYTES)
    lostBytes += later.fileBytes
    later.goodEnd = 0
    later.entryCount = 0
  }
  if (last === null) {
    log.goodEnd = 0
    log.entryCount = 0
  }
  return { file: logFileName(log.fileNum), offset, bytes: lostBytes }
}

/**
 * Throws when a frame of `witness` from `start` on has a sync mark above the end of history. The mark stands in the
 * header, so a right header is a witness, whatever the frame is and whatever became of its body.
 */
function refuteBySyncMarks(ended: ScannedLog, offset: number, witness: ScannedLog, start: number): void {
  if (witness.header === null) return
  const { bytes, fileBytes } = witness
  const seed = fileSeed(witness.header)
  const frame = emptyFrameHeader()
  let at = Math.max(start, FILE_HEADER_BYTES)
  while (at + FRAME_HEADER_BYTES <= fileBytes) {
    // This is quicker than the checksum: zeros are no header, nor is a sequence number of 2^56 or more.
    const isPlausible = bytes[at + 23] === 0 && getU32(bytes, at) !== 0
    if (!isPlausible || !readFrameHeader(bytes, at, at, seed, frame)) {
      at += 8
      continue
    }
    if (frame.markBytes > 0) {
      const markLog = witness.fileNum - frame.markDistance
      if (markLog > ended.fileNum || (markLog === ended.fileNum && frame.markBytes > offset)) {
        throw corruption(
          logFileName(ended.fileNum), offset,
          `bad frame, but ${logFileName(witness.fileNum)} at offset ${at} says that it was synced`,
          'the log is damaged: restore from a backup',
        )
      }
    }
    at += frameBytes(frame.bodyBytes)
  }
}
