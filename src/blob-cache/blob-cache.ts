/**
 * What: the cache as programs see it: options and arguments are checked here, once, and nothing else is done.
 * Thread: main.
 */
import {
  bytesLength, copyBytes, hasMemory, invalidArgument, isByteView, keepAliveUntil, KEY_BYTES_MAX, MiB, systemClock,
  systemRandom, takeOptions, VarveError,
} from '../base/index.js'
import type { Bytes, Clock, Random } from '../base/index.js'
import { MemoryVfs, NodeVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import type { BlobCacheEvent, BlobCacheState, BlobHealth } from './blob-health.js'
import type { BlobStore, StoreSettings } from './blob-store.js'
import { lockCacheDirectory } from './cache-directory.js'
import { CacheLife, storeIn } from './cache-life.js'
import type { Durability, PutResult } from './durability.js'
import { getOrSet } from './get-or-set.js'
import { LoadFlights } from './load-flights.js'
import type { BlobLoad } from './load-flights.js'
import { recordTime } from './segment-format.js'
import { newStoreParts } from './store-parts.js'

/** The smallest `maxBytes`. */
const CACHE_BYTES_MIN = 32 * MiB
const SEGMENT_BYTES_MIN = MiB
const SEGMENT_BYTES_MAX = 64 * MiB
const SLAB_BYTES_MAX = 16 * MiB
const ROLL_BYTES_MAX = 4 * MiB
/** A cache has about so many segments. */
const SEGMENTS = 128
const OPEN_OPTIONS = ['maxBytes', 'durability', 'whenLocked', 'onEvent', 'components']
const GET_OR_SET_OPTIONS = ['ttl', 'staleWhileRevalidate', 'staleIfError', 'namespace', 'durability', 'signal']
const PUT_OPTIONS = ['durability', 'ttl', 'expiresAt', 'version', 'namespace']
const DURABILITIES: readonly Durability[] = ['memory', 'written', 'synced']

/** Parts that a cache is built on; each has a default where the platform has one. */
export interface BlobCacheComponents {
  /** The file system; on Node the real one. */
  vfs?: Vfs
  /** Time; on each platform its own. */
  clock?: Clock
  /** Salts and ids; by default the system's. */
  random?: Random
}

/** Options of `BlobCache.open`. An unknown one, or a value of the wrong type or size, is refused. */
export interface BlobCacheOptions {
  /**
   * Bytes that the files of the cache may take together, 32 MiB or more. What does not fit goes; blobs that are read
   * stay longer.
   */
  maxBytes: number
  /** When puts and deletes are acknowledged, unless a call says otherwise; default 'written'. */
  durability?: Durability
  /**
   * What `open` does when another process has the directory: 'throw', the default, throws LOCKED; 'memory' gives a
   * cache that is in memory only, with room for a few blobs, until it is closed.
   */
  whenLocked?: WhenLocked
  /** Called with what happens to the cache beside calls of it. */
  onEvent?: (event: BlobCacheEvent) => void
  /** Parts of the platform. */
  components?: BlobCacheComponents
}

/** What `open` does when another process has the directory. */
export type WhenLocked = 'throw' | 'memory'

/** Options of one put or delete. */
export interface BlobWriteOptions {
  /**
   * The moment at which the call is answered. With 'memory' that is at once, when it is visible; with 'written', when
   * it survives the end of this process; with 'synced', when it survives power loss too. What is lost before its moment
   * may leave an older value in its place.
   */
  durability?: Durability
}

/** Options of one put. */
export interface BlobPutOptions extends BlobWriteOptions {
  /** Milliseconds from now on after which the blob is a miss. */
  ttl?: number
  /** The time from which on the blob is a miss, in milliseconds since 1970. Not together with `ttl`. */
  expiresAt?: number
  /**
   * A whole number above 0. The blob is stored only if what is under the key has a smaller version, or none; else the
   * answer is 'too-old'. What was deleted or evicted has none.
   */
  version?: number
  /** A name under which the blob can be purged, with others. It is no part of the key. */
  namespace?: string
}

/** Options of `getOrSet`. What is stale is given by `get` too, until its time is over. */
export interface BlobGetOrSetOptions extends BlobWriteOptions {
  /** Milliseconds for which what was loaded is fresh; by default for ever. */
  ttl?: number
  /** For so many milliseconds behind `ttl` the old value is given at once, while it is loaded anew; default 0. */
  staleWhileRevalidate?: number
  /** For so many milliseconds behind `ttl` the old value is given when the load fails; default 0. */
  staleIfError?: number
  /** A name under which the blob can be purged. */
  namespace?: string
  /** Ends the wait of this caller. The load is aborted when nobody waits for it any more. */
  signal?: AbortSignal
}

/** What is purged: all that was put under a namespace, or everything. */
export type BlobPurge = { namespace: string; all?: undefined } | { all: true; namespace?: undefined }

/** Options of `keys`. */
export interface BlobKeysOptions {
  /** Only keys that begin with these bytes. */
  prefix?: Bytes
  /** Only what was put under this namespace. */
  namespace?: string
}

/** What a cache has done and holds. */
export interface BlobCacheStats {
  /** What `getOrSet` has done. */
  getOrSet: {
    /** Loads that were begun. */
    loads: number
    /** Calls that got the result of a load that was under way. */
    shared: number
    /** Calls that were given a value that was stale. */
    staleServed: number
    /** Loads that failed. */
    loadErrors: number
  }
  /**
   * How the cache stands with its disk: 'OK'; 'MEMORY' while the disk takes nothing, so that blobs are put into memory
   * only; 'CLOSED'.
   */
  state: BlobCacheState
  /** The last failure of the disk, or null. */
  lastError: unknown
  /** Blobs that a `get` may find. */
  items: number
  /** Gets that gave a value. */
  hits: number
  /** Gets that gave none, by reason. */
  misses: {
    /** There was nothing under the key. */
    absent: number
    /** The time of the blob was over. */
    expired: number
    /** The blob was purged. */
    purged: number
    /** Another key with the same hash has its place. */
    collision: number
    /** The bytes on the disk were not those that were written. */
    corrupt: number
    /** The disk could not be read. */
    io: number
  }
  /** Blobs that were put. */
  puts: number
  /** Bytes of the values that were put. */
  bytesPut: number
  /** Segments that there are. */
  segments: number
  /** Bytes of all files, with what is reserved for segments that take blobs. */
  usedBytes: number
  /** Segments that were dropped to make room. */
  evictedSegments: number
  /** Bytes of the segments that were dropped to make room. */
  evictedBytes: number
  /** Bytes of blobs that were moved on before their segment was dropped, since they had been read. */
  movedBytes: number
}

/** A bounded cache of blobs, in a directory of its own. */
export class BlobCache {
  private readonly life: CacheLife
  private readonly health: BlobHealth
  private readonly flights: LoadFlights
  private readonly clock: Clock
  private readonly durability: Durability

  private constructor(life: CacheLife, health: BlobHealth, durability: Durability, clock: Clock) {
    this.clock = clock
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
    const { maxBytes, durability, whenLocked, onEvent, vfs = new NodeVfs(), clock, random } = readOptions(options)
    const opening = openLife({ location, vfs, clock, random, onEvent, settings: settingsFor(maxBytes) }, whenLocked)
    const { life, health } = await keepAliveUntil(clock, opening)
    return new BlobCache(life, health, durability, clock)
  }

  /** Stores a value under a key. Tells whether it was stored, or why not; what was stored may be evicted later. */
  async put(key: Bytes, value: Bytes, options: BlobPutOptions = {}): Promise<PutResult> {
    const { durability = this.durability, ...facts } = takeOptions('put', PUT_OPTIONS, options, (o) => ({
      durability: o.durability, ttl: o.ttl, expiresAt: o.expiresAt, version: o.version, namespace: o.namespace,
    }))
    checkDurability(durability)
    checkValue(value)
    const { store } = this
    return store.put(store.hashed(checkKey(key)), value, durability, {
      expiresMs: this.expiryOf(facts), version: checkVersion(facts.version), namespace: this.hashOf(facts.namespace),
    })
  }

  /** Gives a copy of the value, or undefined. Every byte was checked. */
  async get(key: Bytes): Promise<Uint8Array | undefined> {
    return this.store.get(this.store.hashed(checkKey(key)))
  }

  /**
   * Gives the value of a key; where there is none, `load` makes it, and it is stored. Of each key one load is under way
   * at a time, and all who ask meanwhile get its result. It is not stored when the key was put, deleted or purged since
   * it began. Each caller has a copy of its own. Does not wait for the disk.
   */
  async getOrSet(key: Bytes, load: BlobLoad, options: BlobGetOrSetOptions = {}): Promise<Uint8Array> {
    const given = takeOptions('getOrSet', GET_OR_SET_OPTIONS, options, (o) => ({
      ttl: o.ttl, staleWhileRevalidate: o.staleWhileRevalidate, staleIfError: o.staleIfError, namespace: o.namespace,
      durability: o.durability, signal: o.signal,
    }))
    if (typeof load !== 'function') throw invalidArgument('load must be a function')
    const { clock, flights, durability } = this
    return getOrSet({ clock, flights, store: () => this.store }, this.store.hashed(checkKey(key)), load, {
      ttl: checkMs(given.ttl ?? Infinity, 'ttl'),
      staleWhileRevalidate: checkMs(given.staleWhileRevalidate ?? 0, 'staleWhileRevalidate'),
      staleIfError: checkMs(given.staleIfError ?? 0, 'staleIfError'),
      namespace: this.hashOf(given.namespace), durability: checkDurability(given.durability ?? durability),
      signal: checkSignal(given.signal),
    })
  }

  /** Tells whether `get` would give a blob now. Header and key of the blob are read and checked, its value is not. */
  async has(key: Bytes): Promise<boolean> {
    return this.store.has(this.store.hashed(checkKey(key)))
  }

  /**
   * Gives the keys of all blobs that are there, in no order. What is there all the time comes at least once; what is
   * put or moved meanwhile may come twice.
   */
  keys(options: BlobKeysOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const { prefix = '', namespace } = takeOptions('keys', ['prefix', 'namespace'], options, (o) =>
      ({ prefix: o.prefix, namespace: o.namespace }))
    checkBytes(prefix, 'prefix')
    return this.store.keys(copyBytes(prefix), this.hashOf(namespace))
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
    const { counts: { hits, misses, puts, bytesPut }, index, segments, remover, mover, usedBytes } = this.store
    const { evictedSegments, evictedBytes } = remover
    const { state, cause } = this.health
    return {
      getOrSet: { ...this.flights.counts }, state, lastError: cause, items: index.count, hits, misses: { ...misses }, puts, bytesPut, segments: segments.count, usedBytes,
      evictedSegments, evictedBytes, movedBytes: mover.movedBytes,
    }
  }

  /** Makes everything durable and lets the directory go. Rejects with the first error of a write that there was. */
  async close(): Promise<void> {
    this.flights.close()
    return this.life.close()
  }

  /** Gives the hash of a namespace's name, 0 for none. */
  private hashOf(namespace: string | undefined): number {
    if (namespace === undefined) return 0
    if (typeof namespace !== 'string' || namespace === '' || bytesLength(namespace) > KEY_BYTES_MAX) {
      throw invalidArgument(`option namespace must be a text of 1 to ${KEY_BYTES_MAX} bytes`)
    }
    return this.store.namespaceOf(namespace)
  }

  private expiryOf({ ttl, expiresAt }: { ttl: number | undefined; expiresAt: number | undefined }): number {
    if (ttl === undefined && expiresAt === undefined) return 0
    if (ttl !== undefined && expiresAt !== undefined) throw invalidArgument('put takes either ttl or expiresAt')
    const given = ttl ?? expiresAt!
    if (typeof given !== 'number' || !(given >= 0)) {
      throw invalidArgument(`option ${ttl === undefined ? 'expiresAt' : 'ttl'} must be a number of 0 or more`)
    }
    if (given === Infinity) return 0
    return Math.max(1, recordTime(ttl === undefined ? given : this.clock.wallMs() + given))
  }

  private durabilityOf(call: string, options: BlobWriteOptions): Durability {
    const given = takeOptions(call, ['durability'], options, (o) => o.durability)
    return given === undefined ? this.durability : checkDurability(given)
  }
}

function settingsFor(maxBytes: number): StoreSettings {
  const wantedBytes = Math.floor(maxBytes / SEGMENTS / 8) * 8
  const segmentBytes = Math.min(Math.max(SEGMENT_BYTES_MIN, wantedBytes), SEGMENT_BYTES_MAX)
  const rollBytes = Math.min(Math.floor(maxBytes / 256), ROLL_BYTES_MAX)
  return { maxBytes, segmentBytes, slabBytes: Math.min(segmentBytes, SLAB_BYTES_MAX), rollBytes }
}

/** What a cache with segments of any size is opened with. */
export interface LifeOptions extends Required<BlobCacheComponents> {
  location: string
  settings: StoreSettings
  onEvent: ((event: BlobCacheEvent) => void) | null
}

/** Opens a cache with segments of any size. */
export async function openLife(
  options: LifeOptions, whenLocked: WhenLocked = 'throw',
): Promise<{ life: CacheLife; health: BlobHealth }> {
  const { settings: { slabBytes }, clock, onEvent } = options
  const parts = newStoreParts(slabBytes, clock, onEvent)
  try {
    return { life: await CacheLife.open({ ...options, parts }), health: parts.health }
  } catch (error) {
    if (whenLocked === 'throw' || !VarveError.is(error) || error.code !== 'LOCKED') throw error
    const life = await CacheLife.open({ ...options, vfs: new MemoryVfs(), location: '/cache', parts })
    life.stayInMemory(error)
    return { life, health: parts.health }
  }
}

/** Opens a store with segments of any size. */
export async function openStore(
  location: string, settings: StoreSettings, { vfs, clock, random }: Required<BlobCacheComponents>,
): Promise<BlobStore> {
  const place = await lockCacheDirectory(location, vfs)
  return storeIn(place, { settings, clock, random, parts: newStoreParts(settings.slabBytes, clock, null) }, null)
}

function readOptions(options: BlobCacheOptions) {
  const given = takeOptions('cache', OPEN_OPTIONS, options, (o) => ({
    maxBytes: o.maxBytes, durability: o.durability, whenLocked: o.whenLocked, onEvent: o.onEvent,
    components: o.components,
  }))
  const { maxBytes, durability = 'written', whenLocked = 'throw', onEvent = null } = given
  if (whenLocked !== 'throw' && whenLocked !== 'memory') {
    throw invalidArgument('option whenLocked must be one of throw, memory')
  }
  if (onEvent !== null && typeof onEvent !== 'function') throw invalidArgument('option onEvent must be a function')
  if (!Number.isSafeInteger(maxBytes) || maxBytes < CACHE_BYTES_MIN) {
    throw invalidArgument(`option maxBytes must be a whole number of ${CACHE_BYTES_MIN} or more`)
  }
  const { vfs, clock = systemClock, random = systemRandom } = takeOptions(
    'components', ['vfs', 'clock', 'random'], given.components ?? {}, (parts) =>
      ({ vfs: parts.vfs, clock: parts.clock, random: parts.random }))
  return { maxBytes, durability: checkDurability(durability), whenLocked, onEvent, vfs, clock, random }
}

function checkMs(value: number, name: string): number {
  if (typeof value === 'number' && value >= 0) return value
  throw invalidArgument(`option ${name} must be a number of 0 or more`)
}

function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  throw invalidArgument('option signal must be an AbortSignal')
}

function checkVersion(version: number | undefined): number {
  if (version === undefined) return 0
  if (Number.isSafeInteger(version) && version > 0) return version
  throw invalidArgument('option version must be a whole number above 0')
}

function checkDurability(value: Durability): Durability {
  if (DURABILITIES.includes(value)) return value
  throw invalidArgument(`option durability must be one of ${DURABILITIES.join(', ')}`)
}

function checkKey(key: Bytes): Bytes {
  checkBytes(key, 'key')
  const length = bytesLength(key)
  if (length === 0) throw invalidArgument('a key of a cache must not be empty')
  if (length <= KEY_BYTES_MAX) return key
  throw new VarveError('KEY_TOO_LARGE', `key of ${length} bytes, at most ${KEY_BYTES_MAX} are allowed`)
}

function checkValue(value: Bytes): void {
  checkBytes(value, 'value')
}

function checkBytes(data: Bytes, what: string): void {
  if (typeof data === 'string' || (isByteView(data) && hasMemory(data))) return
  throw invalidArgument(`the ${what} must be a string or a Uint8Array`)
}
