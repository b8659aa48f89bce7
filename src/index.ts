/** The package's main entry. */
export { Pins, Snapshot, Varve, VarveError } from './api/index.js'
export type {
  BackgroundErrorStats, BackupInfo, BackupOptions, BackupResult, BatchOp, BatchWriteOptions, Bytes, CacheStats,
  CheckpointFromOptions, CheckpointOptions, CheckpointResult, Clock, CollectOptions, CollectResult,
  CompactionLevelStats, CompactionRunStats, CompactionStats, CompactionStyle, CompactOptions, CompactProgress,
  Components, Compression,
  DatabaseState, DatabaseStats, EngineEvent, Entry, ErrorCode, ErrorDetails, Executor, ExecutorFactory,
  FileHoldStats, FileInfo,
  FileNum, FileRemovalReason, FilesStats, FlushStageName, FlushStats, FollowedBatch, FollowedKey,
  FollowedOperation, FollowedRange, Following, FollowingOptions, FollowOptions, HeldValueLog,
  HoldSpec, HoldState, Job, JobFunction, JobResult, JobTable, KeptFile, KeptFileReason, KeyBounds,
  LastRunStats, LevelNum, LevelStats, Lifetime, LockHolder, MemoryStats, OpenMode, PinInfo, PutOptions, Random,
  PrefixRule, Problem, ProblemSeverity, Progress, RangeOptions, ReadOptions, RecoveryReport, RefreshOptions,
  RefreshResult, RestoreOptions, RestoreReport,
  SeqNum, StageStats, Stats, StreamOptions, StreamReader, StreamWriteOptions, Timer, ValueLogFileStats, ValueLogHolder,
  ToolOptions, ToolReport, ValueLogStats, ValueSource, VarveOptions, Vfs,
  VfsFile, VfsLock, VfsSpec, WalStats, WriteOptions, WriteStallStats,
} from './api/index.js'
