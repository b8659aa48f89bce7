/** Rank 10: a bounded cache of blobs, with files of its own. */
export { BlobCache } from './blob-cache.js'
export type {
  BlobCacheComponents, BlobCacheOptions, BlobCacheStats, BlobKeysOptions, BlobPurge, BlobPutOptions, BlobWriteOptions,
  WhenLocked,
} from './blob-cache.js'
export type { BlobCacheEvent, BlobCacheState } from './blob-health.js'
export { describeCatalog } from './catalog-dump.js'
export type { Durability, PutResult } from './durability.js'
export { describeSegment } from './segment-dump.js'
