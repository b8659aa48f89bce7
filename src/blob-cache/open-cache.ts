/**
 * What: opens a cache with segments of any size: on its disk, or, when another process has the directory and the caller
 * wants that, in memory only.
 * Thread: main.
 */
import { MiB, VarveError } from '../base/index.js'
import type { Clock, Random } from '../base/index.js'
import { MemoryVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import type { BlobCacheEvent, BlobHealth } from './blob-health.js'
import { CacheLife } from './cache-life.js'
import { newStoreParts } from './store-parts.js'
import type { StoreSettings } from './store-settings.js'

const SEGMENT_BYTES_MIN = MiB
const SEGMENT_BYTES_MAX = 64 * MiB
const SLAB_BYTES_MAX = 16 * MiB
const ROLL_BYTES_MAX = 4 * MiB
/** A cache has about so many segments. */
const SEGMENTS = 128

/** What `open` does when another process has the directory. */
export type WhenLocked = 'throw' | 'memory'

/** The sizes of a cache of so many bytes. */
export function settingsFor(maxBytes: number): Omit<StoreSettings, 'blobBytesMax' | 'codecs'> {
  const wantedBytes = Math.floor(maxBytes / SEGMENTS / 8) * 8
  const segmentBytes = Math.min(Math.max(SEGMENT_BYTES_MIN, wantedBytes), SEGMENT_BYTES_MAX)
  const rollBytes = Math.min(Math.floor(maxBytes / 256), ROLL_BYTES_MAX)
  return { maxBytes, segmentBytes, slabBytes: Math.min(segmentBytes, SLAB_BYTES_MAX), rollBytes }
}

/** What a cache with segments of any size is opened with. */
export interface LifeOptions {
  vfs: Vfs
  clock: Clock
  random: Random
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
