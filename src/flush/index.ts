/** Rank 5: memtables into tables. */
export * from './flush-build.js'
export * from './flush-queue.js'
export * from './flush-release.js'
export * from './flusher.js'
