/**
 * What: reads every byte of a cache's files and says what each is: a ledger whose sums are the sizes of the files. What
 * is not what was written is a problem. Nothing is changed, and no lock is taken; what a process writes meanwhile is
 * counted as unfinished.
 * Memory: a window, and the entries of one segment. Thread: main.
 * Invariants: BC-4 a record and its entry in the footer agree. BC-6 nothing stands behind a footer.
 */
import {
  compareBytes, crc32, emptyFrameHeader, errnoOf, FILE_HEADER_BYTES, fileSeed, frameBytes, getU32, MANIFEST_FRAMES,
  readFrame, readHashSeed, runAsync,
} from '../base/index.js'
import type { FileHeader, HashSeed, Steps } from '../base/index.js'
import { namesIn } from '../directory/index.js'
import { NodeVfs, withFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { hashKey } from './blob-hash.js'
import { cacheFileName, parseCacheFileName } from './cache-names.js'
import { cacheDirectory, readCatalogOf } from './cache-view.js'
import type { CatalogContents } from './catalog-reader.js'
import type { SegmentState } from './catalog-state.js'
import { newLedger } from './file-ledger.js'
import type { FileLedger } from './file-ledger.js'
import {
  CHUNK_BYTES, chunkCount, emptyRecordHeader, isKeyGood, readRecordHeader, RECORD_HEADER_BYTES, recordBytes, valueStart,
} from './segment-format.js'
import type { FooterEntry } from './segment-footer.js'
import { entryOf, readSegment, readSegmentHeader, scanSegment, Window } from './segment-scan.js'
import type { SegmentContent } from './segment-scan.js'
import { SnapshotCheck } from './snapshot-check.js'

/** What a check of a cache found. */
export interface CacheCheck {
  dir: string
  files: FileLedger[]
  bytes: number
  problemCount: number
}

/** Reads every byte of the cache in a directory. Rejects with NOT_FOUND when there is none. */
export async function checkCache(
  location: string, onFile: (ledger: FileLedger) => void = () => undefined, vfs: Vfs = new NodeVfs(),
): Promise<CacheCheck> {
  const dir = await cacheDirectory(location, vfs)
  const { catalogNum, bytes, contents } = await readCatalogOf(dir, vfs)
  const files: FileLedger[] = []
  const note = (ledger: FileLedger): void => {
    files.push(ledger)
    onFile(ledger)
  }
  note(checkCatalog(cacheFileName('catalog', catalogNum), bytes, contents))
  const snapshot = await SnapshotCheck.read(dir, vfs, contents)
  const check = new SegmentCheck(contents.header.databaseId, snapshot)
  for (const state of contents.state.segments.values()) {
    const ledger = await checkSegmentFile(check, state, dir, vfs)
    if (ledger !== null) note(ledger)
  }
  if (snapshot !== null) note(snapshot.end())
  for (const ledger of await others(dir, vfs, catalogNum, contents)) note(ledger)
  return {
    dir, files, bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    problemCount: files.reduce((sum, { problems }) => sum + problems.length, 0),
  }
}

/** Sums up the groups of a catalog that was read without an error. */
function checkCatalog(name: string, bytes: Uint8Array, { header }: CatalogContents): FileLedger {
  const ledger = newLedger(name, 'catalog', bytes.length)
  const frame = emptyFrameHeader()
  let at = ledger.headerBytes = FILE_HEADER_BYTES
  while (readFrame(bytes, at, bytes.length, at, fileSeed(header), MANIFEST_FRAMES, frame) === 'good') {
    ledger.contentCount++
    at += frameBytes(frame.bodyBytes)
  }
  ledger.contentBytes = at - FILE_HEADER_BYTES
  ledger.unfinishedBytes = bytes.length - at
  return ledger
}

/** Checks a segment that the catalog lists; null when a process removed it meanwhile. */
async function checkSegmentFile(
  check: SegmentCheck, state: SegmentState, dir: string, vfs: Vfs,
): Promise<FileLedger | null> {
  const name = cacheFileName('segment', state.segment)
  try {
    return await runAsync(withFile(vfs, vfs.join(dir, name), 'read', (file) => check.run(file, name, state)))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !(await readCatalogOf(dir, vfs)).contents.state.segments.has(state.segment)) {
      return null
    }
    const ledger = newLedger(name, 'segment', 0)
    ledger.problems.push(errnoOf(error) === 'ENOENT' ? 'the file is missing' : (error as Error).message)
    return ledger
  }
}

/** Files of the cache that the catalog does not list or name: the next open removes them. */
async function others(dir: string, vfs: Vfs, catalogNum: number, { state }: CatalogContents): Promise<FileLedger[]> {
  const ledgers: FileLedger[] = []
  for (const name of await namesIn(dir, vfs)) {
    const parsed = parseCacheFileName(name)
    if (parsed === null || parsed.kind === 'lock' || parsed.kind === 'marker') continue
    const { fileNum } = parsed
    if (fileNum === catalogNum || fileNum === state.snapshot?.fileNum || state.segments.has(fileNum)) continue
    const info = await vfs.stat(vfs.join(dir, name))
    if (info === null || info === undefined) continue
    const ledger = newLedger(name, 'leftover', info.size)
    ledger.unfinishedBytes = info.size
    ledgers.push(ledger)
  }
  return ledgers
}

class SegmentCheck {
  private readonly databaseId: Uint8Array
  private readonly hashSeed: HashSeed
  private readonly hash = new Uint32Array(2)
  private readonly snapshot: SnapshotCheck | null

  constructor(databaseId: Uint8Array, snapshot: SnapshotCheck | null) {
    this.snapshot = snapshot
    this.databaseId = databaseId
    this.hashSeed = readHashSeed(databaseId)
  }

  *run(file: VfsFile, name: string, state: SegmentState): Steps<FileLedger> {
    const ledger = newLedger(name, 'segment', file.sizeSync())
    const { problems } = ledger
    let header: FileHeader
    try {
      header = yield* readSegmentHeader(file, name)
    } catch (error) {
      problems.push((error as Error).message)
      ledger.badBytes = ledger.bytes
      return ledger
    }
    ledger.headerBytes = FILE_HEADER_BYTES
    if (header.fileNum !== state.segment || compareBytes(header.salt, state.salt) !== 0 ||
      compareBytes(header.databaseId, this.databaseId) !== 0) problems.push('the header is that of another file')
    const isSealed = state.sealedBytes > 0
    const content = yield* (isSealed ? readSegment : scanSegment)(file, header, Infinity)
    ledger.bytes = Math.max(ledger.bytes, content.end) // A process may go on writing.
    yield* this.checkRecords(file, header, content, ledger)
    this.snapshot?.note(state, content.entries)
    this.checkEnd(content, state, ledger)
    return ledger
  }

  private *checkRecords(
    file: VfsFile, header: FileHeader, { entries }: SegmentContent, ledger: FileLedger,
  ): Steps<void> {
    const window = new Window(file, ledger.bytes)
    const seed = fileSeed(header)
    let at = FILE_HEADER_BYTES
    for (const entry of entries) {
      if (entry.offset > at) {
        ledger.badBytes += entry.offset - at
        ledger.problems.push(`offset ${at}: ${entry.offset - at} bytes of which nothing tells`)
      }
      const problem = yield* this.problemOf(window, entry, seed)
      if (problem === null) {
        ledger.contentBytes += entry.bytes
        ledger.contentCount++
      } else {
        ledger.badBytes += entry.bytes
        ledger.problems.push(`offset ${entry.offset}, record ${entry.recordNum}: ${problem}`)
      }
      at = entry.offset + entry.bytes
    }
  }

  private checkEnd({ end, hasFooter }: SegmentContent, state: SegmentState, ledger: FileLedger): void {
    const { sealedBytes, limit, segment } = state
    const rest = ledger.bytes - end
    if (hasFooter) ledger.footerBytes = rest
    else if (sealedBytes === 0) ledger.unfinishedBytes = rest
    else {
      ledger.badBytes += rest
      ledger.problems.push(`offset ${end}: no good footer; records end here`)
    }
    if (sealedBytes > 0 && sealedBytes !== ledger.bytes) {
      ledger.problems.push(`segment ${segment} has ${ledger.bytes} bytes, and was sealed with ${sealedBytes}`)
    }
    if (limit !== Infinity && limit > end) ledger.problems.push(`offset ${end}: records up to ${limit} count`)
  }

  /** Reads a record, and compares it with what the footer says of it; null when it is what was written. */
  private *problemOf(window: Window, entry: FooterEntry, seed: number): Steps<string | null> {
    const { offset, bytes } = entry
    const record = emptyRecordHeader()
    let at = yield* window.at(offset, RECORD_HEADER_BYTES)
    if (at < 0 || !readRecordHeader(window.bytes, at, window.end, offset, seed, record)) return 'no header'
    if (recordBytes(record) !== bytes) return 'another length than the footer says'
    const start = valueStart(record)
    at = yield* window.at(offset, start)
    if (at < 0 || !isKeyGood(window.bytes, at, offset, seed, record)) return 'the key is not what was written'
    const key = window.bytes.slice(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + record.keyBytes)
    hashKey(key, 0, key.length, this.hashSeed, this.hash)
    if (this.hash[0] !== record.low || this.hash[1] !== record.high) return 'the hash is not that of the key'
    if (!agree(entryOf(record, offset, bytes, key), entry)) return 'the footer says something else'
    return yield* valueProblem(window, offset + start, offset + bytes, seed, record.storedBytes)
  }
}

function agree(a: FooterEntry, b: FooterEntry): boolean {
  return a.low === b.low && a.high === b.high && a.seqNum === b.seqNum && a.recordNum === b.recordNum &&
    a.expires === b.expires && a.namespace === b.namespace && compareBytes(a.key, b.key) === 0
}

function* valueProblem(window: Window, start: number, end: number, seed: number, bytes: number): Steps<string | null> {
  const sums: number[] = []
  for (let done = 0; done < bytes; done += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, bytes - done)
    const at = yield* window.at(start + done, length)
    if (at < 0) return 'the value ends early'
    sums.push(crc32(window.bytes, at, at + length, (seed ^ (start + done)) >>> 0))
  }
  const sumsAt = start + bytes
  const at = yield* window.at(sumsAt, end - sumsAt)
  if (at < 0) return 'the record ends early'
  if (sums.some((sum, i) => getU32(window.bytes, at + 4 * i) !== sum)) return 'the value is not what was written'
  const zeros = window.bytes.subarray(at + 4 * chunkCount(bytes), at + end - sumsAt)
  return zeros.some((byte) => byte !== 0) ? 'there are no zeros at its end' : null
}
