/** Rank 1: where background work runs. */
export * from './in-thread-executor.js'
export * from './job.js'
export * from './procedure.js'
export * from './worker-count.js'
export * from './worker-executor.js'
export * from './worker-loop.js'
export { sourceId, workerSource } from './worker-source.js'
export * from './worker-start.js'
