/**
 * What: a cache as it stands on the disk, without opening it: which segments count, what is alive in them, and the
 * bytes of a blob. It takes no lock and changes nothing, so it works beside a process that has the cache; it shows what
 * that process has made durable or written.
 * Owns: an index of the newest records. Memory: as an open cache, and the entries of one segment. Thread: main.
 * Invariants: BC-1 what is dead, purged or expired is not shown, and bytes are checked before they are given.
 */
import {
  compareBytes, crc32, errnoOf, fileSeed, getU32, ioError, KEY_BYTES_MAX, MANIFEST_BYTES_MAX, readHashSeed,
  runAsync, unsupportedFormat, VarveError,
} from '../base/index.js'
import type { FileHeader } from '../base/index.js'
import { findDirectory, namesIn } from '../directory/index.js'
import { nodeCodec, NodeVfs, openFile, readFully, readWhole, withFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { findCodecs } from './blob-codec.js'
import { BlobIndex } from './blob-index.js'
import { hashKey } from './blob-hash.js'
import { cacheMarkerIn } from './cache-directory.js'
import { cacheFileName } from './cache-names.js'
import { replayCatalog } from './catalog-reader.js'
import type { CatalogContents } from './catalog-reader.js'
import type { SegmentState } from './catalog-state.js'
import { PartMissing, plainOf } from './record-parts.js'
import type { FooterEntry } from './segment-footer.js'
import {
  CHUNK_BYTES, chunkCount, emptyRecordHeader, isKeyGood, readRecordHeader, RECORD_HEADER_BYTES, recordBytes, valueStart,
} from './segment-format.js'
import { readSegment, readSegmentHeader, scanSegment } from './segment-scan.js'
import type { SegmentContent } from './segment-scan.js'

/** A process that has the cache may write a new catalog, and remove the old one, while it is looked for. */
const ATTEMPTS = 20

/** A segment that counts, as it is on the disk. */
export interface ViewedSegment {
  segment: number
  queue: string
  isSealed: boolean
  /** Bytes of the file. */
  fileBytes: number
  /** Records that count, dead ones included. */
  records: number
  /** Blobs that a `get` would find, and the bytes of their records. */
  items: number
  itemBytes: number
  /** Why nothing of it can be shown, or null. */
  problem: string | null
}

/** A blob that is there. */
export interface ViewedBlob {
  key: Uint8Array
  segment: number
  /** Bytes of the whole record. */
  bytes: number
  seqNum: number
  /** Milliseconds since 1970 at which it ends, rounded up to seconds; 0: never. */
  expiresMs: number
  /** The hash of its namespace, 0: none. */
  namespace: number
}

/** The catalog that counts. */
export interface FoundCatalog {
  catalogNum: number
  bytes: Uint8Array
  contents: CatalogContents
}

interface OpenSegment {
  file: VfsFile
  header: FileHeader
  content: SegmentContent
}

export class CacheView {
  readonly dir: string
  readonly catalogNum: number
  readonly segments: ViewedSegment[] = []
  private readonly vfs: Vfs
  private readonly contents: CatalogContents
  private readonly nowMs: number
  private readonly index = new BlobIndex()
  private readonly seqNums = new Map<number, Float64Array>()

  private constructor(vfs: Vfs, dir: string, { catalogNum, contents }: FoundCatalog, nowMs: number) {
    this.vfs = vfs
    this.dir = dir
    this.catalogNum = catalogNum
    this.contents = contents
    this.nowMs = nowMs
  }

  /**
   * Reads the cache in a directory. Rejects with NOT_FOUND when there is none, with CORRUPTION when its catalog is
   * damaged, so that an open would begin with an empty cache.
   */
  static async read(location: string, nowMs: number, vfs: Vfs = new NodeVfs()): Promise<CacheView> {
    const dir = await cacheDirectory(location, vfs)
    const view = new CacheView(vfs, dir, await readCatalogOf(dir, vfs), nowMs)
    for (const state of view.contents.state.segments.values()) await view.enter(state)
    await view.dropRemoved()
    for (const segment of view.segments) await view.count(segment)
    return view
  }

  /** The snapshot of the index that the next open may read, or null. */
  get snapshot(): { file: string; bytes: number } | null {
    const { snapshot } = this.contents.state
    return snapshot === null ? null : { file: cacheFileName('index', snapshot.fileNum), bytes: snapshot.bytes }
  }

  /** Marks of purges that no open has applied yet. */
  get markCount(): number {
    return this.contents.state.marks.list().length
  }

  /** The highest sequence number that is known to be given. */
  get seqNum(): number {
    return this.contents.state.seqNum
  }

  private async enter(state: SegmentState): Promise<void> {
    const { segment, queue, dead, sealedBytes } = state
    const shown: ViewedSegment = {
      segment, queue, isSealed: sealedBytes > 0, fileBytes: 0, records: 0, items: 0, itemBytes: 0, problem: null,
    }
    this.segments.push(shown)
    try {
      const { file, content } = await this.open(state)
      shown.fileBytes = file.sizeSync()
      shown.records = content.entries.length
      await file.close()
      this.seqNums.set(segment, new Float64Array((content.entries.at(-1)?.recordNum ?? -1) + 1))
      for (const entry of content.entries) if (!dead.has(entry.recordNum)) this.enterRecord(segment, entry)
    } catch (error) {
      shown.problem = errnoOf(error) === 'ENOENT' ? 'missing' : (error as Error).message
    }
  }

  private async open({ segment, salt, sealedBytes, limit }: SegmentState): Promise<OpenSegment> {
    const name = cacheFileName('segment', segment)
    const file = await runAsync(openFile(this.vfs, this.vfs.join(this.dir, name), 'read'))
    try {
      const header = await runAsync(readSegmentHeader(file, name))
      if (header.fileNum !== segment || compareBytes(header.salt, salt) !== 0) {
        throw new VarveError('CORRUPTION', `${name} is another file`, { file: name })
      }
      const content = await runAsync((sealedBytes > 0 ? readSegment : scanSegment)(file, header, limit))
      return { file, header, content }
    } catch (error) {
      await file.close().catch(() => undefined)
      throw error
    }
  }

  private enterRecord(segment: number, entry: FooterEntry): void {
    const { low, high, seqNum, recordNum, offset, bytes } = entry
    this.seqNums.get(segment)![recordNum] = seqNum
    if (this.contents.state.marks.covers(entry)) return
    const slot = this.index.find(low, high)
    if (slot >= 0) {
      const [other, otherNum] = [this.index.segmentAt(slot), this.index.recordNumAt(slot)]
      const otherSeqNum = this.seqNums.get(other)![otherNum]!
      if (otherSeqNum > seqNum || (otherSeqNum === seqNum && other > segment)) return
    }
    this.index.set(low, high, segment, offset, bytes, recordNum, 0)
  }

  /** Forgets segments that a process removed while they were looked for. */
  private async dropRemoved(): Promise<void> {
    if (!this.segments.some(({ problem }) => problem === 'missing')) return
    const { contents: { state } } = await readCatalogOf(this.dir, this.vfs)
    const kept = this.segments.filter(({ segment, problem }) => problem !== 'missing' || state.segments.has(segment))
    this.segments.splice(0, this.segments.length, ...kept)
  }

  private async count(segment: ViewedSegment): Promise<void> {
    if (segment.problem !== null) return
    for await (const { bytes } of this.blobsOf(segment)) {
      segment.items++
      segment.itemBytes += bytes
    }
  }

  /** Gives the blobs that are there, segment by segment. */
  async* blobs(): AsyncGenerator<ViewedBlob, void, undefined> {
    for (const segment of this.segments) if (segment.problem === null) yield* this.blobsOf(segment)
  }

  private async* blobsOf({ segment }: ViewedSegment): AsyncGenerator<ViewedBlob, void, undefined> {
    const state = this.contents.state.segments.get(segment)!
    let opened: OpenSegment
    try {
      opened = await this.open(state)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return // A process that has the cache has removed it.
      throw ioError(error, 'reading', cacheFileName('segment', segment))
    }
    await opened.file.close()
    for (const entry of opened.content.entries) {
      const { key, bytes, seqNum, expires, namespace } = entry
      const expiresMs = expires * 1000
      if (!this.isNewest(segment, entry) || (expiresMs > 0 && expiresMs <= this.nowMs)) continue
      yield { key, segment, bytes, seqNum, expiresMs, namespace }
    }
  }

  private isNewest(segment: number, { low, high, recordNum }: FooterEntry): boolean {
    const slot = this.index.find(low, high)
    return slot >= 0 && this.index.segmentAt(slot) === segment && this.index.recordNumAt(slot) === recordNum
  }

  /**
   * Gives the value of a key piece by piece, or null when there is none. Each piece is checked before it is given.
   * Throws CORRUPTION, then, at a piece that is not what was written.
   */
  async get(key: Uint8Array): Promise<AsyncGenerator<Uint8Array, void, undefined> | null> {
    const hash = new Uint32Array(2)
    hashKey(key, 0, key.length, readHashSeed(this.contents.header.databaseId), hash)
    const slot = this.index.find(hash[0]!, hash[1]!)
    if (slot < 0) return null
    const [segment, offset, bytes] = [this.index.segmentAt(slot), this.index.offsetAt(slot), this.index.bytesAt(slot)]
    const name = cacheFileName('segment', segment)
    const file = await this.vfs.open(this.vfs.join(this.dir, name), 'read')
    try {
      const seed = fileSeed(await runAsync(readSegmentHeader(file, name)))
      const pieces = await this.valueAt({ file, name, seed, offset, bytes }, key)
      if (pieces === null) await file.close()
      return pieces
    } catch (error) {
      await file.close()
      throw error
    }
  }

  private async valueAt(at: RecordAt, key: Uint8Array): Promise<AsyncGenerator<Uint8Array, void, undefined> | null> {
    const { file, name, seed, offset, bytes } = at
    const header = emptyRecordHeader()
    const head = await readAt(file, offset, Math.min(bytes, RECORD_HEADER_BYTES + 2 * KEY_BYTES_MAX))
    const isGood = readRecordHeader(head, 0, head.length, offset, seed, header) && recordBytes(header) === bytes &&
      isKeyGood(head, 0, offset, seed, header)
    if (!isGood) throw damaged(name, offset)
    if (compareBytes(head.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + header.keyBytes), key) !== 0) return null
    if (header.expiresMs > 0 && header.expiresMs <= this.nowMs) return null
    const { codec: codecNumber, storedBytes, plainBytes } = header
    const stored = checkedChunks(at, offset + valueStart(header), storedBytes)
    return codecNumber === 0 ? stored : plain(stored, at, { codecNumber, plainBytes })
  }
}

interface RecordAt {
  file: VfsFile
  name: string
  seed: number
  offset: number
  bytes: number
}

/** Gives the parts of a compressed value as they were put. */
async function* plain(
  stored: AsyncIterable<Uint8Array>, { name, offset }: RecordAt, facts: { codecNumber: number; plainBytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* plainOf(stored, facts, findCodecs(nodeCodec))
  } catch (error) {
    if (!(error instanceof PartMissing)) throw error
    throw error.reason === 'io' ? unsupportedFormat(name, offset, `codec ${facts.codecNumber}`) : damaged(name, offset)
  }
}

/** Gives the parts of a value, each checked, and closes the file. */
async function* checkedChunks(
  { file, name, seed }: RecordAt, start: number, bytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const sums = await readAt(file, start + bytes, 4 * chunkCount(bytes))
    for (let done = 0; done < bytes; done += CHUNK_BYTES) {
      const at = start + done
      const chunk = await readAt(file, at, Math.min(CHUNK_BYTES, bytes - done))
      const sum = crc32(chunk, 0, chunk.length, (seed ^ at) >>> 0)
      if (sum !== getU32(sums, 4 * Math.floor(done / CHUNK_BYTES))) throw damaged(name, at)
      yield chunk
    }
  } finally {
    await file.close()
  }
}

async function readAt(file: VfsFile, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const count = await runAsync(readFully(file, bytes, length, offset))
  if (count === length) return bytes
  throw new VarveError('CORRUPTION', `the file ends at ${offset + count}`, { offset: offset + count })
}

function damaged(file: string, offset: number): VarveError {
  return new VarveError('CORRUPTION', `${file} at offset ${offset}: not what was written`, { file, offset })
}

/** Gives the directory's own path. Rejects with NOT_FOUND when no cache is there. */
export async function cacheDirectory(location: string, vfs: Vfs): Promise<string> {
  if ((await findDirectory(location, vfs)) === null) {
    throw new VarveError('NOT_FOUND', `there is no blob cache in ${location}: it does not exist`)
  }
  const dir = await vfs.realPath(location)
  if (cacheMarkerIn(await namesIn(dir, vfs)) !== null) return dir
  throw new VarveError('NOT_FOUND', `there is no blob cache in ${location}`)
}

/** Reads the catalog that counts. */
export async function readCatalogOf(dir: string, vfs: Vfs): Promise<FoundCatalog> {
  for (let attempt = 1; ; attempt++) {
    const catalogNum = cacheMarkerIn(await namesIn(dir, vfs))?.manifest ?? 0
    const name = cacheFileName('catalog', catalogNum)
    try {
      const path = vfs.join(dir, name)
      const bytes = await runAsync(withFile(vfs, path, 'read', (file) => readWhole(file, MANIFEST_BYTES_MAX)))
      return { catalogNum, bytes, contents: replayCatalog(bytes, catalogNum, name) }
    } catch (error) {
      const isNext = errnoOf(error) === 'ENOENT' && attempt < ATTEMPTS
      if (!isNext) throw VarveError.is(error) ? error : ioError(error, 'reading', name)
    }
  }
}
