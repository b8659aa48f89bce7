/**
 * What: what one store of a cache hands on to the next one when the cache comes back to its disk.
 * Thread: main. There is no I/O.
 */
import type { Clock } from '../base/index.js'
import { BlobHealth } from './blob-health.js'
import type { BlobCacheEvent } from './blob-health.js'
import { MemorySegments } from './memory-segments.js'
import { SlabSupply } from './slab-supply.js'
import { Tickets } from './tickets.js'

/** Slabs that may be in memory: what is being filled and written, and what was written lately. */
const SLABS_MAX = 8

export interface StoreParts {
  readonly clock: Clock
  readonly slabs: SlabSupply
  readonly memory: MemorySegments
  readonly tickets: Tickets
  readonly health: BlobHealth
  readonly counts: ReturnType<typeof newCounts>
}

export function newStoreParts(
  slabBytes: number, clock: Clock, onEvent: ((event: BlobCacheEvent) => void) | null,
): StoreParts {
  const slabs = new SlabSupply(slabBytes, SLABS_MAX, clock)
  const health = new BlobHealth({ clock, onEvent })
  return { clock, slabs, memory: new MemorySegments(slabs), tickets: new Tickets(), health, counts: newCounts() }
}

function newCounts() {
  return {
    hits: 0, puts: 0, bytesPut: 0,
    misses: { absent: 0, expired: 0, purged: 0, collision: 0, corrupt: 0, io: 0 },
  }
}
