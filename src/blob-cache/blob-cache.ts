/**
 * What: the cache as programs see it: options and arguments are checked here, once, and nothing else is done.
 * Thread: main.
 */
import {
  bytesLength, checkFlag, copyBytes, invalidArgument, keepAliveUntil, KEY_BYTES_MAX, MiB, systemClock, systemRandom,
  takeOptions, VarveError,
} from '../base/index.js'
import type { Bytes, Clock, Random } from '../base/index.js'
import { nodeCodec, NodeVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { codecOf, findCodecs } from './blob-codec.js'
import type { BlobCodec, BlobCodecs } from './blob-codec.js'
import type { BlobEntry } from './blob-entry.js'
import type { BlobCacheEvent, BlobHealth } from './blob-health.js'
import type { ReadInto } from './blob-parts.js'
import type { BlobStore } from './blob-store.js'
import { cacheStats } from './cache-stats.js'
import type { BlobCacheStats } from './cache-stats.js'
import { CallMeter } from './call-meter.js'
import type { BlobStream } from './blob-stream.js'
import type { CacheLife } from './cache-life.js'
import type { Durability, PutResult } from './durability.js'
import { getOrSet } from './get-or-set.js'
import { takeGetOrSetOptions } from './get-or-set-options.js'
import type { BlobGetOrSetOptions } from './get-or-set-options.js'
import { KeyIndex } from './key-index.js'
import { LoadFlights } from './load-flights.js'
import type { BlobLoad } from './load-flights.js'
import { openLife, settingsFor } from './open-cache.js'
import type { WhenLocked } from './open-cache.js'
import { OrderedKeys } from './ordered-keys.js'
import type { KeyOrder } from './ordered-keys.js'
import { checkBytes, checkDurability, NO_OPTIONS, takePutOptions, takeValue, watchOf } from './put-options.js'
import type { BlobPutOptions, BlobValue, BlobWriteOptions } from './put-options.js'
import { rebuildCache } from './rebuild.js'
import type { RebuiltCache } from './rebuild.js'
import { checkTarget, takePart } from './read-options.js'
import type { BlobReadOptions, BlobStreamOptions } from './read-options.js'

/** The smallest `maxBytes`. */
const CACHE_BYTES_MIN = 32 * MiB
/** The part of a cache that one blob may be, and of how many blobs of the largest size it has room. */
const BLOB_SHARE_MAX = 15 / 64
const BLOBS = 40
/** Places in a file have 32 bits. */
const BLOB_BYTES_MAX = 4 * 1024 * MiB - 128 * MiB
const OPEN_OPTIONS = [
  'maxBytes', 'maxBlobBytes', 'durability', 'compression', 'keyIndex', 'whenLocked', 'onEvent', 'components',
]
const ORDERS: readonly KeyOrder[] = ['ascending', 'descending']
const KEYS_OPTIONS = ['prefix', 'namespace', 'order']

/** Parts that a cache is built on; each has a default where the platform has one. */
export interface BlobCacheComponents {
  /** The file system; on Node the real one. */
  vfs?: Vfs
  /** Time; on each platform its own. */
  clock?: Clock
  /** Salts and ids; by default the system's. */
  random?: Random
}

/** How blobs are compressed. */
export type CompressionName = 'none' | 'deflate' | 'brotli' | 'zstd'

/** Options of `BlobCache.open`. An unknown one, or a value of the wrong type or size, is refused. */
export interface BlobCacheOptions {
  /**
   * Bytes that the files of the cache may take together, 32 MiB or more. What does not fit goes; blobs that are read
   * stay longer.
   */
  maxBytes: number
  /**
   * Keeps the keys in order, in a database in `keys/`, so that `keys` with `order` need not gather all of them first;
   * default false. It is made anew when it is damaged, or not of the last close. Its bytes come on top of `maxBytes`.
   */
  keyIndex?: boolean
  /** When puts and deletes are acknowledged, unless a call says otherwise; default 'written'. */
  durability?: Durability
  /**
   * What `open` does when another process has the directory: 'throw', the default, throws LOCKED; 'memory' gives a
   * cache that is in memory only, with room for a few blobs, until it is closed.
   */
  whenLocked?: WhenLocked
  /** Called with what happens to the cache beside calls of it. */
  onEvent?: (event: BlobCacheEvent) => void
  /**
   * The largest blob, at most a quarter of `maxBytes` less 1/16, and below 4 GiB; default a fortieth of `maxBytes`.
   * With much larger ones fewer small ones stay.
   */
  maxBlobBytes?: number
  /**
   * Blobs are compressed when that makes them an eighth shorter; default 'none'. 'zstd' needs Node 22.15. A part of a
   * compressed blob takes as long as all before it.
   */
  compression?: CompressionName
  /** Parts of the platform. */
  components?: BlobCacheComponents
}

interface CacheSettings {
  durability: Durability
  clock: Clock
  codec: BlobCodec | null
}

/** What is purged: all that was put under a namespace, or everything. */
export type BlobPurge = { namespace: string; all?: undefined } | { all: true; namespace?: undefined }

/** Options of `keys`. */
export interface BlobKeysOptions {
  /** Only keys that begin with these bytes. */
  prefix?: Bytes
  /** Only what was put under this namespace. */
  namespace?: string
  /** Gives the keys in the order of their bytes, each once. Without the key index they are gathered first. */
  order?: KeyOrder
}

/** A bounded cache of blobs, in a directory of its own. */
export class BlobCache {
  private readonly life: CacheLife
  private readonly health: BlobHealth
  private readonly flights: LoadFlights
  private readonly clock: Clock
  private readonly durability: Durability
  private readonly calls: CallMeter
  private readonly orderedKeys: OrderedKeys
  private closing: Promise<void> | null = null
  private readonly codec: BlobCodec | null

  private constructor(
    { life, health }: { life: CacheLife; health: BlobHealth }, keys: OrderedKeys,
    { durability, clock, codec }: CacheSettings,
  ) {
    this.orderedKeys = keys
    this.codec = codec
    this.clock = clock
    this.calls = new CallMeter(clock)
    this.life = life
    this.health = health
    this.flights = new LoadFlights(clock)
    this.durability = durability
  }

  private get store(): BlobStore {
    return this.life.store
  }

  /**
   * Opens the cache in this directory, or makes one. Throws UNSUPPORTED_FORMAT when a database is there, LOCKED when
   * another process has the cache.
   */
  static async open(location: string, options: BlobCacheOptions): Promise<BlobCache> {
    if (typeof location !== 'string' || location === '' || location.includes('\0')) {
      throw invalidArgument('the location must be the path of a directory')
    }
    const given = readOptions(options)
    const { settings, keyIndex, whenLocked, onEvent, vfs = new NodeVfs(), clock, random } = given
    const opening = openLife({ location, vfs, clock, random, onEvent, settings }, whenLocked)
    const opened = await keepAliveUntil(clock, opening)
    const keys = await OrderedKeys.open(opened.life, keyIndex ? (cacheId, seqNum) =>
      KeyIndex.open({ dir: location, vfs, clock, random, cacheId, seqNum }) : null)
    return new BlobCache(opened, keys, given)
  }

  /**
   * Makes a catalog anew of the segments of a cache whose catalog is lost: an open would begin empty. What was deleted
   * or purged may come back. Throws MISSING_FILE when there is no segment, LOCKED when a process has the cache.
   */
  static async rebuild(location: string, options: BlobCacheOptions): Promise<RebuiltCache> {
    const { vfs = new NodeVfs(), clock, random, settings } = readOptions(options)
    return keepAliveUntil(clock, rebuildCache(location, { vfs, random, sizes: settings }))
  }

  /**
   * Stores a value under a key: bytes, text, or what a source gives, read as fast as the disk takes it. Tells whether
   * it was stored, or why not; what was stored may be evicted later. Bytes that are larger than a quarter of a slab
   * must not change until then.
   */
  async put(key: Bytes, value: BlobValue, options: BlobPutOptions = NO_OPTIONS): Promise<PutResult> {
    const { clock, store } = this
    const given = takePutOptions(options, clock, this.codec)
    checkKey(key)
    const { expiresMs, version, meta, checksum, codec } = given
    const facts = { namespace: this.hashOf(given.namespace), expiresMs, version, staleMs: 0, meta }
    const watch = watchOf(options)
    const taken = takeValue(value)
    const put = {
      key: store.hashed(key), value: taken.value, durability: given.durability ?? this.durability, facts,
      size: taken.size ?? given.size, checksum, codec, watch,
    }
    return this.calls.put(() => store.put(put))
  }

  /** Gives a copy of the value, or of a part of it, or undefined. Every byte was checked. */
  async get(key: Bytes, options?: BlobReadOptions): Promise<Uint8Array | undefined> {
    const { store } = this
    const hashed = store.hashed(checkKey(key))
    if (options === undefined) return this.calls.get(() => store.get(hashed))
    const part = takePart('get', options)
    return this.calls.get(() => store.counted(store.parts.get(hashed, part)))
  }

  /**
   * Reads the value, or a part of it, into this memory, as much as it has room for. Tells how many bytes that were, and
   * of how many the blob has. When there is none, or it turns out to be damaged (undefined), the memory may have
   * changed.
   */
  async getInto(key: Bytes, target: Uint8Array, options: BlobReadOptions = {}): Promise<ReadInto | undefined> {
    const { store } = this
    const hashed = store.hashed(checkKey(key))
    checkTarget(target)
    const part = takePart('getInto', options)
    return this.calls.get(() => store.counted(store.parts.getInto(hashed, target, part)))
  }

  /**
   * Gives the value, or a part of it, as a stream that knows the blob's entry; undefined when there is none. Each part
   * is checked before it is given; a bad one fails the stream. One that is not read on is broken off when its blob is
   * gone and the room is needed, or after a minute (ABORTED).
   */
  async getStream(key: Bytes, options: BlobStreamOptions = {}): Promise<BlobStream | undefined> {
    const { store } = this
    const hashed = store.hashed(checkKey(key))
    const part = takePart('getStream', options, ['start', 'end', 'signal'])
    return store.counted(store.parts.stream(hashed, part, watchOf(options)))
  }

  /** Tells what there is under a key, without its value; undefined when `get` would give nothing. No visit. */
  async getEntry(key: Bytes): Promise<BlobEntry | undefined> {
    return this.store.parts.entry(this.store.hashed(checkKey(key)))
  }

  /**
   * False when there is certainly nothing under the key; true when there may be. Only memory is looked at, so that a
   * miss can be told at once: expired and purged blobs may count as there.
   */
  mayHave(key: Bytes): boolean {
    const { low, high } = this.store.hashed(checkKey(key))
    return this.store.index.find(low, high) >= 0
  }

  /**
   * Gives the value of a key; where there is none, `load` makes it, and it is stored. Of each key one load is under way
   * at a time, and all who ask meanwhile get its result. It is not stored when the key was put, deleted or purged since
   * it began. Each caller has a copy of its own. Does not wait for the disk.
   */
  async getOrSet(key: Bytes, load: BlobLoad, options: BlobGetOrSetOptions = {}): Promise<Uint8Array> {
    const { namespace, ...facts } = takeGetOrSetOptions(options, load, this.durability)
    const { clock, flights } = this
    const hashed = this.store.hashed(checkKey(key))
    const allFacts = { ...facts, namespace: this.hashOf(namespace) }
    return getOrSet({ clock, flights, store: () => this.store }, hashed, load, allFacts)
  }

  /** Tells whether `get` would give a blob now. Header and key of the blob are read and checked, its value is not. */
  async has(key: Bytes): Promise<boolean> {
    return this.store.has(this.store.hashed(checkKey(key)))
  }

  /**
   * Gives the keys of all blobs that are there, in no order unless one is asked for. What is there all the time
   * comes at least once; what is put or moved meanwhile may come twice.
   */
  keys(options: BlobKeysOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const { prefix = '', namespace, order } = takeOptions('keys', KEYS_OPTIONS, options, (o) =>
      ({ prefix: o.prefix, namespace: o.namespace, order: o.order }))
    checkBytes(prefix, 'prefix')
    const [start, hash] = [copyBytes(prefix), this.hashOf(namespace)]
    if (order === undefined) return this.life.keys(start, hash)
    if (ORDERS.includes(order)) return this.orderedKeys.list(start, hash, order)
    throw invalidArgument(`option order must be one of ${ORDERS.join(', ')}`)
  }

  /**
   * Makes everything absent that was put before this call, under a namespace or at all. Costs the same whatever is
   * purged. Rejects when it cannot be made durable.
   */
  async purge(what: BlobPurge, options: BlobWriteOptions = {}): Promise<void> {
    const durability = this.durabilityOf('purge', options)
    const { namespace, all } = takeOptions('purge', ['namespace', 'all'], what, (o) =>
      ({ namespace: o.namespace, all: o.all }))
    if ((all === true) === (namespace !== undefined) || (all !== undefined && all !== true)) {
      throw invalidArgument('purge takes either { namespace } or { all: true }')
    }
    return this.store.purge(this.hashOf(namespace), durability)
  }

  /** Makes the key absent. Tells whether there was something under it. Rejects when that cannot be made durable. */
  async delete(key: Bytes, options: BlobWriteOptions = {}): Promise<boolean> {
    const durability = this.durabilityOf('delete', options)
    return this.store.delete(this.store.hashed(checkKey(key)), durability)
  }

  /** Resolves when all that was put and deleted so far survives power loss. Rejects when some of it does not. */
  async sync(): Promise<void> {
    return this.store.sync()
  }

  /** Tells what the cache has done and holds. */
  stats(): BlobCacheStats {
    const { state, cause } = this.health
    const getOrSet = { ...this.flights.counts }
    return { state, lastError: cause, getOrSet, ...cacheStats(this.store, this.calls) }
  }

  /** Makes everything durable and lets the directory go. Rejects with the first error of a write that there was. */
  async close(): Promise<void> {
    this.closing ??= this.closeAll()
    return this.closing
  }

  private async closeAll(): Promise<void> {
    this.flights.close()
    let isSafe = false
    await this.orderedKeys.stop()
    try {
      await this.life.close()
      isSafe = true
    } finally {
      await this.orderedKeys.close(isSafe)
    }
  }

  /** Gives the hash of a namespace's name, 0 for none. */
  private hashOf(namespace: string | undefined): number {
    if (namespace === undefined) return 0
    if (typeof namespace !== 'string' || namespace === '' || bytesLength(namespace) > KEY_BYTES_MAX) {
      throw invalidArgument(`option namespace must be a text of 1 to ${KEY_BYTES_MAX} bytes`)
    }
    return this.store.namespaceOf(namespace)
  }

  private durabilityOf(call: string, options: BlobWriteOptions): Durability {
    const given = takeOptions(call, ['durability'], options, (o) => o.durability)
    return given === undefined ? this.durability : checkDurability(given)
  }
}

function readOptions(options: BlobCacheOptions) {
  const given = takeOptions('cache', OPEN_OPTIONS, options, (o) => ({
    maxBytes: o.maxBytes, maxBlobBytes: o.maxBlobBytes, durability: o.durability, compression: o.compression,
    keyIndex: o.keyIndex, whenLocked: o.whenLocked, onEvent: o.onEvent, components: o.components,
  }))
  const { maxBytes, durability = 'written', compression = 'none', whenLocked = 'throw', onEvent = null } = given
  if (whenLocked !== 'throw' && whenLocked !== 'memory') {
    throw invalidArgument('option whenLocked must be one of throw, memory')
  }
  if (onEvent !== null && typeof onEvent !== 'function') throw invalidArgument('option onEvent must be a function')
  if (!Number.isSafeInteger(maxBytes) || maxBytes < CACHE_BYTES_MIN) {
    throw invalidArgument(`option maxBytes must be a whole number of ${CACHE_BYTES_MIN} or more`)
  }
  const largest = Math.min(BLOB_BYTES_MAX, Math.floor(maxBytes * BLOB_SHARE_MAX))
  const { maxBlobBytes = Math.min(largest, Math.floor(maxBytes / BLOBS)) } = given
  if (!Number.isSafeInteger(maxBlobBytes) || maxBlobBytes < 0 || maxBlobBytes > largest) {
    throw invalidArgument(`option maxBlobBytes must be a whole number of at most ${largest}`)
  }
  const { vfs, clock = systemClock, random = systemRandom } = takeOptions(
    'components', ['vfs', 'clock', 'random'], given.components ?? {}, (parts) =>
      ({ vfs: parts.vfs, clock: parts.clock, random: parts.random }))
  const keyIndex = checkFlag(given.keyIndex, 'keyIndex') ?? false
  const codecs = findCodecs(nodeCodec)
  const codec = checkCompression(codecs, compression)
  const settings = { ...settingsFor(maxBytes), blobBytesMax: maxBlobBytes, codecs }
  return { settings, durability: checkDurability(durability), codec, keyIndex, whenLocked, onEvent, vfs, clock, random }
}

function checkCompression(codecs: BlobCodecs, name: CompressionName): BlobCodec | null {
  if (name === 'none') return null
  if (!['deflate', 'brotli', 'zstd'].includes(name)) {
    throw invalidArgument('option compression must be one of none, deflate, brotli, zstd')
  }
  const codec = codecOf(codecs, name)
  if (codec === null) throw new VarveError('NOT_SUPPORTED', `this platform has no codec ${name}`)
  return codec
}

function checkKey(key: Bytes): Bytes {
  checkBytes(key, 'key')
  const length = bytesLength(key)
  if (length === 0) throw invalidArgument('a key of a cache must not be empty')
  if (length <= KEY_BYTES_MAX) return key
  throw new VarveError('KEY_TOO_LARGE', `key of ${length} bytes, at most ${KEY_BYTES_MAX} are allowed`)
}
