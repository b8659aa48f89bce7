/**
 * What: the store behind a cache: puts and deletes bind here, in one synchronous step each; acknowledgement and
 * failures follow from it.
 * Owns: the index, the numbers, who waits for a place. Wires: segments, catalog, kills, syncs, reads.
 * Thread: main.
 * States: open → closing → closed; open → left (the disk takes nothing any more: store-retreat.ts) → closing → closed,
 * or retired (another store took its place).
 * Invariants: BC-1 what binds last counts, and calls bind in the order of calls. BC-5 whoever kills a record kills the
 * copy that is made of it too. BC-7 each put and delete settles. BC-9 the moments of acknowledgement. BC-10 what a
 * failed segment had not synced is no hit any more, and is killed.
 */
import { copyBytes, ioError, keepAliveUntil, readHashSeed, VarveError } from '../base/index.js'
import type { Bytes, ByteSource, Clock, FileOrigin, HashSeed, SeqNum } from '../base/index.js'
import { BlobDeaths } from './blob-deaths.js'
import { BlobEvictor } from './blob-eviction.js'
import type { BlobIndex } from './blob-index.js'
import { hashKey } from './blob-hash.js'
import { BlobMover } from './blob-mover.js'
import { BlobParts } from './blob-parts.js'
import { BlobPuts, PLAIN_MANNER } from './blob-puts.js'
import type { PutManner } from './blob-puts.js'
import { BlobVersions } from './blob-versions.js'
import { BlobQueues } from './blob-queues.js'
import { BlobReader } from './blob-reader.js'
import type { HashedKey } from './blob-reader.js'
import type { MissReason } from './record-facts.js'
import type { LockedDirectory } from './cache-directory.js'
import type { BlobSpace } from './blob-space.js'
import { ChangeTag } from './catalog-format.js'
import { rollCatalog } from './catalog-roll.js'
import { CatalogWriter } from './catalog-writer.js'
import { NO_FACTS, SafePoint } from './durability.js'
import type { BlobFacts, Durability, PutResult } from './durability.js'
import { KillQueue } from './kill-queue.js'
import { listKeys } from './key-listing.js'
import type { LargeSegment } from './large-segment.js'
import type { LargeWriter } from './large-writer.js'
import { RecordWriter } from './record-writer.js'
import type { RecoveredCache } from './recovery.js'
import type { SegmentFile } from './segment-file.js'
import type { FooterEntry } from './segment-footer.js'
import { SegmentRemover } from './segment-remover.js'
import { SegmentSet } from './segment-set.js'
import { SegmentStreams } from './segment-streams.js'
import type { SlabSupply } from './slab-supply.js'
import { endStore } from './store-end.js'
import type { StoreParts } from './store-parts.js'
import { StoreRetreat } from './store-retreat.js'
import type { StoreSettings } from './store-settings.js'
import type { LargeBlob } from './streamed-puts.js'
import type { Ticket, Tickets } from './tickets.js'
import type { NewBlob } from './waiting-puts.js'

/** The part of the cache that young segments have. */
const YOUNG_SHARE = 0.05

export class BlobStore {
  readonly counts: StoreParts['counts']
  /** The largest record that a slab takes. */
  readonly recordBytesMax: number
  readonly index: BlobIndex
  readonly segments: SegmentSet
  readonly memory: StoreParts['memory']
  readonly remover: SegmentRemover
  readonly mover: BlobMover
  readonly retreat: StoreRetreat
  /** Reads of parts of blobs. */
  readonly parts: BlobParts
  readonly deaths: BlobDeaths
  /** Hears of each record that binds. */
  onBound: ((entry: FooterEntry) => void) | null = null
  private readonly place: LockedDirectory
  readonly origin: FileOrigin
  private readonly seed: HashSeed
  private readonly clock: Clock
  readonly kills = new KillQueue()
  readonly catalog: CatalogWriter
  private readonly reader: BlobReader
  readonly streams: SegmentStreams
  readonly space: BlobSpace
  readonly queues: BlobQueues
  private readonly evictor: BlobEvictor
  readonly puts: BlobPuts
  private readonly tickets: Tickets
  private readonly versions: BlobVersions
  readonly writer: RecordWriter
  private readonly hash = new Uint32Array(2)
  seqNum: SeqNum
  private fileNum: number
  /** The first error of a write, for close. */
  private firstError: unknown = null
  private closing: Promise<void> | null = null
  private isRetired = false

  constructor(place: LockedDirectory, recovered: RecoveredCache, settings: StoreSettings, parts: StoreParts) {
    const { clock, slabs, tickets, counts } = parts
    const { vfs, dir } = place
    const { space } = recovered
    const { maxBytes, segmentBytes, slabBytes } = settings
    this.tickets = tickets
    this.counts = counts
    this.memory = parts.memory
    this.place = place
    this.clock = clock
    this.space = space
    this.index = recovered.index
    this.origin = recovered.origin
    this.seed = readHashSeed(recovered.origin.databaseId)
    this.seqNum = recovered.seqNum
    this.fileNum = recovered.fileNum
    this.recordBytesMax = Math.floor(slabBytes / 4)
    this.writer = new RecordWriter(clock)
    this.queues = new BlobQueues({
      maxBytes, youngShare: YOUNG_SHARE, segmentBytes, itemCount: () => this.index.count,
    })
    this.evictor = new BlobEvictor({ queues: this.queues, space, clock, segmentBytes })
    const { index, kills, queues, evictor, origin } = this
    const segments = this.segments = new SegmentSet({ vfs, dir, origin, space, queues, clock })
    const allocate = () => ++this.fileNum
    this.catalog = new CatalogWriter({
      catalog: recovered.catalog, kills,
      numbers: () => ({ seqNum: this.seqNum, fileNum: this.fileNum }),
      roll: (from) => rollCatalog(from, { place, origin, space, seqNum: this.seqNum, fileNum: allocate() }),
      check: () => vfs.check(),
      onTrouble: (error) => this.retreat.onTrouble(error),
      onFailure: (error) => this.retreat.leave(error),
    })
    const { catalog } = this
    this.deaths = new BlobDeaths({
      index, kills, clock,
      twinOf: (segment, recordNum) => this.mover.twinOf(segment, recordNum),
      onQueued: () => catalog.look(),
    })
    this.mover = new BlobMover({
      vfs, dir, origin, segmentBytes, index, segments, space, evictor, catalog, allocate,
      wholeBytesMax: this.recordBytesMax,
      seqNum: () => this.seqNum,
      kill: (kill) => this.deaths.kill(kill, null),
      goneReason: (header) => this.deaths.goneReason(header),
      onCorrupt: ({ low, high, recordNum }, segment) => this.deaths.killDead({ low, high }, { segment, recordNum }),
    })
    this.remover = new SegmentRemover({
      clock, index, segments, slabs, queues, space, evictor, catalog, mover: this.mover,
      makeSafe: () => this.streams.makeSafe(),
      sealOpen: (each) => this.streams.sealNow(each) || this.mover.sealNow(each, () => this.remover.look()),
    })
    this.reader = new BlobReader({
      index, slabs, segments, wholeBytesMax: this.recordBytesMax, codecs: settings.codecs,
      whenWritten: (segment, end) => this.streams.large.whenWritten(segment, end),
      goneReason: (header) => this.deaths.goneReason(header),
      onDead: (key, at) => this.deaths.killDead(key, at),
    })
    this.parts = new BlobParts(this.reader, clock, () => this.checkOpen())
    this.versions = new BlobVersions({
      isThere: ({ low, high }) => index.find(low, high) >= 0,
      read: (key) => keepAliveUntil(clock, this.reader.versionOf(key)),
    })
    this.streams = this.makeStreams(place, settings, slabs, allocate)
    this.retreat = this.makeRetreat(settings, parts)
    vfs.onLost = (error) => this.retreat.loseDisk(error)
    this.puts = this.makePuts(settings)
    this.takeSegments(recovered)
  }

  private takeSegments({ segments, current, resting }: RecoveredCache): void {
    const open = new Map(resting.map((found) => [found.state.segment, found]))
    for (const [segment, { queue, bytes, expiresMs }] of segments) {
      const found = open.get(segment)
      if (found !== undefined) this.streams.large.goOn(found, bytes)
      else if (segment !== current?.state.segment) this.segments.add(segment, queue, bytes, expiresMs)
    }
    if (current !== null) this.streams.goOn(current)
  }

  private makeStreams(
    { vfs, dir }: LockedDirectory, { segmentBytes }: StoreSettings, slabs: SlabSupply, allocate: () => number,
  ): SegmentStreams {
    const { origin, segments, catalog, space, queues, clock } = this
    return new SegmentStreams({
      vfs, dir, origin, segmentBytes, slabs, segments, catalog, allocate, space, queues, clock,
      lookForRoom: () => this.remover.look(),
      onProgress: () => this.onProgress(),
      onSynced: () => this.catalog.look(),
      onRoom: () => this.puts.bindWaiting(),
      onFailed: (file) => this.onFailed(file),
      onFailure: (error) => this.onNoPlace(error),
    })
  }

  private makeRetreat({ segmentBytes }: StoreSettings, { memory, health, counts }: StoreParts): StoreRetreat {
    const { clock, index, writer, deaths, kills, catalog, space, remover, mover, reader, streams } = this
    return new StoreRetreat({
      clock, health, counts, index, memory, writer, deaths, kills, catalog, space, segmentBytes, remover, mover, reader,
      streams,
      nextSeqNum: () => ++this.seqNum,
      numbers: () => ({ databaseId: this.origin.databaseId, seqNum: this.seqNum, fileNum: this.fileNum }),
      begin: (seqNum) => void (this.seqNum = Math.max(this.seqNum, seqNum)),
      retire: () => void (this.isRetired = true),
      bindWaiting: () => this.puts.bindWaiting(),
      put: (blob) => this.puts.putNow(blob),
      isClosing: () => this.closing !== null,
    })
  }

  private makePuts({ segmentBytes, blobBytesMax }: StoreSettings): BlobPuts {
    const { clock, tickets, versions, recordBytesMax } = this
    return new BlobPuts({
      clock, tickets, versions, large: this.streams.large, recordBytesMax, blobBytesMax, stepBytes: segmentBytes,
      isStopped: () => this.isRetired,
      hasGhost: ({ low, high }) => this.queues.hasGhost(low, high),
      bind: (blob) => this.bind(blob),
      bindLarge: (writer, blob) => this.bindLarge(writer, blob),
      delete: (key, durability) => this.delete(key, durability),
    })
  }

  // ── Puts ────────────────────────────────────────────────────────────────────────────────────────

  /** Hashes a key. The bytes are the store's own. */
  hashed(key: Bytes): HashedKey {
    const bytes = copyBytes(key)
    hashKey(bytes, 0, bytes.length, this.seed, this.hash)
    return { bytes, low: this.hash[0]!, high: this.hash[1]! }
  }

  /** Hashes the name of a namespace; never 0. */
  namespaceOf(name: string): number {
    return this.hashed(name).low || 1
  }

  /** Stores a value, or what a source gives. */
  put(
    key: HashedKey, value: Bytes | ByteSource, durability: Durability, about: Partial<BlobFacts & PutManner> = {},
  ): Promise<PutResult> {
    this.checkOpen()
    return this.puts.put({ ...PLAIN_MANNER, ...about, key, value, durability, facts: { ...NO_FACTS, ...about } })
  }

  /** Gives the blob its number and its place, and makes it visible. Null when there is no place now. */
  private bind(blob: NewBlob): Promise<PutResult> | null {
    if (this.retreat.isLeft) return Promise.resolve(this.retreat.put(blob))
    const { key, recordBytes: bytes, durability } = blob
    const reserved = this.streams.reserve(bytes, key.bytes.length, blob.isReturning)
    if (reserved === null) return null
    const { file, place } = reserved
    const entry = this.writer.write(blob, place, file.seed, ++this.seqNum)
    const point = new SafePoint(file, place.offset + bytes, durability)
    this.enter(key, entry, point, blob.plainBytes)
    file.add(entry)
    return this.streams.acknowledge(point, durability)
  }

  /** Gives a blob that stands in its place already its number, and makes it visible. */
  private bindLarge(writer: LargeWriter, blob: LargeBlob): Promise<PutResult> {
    const entry = writer.bind(this.writer.fieldsOf(blob, ++this.seqNum))
    const point = new SafePoint(writer.file, entry.offset + entry.bytes, blob.durability)
    this.enter(blob.key, entry, point, blob.plainBytes)
    return this.streams.acknowledge(point, blob.durability)
  }

  private enter(key: HashedKey, entry: FooterEntry, point: SafePoint, plainBytes: number): void {
    const { offset, bytes, recordNum } = entry
    this.deaths.killOld(key, point)
    this.index.set(key.low, key.high, point.file.segment, offset, bytes, recordNum, 0)
    this.onBound?.(entry)
    this.evictor.notePut(bytes)
    this.counts.puts++
    this.counts.bytesPut += plainBytes
  }

  /** No segment can be made now for those who wait. */
  private onNoPlace(error: unknown): void {
    if (this.closing === null) this.firstError ??= error
    if (this.closing !== null || !this.retreat.onNoPlace(error)) this.puts.refuseWaiting()
  }

  // ── Deletes, reads ──────────────────────────────────────────────────────────────────────────────

  /** Makes the key absent; resolves when that is as durable as asked for. Tells whether there was something. */
  async delete(key: HashedKey, durability: Durability): Promise<boolean> {
    this.checkOpen()
    const { low, high } = key
    this.tickets.passBy(low, high)
    this.versions.passBy(key)
    const place = this.reader.find(key)
    if (place === null) {
      if (!this.retreat.isLeft) this.kills.push(null, null)
    } else {
      this.deaths.killOld(key, null)
      this.index.removeIf(low, high, place.segment, place.recordNum)
    }
    this.seqNum++
    if (durability !== 'memory') await keepAliveUntil(this.clock, this.catalog.killed())
    return place !== null
  }

  async get(key: HashedKey): Promise<Uint8Array | undefined> {
    this.checkOpen()
    return this.counted(this.reader.get(key))
  }

  /** Counts a hit or a miss. */
  async counted<T extends object>(reading: Promise<T | MissReason>): Promise<T | undefined> {
    const found = await keepAliveUntil(this.clock, reading)
    if (typeof found !== 'string') {
      this.counts.hits++
      return found
    }
    this.counts.misses[found]++
    return undefined
  }

  /** Tells whether `get` would give a blob, without reading it. */
  async has(key: HashedKey): Promise<boolean> {
    this.checkOpen()
    return typeof (await keepAliveUntil(this.clock, this.reader.peek(key))) !== 'string'
  }

  /** Takes a ticket of a load: it becomes old with every put, delete and purge of the key. */
  watch({ low, high }: HashedKey, namespace: number): Ticket {
    return this.tickets.watch(low, high, namespace)
  }

  /** Gives the keys of all blobs that are there; namespace 0 stands for all. */
  keys(prefix: Uint8Array, namespace: number): AsyncGenerator<Uint8Array, void, undefined> {
    this.checkOpen()
    const { index, segments, memory } = this
    return listKeys({ index, segments, memory, isGone: (entry) => this.deaths.isGone(entry) }, prefix, namespace)
  }

  /**
   * Makes everything absent that was put under a namespace, or all with 0; resolves when that is as durable as asked
   * for. It is written behind all kills before it: what they kill may stand in another namespace.
   */
  async purge(namespace: number, durability: Durability): Promise<void> {
    this.checkOpen()
    const seqNum = ++this.seqNum
    this.deaths.marks.add(namespace, seqNum)
    this.tickets.passByNamespace(namespace)
    this.versions.passByNamespace(namespace)
    const written = this.catalog.submit([{ tag: ChangeTag.purge, namespace, seqNum }], true, false)
    if (durability === 'memory') written.catch(() => undefined)
    else await keepAliveUntil(this.clock, written)
  }

  // ── What follows from writes and failures ───────────────────────────────────────────────────────

  private onProgress(): void {
    this.catalog.look()
    this.puts.bindWaiting()
  }

  private onFailed(file: SegmentFile | LargeSegment): void {
    this.firstError ??= file.failure
    this.deaths.killLost(file)
    this.retreat.onTrouble(file.failure)
  }

  // ── The end ─────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when all that was put and deleted so far survives a power loss. Rejects when some of it does not. */
  async sync(): Promise<void> {
    this.checkOpen()
    await keepAliveUntil(this.clock, this.syncNow())
  }

  private async syncNow(): Promise<void> {
    await this.puts.placed()
    if (this.retreat.isLeft) throw new VarveError('IO_ERROR', 'the cache is in memory only')
    await this.streams.sync()
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
    const { puts, streams, catalog, remover, mover, segments, place } = this
    this.retreat.stopGivingBack()
    await endStore({ puts, streams, catalog, remover, mover, segments, place }, (error) => {
      this.firstError ??= error
    })
    if (this.firstError !== null) throw ioError(this.firstError, 'writing', 'the cache')
  }

  /** Bytes of all files of the cache, reserved ones included. */
  get usedBytes(): number {
    return this.space.usedBytes
  }
}
