/**
 * What: the logs of a source: what of them is history, as memtables, and what stands behind the first damage.
 * Owns: the slabs of the logs, until `release`. Thread: main; reads block, with pauses.
 * Invariants: REP-5.
 */
import {
  drawHashSeed, entryContentStart, entryEnd, entryKeyEnd, entryKeyStart, entryKind, entryValueEnd, emptyFrameHeader,
  errnoOf, expiryOf, FILE_BYTES_MAX, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes, frameProblem,
  FrameType, ioError, LOG_FRAMES, logFileName, readFrame, runSync, VarveError,
} from '../base/index.js'
import type { FileNum, Random, SeqNum } from '../base/index.js'
import { logNumbers } from '../manifest/index.js'
import { Memtable } from '../memtable/index.js'
import { SlabPool } from '../slab/index.js'
import type { Slab } from '../slab/index.js'
import { readFully, withFile } from '../vfs/index.js'
import { findHistory, FIRST_BATCH_OFFSET, holdToListed, scanSlices } from '../wal/index.js'
import type { HistoryCut, Predecessor, ScannedLog } from '../wal/index.js'
import type { FoundSource, SourcePlace } from './found-source.js'
import { newestLogs, prefixOf } from './log-prefix.js'
import type { LogPrefix } from './log-prefix.js'
import type { SalvagedEntry } from './repair-ledger.js'

/** Damaged bytes that are searched without a pause. */
const SEARCHED_BYTES = 4096

export interface SourceLogs {
  /** What the logs hold, oldest first. */
  readonly memtables: readonly Memtable[]
  /** The last sequence number of history, as far as the logs tell. */
  readonly lastSeqNum: SeqNum
  /** No number up to this one is given out again. */
  readonly seenSeqNum: SeqNum
  readonly position: Uint8Array | null
  /** Entries that stand behind the first damage; null now and then, where the search finds nothing for long. */
  later(): Generator<SalvagedEntry | null>
  release(): void
}

interface LogPlace extends SourcePlace {
  random: Random
  /** The largest sequence number in a table. */
  tablesSeqNum: SeqNum
}

export function* readSourceLogs(
  place: LogPlace, found: FoundSource,
): Generator<undefined, SourceLogs, unknown> {
  const { version, isManifestLost } = found
  const pointer = isManifestLost ? 0 : version.logPointer
  const slabs = new Map<FileNum, Slab>()
  const release = (): void => {
    for (const slab of slabs.values()) slab.release()
    slabs.clear()
  }
  try {
    const scanned: ScannedLog[] = []
    for (const fileNum of logNumbers(found.names).filter((number) => number >= pointer)) {
      const log = yield* readOne(place, fileNum, found.databaseId, slabs)
      if (log !== null) scanned.push(log)
    }
    const { logs, end } = historyOf(place, found, scanned)
    const memtables = memtablesOf(logs, slabs, version.hashSeed ?? drawHashSeed(place.random))
    const ends = logs.filter(({ goodEnd }) => goodEnd >= FIRST_BATCH_OFFSET).map((log) => log.lastSeqNum)
    const lastSeqNum = Math.max(place.tablesSeqNum, end === null ? version.lastSeqNum : 0, ...ends)
    const seenSeqNum = Math.max(lastSeqNum, version.lastSeqNum, ...scanned.map(seenIn))
    return {
      memtables, lastSeqNum, seenSeqNum, release,
      position: memtables.findLast(({ position }) => position !== null)?.position ?? null,
      later: () => laterEntries(scanned, logs, end),
    }
  } catch (error) {
    release()
    throw error
  }
}

function seenIn({ lastSeqNum, predecessor }: ScannedLog): SeqNum {
  return Math.max(lastSeqNum, predecessor?.lastSeqNum ?? 0)
}

function memtablesOf(
  logs: readonly ScannedLog[], slabs: ReadonlyMap<FileNum, Slab>,
  hashSeed: ReturnType<typeof drawHashSeed>,
): Memtable[] {
  return logs.filter(({ goodEnd }) => goodEnd > FIRST_BATCH_OFFSET).map((log) => {
    const memtable = new Memtable({
      logNum: log.fileNum, start: FIRST_BATCH_OFFSET, baseSeqNum: log.predecessor!.lastSeqNum, hashSeed, executor: null,
    })
    memtable.fill(slabs.get(log.fileNum)!)
    memtable.insertFrames(log.goodEnd)
    return memtable
  })
}

/** Reads a log; null when it is not there any more. */
function* readOne(
  { vfs, dir, ledger }: LogPlace, fileNum: FileNum, databaseId: Uint8Array, slabs: Map<FileNum, Slab>,
): Generator<undefined, ScannedLog | null, unknown> {
  const name = logFileName(fileNum)
  const pool = new SlabPool(0, 0)
  let fileBytes = 0
  try {
    runSync(withFile(vfs, vfs.join(dir, name), 'read', function* (file) {
      const size = file.sizeSync()
      if (size > FILE_BYTES_MAX) throw new RangeError(`${size} bytes are more than a log can have`)
      const slab = pool.take(Math.max(size, 1))
      slabs.set(fileNum, slab)
      fileBytes = yield* readFully(file, slab.bytes, size)
    }))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    if (errnoOf(error) !== 'EIO') throw ioError(error, 'read', name)
    ledger.damage(name, null, ioError(error, 'read', name))
    slabs.set(fileNum, slabs.get(fileNum) ?? pool.take(1))
  }
  ledger.checked(fileBytes, 1)
  const { bytes } = slabs.get(fileNum)!
  try {
    return yield* scanSlices(fileNum, bytes, fileBytes, databaseId)
  } catch (error) {
    if (!VarveError.is(error) || error.code !== 'CORRUPTION') throw error
    // A frame that no version writes ends the log.
    ledger.damage(name, error.offset ?? 0, error)
    return yield* scanSlices(fileNum, bytes, Math.max(FILE_HEADER_BYTES, error.offset ?? 0), databaseId)
  }
}

function historyOf(place: LogPlace, found: FoundSource, scanned: ScannedLog[]): LogPrefix {
  const { version, isManifestLost } = found
  if (isManifestLost) return withoutManifest(place, scanned)
  const known = { listed: version.logs, logPointer: version.logPointer, lineage: version.lineage.own }
  try {
    const logs = holdToListed(scanned, known)
    tellCut(place, findHistory(logs, version.logPointer))
    return { logs, end: null }
  } catch (error) {
    if (!VarveError.is(error) || error.code === 'UNSUPPORTED_FORMAT') throw error
    const prefix = prefixOf(scanned, known)
    tellEnd(place, error, prefix)
    return { ...prefix, end: prefix.end ?? endBehind(scanned, prefix.logs) }
  }
}

function withoutManifest(place: LogPlace, scanned: ScannedLog[]): LogPrefix {
  const chain = newestLogs(scanned, place.tablesSeqNum)
  const [first] = chain
  const pointer = first?.fileNum ?? Infinity
  const before = first?.predecessor
  if (before != null && before.fileNum !== 0 && before.lastSeqNum > place.tablesSeqNum) tellGap(place, before)
  const rest = scanned.filter(({ fileNum }) => fileNum >= pointer)
  const prefix = prefixFrom(place, rest, pointer)
  // Tables that know more than the logs have all that these hold, and what has hidden it since.
  const lastSeqNum = Math.max(...prefix.logs.map((log) => log.lastSeqNum))
  return lastSeqNum < place.tablesSeqNum ? { ...prefix, logs: [] } : prefix
}

function prefixFrom(place: LogPlace, logs: ScannedLog[], pointer: FileNum): LogPrefix {
  try {
    tellCut(place, findHistory(logs, pointer))
    return { logs: [...logs], end: null }
  } catch (error) {
    if (!VarveError.is(error) || error.code === 'UNSUPPORTED_FORMAT') throw error
    const prefix = prefixOf(logs, { listed: new Map(), logPointer: pointer, lineage: 0 })
    tellEnd(place, error, prefix)
    return { ...prefix, end: prefix.end ?? endBehind(logs, prefix.logs) }
  }
}

/** Tells of writes of which no file is left: compactions may have dropped them, or a log is lost. */
function tellGap({ ledger, tablesSeqNum }: LogPlace, { fileNum, lastSeqNum }: Predecessor): void {
  ledger.suspicion(
    logFileName(fileNum), `the writes ${tablesSeqNum + 1} to ${lastSeqNum} are in no file`,
    'they were deletes, which are not needed any more, or this log was lost together with the manifest',
    'compare with a backup if there is one',
  )
}

/** What a crash left unwritten is no damage: an open ends history there too. */
function tellCut({ ledger }: LogPlace, cut: HistoryCut | null): void {
  if (cut !== null && cut.bytes > 0) ledger.historyCut(cut)
}

function endBehind(scanned: readonly ScannedLog[], logs: readonly ScannedLog[]): LogPrefix['end'] {
  const next = scanned.find((log) => !logs.includes(log) && log.header !== null)
  return next === undefined ? null : { log: next, offset: 0 }
}

function tellEnd({ ledger }: LogPlace, error: VarveError, { end }: LogPrefix): void {
  const name = end === null ? error.file ?? '' : logFileName(end.log.fileNum)
  ledger.historyEnds(name, end?.offset ?? error.offset ?? null, error)
}

/** Finds the frames that are good behind the damage, wherever they stand. */
function* laterEntries(
  scanned: readonly ScannedLog[], taken: readonly ScannedLog[], end: LogPrefix['end'],
): Generator<SalvagedEntry | null> {
  if (end === null) return
  for (const log of scanned) {
    if (log.fileNum < end.log.fileNum || log.header === null) continue
    const isCut = log === end.log && taken.includes(log)
    if (!isCut && taken.includes(log)) continue
    yield* framesFrom(log, isCut ? end.offset : FILE_HEADER_BYTES)
  }
}

function* framesFrom(log: ScannedLog, start: number): Generator<SalvagedEntry | null> {
  const { bytes, fileBytes, header, fileNum } = log
  const seed = fileSeed(header!)
  const frame = emptyFrameHeader()
  for (let at = start; at + FRAME_HEADER_BYTES <= fileBytes;) {
    const isGood = readFrame(bytes, at, fileBytes, at, seed, LOG_FRAMES, frame) === 'good' &&
      frameProblem(bytes, at, frame, logFileName(fileNum)) === null
    if (!isGood) {
      at += 8
      if (at % SEARCHED_BYTES === 0) yield null
      continue
    }
    if (frame.type === FrameType.batch) {
      let entry = at + FRAME_HEADER_BYTES + frame.extensionBytes
      for (let i = 0; i < frame.count; i++, entry = entryEnd(bytes, entry)) {
        yield entryOf(bytes, entry, frame.firstSeqNum + i, logFileName(fileNum))
      }
    }
    at += frameBytes(frame.bodyBytes)
  }
}

function entryOf(bytes: Uint8Array, at: number, seqNum: SeqNum, source: string): SalvagedEntry {
  const kind = entryKind(bytes, at)
  const keyEnd = entryKeyEnd(bytes, at)
  return {
    seqNum, kind, expiryMs: expiryOf(kind, bytes, keyEnd), source, reason: 'behind the damage of a log',
    key: copyOf(bytes, entryKeyStart(bytes, at), keyEnd),
    value: copyOf(bytes, entryContentStart(bytes, at), entryValueEnd(bytes, at)),
  }
}

/** Copies out of shared memory. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(new Uint8Array(bytes.subarray(start, end)), 0)
}
