/** Rank 2: one append-only buffer whose bytes are the log's bytes. */
export * from './slab-pool.js'
export * from './slab.js'
export * from './touch-slab.js'
