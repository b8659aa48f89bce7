/** Rank 5: the job of one compaction, which makes better tables of its inputs. */
export { compactionRun } from './compaction-run.js'
export type { CompactionRunInput, CompactionRunOutput } from './compaction-run.js'
export { loadMerge } from './load-merge.js'
export type { LoadMergeInput, LoadMergeOutput } from './load-merge.js'
export { loadRun } from './load-run.js'
export type { LoadRunInput, LoadRunOutput } from './load-run.js'
export type { ValueMoves } from './value-mover.js'
