/** Rank 6: flush, which brings memtables into tables. */
export * from './flush-build.js'
export * from './flush-queue.js'
export * from './flusher.js'
export { FlushedValues } from './flushed-values.js'
export { checkReferences } from './flush-output-check.js'
export { valueLogsMax, valueSettings } from './value-rules.js'
