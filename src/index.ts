/** The package's main entry. */
export { Pins, Snapshot, TableWriter, Varve, VarveError } from './api/index.js'
export type {
  BackgroundErrorStats, BatchOp, BatchWriteOptions, Bytes, CacheStats, Clock, CollectOptions, CollectResult,
  CompactionLevelStats, CompactionRunStats, CompactionStats, CompactionStyle, CompactOptions, CompactProgress,
  Components, Compression,
  DatabaseState, DatabaseStats, EngineEvent, Entry, ErrorCode, ErrorDetails, Executor, ExecutorFactory, FileInfo,
  FileNum, FileRemovalReason, FilesStats, FlushStageName, FlushStats, FollowedBatch, FollowedIngest, FollowedKey,
  FollowedOperation, FollowedRange, FollowOptions, HeldValueLog,
  HoldSpec, HoldState, IngestMode, IngestOptions, IngestResult, Job,
  JobFunction, JobResult, JobTable, KeptFile, KeptFileReason, KeyBounds,
  LastRunStats, LevelNum, LevelStats, Lifetime, LoadEntry, LoadOptions, LoadResult,
  LoadSource, LockHolder, MemoryStats, OpenMode, PinInfo, PutOptions, Random,
  PrefixRule, Progress, RangeOptions, ReadOptions, RecoveryReport,
  SeqNum, StageStats, Stats, StreamOptions, StreamReader, StreamWriteOptions, TableFileInfo,
  TableWriterOptions, Timer, ToolOptions, ValueLogFileStats, ValueLogHolder,
  ValueLogStats, ValueSource, VarveOptions, Vfs,
  VfsFile, VfsLock, VfsSpec, WalStats, WriteOptions, WriteStallStats,
} from './api/index.js'
