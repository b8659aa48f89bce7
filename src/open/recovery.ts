/**
 * What: reads a database directory back: marker, manifest, logs. Changes nothing; open.ts acts on it.
 * Thread: main.
 * Order: names → marker → manifest → logs from the pointer on → where history ends.
 * Invariants: REC-1 no hole. REC-3 what cannot be read or does not fit together is an error, never an
 * empty or shorter database.
 */
import {
  corruption, directoryError, drawHashSeed, FILE_BYTES_MAX, FILE_HEADER_BYTES, fileNumOf, ioError, logFileName,
  manifestFileName, markerFileName, NAME_NUMBER_MAX, parseFileName, runAsync, SALT_BYTES, VarveError,
} from '../base/index.js'
import type { FileNum, LogFacts, Random, SeqNum, Steps } from '../base/index.js'
import { highestFileNum, holdsData, logNumbers, readManifest, readMarker } from '../manifest/index.js'
import type { ManifestContents, Marker } from '../manifest/index.js'
import { Memtable } from '../memtable/index.js'
import type { SlabPool } from '../slab/index.js'
import { closeQuietly, openFile, readFully, syncFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { findHistory, FIRST_BATCH_OFFSET, holdToListed, scanLog } from '../wal/index.js'
import type { HistoryCut, ScannedLog } from '../wal/index.js'
import { isCutCreation } from './cut-creation.js'

/** More file numbers than a database can use up while it is open. */
const NUMBERS_LEFT_MIN = 2 ** 32

/** What the directory holds, before anything of it is believed. */
export interface FoundDirectory {
  names: string[]
  /** Null: there is no database here. */
  marker: Marker | null
  /** Above every number ever seen here. */
  highestFileNum: FileNum
}

export async function readDirectory(vfs: Vfs, dir: string): Promise<FoundDirectory> {
  let names: string[]
  try {
    names = await vfs.list(dir)
  } catch (error) {
    throw directoryError(error, 'list', dir)
  }
  const marker = readMarker(names)
  if (marker === null && holdsData(names) && !(await isCutCreation(vfs, dir, names))) {
    throw new VarveError('MISSING_MARKER', 'there are logs or tables here, but no marker names a manifest', {
      hint: 'restore the file marker.* from a backup; nothing was changed',
    })
  }
  return { names, marker, highestFileNum: highestFileNum(names) }
}

/**
 * For a writer, before it changes anything: new files take numbers above all that are there, and the
 * marker's next iteration is above the one that counts. A number that leaves no room is nobody's work of ours.
 */
export function checkRoom({ names, marker, highestFileNum }: FoundDirectory, nextFileNum: FileNum): void {
  const noRoom = (file: string) => corruption(
    file, 0, `this number leaves no room for new files: they have numbers below ${NAME_NUMBER_MAX + 1}`,
    'Varve never came that far: move the file away; nothing was changed',
  )
  const max = NAME_NUMBER_MAX - NUMBERS_LEFT_MIN
  if (highestFileNum > max) {
    throw noRoom(names.find((name) => fileNumOf(parseFileName(name)) === highestFileNum)!)
  }
  if (marker === null) return
  if (marker.iteration > max) throw noRoom(markerFileName(marker.iteration, marker.manifest))
  if (nextFileNum > max) throw noRoom(manifestFileName(marker.manifest))
}

/** The manifest that the marker names. */
export function readCurrentManifest(vfs: Vfs, dir: string, marker: Marker): Promise<ManifestContents> {
  return runAsync(readManifest(vfs, dir, marker.manifest))
}

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
  /** Those logs, and where history ends in each. */
  logs: LogFacts[]
  /** The external position of the last batch that carried one, or null. */
  position: Uint8Array | null
}

export interface ReplayOptions {
  vfs: Vfs
  dir: string
  pool: SlabPool
  random: Random
  databaseId: Uint8Array
  /** What the manifest says of logs. */
  listed: ReadonlyMap<FileNum, LogFacts>
  /** First log to replay. */
  logPointer: FileNum
  lastSeqNum: SeqNum
  /**
   * The caller writes here, alone: each log with frames is synced before it is read, for what recovery acts
   * on must not vanish. Otherwise a writer may be at work: newer logs are read first, so that what they say was
   * synced in older ones is there when those are read.
   */
  isWriting: boolean
}

/** Reads every log from the pointer on into a slab of its own and indexes what is history. */
export function* replayLogs(names: readonly string[], options: ReplayOptions): Steps<ReplayedLogs> {
  const { random, databaseId, logPointer } = options
  const numbers = logNumbers(names).filter((fileNum) => fileNum >= logPointer)
  const slabs = new Map<FileNum, ReturnType<SlabPool['take']>>()
  const replayed: ReplayedLogs = {
    memtables: [], lastSeqNum: options.lastSeqNum, cut: null, replayedBytes: 0, entryCount: 0,
    logs: [], position: null,
    logCount: numbers.length, logBytes: 0, lastLogNum: numbers.at(-1) ?? 0,
  }
  try {
    const scanned: ScannedLog[] = []
    for (const fileNum of options.isWriting ? numbers : numbers.toReversed()) {
      const { slab, fileBytes } = yield* readLog(fileNum, options)
      slabs.set(fileNum, slab)
      replayed.logBytes += fileBytes
      scanned.push(scanLog(fileNum, slab.bytes, fileBytes, databaseId))
    }
    scanned.sort((a, b) => a.fileNum - b.fileNum)
    const logs = holdToListed(scanned, options.listed.values(), logPointer)
    replayed.cut = findHistory(logs, logPointer)
    replayed.logs = scanned.map((log) => factsOf(log, logs.includes(log)))
    for (const log of logs) {
      if (log.predecessor !== null && log.goodEnd >= FIRST_BATCH_OFFSET) {
        replayed.lastSeqNum = Math.max(replayed.lastSeqNum, log.lastSeqNum)
      }
      if (log.goodEnd <= FIRST_BATCH_OFFSET) continue
      const memtable = new Memtable({
        logNum: log.fileNum, start: FIRST_BATCH_OFFSET, baseSeqNum: log.predecessor!.lastSeqNum,
        hashSeed: drawHashSeed(random), executor: null,
      })
      memtable.fill(slabs.get(log.fileNum)!)
      memtable.insertFrames(log.goodEnd)
      replayed.position = memtable.position ?? replayed.position
      replayed.memtables.push(memtable)
      replayed.replayedBytes += log.goodEnd
      replayed.entryCount += log.entryCount
    }
  } finally {
    for (const slab of slabs.values()) slab.release()
  }
  return replayed
}

function factsOf({ fileNum, header, goodEnd }: ScannedLog, counts: boolean): LogFacts {
  if (!counts || header === null || goodEnd < FILE_HEADER_BYTES) {
    return { fileNum, salt: header?.salt ?? new Uint8Array(SALT_BYTES), bytes: 0, isExact: true, mustExist: false }
  }
  return { fileNum, salt: header.salt, bytes: goodEnd, isExact: true, mustExist: true }
}

function* readLog(
  fileNum: FileNum, options: ReplayOptions,
): Steps<{ slab: ReturnType<SlabPool['take']>; fileBytes: number }> {
  const { vfs, dir, pool, isWriting } = options
  const name = logFileName(fileNum)
  let file: VfsFile | null = null
  try {
    file = yield* openFile(vfs, vfs.join(dir, name), isWriting ? 'write' : 'read')
    const fileBytes = file.sizeSync()
    if (isWriting && fileBytes > FILE_HEADER_BYTES) yield* syncFile(file)
    if (fileBytes > FILE_BYTES_MAX) throw new RangeError(`${fileBytes} bytes are more than a log can have`)
    const slab = pool.take(fileBytes)
    return { slab, fileBytes: yield* readFully(file, slab.bytes, fileBytes) }
  } catch (error) {
    throw ioError(error, 'read', name)
  } finally {
    if (file !== null) yield* closeQuietly(file)
  }
}
