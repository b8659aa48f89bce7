/**
 * What: the store behind a cache: what each call does with the blobs, from when its arguments are checked until it is
 * answered.
 * Owns: its parts: what is on the disk (store-disk.ts), how calls of put wait and bind (blob-puts.ts, blob-binder.ts),
 * reads, and what is done when the disk fails (store-retreat.ts). It has the one index, and gives the numbers.
 * Thread: main.
 * States: open → closing → closed; open → left (the disk takes nothing any more) → closing → closed, or retired
 * (another store took its place).
 * Invariants: BC-1 calls take effect in the order in which they are made. BC-7 each put and delete settles. BC-9 the
 * moments of acknowledgement.
 */
import { ioError, keepAliveUntil, Turns, VarveError } from '../base/index.js'
import type { Bytes, Clock } from '../base/index.js'
import { BlobBinder } from './blob-binder.js'
import { BlobDeaths } from './blob-deaths.js'
import { KeyHasher } from './blob-hash.js'
import type { HashedKey } from './blob-hash.js'
import type { BlobIndex } from './blob-index.js'
import type { BlobMover } from './blob-mover.js'
import { BlobParts } from './blob-parts.js'
import { BlobPuts } from './blob-puts.js'
import type { GivenPut } from './blob-puts.js'
import { BlobReader } from './blob-reader.js'
import { BlobVersions } from './blob-versions.js'
import type { LockedDirectory } from './cache-directory.js'
import { ChangeTag } from './catalog-format.js'
import type { Durability, PutResult } from './durability.js'
import type { IndexFrom } from './found-content.js'
import { KillQueue } from './kill-queue.js'
import { listKeys } from './key-listing.js'
import type { MissReason } from './record-facts.js'
import { RecordWriter } from './record-writer.js'
import type { RecoveredCache } from './recovery.js'
import type { FooterEntry } from './segment-footer.js'
import type { SegmentRemover } from './segment-remover.js'
import type { SegmentSet } from './segment-set.js'
import { StoreDisk } from './store-disk.js'
import { endStore } from './store-end.js'
import { StoreNumbers } from './store-numbers.js'
import type { StoreParts } from './store-parts.js'
import { StoreRetreat } from './store-retreat.js'
import type { StoreSettings } from './store-settings.js'
import type { Ticket } from './tickets.js'

export class BlobStore {
  readonly index: BlobIndex
  readonly indexFrom: IndexFrom
  readonly numbers: StoreNumbers
  readonly kills = new KillQueue()
  readonly deaths: BlobDeaths
  readonly disk: StoreDisk
  readonly puts: BlobPuts
  readonly binder: BlobBinder
  readonly retreat: StoreRetreat
  /** Reads of parts of blobs. */
  readonly parts: BlobParts
  readonly writer: RecordWriter
  /** The largest record that a slab takes. */
  readonly recordBytesMax: number
  private readonly hasher: KeyHasher
  private readonly reader: BlobReader
  private readonly versions: BlobVersions
  private readonly turns: Turns
  private readonly place: LockedDirectory
  /** What the cache has whatever store it has. */
  private readonly shared: StoreParts
  private readonly settings: StoreSettings
  private closing: Promise<void> | null = null

  constructor(place: LockedDirectory, recovered: RecoveredCache, settings: StoreSettings, shared: StoreParts) {
    const { clock } = shared
    this.place = place
    this.shared = shared
    this.settings = settings
    this.index = recovered.index
    this.indexFrom = recovered.indexFrom
    this.turns = new Turns(clock)
    this.numbers = new StoreNumbers(recovered)
    this.hasher = new KeyHasher(recovered.origin.databaseId)
    this.recordBytesMax = Math.floor(settings.slabBytes / 4)
    this.writer = new RecordWriter(clock)
    this.deaths = this.makeDeaths(recovered)
    this.disk = this.makeDisk(recovered)
    this.reader = this.makeReader()
    this.parts = new BlobParts(this.reader, clock, () => this.checkOpen())
    this.versions = new BlobVersions({
      isThere: ({ low, high }) => this.index.find(low, high) >= 0,
      read: (key) => keepAliveUntil(clock, this.reader.versionOf(key)),
    })
    this.puts = this.makePuts()
    this.retreat = this.makeRetreat()
    const { index, deaths, numbers, writer, disk: { streams, evictor }, retreat } = this
    this.binder = new BlobBinder({ index, deaths, numbers, writer, streams, evictor, retreat, counts: shared.counts })
    place.vfs.onLost = (error) => retreat.loseDisk(error)
    this.disk.streams.takeUp(recovered)
  }

  private makeDeaths({ marks }: RecoveredCache): BlobDeaths {
    const { index, kills, clock } = this
    return new BlobDeaths({
      index, kills, clock, marks,
      twinOf: (segment, recordNum) => this.disk.mover.twinOf(segment, recordNum),
      onQueued: () => this.disk.catalog.look(),
    })
  }

  private makeDisk(recovered: RecoveredCache): StoreDisk {
    const { place, settings, shared: { clock, slabs }, numbers, kills, deaths, recordBytesMax } = this
    return new StoreDisk({
      place, recovered, settings, clock, slabs, numbers, kills, deaths, recordBytesMax,
      bindWaiting: () => this.puts.bindWaiting(),
      onNoPlace: (error) => this.retreat.onNoPlace(error),
      onSegmentFailed: (file) => this.retreat.onSegmentFailed(file),
      onTrouble: (error) => this.retreat.onTrouble(error),
      onFailure: (error) => this.retreat.leave(error),
    })
  }

  private makeReader(): BlobReader {
    const { index, segments, deaths, recordBytesMax, shared: { slabs }, settings: { codecs } } = this
    return new BlobReader({
      index, slabs, segments, wholeBytesMax: recordBytesMax, codecs,
      whenWritten: (segment, end) => this.disk.streams.large.whenWritten(segment, end),
      goneReason: (header) => deaths.goneReason(header),
      onDead: (key, at) => deaths.killDead(key, at),
    })
  }

  private makePuts(): BlobPuts {
    const { clock, versions, recordBytesMax, disk, shared: { tickets }, settings } = this
    return new BlobPuts({
      clock, tickets, versions, large: disk.streams.large, recordBytesMax,
      blobBytesMax: settings.blobBytesMax, stepBytes: settings.segmentBytes,
      hasGhost: ({ low, high }) => disk.queues.hasGhost(low, high),
      bind: (blob) => this.binder.bind(blob),
      bindLarge: (writer, blob) => this.binder.bindLarge(writer, blob),
      delete: (key, durability) => this.delete(key, durability),
    })
  }

  private makeRetreat(): StoreRetreat {
    const { shared: { clock, health, counts, memory }, settings: { segmentBytes } } = this
    const { index, writer, deaths, kills, disk, reader, puts, numbers } = this
    return new StoreRetreat({
      clock, health, counts, memory, segmentBytes, index, writer, deaths, kills, disk, reader, puts, numbers,
      isClosing: () => this.closing !== null,
    })
  }

  // ── Keys ────────────────────────────────────────────────────────────────────────────────────────

  /** Hashes a key. The bytes are the store's own. */
  hashed(key: Bytes): HashedKey {
    return this.hasher.hashed(key)
  }

  /** Hashes the name of a namespace; never 0. */
  namespaceOf(name: string): number {
    return this.hasher.namespaceOf(name)
  }

  /** Gives the keys of all blobs that are there; namespace 0 stands for all. */
  keys(prefix: Uint8Array, namespace: number): AsyncGenerator<Uint8Array, void, undefined> {
    this.checkOpen()
    const { index, segments, memory, turns } = this
    const isGone = (entry: FooterEntry) => this.deaths.isGone(entry)
    return listKeys({ index, segments, memory, turns, isGone }, prefix, namespace)
  }

  /** Takes a ticket of a load: it becomes old with every put, delete and purge of the key. */
  watch({ low, high }: HashedKey, namespace: number): Ticket {
    return this.shared.tickets.watch(low, high, namespace)
  }

  // ── Puts, deletes ───────────────────────────────────────────────────────────────────────────────

  /** Stores a value, or what a source gives. */
  put(given: GivenPut): Promise<PutResult> {
    this.checkOpen()
    return this.puts.put(given)
  }

  /** Makes the key absent; resolves when that is as durable as asked for. Tells whether there was something. */
  async delete(key: HashedKey, durability: Durability): Promise<boolean> {
    this.checkOpen()
    const { low, high } = key
    this.shared.tickets.passBy(low, high)
    this.versions.passBy(key)
    const place = this.reader.find(key)
    if (place === null) {
      if (!this.retreat.isLeft) this.kills.push(null, null)
    } else {
      this.deaths.killOld(key, null)
      this.index.removeIf(low, high, place.segment, place.recordNum)
    }
    this.numbers.nextSeqNum()
    if (durability !== 'memory') await keepAliveUntil(this.clock, this.disk.catalog.killed())
    return place !== null
  }

  /**
   * Makes everything absent that was put under a namespace, or all with 0; resolves when that is as durable as asked
   * for. It is written behind all kills before it: what they kill may stand in another namespace.
   */
  async purge(namespace: number, durability: Durability): Promise<void> {
    this.checkOpen()
    const seqNum = this.numbers.nextSeqNum()
    this.deaths.marks.add(namespace, seqNum)
    this.shared.tickets.passByNamespace(namespace)
    this.versions.passByNamespace(namespace)
    const written = this.disk.catalog.submit([{ tag: ChangeTag.purge, namespace, seqNum }], true, false)
    if (durability === 'memory') written.catch(() => undefined)
    else await keepAliveUntil(this.clock, written)
  }

  // ── Reads ───────────────────────────────────────────────────────────────────────────────────────

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

  // ── The end ─────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when all that was put and deleted so far survives a power loss. Rejects when some of it does not. */
  async sync(): Promise<void> {
    this.checkOpen()
    await keepAliveUntil(this.clock, this.syncNow())
  }

  private async syncNow(): Promise<void> {
    await this.puts.placed()
    if (this.retreat.isLeft) throw new VarveError('IO_ERROR', 'the cache is in memory only')
    try {
      await this.disk.sync()
    } catch (error) {
      throw ioError(error, 'syncing', 'the cache')
    }
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
    const { puts, disk, place, retreat, index, kills, numbers } = this
    const { space, queues, catalog, origin } = disk
    retreat.stopGivingBack()
    await endStore({
      puts, disk, place, index, kills, space, queues, catalog, origin,
      allocate: () => numbers.nextFileNum(),
      isSound: () => retreat.firstError === null && !retreat.isLeft,
    }, (error) => {
      retreat.firstError ??= error
    })
    if (retreat.firstError !== null) throw ioError(retreat.firstError, 'writing', 'the cache')
  }

  // ── What is asked of its parts ──────────────────────────────────────────────────────────────────

  get counts(): StoreParts['counts'] {
    return this.shared.counts
  }

  get memory(): StoreParts['memory'] {
    return this.shared.memory
  }

  get segments(): SegmentSet {
    return this.disk.segments
  }

  get remover(): SegmentRemover {
    return this.disk.remover
  }

  get mover(): BlobMover {
    return this.disk.mover
  }

  /** Bytes of all files of the cache, reserved ones included. */
  get usedBytes(): number {
    return this.disk.space.usedBytes
  }

  private get clock(): Clock {
    return this.shared.clock
  }
}
