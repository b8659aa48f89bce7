/** Rank 5: one compaction in a worker: tables in, better tables out. */
export { compactionRun } from './compaction-run.js'
export type { CompactionRunInput, CompactionRunOutput } from './compaction-run.js'
