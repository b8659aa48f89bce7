/**
 * What: the cache as programs see it: options and arguments are checked here, once, and nothing else is done.
 * Thread: main.
 */
import {
  bytesLength, checkChoice, copyBytes, invalidArgument, keepAliveUntil, KEY_BYTES_MAX, printAs, printedObject,
  setHidden, takeOptions, VarveError,
} from '../base/index.js'
import type { Bytes, Clock } from '../base/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { BlobCodec } from './blob-codec.js'
import type { BlobEntry } from './blob-entry.js'
import type { BlobHealth } from './blob-health.js'
import type { ReadInto } from './blob-parts.js'
import type { BlobStore } from './blob-store.js'
import { checkLocation, takeCacheOptions } from './cache-options.js'
import type { BlobCacheOptions, CacheOptions } from './cache-options.js'
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
import { openLife } from './open-cache.js'
import { OrderedKeys } from './ordered-keys.js'
import type { KeyOrder } from './ordered-keys.js'
import { checkBytes, checkDurability, takePutOptions, takeValue, watchOf } from './put-options.js'
import type { BlobPutOptions, BlobValue, BlobWriteOptions } from './put-options.js'
import { rebuildCache } from './rebuild.js'
import type { RebuiltCache } from './rebuild.js'
import { checkTarget, takePart } from './read-options.js'
import type { BlobReadOptions, BlobStreamOptions } from './read-options.js'

const ORDERS: readonly KeyOrder[] = ['ascending', 'descending']
const KEYS_OPTIONS = ['prefix', 'namespace', 'order']

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
  private declare readonly life: CacheLife
  private declare readonly health: BlobHealth
  private declare readonly flights: LoadFlights
  private declare readonly clock: Clock
  private declare readonly durability: Durability
  private declare readonly calls: CallMeter
  private declare readonly orderedKeys: OrderedKeys
  private declare readonly codec: BlobCodec | null
  private declare closing: Promise<void> | null

  static {
    printAs(this, (cache) => {
      const { state, items, usedBytes, space: { maxBytes } } = cache.stats()
      return printedObject('BlobCache', { state, items, usedBytes, maxBytes })
    })
  }

  private constructor(
    { life, health }: { life: CacheLife; health: BlobHealth }, keys: OrderedKeys,
    options: Pick<CacheOptions, 'durability' | 'clock' | 'codec'>,
  ) {
    // Who is used to other caches writes `new`.
    if (typeof (life as unknown) !== 'object') {
      throw invalidArgument('a cache is opened, not constructed', 'await BlobCache.open(location, options)')
    }
    const { durability, clock, codec } = options
    setHidden(this, {
      life, health, flights: new LoadFlights(clock), clock, durability, calls: new CallMeter(clock), orderedKeys: keys,
      codec, closing: null,
    })
  }

  private get store(): BlobStore {
    return this.life.store
  }

  /**
   * Opens the cache in this directory, or makes one. Throws UNSUPPORTED_FORMAT when a database is there, LOCKED when
   * another process has the cache.
   */
  static async open(location: string, options: BlobCacheOptions): Promise<BlobCache> {
    checkLocation(location)
    const given = takeCacheOptions(options)
    const { settings, keyIndex, whenLocked, onEvent, vfs = new NodeVfs(), clock, random } = given
    const opening = openLife({ location, vfs, clock, random, onEvent, settings }, whenLocked)
    const opened = await keepAliveUntil(clock, opening)
    const keys = await OrderedKeys.open(opened.life, keyIndex ? (cacheId, seqNum) =>
      KeyIndex.open({ dir: location, vfs, clock, random, cacheId, seqNum }) : null, clock)
    return new BlobCache(opened, keys, given)
  }

  /**
   * Makes a catalog anew of the segments of a cache whose catalog is lost: an open would begin empty. What was deleted
   * or purged may come back. Throws MISSING_FILE when there is no segment, LOCKED when a process has the cache.
   */
  static async rebuild(location: string, options: BlobCacheOptions): Promise<RebuiltCache> {
    checkLocation(location)
    const { vfs = new NodeVfs(), clock, random, settings } = takeCacheOptions(options)
    return keepAliveUntil(clock, rebuildCache(location, { vfs, clock, random, sizes: settings }))
  }

  /**
   * Stores a value under a key: bytes, text, or what a source gives, read as fast as the disk takes it. Tells whether
   * it was stored, or why not; what was stored may be evicted later. Bytes that are larger than a quarter of a slab
   * must not change until then.
   */
  async put(key: Bytes, value: BlobValue, options: BlobPutOptions = {}): Promise<PutResult> {
    const { clock, store } = this
    const given = takePutOptions(options, clock, this.codec)
    checkKey(key)
    const { expiresMs, version, meta, checksum, codec } = given
    const facts = { namespace: this.hashOf(given.namespace), expiresMs, version, staleMs: 0, meta }
    const watch = watchOf(options)
    const taken = takeValue(value, watch)
    const put = {
      key: store.hashed(key), value: taken.value, durability: given.durability ?? this.durability, facts,
      size: given.size ?? taken.size, checksum, codec, watch,
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
    const watch = watchOf(options)
    return this.calls.other(() => store.counted(store.parts.stream(hashed, part, watch)))
  }

  /** Tells what there is under a key, without its value; undefined when `get` would give nothing. No visit. */
  async getEntry(key: Bytes): Promise<BlobEntry | undefined> {
    const { store } = this
    const hashed = store.hashed(checkKey(key))
    return this.calls.other(() => store.parts.entry(hashed))
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
    const { clock, flights, calls } = this
    const hashed = this.store.hashed(checkKey(key))
    const allFacts = { ...facts, namespace: this.hashOf(namespace) }
    const parts = { clock, flights, calls, store: () => this.store }
    return calls.other(() => getOrSet(parts, hashed, load, allFacts))
  }

  /** Tells whether `get` would give a blob now. Header and key of the blob are read and checked, its value is not. */
  async has(key: Bytes): Promise<boolean> {
    const { store } = this
    const hashed = store.hashed(checkKey(key))
    return this.calls.other(() => store.has(hashed))
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
    return this.orderedKeys.list(start, hash, checkChoice(order, 'order', ORDERS))
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
    const hash = this.hashOf(namespace)
    return this.calls.other(() => this.store.purge(hash, durability))
  }

  /** Makes the key absent. Tells whether there was something under it. Rejects when that cannot be made durable. */
  async delete(key: Bytes, options: BlobWriteOptions = {}): Promise<boolean> {
    const durability = this.durabilityOf('delete', options)
    const { store } = this
    const hashed = store.hashed(checkKey(key))
    return this.calls.other(() => store.delete(hashed, durability))
  }

  /** Resolves when all that was put and deleted so far survives power loss. Rejects when some of it does not. */
  async sync(): Promise<void> {
    return this.calls.other(() => this.store.sync())
  }

  /** Tells what the cache has done and holds. */
  stats(): BlobCacheStats {
    const { state, cause } = this.health
    const getOrSet = { ...this.flights.counts }
    return { state, lastError: cause, getOrSet, ...cacheStats(this.store, this.calls, this.life.earlier) }
  }

  /** Makes everything durable and lets the directory go. Rejects with the first error of a write that there was. */
  async close(): Promise<void> {
    this.closing ??= this.closeAll()
    return this.closing
  }

  /** Closes it at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
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

function checkKey(key: Bytes): Bytes {
  checkBytes(key, 'key')
  const length = bytesLength(key)
  if (length === 0) throw invalidArgument('a key of a cache must not be empty')
  if (length <= KEY_BYTES_MAX) return key
  throw new VarveError('KEY_TOO_LARGE', `key of ${length} bytes, at most ${KEY_BYTES_MAX} are allowed`)
}
