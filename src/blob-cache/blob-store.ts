/**
 * What: the store behind a cache: puts and deletes bind here, in one synchronous step each; acknowledgement, eviction
 * and failures follow from it.
 * Owns: the index, the numbers, who waits for a place. Wires: segments, catalog, kills, syncs, reads.
 * Thread: main.
 * States: open → closing → closed; open → stopped (the catalog takes nothing any more: puts are told `degraded`, reads
 * go on) → closing → closed.
 * Invariants: BC-1 what binds last counts, and calls bind in the order of calls. BC-5, BC-12 `remove` alone removes
 * segments. BC-7 each put and delete settles. BC-9 the moments of acknowledgement. BC-10 what a failed segment had not
 * synced is no hit any more, and is killed.
 */
import {
  bytesLength, bytesOfView, copyBytes, ioError, keepAliveUntil, readHashSeed, runAsync, VarveError,
  writeText,
} from '../base/index.js'
import type { Bytes, Clock, FileOrigin, HashSeed, SeqNum } from '../base/index.js'
import { moveMarker } from '../manifest/index.js'
import type { BlobIndex } from './blob-index.js'
import { hashKey } from './blob-hash.js'
import { BlobReader } from './blob-reader.js'
import type { HashedKey, RecordPlace } from './blob-reader.js'
import type { LockedDirectory } from './cache-directory.js'
import { CACHE_MARKER } from './cache-names.js'
import { createCatalog, removeQuietly } from './catalog.js'
import type { Catalog } from './catalog.js'
import { CatalogWriter } from './catalog-writer.js'
import { SafePoint } from './durability.js'
import type { Durability, PutResult } from './durability.js'
import { FileSyncer } from './file-syncer.js'
import { KillQueue } from './kill-queue.js'
import type { SafeBytes } from './kill-queue.js'
import type { RecoveredCache } from './recovery.js'
import type { SegmentFile } from './segment-file.js'
import { emptyRecordHeader, RECORD_HEADER_BYTES, recordBytes, recordTime, sealRecord } from './segment-format.js'
import { entryOf } from './segment-scan.js'
import { SegmentRemover } from './segment-remover.js'
import { SegmentSet } from './segment-set.js'
import { SegmentStream } from './segment-stream.js'
import { SlabSupply } from './slab-supply.js'
import { WaitingPuts } from './waiting-puts.js'
import type { NewBlob } from './waiting-puts.js'

export interface StoreSettings {
  maxBytes: number
  segmentBytes: number
  slabBytes: number
  /** A catalog that is longer is written anew. */
  rollBytes: number
}

/** Slabs that may be in memory: what is being filled and written, and what was written lately. */
const SLABS_MAX = 8
export class BlobStore {
  readonly counts = { hits: 0, puts: 0, bytesPut: 0, misses: { absent: 0, collision: 0, corrupt: 0, io: 0 } }
  /** The largest record that a slab takes. */
  readonly recordBytesMax: number
  readonly index: BlobIndex
  readonly segments: SegmentSet
  readonly remover: SegmentRemover
  private readonly place: LockedDirectory
  private readonly origin: FileOrigin
  private readonly seed: HashSeed
  private readonly clock: Clock
  private readonly kills = new KillQueue()
  private readonly slabs: SlabSupply
  private readonly catalog: CatalogWriter
  private readonly syncer: FileSyncer
  private readonly reader: BlobReader
  private readonly stream: SegmentStream
  /** Segments whose bytes may not all be synced. */
  private readonly unsafe = new Set<SegmentFile>()
  private readonly waiting: WaitingPuts
  private readonly header = emptyRecordHeader()
  private readonly hash = new Uint32Array(2)
  private seqNum: SeqNum
  private fileNum: number
  private stoppedBy: unknown = null
  /** The first error of a write, for close. */
  private firstError: unknown = null
  private closing: Promise<void> | null = null

  constructor(place: LockedDirectory, recovered: RecoveredCache, settings: StoreSettings, clock: Clock) {
    const { vfs, dir } = place
    const { maxBytes, segmentBytes, slabBytes } = settings
    this.place = place
    this.clock = clock
    this.index = recovered.index
    this.origin = recovered.origin
    this.seed = readHashSeed(recovered.origin.databaseId)
    this.seqNum = recovered.seqNum
    this.fileNum = recovered.fileNum
    this.recordBytesMax = Math.floor(slabBytes / 4)
    this.waiting = new WaitingPuts(clock)
    this.slabs = new SlabSupply(slabBytes, SLABS_MAX, clock)
    this.segments = new SegmentSet(vfs, dir, this.origin)
    const { index, segments, slabs, kills } = this
    this.syncer = new FileSyncer(clock, () => this.catalog.look())
    this.catalog = new CatalogWriter({
      catalog: recovered.catalog, kills,
      numbers: () => ({ seqNum: this.seqNum, fileNum: this.fileNum }),
      roll: (from) => this.roll(from),
      onFailure: (error) => this.stop(error),
    })
    this.remover = new SegmentRemover({
      maxBytes, index, segments, slabs, catalog: this.catalog, makeSafe: () => this.makeSafe(),
    })
    this.reader = new BlobReader({ index, slabs, segments, onCorrupt: (key, at) => this.killCorrupt(key, at) })
    this.stream = new SegmentStream({
      vfs, dir, origin: this.origin, segmentBytes, slabs, segments, catalog: this.catalog,
      allocate: () => ++this.fileNum,
      reserveRoom: (segment) => this.remover.reserve(segment, segmentBytes),
      onMade: (file) => this.unsafe.add(file),
      onProgress: (file) => this.onProgress(file),
      onSealed: (file) => this.unsafe.delete(file),
      onRoom: () => this.bindWaiting(),
      onFailed: (file) => this.onFailed(file),
      onFailure: (error) => this.refuseWaiting(error),
    })
    for (const [segment, bytes] of recovered.sizes) {
      if (segment !== recovered.current?.state.segment) segments.add(segment, bytes)
    }
    if (recovered.current !== null) this.stream.goOn(recovered.current)
  }

  // ── Puts ────────────────────────────────────────────────────────────────────────────────────────

  /** Hashes a key. The bytes are the store's own. */
  hashed(key: Bytes): HashedKey {
    const bytes = copyBytes(key)
    hashKey(bytes, 0, bytes.length, this.seed, this.hash)
    return { bytes, low: this.hash[0]!, high: this.hash[1]! }
  }

  /** Stores a value. What the caller gave is read before this returns. */
  put(key: HashedKey, value: Bytes, durability: Durability): Promise<PutResult> {
    this.checkOpen()
    const valueBytes = bytesLength(value)
    const bytes = recordBytes({ keyBytes: key.bytes.length, extensionBytes: 0, storedBytes: valueBytes })
    if (bytes > this.recordBytesMax) return Promise.resolve({ stored: false, reason: 'too-large' })
    if (this.stoppedBy !== null) return Promise.resolve({ stored: false, reason: 'degraded' })
    const blob = { key, value, valueBytes, recordBytes: bytes, durability }
    this.waiting.passBy(key)
    const answer = this.waiting.isEmpty ? this.bindAndAnswer(blob) : null
    return answer ?? this.waiting.wait({ ...blob, value: copyBytes(value) })
  }

  private bindAndAnswer(blob: NewBlob): Promise<PutResult> | null {
    const bound = this.bind(blob)
    return bound === null ? null : this.acknowledge(bound, blob.durability)
  }

  /** Gives the blob its number and its place, and makes it visible. Null when there is no place now. */
  private bind(blob: NewBlob): SafePoint | null {
    const { key, value, valueBytes, recordBytes: bytes, durability } = blob
    const reserved = this.stream.reserve(bytes, key.bytes.length)
    if (reserved === null) return null
    const { file, place: { bytes: slab, at, offset, recordNum } } = reserved
    const { low, high } = key
    const header = Object.assign(this.header, {
      keyBytes: key.bytes.length, storedBytes: valueBytes, plainBytes: valueBytes, seqNum: ++this.seqNum, low, high,
      recordNum, createdMs: recordTime(this.clock.wallMs()),
    })
    slab.set(key.bytes, at + RECORD_HEADER_BYTES)
    const valueAt = at + RECORD_HEADER_BYTES + key.bytes.length
    if (typeof value === 'string') writeText(value, slab, valueAt)
    else slab.set(bytesOfView(value)!.subarray(0, valueBytes), valueAt)
    sealRecord(slab, at, offset, file.seed, header)
    const point = new SafePoint(file, offset + bytes, durability)
    this.killOld(key, point)
    this.index.set(low, high, file.segment, offset, bytes, recordNum, 0)
    file.add(entryOf(header, offset, bytes, key.bytes))
    this.counts.puts++
    this.counts.bytesPut += valueBytes
    return point
  }

  /** Queues the kill of what has this key now. Returns false when there is nothing. */
  private killOld({ low, high }: HashedKey, needs: SafeBytes | null): boolean {
    const slot = this.index.find(low, high)
    if (slot < 0) return false
    const kill = { low, high, segment: this.index.segmentAt(slot), recordNum: this.index.recordNumAt(slot) }
    this.kills.push(kill, needs)
    this.catalog.look()
    return true
  }

  private async acknowledge({ file, end }: SafePoint, durability: Durability): Promise<PutResult> {
    try {
      if (durability === 'written') await keepAliveUntil(this.clock, file.written(end))
      if (durability === 'synced') await this.syncer.waitFor(file, end)
      return { stored: true }
    } catch {
      return { stored: false, reason: 'degraded' }
    }
  }

  /** Binds those who wait, in the order of their calls, as long as there is room. */
  private bindWaiting(): void {
    this.waiting.bindEach((blob) => this.bindAndAnswer(blob))
  }

  /** Answers all who wait: no segment can be made for them now. */
  private refuseWaiting(error: unknown): void {
    this.firstError ??= error
    this.waiting.refuse()
  }

  // ── Deletes, reads ──────────────────────────────────────────────────────────────────────────────

  /** Makes the key absent; resolves when that is as durable as asked for. Tells whether there was something. */
  async delete(key: HashedKey, durability: Durability): Promise<boolean> {
    this.checkOpen()
    const { low, high } = key
    this.waiting.passBy(key)
    const place = this.reader.find(key)
    if (place === null) this.kills.push(null, null)
    else {
      this.killOld(key, null)
      this.index.removeIf(low, high, place.segment, place.recordNum)
    }
    this.seqNum++
    if (durability !== 'memory') await keepAliveUntil(this.clock, this.catalog.killed())
    return place !== null
  }

  async get(key: HashedKey): Promise<Uint8Array | undefined> {
    this.checkOpen()
    const found = await keepAliveUntil(this.clock, this.reader.get(key))
    if (found instanceof Uint8Array) {
      this.counts.hits++
      return found
    }
    this.counts.misses[found]++
    return undefined
  }

  private killCorrupt({ low, high }: HashedKey, { segment, recordNum }: RecordPlace): void {
    if (this.index.removeIf(low, high, segment, recordNum)) this.kills.push({ low, high, segment, recordNum }, null)
  }

  // ── What follows from writes and failures ───────────────────────────────────────────────────────

  private onProgress(file: SegmentFile): void {
    this.syncer.noteWritten(file)
    this.catalog.look()
    this.bindWaiting()
  }

  private onFailed(file: SegmentFile): void {
    this.firstError ??= file.failure
    this.unsafe.delete(file)
    this.segments.fail(file.segment)
    const { segment, syncedEnd } = file
    for (const { low, high, offset, bytes, recordNum } of file.entries) {
      const isLost = offset + bytes > syncedEnd && this.index.removeIf(low, high, segment, recordNum)
      if (isLost) this.kills.push({ low, high, segment, recordNum }, null)
    }
    this.onProgress(file)
    void file.close()
  }

  /** Resolves when everything that is reserved now is synced, or lost. */
  private async makeSafe(): Promise<void> {
    await Promise.allSettled([...this.unsafe].map((file) => this.syncAll(file)))
  }

  private async syncAll(file: SegmentFile): Promise<void> {
    const end = file.reservedEnd
    await file.written(end)
    await this.syncer.waitFor(file, end)
  }

  private stop(error: unknown): void {
    this.stoppedBy = error
    this.refuseWaiting(error)
  }

  /** Makes a catalog in the place of the present one. */
  private async roll(from: Catalog): Promise<Catalog> {
    const { dir, vfs } = this.place
    const fileNum = ++this.fileNum
    from.state.promise(this.seqNum, fileNum)
    const { origin } = this
    const { state, rollBytes } = from
    const next = await runAsync(createCatalog({ vfs, dir, origin, fileNum, state, rollBytes }))
    try {
      await runAsync(moveMarker(vfs, dir, fileNum, CACHE_MARKER))
    } catch (error) {
      await next.close()
      if ((error as VarveError).code !== 'COMMIT_UNKNOWN') await runAsync(removeQuietly(vfs, vfs.join(dir, next.name)))
      throw error
    }
    await from.close()
    await runAsync(removeQuietly(vfs, vfs.join(dir, from.name)))
    return next
  }

  // ── The end ─────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when all that was put and deleted so far survives a power loss. Rejects when some of it does not. */
  async sync(): Promise<void> {
    this.checkOpen()
    await keepAliveUntil(this.clock, this.syncNow())
  }

  private async syncNow(): Promise<void> {
    await this.waiting.untilEmpty()
    await Promise.all([...this.unsafe].map((file) => this.syncAll(file)))
    await this.catalog.killed()
  }

  private checkOpen(): void {
    if (this.closing !== null) throw new VarveError('CLOSED', 'the cache is closed')
  }

  /**
   * Writes and syncs what there is, and lets the directory go. Rejects with the first error of a write that there was.
   */
  close(): Promise<void> {
    this.closing ??= keepAliveUntil(this.clock, this.end())
    return this.closing
  }

  private async end(): Promise<void> {
    await this.waiting.untilEmpty()
    await this.makeSafe()
    await this.attempt(() => this.catalog.killed())
    await this.stream.close()
    await this.remover.idle()
    await this.attempt(() => this.catalog.end())
    await this.segments.close()
    this.place.vfs.end()
    await this.attempt(() => this.place.lock.release())
    if (this.firstError !== null) throw ioError(this.firstError, 'writing', 'the cache')
  }

  private async attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.firstError ??= error
    }
  }

  /** Bytes of all files of the cache, reserved ones included. */
  get usedBytes(): number {
    return this.segments.usedBytes + this.catalog.catalog.bytes
  }
}
