/** Rank 3: the write-ahead log. */
export * from './ingest-note.js'
export * from './listed-logs.js'
export * from './log-check.js'
export * from './log-file.js'
export * from './log-format.js'
export * from './log-reader.js'
export * from './log-syncer.js'
