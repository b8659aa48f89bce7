/** Rank 6: tables into better tables. */
export type { CompactionTask, CompactorPickers, CompactorHost, ExtraPicker } from './compaction-task.js'
export * from './compactor.js'
