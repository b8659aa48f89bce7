/**
 * What: reads batches back from logs, for a follower that keeps them with a pin. Reads only what is history: up to the
 * last published byte of a log in use, up to the recorded end of a log whose tail was cut. Owns: nothing. Thread: main.
 * Invariants: FOL-1 a log that does not hold all its history any more is an error, never a shorter log: a follower that
 * goes on behind a gap would never know.
 */
import {
  BadBytes, corruption, emptyFrameHeader, entryEnd, entryKeyEnd, entryKeyStart, entryKind, entryValueEnd, errnoOf,
  expiryOf,
  fileSeed, FRAME_HEADER_BYTES, frameBytes, FrameType, frontBytes, handleFileNum, invalidArgument, ioError,
  keepAliveUntil, kindOf, logFileName, readFrameHeader, VALUE_HANDLE_BYTES, VarveError,
} from '../base/index.js'
import type { FileNum, FrameHeader, SeqNum, Turns } from '../base/index.js'
import { operationOf } from '../commit/index.js'
import { isApart } from '../iterator/index.js'
import { ofKey, placeOf, readPlace } from '../read/index.js'
import type { KeptLog } from '../versions/index.js'
import type { Vfs } from '../vfs/index.js'
import { decodeNote, FIRST_BATCH_OFFSET, scanSlices } from '../wal/index.js'
import type { NotedStretch, ScannedLog } from '../wal/index.js'
import type { EngineCore } from './engine-core.js'

const LOST_HINT = 'the follower must begin anew; the database itself does not need this log'

/** A write, as a follower reads it from a log: an operation as `batch` takes it. */
export type FollowedOperation = FollowedKey | FollowedRange

/** A write of one key. */
export interface FollowedKey {
  /** Whether the key was stored or deleted. */
  type: 'put' | 'del'
  /** The key. */
  key: Uint8Array
  /** The value; empty for a deletion. */
  value: Uint8Array
  /** When the value expires, in milliseconds since 1970; absent: never. */
  expiresAt?: number
}

/** A deletion of all keys of a range. */
export interface FollowedRange {
  /** Tells it from a write of one key. */
  type: 'delRange'
  /** The first key of the range. */
  gte: Uint8Array
  /** The bound at which it ends; absent: it has all keys behind. */
  lt?: Uint8Array
}

/**
 * A stretch of keys of which some came from outside, by `ingest` or `load`. Their entries stand in no log: they are in
 * the database.
 */
export interface FollowedIngest {
  /** The first key of the stretch. */
  gte: Uint8Array
  /** Its last key; absent where it ends with `lt`, or has no end. */
  lte?: Uint8Array
  /** The bound at which it ends, likewise. */
  lt?: Uint8Array
  /** Entries that came. */
  entryCount: number
}

/** A batch, as a follower reads it from a log; a put or deletion of its own is a batch of one. */
export interface FollowedBatch {
  /** The log it stands in: a pin may advance to it when every batch of older logs was taken. */
  log: FileNum
  /** Sequence number of its first operation; the others follow one by one. */
  seqNum: SeqNum
  /** What was written, in order. */
  operations: FollowedOperation[]
  /**
   * What came from outside, all with this sequence number; then there are no operations. Only a follower that asked
   * for it gets it: it reads the keys of the stretches from the database, as they are by then.
   */
  ingested?: FollowedIngest[]
}

/** What a follower reads. */
export interface FollowCall {
  /** Batches above this sequence number. */
  after: SeqNum
  /** True when it understands what came from outside; to any other that is an error. */
  ingested: boolean
}

/** Gives the batches of `Engine.follow`. Which logs there are is decided in the call. */
export function followLogs(
  engine: EngineCore, pin: string, call: FollowCall,
): AsyncGenerator<FollowedBatch, void, undefined> {
  const { health, versions, openLogs, logPins } = engine
  health.checkReadable()
  const firstLog = versions.durable.pins.get(pin)
  if (firstLog === undefined) throw invalidArgument(`there is no pin named ${JSON.stringify(pin)}`)
  const { current } = engine.pipeline
  const inUse = [...openLogs.values()].map((log) => ({
    // A note of tables from outside may be written and not count yet.
    fileNum: log.fileNum, bytes: log === current.log ? current.memtable.publishedEnd : log.writtenEnd,
  }))
  const sources = [...logPins.keptLogs, ...inUse].filter(({ fileNum }) => fileNum >= firstLog)
  return readLogs(engine, sources, call)
}

async function* readLogs(
  engine: EngineCore, sources: readonly KeptLog[], call: FollowCall,
): AsyncGenerator<FollowedBatch, void, undefined> {
  const { health, turns } = engine
  for (const source of sources) {
    health.checkReadable()
    for await (const batch of readLogBatches(engine, source, call)) {
      if (turns.isOver(1 + batch.operations.length)) await turns.next()
      yield batch
    }
  }
}

/** The batches of one log that the call asks for, in order. */
async function* readLogBatches(
  engine: EngineCore, source: KeptLog, call: FollowCall,
): AsyncGenerator<FollowedBatch, void, undefined> {
  const { setup, turns } = engine
  const { fileNum, bytes: end } = source
  const { vfs, dir, options: { clock } } = setup
  if (end === 0) return
  const bytes = await keepAliveUntil(clock, readBytes(vfs, vfs.join(dir, logFileName(fileNum)), source))
  const log = await scanGivingWay(scanSlices(fileNum, bytes, bytes.length, setup.origin.databaseId), turns)
  if (log.header === null || log.goodEnd !== end) {
    throw corruption(
      logFileName(fileNum), log.goodEnd, `a kept log is damaged: ${end} bytes of it are history`,
      LOST_HINT,
    )
  }
  const seed = fileSeed(log.header)
  const frame = emptyFrameHeader()
  for (let at = FIRST_BATCH_OFFSET; at < log.goodEnd; at += frameBytes(frame.bodyBytes)) {
    readFrameHeader(bytes, at, at, seed, frame)
    if (frame.count === 0 || frame.firstSeqNum <= call.after) continue
    const start = at + FRAME_HEADER_BYTES + frame.extensionBytes
    if (frame.type === FrameType.ingestNote) {
      if (!call.ingested) throw unaskedIngest(frame.firstSeqNum)
      const ingested = noteAt(fileNum, bytes, at, frame).map(followedIngest)
      yield { log: fileNum, seqNum: frame.firstSeqNum, operations: [], ingested }
    }
    if (frame.type !== FrameType.batch) continue
    const operations = await readOperations(engine, bytes, start, frame.count)
    yield { log: fileNum, seqNum: frame.firstSeqNum, operations }
  }
}

function unaskedIngest(seqNum: SeqNum): VarveError {
  return new VarveError('NOT_SUPPORTED', `what has sequence number ${seqNum} came from outside, and is in no log`, {
    hint: `follow with ingested: true and read their keys from the database, or begin anew and go on after: ${seqNum}`,
  })
}

function noteAt(fileNum: FileNum, bytes: Uint8Array, at: number, { bodyBytes, count }: FrameHeader): NotedStretch[] {
  const start = at + FRAME_HEADER_BYTES
  try {
    return decodeNote(bytes, start, start + bodyBytes, count)
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error
    throw corruption(logFileName(fileNum), error.offset, error.message, LOST_HINT)
  }
}

function followedIngest({ lower, upper, isUpperInside, entryCount }: NotedStretch): FollowedIngest {
  const end = upper === null ? {} : isUpperInside ? { lte: upper } : { lt: upper }
  return { gte: lower, ...end, entryCount }
}

async function scanGivingWay(slices: ReturnType<typeof scanSlices>, turns: Turns): Promise<ScannedLog> {
  for (;;) {
    const { done, value } = slices.next()
    if (done === true) return value
    if (turns.isOverNow()) await turns.next()
  }
}

async function readBytes(vfs: Vfs, path: string, { fileNum, bytes: end }: KeptLog): Promise<Uint8Array> {
  try {
    const file = await vfs.open(path, 'read')
    try {
      const bytes = new Uint8Array(Math.min(file.sizeSync(), end))
      let done = 0
      while (done < bytes.length) {
        const count = await file.read(bytes, done, bytes.length - done, done)
        if (count === 0) break
        done += count
      }
      return bytes.subarray(0, done)
    } finally {
      await file.close()
    }
  } catch (error) {
    const file = logFileName(fileNum)
    if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'read', file)
    throw new VarveError('MISSING_FILE', `${file} is missing, but a pin keeps it`, {
      cause: error, file, hint: LOST_HINT,
    })
  }
}

async function readOperations(
  engine: EngineCore, bytes: Uint8Array, start: number, count: number,
): Promise<FollowedOperation[]> {
  const operations: FollowedOperation[] = []
  let at = start
  for (let i = 0; i < count; i++) {
    const kind = entryKind(bytes, at)
    const keyEnd = entryKeyEnd(bytes, at)
    const valueEnd = entryValueEnd(bytes, at)
    const key = bytes.slice(entryKeyStart(bytes, at), keyEnd)
    const { type } = operationOf(kindOf(kind))
    if (type === 'delRange') {
      operations.push({ type, gte: key, ...(keyEnd === valueEnd ? {} : { lt: bytes.slice(keyEnd, valueEnd) }) })
    } else {
      const start = keyEnd + frontBytes(kind)
      const value = isApart(kind) ? await readStreamed(engine, bytes, start, key) : bytes.slice(start, valueEnd)
      const expiresAt = expiryOf(kind, bytes, keyEnd)
      operations.push({ type, key, value, ...(expiresAt === 0 ? {} : { expiresAt }) })
    }
    at = entryEnd(bytes, at)
  }
  return operations
}

/** The value of the handle at bytes[start…], whole. Its file stays while a pin keeps the log. */
async function readStreamed(
  { setup, turns, iterators }: EngineCore, bytes: Uint8Array, start: number, key: Uint8Array,
): Promise<Uint8Array> {
  const { valueLogs } = setup.tables
  const fileNum = handleFileNum(bytes, start)
  const held = { hold: () => valueLogs.hold(fileNum), release: () => valueLogs.release(fileNum) }
  const handle = { valueBytes: bytes, valueStart: start, valueEnd: start + VALUE_HANDLE_BYTES }
  try {
    return await iterators.valueReads.run(held, async () => readPlace(placeOf(valueLogs, handle), turns))
  } catch (error) {
    throw ofKey(error, key)
  }
}
