/** Rank 10: a bounded cache of blobs, with files of its own. */
export { BlobCache } from './blob-cache.js'
export type {
  BlobCacheComponents, BlobCacheOptions, BlobCacheStats, BlobKeysOptions, BlobPurge, CompressionName,
} from './blob-cache.js'
export type { BlobPutOptions, BlobValue, BlobWriteOptions } from './put-options.js'
export type { BlobEntry } from './blob-entry.js'
export type { ReadInto } from './blob-parts.js'
export type { BlobStream } from './blob-stream.js'
export { describeCatalog } from './catalog-dump.js'
export type { Durability, NotStored, PutResult } from './durability.js'
export { formValue, valueOfForm } from './formed-value.js'
export type { KeyOrder } from './ordered-keys.js'
export type { BlobReadOptions, BlobStreamOptions } from './read-options.js'
export { describeSegment } from './segment-dump.js'
