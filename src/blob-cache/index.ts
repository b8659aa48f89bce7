/** Rank 10: a bounded cache of blobs, with files of its own. */
export { BlobCache } from './blob-cache.js'
export type {
  BlobCacheComponents, BlobCacheOptions, BlobCacheStats, BlobKeysOptions, BlobPurge, BlobPutOptions, BlobWriteOptions,
} from './blob-cache.js'
export { describeCatalog } from './catalog-dump.js'
export type { Durability, PutResult } from './durability.js'
export { formValue, valueOfForm } from './formed-value.js'
export type { KeyOrder } from './ordered-keys.js'
export { describeSegment } from './segment-dump.js'
