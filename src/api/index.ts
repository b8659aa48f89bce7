/** Rank 7: what programs import. */
export { VarveError } from '../base/index.js'
export type { Bytes, Clock, ErrorCode, Random } from '../base/index.js'
export type {
  CompactOptions, CompactProgress, Components, FollowedBatch, FollowedOperation, PinInfo, VarveOptions,
} from '../engine/index.js'
export type { EngineEvent, Stats } from '../stats/index.js'
export { Pins } from './pins.js'
export type { FollowOptions } from './pins.js'
export type { KeyBounds, RangeOptions } from './ranges.js'
export { Snapshot } from './read-options.js'
export type { ReadOptions } from './read-options.js'
export { Varve } from './varve.js'
export type { BatchOp, BatchWriteOptions, WriteOptions } from './varve.js'
