/** Rank 5: tables into better tables. */
export * from './compaction-run.js'
