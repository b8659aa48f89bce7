/**
 * What: the location and the options of a cache, read once and checked before anything else happens.
 * Thread: main. Code of the caller runs where options are read.
 */
import {
  checkChoice, checkFlag, invalidArgument, MiB, systemClock, systemRandom, takeOptions, VarveError,
} from '../base/index.js'
import type { Clock, Random } from '../base/index.js'
import { nodeCodec } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { codecOf, findCodecs } from './blob-codec.js'
import type { BlobCodec, BlobCodecs } from './blob-codec.js'
import type { BlobCacheEvent } from './blob-health.js'
import type { Durability } from './durability.js'
import { settingsFor } from './open-cache.js'
import type { WhenLocked } from './open-cache.js'
import { checkDurability } from './put-options.js'
import type { StoreSettings } from './store-settings.js'

/** The smallest `maxBytes`. */
const CACHE_BYTES_MIN = 32 * MiB
/** The part of a cache that one blob may be, and of how many blobs of the largest size it has room. */
const BLOB_SHARE_MAX = 15 / 64
const BLOBS = 40
/** Places in a file have 32 bits. */
const BLOB_BYTES_MAX = 4 * 1024 * MiB - 128 * MiB
const NAMES = [
  'maxBytes', 'maxBlobBytes', 'durability', 'compression', 'keyIndex', 'whenLocked', 'onEvent', 'components',
]
/** What a part of the platform must have, so that something else is not taken for one. */
const PARTS: Record<keyof BlobCacheComponents, readonly string[]> = {
  vfs: ['open', 'stat', 'list', 'lock'], clock: ['nowMs', 'wallMs', 'after', 'keepAlive'], random: ['u32', 'fill'],
}

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

/** The options of a cache, checked. */
export interface CacheOptions {
  readonly settings: StoreSettings
  readonly durability: Durability
  /** With what values are compressed; null: with nothing. */
  readonly codec: BlobCodec | null
  readonly keyIndex: boolean
  readonly whenLocked: WhenLocked
  readonly onEvent: ((event: BlobCacheEvent) => void) | null
  /** Undefined: that of the platform. */
  readonly vfs: Vfs | undefined
  readonly clock: Clock
  readonly random: Random
}

/** Throws INVALID_ARGUMENT for what cannot be the path of a directory. */
export function checkLocation(location: string): void {
  if (typeof location === 'string' && location !== '' && !location.includes('\0')) return
  throw invalidArgument('the location must be the path of a directory')
}

/** Reads the options. Throws INVALID_ARGUMENT, and NOT_SUPPORTED for a codec that the platform does not have. */
export function takeCacheOptions(options: BlobCacheOptions): CacheOptions {
  const given = takeOptions('cache', NAMES, options, (o) => ({
    maxBytes: o.maxBytes, maxBlobBytes: o.maxBlobBytes, durability: o.durability, compression: o.compression,
    keyIndex: o.keyIndex, whenLocked: o.whenLocked, onEvent: o.onEvent, components: o.components,
  }))
  const { durability = 'written', compression = 'none', whenLocked = 'throw', onEvent } = given
  checkChoice(whenLocked, 'whenLocked', ['throw', 'memory'])
  if (onEvent !== undefined && typeof onEvent !== 'function') throw invalidArgument('option onEvent must be a function')
  const keyIndex = checkFlag(given.keyIndex, 'keyIndex') ?? false
  const sizes = takeSizes(given.maxBytes, given.maxBlobBytes)
  const { vfs, clock = systemClock, random = systemRandom } = takeComponents(given.components)
  const codecs = findCodecs(nodeCodec)
  return {
    settings: { ...sizes, codecs }, codec: checkCompression(codecs, compression),
    durability: checkDurability(durability), keyIndex, whenLocked, onEvent: onEvent ?? null, vfs, clock, random,
  }
}

function takeSizes(maxBytes: number, given: number | undefined): Omit<StoreSettings, 'codecs'> {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < CACHE_BYTES_MIN) {
    throw invalidArgument(`option maxBytes must be a whole number of ${CACHE_BYTES_MIN} or more`)
  }
  const largest = Math.min(BLOB_BYTES_MAX, Math.floor(maxBytes * BLOB_SHARE_MAX))
  const blobBytesMax = given ?? Math.min(largest, Math.floor(maxBytes / BLOBS))
  if (given === null || !Number.isSafeInteger(blobBytesMax) || blobBytesMax < 0 || blobBytesMax > largest) {
    throw invalidArgument(`option maxBlobBytes must be a whole number of at most ${largest}`)
  }
  return { ...settingsFor(maxBytes), blobBytesMax }
}

function takeComponents(components: BlobCacheComponents | undefined): BlobCacheComponents {
  if (components === undefined) return {}
  const names = Object.keys(PARTS)
  const given = takeOptions('components', names, components, ({ vfs, clock, random }) => ({ vfs, clock, random }))
  for (const [name, part] of Object.entries(given)) {
    if (part === undefined) continue
    const methods = PARTS[name as keyof BlobCacheComponents]
    const isPart = typeof part === 'object' && part !== null &&
      methods.every((method) => typeof (part as unknown as Record<string, unknown>)[method] === 'function')
    if (!isPart) throw invalidArgument(`option components.${name} must be an object with ${methods.join(', ')}`)
  }
  return Object.fromEntries(Object.entries(given).filter(([, part]) => part !== undefined))
}

function checkCompression(codecs: BlobCodecs, name: CompressionName): BlobCodec | null {
  checkChoice(name, 'compression', ['none', 'deflate', 'brotli', 'zstd'])
  if (name === 'none') return null
  const codec = codecOf(codecs, name)
  if (codec === null) throw new VarveError('NOT_SUPPORTED', `this platform has no codec ${name}`)
  return codec
}
