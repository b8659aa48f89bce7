/** Rank 6: compaction, which merges tables into better tables. */
export type { CompactionTask, CompactorPickers, CompactorHost, ExtraPicker } from './compaction-task.js'
export * from './compactor.js'
