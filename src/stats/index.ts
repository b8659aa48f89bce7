/** Rank 1: what the engine tells about itself. */
export * from './empty-stats.js'
export * from './event-bus.js'
export * from './events.js'
export * from './latency-histogram.js'
export * from './stage-times.js'
export * from './stats-text.js'
export * from './stats.js'
export * from './storage-stats.js'
