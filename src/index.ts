/** The package's main entry: what of the API is public. */
export {
  Pins, Snapshot, Varve, VarveError,
} from './api/index.js'
export type {
  BatchOp, BatchWriteOptions, Bytes, Clock, Components, EngineEvent, ErrorCode, FollowedBatch, FollowedOperation,
  FollowOptions, PinInfo, Random, RangeOptions, ReadOptions, Stats, VarveOptions, WriteOptions,
} from './api/index.js'
