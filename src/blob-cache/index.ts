/** Rank 10: a bounded cache of blobs, with files of its own. */
export { BlobCache } from './blob-cache.js'
export type {
  BlobCacheComponents, BlobCacheOptions, BlobCacheStats, BlobKeysOptions, BlobPurge, BlobPutOptions, BlobWriteOptions,
  BlobGetOrSetOptions, WhenLocked,
} from './blob-cache.js'
export type { BlobLoad, BlobLoadContext } from './load-flights.js'
export type { BlobCacheEvent, BlobCacheState } from './blob-health.js'
export { describeCatalog } from './catalog-dump.js'
export { rebuildCache } from './rebuild.js'
export type { RebuildOptions, RebuiltCache } from './rebuild.js'
export type { Durability, PutResult } from './durability.js'
export { describeSegment } from './segment-dump.js'
