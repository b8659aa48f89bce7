/** Rank 10: a bounded cache of blobs, with files of its own. */
export { BlobCache } from './blob-cache.js'
export type {
  BlobCacheComponents, BlobCacheOptions, BlobCacheStats, BlobKeysOptions, BlobPurge,
  CompressionName,
} from './blob-cache.js'
export type { WhenLocked } from './open-cache.js'
export type { BlobPutOptions, BlobValue, BlobWriteOptions } from './put-options.js'
export type { BlobEntry } from './blob-entry.js'
export type { BlobCacheEvent, BlobCacheState } from './blob-health.js'
export type { ReadInto } from './blob-parts.js'
export type { BlobStream } from './blob-stream.js'
export { describeCatalog } from './catalog-dump.js'
export type { Durability, NotStored, PutResult } from './durability.js'
export type { BlobGetOrSetOptions } from './get-or-set-options.js'
export type { BlobLoad, BlobLoadContext } from './load-flights.js'
export type { BlobReadOptions, BlobStreamOptions } from './read-options.js'
export type { RebuiltCache } from './rebuild.js'
export { describeSegment } from './segment-dump.js'
