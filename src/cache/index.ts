/** Rank 1: memory for things read from files. */
export * from './block-cache.js'
