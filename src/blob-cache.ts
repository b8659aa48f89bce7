/** The package's `varve/blob-cache`: a bounded cache of blobs in a directory of its own. */
export { BlobCache } from './blob-cache/index.js'
export type {
  BlobEntry, BlobReadOptions, BlobStream, BlobStreamOptions, ReadInto,
  BlobCacheComponents, BlobCacheOptions, BlobCacheStats, BlobKeysOptions, BlobPurge, BlobPutOptions, BlobValue,
  BlobWriteOptions, CompressionName, Durability, KeyOrder, NotStored, PutResult,
} from './blob-cache/index.js'
