/**
 * What: reads the logs from the pointer on into memtables, and finds where history ends in them. Changes nothing.
 * Thread: main; runs blocking or awaited.
 * Invariants: REC-1 no hole.
 */
import {
  checkMayWrite, drawHashSeed, FEATURES_OFFSET, FILE_BYTES_MAX, FILE_HEADER_BYTES, ioError, logFileName, SALT_BYTES,
} from '../base/index.js'
import type { FeaturesPlace, FileNum, LogFacts, Random, SeqNum, Steps } from '../base/index.js'
import { logNumbers } from '../manifest/index.js'
import type { NewValueLog, Version } from '../manifest/index.js'
import { Memtable } from '../memtable/index.js'
import type { SlabPool } from '../slab/index.js'
import { readFully, syncFile, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { cutVoidNote, findHistory, FIRST_BATCH_OFFSET, holdToListed, provenBytes, scanLog } from '../wal/index.js'
import type { HistoryCut, ScannedLog } from '../wal/index.js'
import { readStreamed } from './streamed-values.js'

/** History as memtables, oldest first. */
export interface ReplayedLogs {
  memtables: Memtable[]
  lastSeqNum: SeqNum
  cut: HistoryCut | null
  replayedBytes: number
  entryCount: number
  /** The number of logs from the pointer on. */
  logCount: number
  logBytes: number
  lastLogNum: FileNum
  /** The logs from the pointer on, and where history ends in each. */
  logs: LogFacts[]
  /** How many bytes of each log with entries the process that wrote it knew to be synced. */
  provenBytes: Map<FileNum, number>
  /** The external position of the last batch that carried one, or null. */
  position: Uint8Array | null
  /** Files of streamed values that the entries name. */
  streamed: NewValueLog[]
}

export interface ReplayOptions {
  vfs: Vfs
  dir: string
  pool: SlabPool
  random: Random
  databaseId: Uint8Array
  version: Version
  /** True when the caller is going to write: see `ReadingPolicy` (directory-reading.ts). */
  isWriting: boolean
}

/** Reads every log from the pointer on into a slab of its own and indexes what is history. */
export function* replayLogs(names: readonly string[], options: ReplayOptions): Steps<ReplayedLogs> {
  const { random, databaseId, version, isWriting } = options
  const { logPointer, lastSeqNum, lineage, logs: listed } = version
  const hashSeed = version.hashSeed ?? drawHashSeed(random)
  const numbers = logNumbers(names).filter((fileNum) => fileNum >= logPointer)
  const slabs = new Map<FileNum, ReturnType<SlabPool['take']>>()
  const replayed: ReplayedLogs = {
    memtables: [], lastSeqNum, cut: null, replayedBytes: 0, entryCount: 0,
    logs: [], provenBytes: new Map(), position: null, streamed: [],
    logCount: numbers.length, logBytes: 0, lastLogNum: numbers.at(-1) ?? 0,
  }
  try {
    const scanned: ScannedLog[] = []
    for (const fileNum of isWriting ? numbers : numbers.toReversed()) {
      const { slab, fileBytes } = yield* readLog(fileNum, options)
      slabs.set(fileNum, slab)
      replayed.logBytes += fileBytes
      const log = scanLog(fileNum, slab.bytes, fileBytes, databaseId)
      if (isWriting && log.header !== null) checkMayWrite(log.header.features, placeOf(fileNum))
      scanned.push(log)
    }
    scanned.sort((a, b) => a.fileNum - b.fileNum)
    const logs = holdToListed(scanned, { listed, logPointer, lineage: lineage.own })
    replayed.cut = findHistory(logs, logPointer)
    for (const log of logs) {
      // A writer never gives out the number of a note that did not come true.
      if (cutVoidNote(log, lastSeqNum) && isWriting) replayed.lastSeqNum = Math.max(replayed.lastSeqNum, log.noteSeqNum)
    }
    replayed.logs = scanned.map((log) => factsOf(log, logs.includes(log)))
    for (const log of logs) {
      if (log.predecessor !== null && log.goodEnd >= FIRST_BATCH_OFFSET) {
        replayed.lastSeqNum = Math.max(replayed.lastSeqNum, log.lastSeqNum)
      }
      if (log.goodEnd <= FIRST_BATCH_OFFSET) continue
      const memtable = new Memtable({
        logNum: log.fileNum, start: FIRST_BATCH_OFFSET, baseSeqNum: log.predecessor!.lastSeqNum,
        hashSeed, executor: null,
      })
      memtable.fill(slabs.get(log.fileNum)!)
      memtable.insertFrames(log.goodEnd)
      replayed.position = memtable.position ?? replayed.position
      replayed.memtables.push(memtable)
      const listedBytes = Math.min(listed.get(log.fileNum)?.bytes ?? 0, log.goodEnd)
      replayed.provenBytes.set(log.fileNum, Math.max(provenBytes(log, logs), listedBytes))
      replayed.replayedBytes += log.goodEnd
      replayed.entryCount += log.entryCount
    }
    const { vfs, dir, version: { valueLogs } } = options
    replayed.streamed = yield* readStreamed(replayed.memtables, { vfs, dir, databaseId, listed: valueLogs })
  } finally {
    for (const slab of slabs.values()) slab.release()
  }
  return replayed
}

function placeOf(fileNum: FileNum): FeaturesPlace {
  return { file: logFileName(fileNum), offset: FEATURES_OFFSET }
}

function factsOf({ fileNum, header, goodEnd }: ScannedLog, counts: boolean): LogFacts {
  if (!counts || header === null || goodEnd < FILE_HEADER_BYTES) {
    return { fileNum, salt: header?.salt ?? new Uint8Array(SALT_BYTES), bytes: 0, isExact: true, mustExist: false }
  }
  return { fileNum, salt: header.salt, bytes: goodEnd, isExact: true, mustExist: true }
}

function* readLog(
  fileNum: FileNum, { vfs, dir, pool, isWriting }: ReplayOptions,
): Steps<{ slab: ReturnType<SlabPool['take']>; fileBytes: number }> {
  const name = logFileName(fileNum)
  try {
    return yield* withFile(vfs, vfs.join(dir, name), isWriting ? 'write' : 'read', function* (file) {
      const fileBytes = file.sizeSync()
      if (isWriting && fileBytes > FILE_HEADER_BYTES) yield* syncFile(file)
      if (fileBytes > FILE_BYTES_MAX) throw new RangeError(`${fileBytes} bytes are more than a log can have`)
      const slab = pool.take(fileBytes)
      return { slab, fileBytes: yield* readFully(file, slab.bytes, fileBytes) }
    })
  } catch (error) {
    throw ioError(error, 'read', name)
  }
}
