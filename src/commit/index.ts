/** Rank 6: the write path. */
export * from './batch-encoder.js'
export * from './check-input.js'
export * from './commit-pipeline.js'
export * from './group-writer.js'
export * from './operation-list.js'
export * from './operations.js'
export * from './waiting-writes.js'
export * from './write-buffer.js'
