/** Rank 14: a blob cache as undici's store of cached answers. */
export { VarveCacheStore } from './varve-cache-store.js'
export type { VarveCacheStoreOptions } from './varve-cache-store.js'
export type { CachedAnswer, CacheKey, CacheValue } from './cached-answer.js'
