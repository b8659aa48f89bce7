/**
 * What: the life of an open cache: which store answers now, and the way back to the disk after it was left. Each way
 * back is an open: the files are read again, with what this process knows besides, a new catalog is made, and a new
 * store takes the place of the old one in one step. Where the directory was lost, or too much was killed meanwhile, and
 * on a disk that stays full, the new one begins empty.
 * Owns: the present store, the timer of the next attempt. Thread: main.
 * States: on the disk ⇄ in memory, then closed.
 * Invariants: BC-7 while the cache is in memory, an attempt is under way or a timer runs.
 */
import { isNoSpace, Turns, VarveError } from '../base/index.js'
import type { Clock, Random, Timer } from '../base/index.js'
import type { Vfs } from '../vfs/index.js'
import { BlobSpace } from './blob-space.js'
import { BlobStore } from './blob-store.js'
import { lockCacheDirectory } from './cache-directory.js'
import type { LockedDirectory } from './cache-directory.js'
import { countsOf } from './cache-stats.js'
import type { StoreCounts } from './cache-stats.js'
import { catalogRoomBytes } from './catalog.js'
import { Recovery } from './recovery.js'
import type { Heritage } from './recovery.js'
import type { StoreParts } from './store-parts.js'
import type { StoreSettings } from './store-settings.js'

const ATTEMPT_MS_MIN = 1000
const ATTEMPT_MS_MAX = 60_000
/** After so many attempts on a full disk the cache gives up what it has there. */
const FULL_ATTEMPTS_MAX = 3

export interface CacheLifeOptions {
  location: string
  vfs: Vfs
  clock: Clock
  random: Random
  settings: StoreSettings
  parts: StoreParts
}

export class CacheLife {
  private readonly options: CacheLifeOptions
  private storeNow: BlobStore
  private place: LockedDirectory | null
  private timer: Timer | null = null
  private attempts = 0
  private comingBack: Promise<void> | null = null
  private isClosing = false
  /** What the stores before the present one have counted. */
  earlier: StoreCounts | null = null
  /** False when the cache is in memory until it is closed: another process has the directory. */
  hasDisk = true
  /** Called when a store took the place of the one before it, in the same step. */
  onReplaced: (() => void) | null = null

  private constructor(options: CacheLifeOptions, place: LockedDirectory, store: BlobStore) {
    this.options = options
    this.place = place
    this.storeNow = store
    options.parts.health.onMemory = () => this.schedule()
  }

  static async open(options: CacheLifeOptions): Promise<CacheLife> {
    const { location, vfs } = options
    const place = await lockCacheDirectory(location, vfs)
    return new CacheLife(options, place, await storeIn(place, options, null))
  }

  /** The store that answers now. */
  get store(): BlobStore {
    return this.storeNow
  }

  /** Gives the keys of all blobs that are there, again when another store took the place of the one that gave them. */
  keys(prefix: Uint8Array, namespace: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { storeNow } = this
    return this.keysFrom(storeNow, storeNow.keys(prefix, namespace), prefix, namespace)
  }

  private async *keysFrom(
    store: BlobStore, keys: AsyncGenerator<Uint8Array, void, undefined>, prefix: Uint8Array, namespace: number,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    yield* keys
    if (this.storeNow !== store) yield* this.keys(prefix, namespace)
  }

  /** Goes on in memory until it is closed: another process has the directory. */
  stayInMemory(reason: unknown): void {
    this.hasDisk = false
    this.storeNow.retreat.leave(reason)
  }

  private schedule(): void {
    if (this.isClosing || !this.hasDisk || this.timer !== null) return
    const { clock } = this.options
    const delayMs = Math.min(ATTEMPT_MS_MAX, ATTEMPT_MS_MIN * 2 ** this.attempts)
    this.timer = clock.after(delayMs, () => {
      this.timer = null
      this.comingBack = this.attempt().finally(() => {
        this.comingBack = null
        if (this.options.parts.health.state === 'MEMORY') this.schedule()
      })
    })
  }

  private async attempt(): Promise<void> {
    const { parts: { health } } = this.options
    try {
      this.attempts++
      await this.comeBack()
      this.attempts = 0
    } catch (error) {
      health.noteComebackFailure(error)
    }
  }

  private async comeBack(): Promise<void> {
    const { options, storeNow: old } = this
    const { health } = options.parts
    await old.retreat.quiesce()
    const isFull = isNoSpace(health.cause) && this.attempts > FULL_ATTEMPTS_MAX
    const heritage = old.retreat.heritage(isFull)
    const place = await this.placeFor(heritage.isLost)
    const next = await storeIn(place, options, heritage)
    if (old.retreat.isDiskLost && !heritage.isEmpty) {
      await next.retreat.quiesce()
      await next.segments.close()
      throw new VarveError('IO_ERROR', 'the directory of the cache was lost on the way back to it')
    }
    // One step: from here on the new store answers.
    old.retreat.handOver(next.retreat)
    this.earlier = countsOf(old, this.earlier)
    this.storeNow = next
    this.onReplaced?.()
    health.comeBack()
    await old.segments.close()
    if (!this.isClosing) void next.retreat.drainMemory()
  }

  /** The directory, taken anew when it was lost. */
  private async placeFor(isLost: boolean): Promise<LockedDirectory> {
    const { location, vfs } = this.options
    if (isLost && this.place !== null) {
      const { lock } = this.place
      this.place = null
      await lock.release().catch(() => undefined)
    }
    this.place ??= await lockCacheDirectory(location, vfs)
    return this.place
  }

  async close(): Promise<void> {
    this.isClosing = true
    this.timer?.cancel()
    await this.comingBack
    try {
      await this.storeNow.close()
    } finally {
      this.options.parts.health.close()
    }
  }
}

/** Makes a store of what is in the directory. Lets the directory go when that fails at the first open. */
async function storeIn(
  place: LockedDirectory, { settings, random, parts }: Pick<CacheLifeOptions, 'settings' | 'random' | 'parts'>,
  heritage: Heritage | null,
): Promise<BlobStore> {
  const { maxBytes, rollBytes } = settings
  const space = new BlobSpace({ maxBytes, catalogBytes: catalogRoomBytes(rollBytes) })
  try {
    const turns = new Turns(parts.clock)
    const recovered = await new Recovery(place, random, settings, { space, turns, heritage }).run()
    return new BlobStore(place, recovered, settings, parts)
  } catch (error) {
    if (heritage === null) {
      place.vfs.end()
      await place.lock.release().catch(() => undefined)
    }
    throw error
  }
}
