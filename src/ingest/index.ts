/** Rank 9: files that were made outside become part of a database, all or nothing. */
export * from './ingest-options.js'
export { ingestFiles } from './ingest.js'
export { LentEntries } from './lent-entries.js'
export * from './load-options.js'
export { TableFile } from './table-file.js'
export * from './table-file-options.js'
export { loadEntries } from './load.js'
