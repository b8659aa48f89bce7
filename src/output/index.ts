/** Rank 4: sorted entries into new table files; flush and compaction share it. */
export * from './new-table.js'
export * from './publish-tables.js'
export * from './spare-memory.js'
