/** Rank 10: a bounded cache of blobs, with files of its own. */
export { BlobCache } from './blob-cache.js'
export type {
  BlobCacheComponents, BlobCacheOptions, BlobKeysOptions, BlobPurge, CompressionName,
} from './blob-cache.js'
export type { BlobPutOptions, BlobValue, BlobWriteOptions } from './put-options.js'
export type { BlobEntry } from './blob-entry.js'
export type { ReadInto } from './blob-parts.js'
export type { BlobStream } from './blob-stream.js'
export type { BlobCacheStats } from './cache-stats.js'
export { checkCache } from './cache-check.js'
export type { FileLedger } from './cache-check.js'
export { CacheView } from './cache-view.js'
export type { ViewedBlob, ViewedSegment } from './cache-view.js'
export { cacheFileName } from './cache-names.js'
export { describeCatalog } from './catalog-dump.js'
export type { Durability, NotStored, PutResult } from './durability.js'
export type { BlobReadOptions, BlobStreamOptions } from './read-options.js'
export { describeSegment } from './segment-dump.js'
