/** Caches as programs open them, in memory, for tests of what stands on them. */
import { systemClock } from '../../../src/base/index.js'
import { BlobCache } from '../../../src/blob-cache.js'
import type { BlobCacheOptions } from '../../../src/blob-cache.js'
import { MemoryVfs } from '../../../src/testing.js'
import type { Clock, Vfs } from '../../../src/index.js'

const MiB = 1024 * 1024

/** Opens a cache of 64 MiB, for blobs of 6, on a file system in memory. */
export function openPublicCache(
  options: Partial<BlobCacheOptions> = {}, vfs: Vfs = new MemoryVfs(),
): Promise<BlobCache> {
  const sizes = { maxBytes: 64 * MiB, maxBlobBytes: 6 * MiB }
  const { components, ...others } = options
  return BlobCache.open('/cache', { ...sizes, components: { vfs, ...components }, ...others })
}

/** The clock of the system, of which the time of the wall can be moved. */
export class MovedClock {
  movedMs = 0

  get clock(): Clock {
    return { ...systemClock, wallMs: () => Date.now() + this.movedMs }
  }
}
