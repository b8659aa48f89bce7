/** The package's `varve/blob-cache`: a bounded cache of blobs in a directory of its own. */
export { BlobCache } from './blob-cache/index.js'
export type {
  BlobCacheComponents, BlobCacheEvent, BlobCacheOptions, BlobCacheState, BlobCacheStats, BlobEntry,
  BlobGetOrSetOptions, BlobKeysOptions, BlobLoad, BlobLoadContext, BlobPurge, BlobPutOptions, BlobReadOptions,
  BlobStream, BlobStreamOptions, BlobValue, BlobWriteOptions, CompressionName, Durability, KeyOrder, NotStored,
  PutResult, ReadInto, RebuiltCache, WhenLocked,
} from './blob-cache/index.js'
