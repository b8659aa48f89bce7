/** Rank 10: a bounded cache of blobs, with files of its own. */
export { BlobCache } from './blob-cache.js'
export type {
  BlobCacheComponents, BlobCacheOptions, BlobKeysOptions, BlobPurge, BlobPutOptions, BlobWriteOptions,
} from './blob-cache.js'
export type { BlobCacheStats } from './cache-stats.js'
export { describeCatalog } from './catalog-dump.js'
export type { Durability, PutResult } from './durability.js'
export { describeSegment } from './segment-dump.js'
