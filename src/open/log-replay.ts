/**
 * What: reads the logs from the pointer on into memtables, and finds where history ends in them. Changes nothing.
 * Thread: main; runs blocking or awaited.
 * Invariants: REC-1 no hole.
 */
import {
  checkMayWrite, drawHashSeed, FEATURES_OFFSET, FILE_BYTES_MAX, FILE_HEADER_BYTES, ioError, logFileName, SALT_BYTES,
} from '../base/index.js'
import type { FeaturesPlace, FileNum, HashSeed, LogFacts, Random, SeqNum, Steps } from '../base/index.js'
import { logNumbers } from '../manifest/index.js'
import type { NewValueLog, Version } from '../manifest/index.js'
import { Memtable } from '../memtable/index.js'
import type { ProgressMeter } from '../report/index.js'
import type { Slab, SlabPool } from '../slab/index.js'
import { readFully, statFile, syncFile, withFile } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import {
  cutUnsynced, cutVoidNote, findHistory, FIRST_BATCH_OFFSET, holdToListed, provenBytes, scanLog,
} from '../wal/index.js'
import type { HistoryCut, ScannedLog } from '../wal/index.js'
import { readStreamed } from './streamed-values.js'

/** History as memtables, oldest first. */
export interface ReplayedLogs {
  memtables: Memtable[]
  lastSeqNum: SeqNum
  /** The last sequence number of all history; above `lastSeqNum` when what is not synced was left out. */
  endSeqNum: SeqNum
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
  /**
   * Given, history ends behind the last frame that is known to be synced, but not before what has a number up to this
   * one.
   */
  durableFrom?: SeqNum | undefined
  /** Hears of the bytes of logs. Without it nobody looks for their sum. */
  progress?: ProgressMeter | undefined
}

/** Where a replay has its logs from, and who keeps what is made of them. */
export interface LogSource {
  /** Reads a log; the caller may change what it gets. Newer ones come first beside a writer, older ones for one. */
  scan(fileNum: FileNum): Steps<ScannedLog>
  /** Gives the memtable that has the frames of the log up to its `goodEnd`; held once for the caller. */
  memtable(log: ScannedLog, hashSeed: HashSeed): Steps<Memtable>
  /** What was known before of files of streamed values. */
  readonly streamed: ReadonlyMap<FileNum, NewValueLog>
  /** Gives way to others when this turn has gone on for long. */
  giveWay(): Steps<void>
  /** Lets go of what the replay alone needed. */
  end(): void
}

/** Reads every log from the pointer on and indexes what is history. */
export function* replayLogs(
  names: readonly string[], options: ReplayOptions, source: LogSource = new LogsReadOnce(options),
): Steps<ReplayedLogs> {
  const { random, version, isWriting, durableFrom } = options
  const { logPointer, lastSeqNum, lineage, logs: listed } = version
  const hashSeed = version.hashSeed ?? drawHashSeed(random)
  const numbers = logNumbers(names).filter((fileNum) => fileNum >= logPointer)
  const replayed: ReplayedLogs = {
    memtables: [], lastSeqNum, endSeqNum: lastSeqNum, cut: null, replayedBytes: 0, entryCount: 0,
    logs: [], provenBytes: new Map(), position: null, streamed: [],
    logCount: numbers.length, logBytes: 0, lastLogNum: numbers.at(-1) ?? 0,
  }
  try {
    options.progress?.setTotals(yield* bytesOf(numbers, options), null)
    const scanned: ScannedLog[] = []
    for (const fileNum of isWriting ? numbers : numbers.toReversed()) {
      const log = yield* source.scan(fileNum)
      replayed.logBytes += log.fileBytes
      options.progress?.add(log.fileBytes)
      if (isWriting && log.header !== null) checkMayWrite(log.header.features, placeOf(fileNum))
      scanned.push(log)
    }
    scanned.sort((a, b) => a.fileNum - b.fileNum)
    const logs = holdToListed(scanned, { listed, logPointer, lineage: lineage.own })
    replayed.cut = findHistory(logs, logPointer)
    let leastSeqNum = lastSeqNum
    for (const log of logs) {
      // A writer never gives out the number of a note that did not come true.
      if (cutVoidNote(log, lastSeqNum) && isWriting) leastSeqNum = Math.max(leastSeqNum, log.noteSeqNum)
    }
    replayed.logs = scanned.map((log) => factsOf(log, logs.includes(log)))
    replayed.endSeqNum = lastNumber(logs, leastSeqNum)
    if (durableFrom !== undefined) {
      for (const _ of cutUnsynced(logs, { listed, shown: durableFrom })) yield* source.giveWay()
    }
    replayed.lastSeqNum = lastNumber(logs, leastSeqNum)
    for (const log of logs) {
      if (log.goodEnd <= FIRST_BATCH_OFFSET) continue
      const memtable = yield* source.memtable(log, hashSeed)
      replayed.memtables.push(memtable)
      replayed.position = memtable.position ?? replayed.position
      const listedBytes = Math.min(listed.get(log.fileNum)?.bytes ?? 0, log.goodEnd)
      replayed.provenBytes.set(log.fileNum, Math.max(provenBytes(log, logs), listedBytes))
      replayed.replayedBytes += log.goodEnd
      replayed.entryCount += log.entryCount
    }
    const { vfs, dir, databaseId } = options
    const place = { vfs, dir, databaseId, listed: version.valueLogs, known: source.streamed }
    replayed.streamed = yield* readStreamed(replayed.memtables, place)
  } catch (error) {
    for (const memtable of replayed.memtables) memtable.release()
    throw error
  } finally {
    source.end()
  }
  return replayed
}

/** Bytes of these logs; of those that are there, since the open itself tells what is missing. */
function* bytesOf(numbers: readonly FileNum[], { vfs, dir }: ReplayOptions): Steps<number> {
  let bytes = 0
  for (const fileNum of numbers) bytes += (yield* statFile(vfs, vfs.join(dir, logFileName(fileNum))))?.size ?? 0
  return bytes
}

/** The last number that these logs, or the manifest, say was given out. */
function lastNumber(logs: readonly ScannedLog[], least: SeqNum): SeqNum {
  let last = least
  for (const { predecessor, goodEnd, lastSeqNum } of logs) {
    if (predecessor !== null && goodEnd >= FIRST_BATCH_OFFSET) last = Math.max(last, lastSeqNum)
  }
  return last
}

/** Each log is read whole, into a slab of its size. */
class LogsReadOnce implements LogSource {
  readonly streamed = new Map<FileNum, NewValueLog>()
  private readonly options: ReplayOptions
  private readonly slabs = new Map<FileNum, Slab>()

  constructor(options: ReplayOptions) {
    this.options = options
  }

  *scan(fileNum: FileNum): Steps<ScannedLog> {
    const { slab, fileBytes } = yield* readLog(fileNum, this.options)
    this.slabs.set(fileNum, slab)
    return scanLog(fileNum, slab.bytes, fileBytes, this.options.databaseId)
  }

  *memtable(log: ScannedLog, hashSeed: HashSeed): Steps<Memtable> {
    const memtable = newMemtable(log, hashSeed)
    memtable.fill(this.slabs.get(log.fileNum)!)
    memtable.insertFrames(log.goodEnd)
    return memtable
  }

  *giveWay(): Steps<void> {
    // An open is awaited as a whole.
  }

  end(): void {
    for (const slab of this.slabs.values()) slab.release()
  }
}

/** An empty memtable for the entries of this log. */
export function newMemtable({ fileNum, predecessor }: ScannedLog, hashSeed: HashSeed): Memtable {
  return new Memtable({
    logNum: fileNum, start: FIRST_BATCH_OFFSET, baseSeqNum: predecessor!.lastSeqNum, hashSeed, executor: null,
  })
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
): Steps<{ slab: Slab; fileBytes: number }> {
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
