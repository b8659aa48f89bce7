/** Rank 3: value logs: files of large values, each written once. */
export * from './streamed-value-log.js'
export * from './unlisted-value-log.js'
export * from './value-log-check.js'
export * from './value-log-format.js'
export * from './value-log-writer.js'
