/** A cache with small segments on a simulated machine. */
import { SeededRandom } from '../../../src/base/index.js'
import { findCodecs } from '../../../src/blob-cache/blob-codec.js'
import { openLife } from '../../../src/blob-cache/open-cache.js'
import type { WhenLocked } from '../../../src/blob-cache/open-cache.js'
import type { BlobCacheEvent, BlobHealth } from '../../../src/blob-cache/blob-health.js'
import type { BlobStore } from '../../../src/blob-cache/blob-store.js'
import type { StoreSettings } from '../../../src/blob-cache/store-settings.js'
import { PLAIN_MANNER } from '../../../src/blob-cache/blob-puts.js'
import type { PutManner } from '../../../src/blob-cache/blob-puts.js'
import type { CacheLife } from '../../../src/blob-cache/cache-life.js'
import { cacheStats } from '../../../src/blob-cache/cache-stats.js'
import type { StoreStats } from '../../../src/blob-cache/cache-stats.js'
import { CallMeter } from '../../../src/blob-cache/call-meter.js'
import { takeValue } from '../../../src/blob-cache/put-options.js'
import type { BlobValue } from '../../../src/blob-cache/put-options.js'
import { NO_FACTS } from '../../../src/blob-cache/durability.js'
import type { BlobFacts, Durability, PutResult } from '../../../src/blob-cache/durability.js'
import { nodeCodec } from '../../../src/vfs/index.js'
import type { SimVfs } from '../../../src/testing.js'

export const CACHE_DIR = '/cache'

/** Segments of 4 KiB; each has room for some ten small blobs. */
const SMALL_SEGMENTS: StoreSettings = {
  maxBytes: 1024 * 1024, segmentBytes: 4096, slabBytes: 4096, blobBytesMax: 65_536, rollBytes: 2048,
  codecs: findCodecs(nodeCodec),
}

/** A store with text for keys and values. */
export class TextStore {
  private readonly storeOf: () => BlobStore

  constructor(storeOf: () => BlobStore) {
    this.storeOf = storeOf
  }

  get store(): BlobStore {
    return this.storeOf()
  }

  put(
    key: string, value: BlobValue, durability: Durability = 'written', facts: Partial<BlobFacts & PutManner> = {},
  ): Promise<PutResult> {
    const { value: taken, size } = takeValue(value)
    return this.store.put({
      ...PLAIN_MANNER, size, ...facts, key: this.store.hashed(key), value: taken, durability,
      facts: { ...NO_FACTS, ...facts },
    })
  }

  async get(key: string): Promise<string | undefined> {
    const found = await this.store.get(this.store.hashed(key))
    return found === undefined ? undefined : new TextDecoder().decode(found)
  }

  has(key: string): Promise<boolean> {
    return this.store.has(this.store.hashed(key))
  }

  /** The keys that are there, sorted, each once. */
  async keys(prefix = '', namespace = 0): Promise<string[]> {
    const keys = new Set<string>()
    for await (const key of this.store.keys(new TextEncoder().encode(prefix), namespace)) {
      keys.add(new TextDecoder().decode(key))
    }
    return [...keys].sort()
  }

  delete(key: string, durability: Durability = 'written'): Promise<boolean> {
    return this.store.delete(this.store.hashed(key), durability)
  }
}

export async function openCache(vfs: SimVfs, settings: Partial<StoreSettings> = {}, seed = 1): Promise<TextStore> {
  const random = new SeededRandom(seed, 'cache')
  const { life: { store } } = await openLife({
    location: CACHE_DIR, vfs, clock: vfs.clock, random, settings: { ...SMALL_SEGMENTS, ...settings }, onEvent: null,
  })
  return new TextStore(() => store)
}

/** A cache that leaves its disk and comes back to it. */
export class LivingCache extends TextStore {
  readonly events: BlobCacheEvent[]
  private readonly life: CacheLife
  private readonly health: BlobHealth
  private readonly vfs: SimVfs

  constructor({ life, health }: { life: CacheLife; health: BlobHealth }, events: BlobCacheEvent[], vfs: SimVfs) {
    super(() => life.store)
    this.life = life
    this.health = health
    this.events = events
    this.vfs = vfs
  }

  get state(): string {
    return this.health.state
  }

  get stats(): StoreStats {
    return cacheStats(this.store, new CallMeter(this.vfs.clock), this.life.earlier)
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    for (let i = 0; i < 300; i++) await new Promise<void>((resolve) => this.vfs.clock.defer(resolve))
  }

  close(): Promise<void> {
    return this.life.close()
  }
}

export async function openLiving(
  vfs: SimVfs, settings: Partial<StoreSettings> = {}, whenLocked: WhenLocked = 'throw',
): Promise<LivingCache> {
  const events: BlobCacheEvent[] = []
  const options = {
    location: CACHE_DIR, vfs, clock: vfs.clock, random: new SeededRandom(1, 'cache'),
    settings: { ...SMALL_SEGMENTS, ...settings }, onEvent: (event: BlobCacheEvent) => void events.push(event),
  }
  return new LivingCache(await openLife(options, whenLocked), events, vfs)
}
