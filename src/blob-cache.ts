/** The package's `varve/blob-cache`: a bounded cache of blobs in a directory of its own. */
export { BlobCache } from './blob-cache/index.js'
export type {
  BlobCacheComponents, BlobCacheEvent, BlobCacheOptions, BlobCacheState, BlobCacheStats, BlobKeysOptions, BlobPurge, BlobPutOptions, BlobWriteOptions,
  BlobGetOrSetOptions, BlobLoad, BlobLoadContext, Durability, PutResult, WhenLocked,
} from './blob-cache/index.js'
