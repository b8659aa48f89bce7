/** Rank 5: the job of one compaction, which makes better tables of its inputs. */
export { compactionRun } from './compaction-run.js'
export type { CompactionRunInput, CompactionRunOutput } from './compaction-run.js'
export { deepWalk, walkAll } from './deep-walk.js'
export type { DeepWalkInput, DeepWalkResult, WalkProblem } from './deep-walk.js'
export type { ValueMoves } from './value-mover.js'
