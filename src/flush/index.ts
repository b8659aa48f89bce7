/** Rank 6: flush, which brings memtables into tables. */
export * from './flush-build.js'
export * from './flush-queue.js'
export * from './flusher.js'
