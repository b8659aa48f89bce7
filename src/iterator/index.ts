/** Rank 1: iterators over iterators, and which versions must be kept. */
export * from './concat-iterator.js'
export * from './empty-iterator.js'
export * from './key-range.js'
export * from './merging-iterator.js'
export * from './retention.js'
export * from './saved-key.js'
export * from './visibility.js'
export * from './visible-iterator.js'
