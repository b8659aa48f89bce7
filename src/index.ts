/** The package's main entry. */
export { Pins, Snapshot, TableWriter, Varve, VarveError } from './api/index.js'
export type {
  BackgroundErrorStats, BackupInfo, BackupOptions, BackupResult, BatchOp, BatchWriteOptions, Bytes, CacheStats,
  CellEncoding, CheckpointFromOptions, CheckpointLogs, CheckpointMode, CheckpointOptions, CheckpointResult, Clock,
  CollectOptions, CollectResult, CompactionLevelStats, CompactionRunStats, CompactionStats, CompactionStyle,
  CompactOptions, CompactProgress, Components, Compression, DatabaseState, DatabaseStats, EngineEvent, Entry,
  ErrorCode, ErrorDetails, Executor, ExecutorFactory, ExportFormat, ExportOptions, ExportReport, ExportShape,
  ExportSink, ExportStream, FileHoldStats, FileInfo, FileNum, FileRemovalReason, FilesStats, FlushStageName,
  FlushStats, FollowedBatch, FollowedIngest, FollowedKey, FollowedOperation, FollowedRange, Following,
  FollowingOptions, FollowOptions, HealAtOptions, HealedFile, HealOptions, HealReport, HeldValueLog, HoldSpec,
  HoldState, ImportFormat, ImportOptions, ImportReport, ImportShape, ImportSource, IngestMode, IngestOptions,
  IngestResult, Job, JobFunction, JobResult, JobTable, KeptFile, KeptFileReason, KeyBounds, LastRunStats, LevelNum,
  LevelStats, Lifetime, LoadEntry, LoadOptions, LoadResult, LoadSource, LockHolder, LostRange, MemoryStats,
  NodeWritable, OpenMode, OperationKind, OperationStats, PinInfo, PrefixRule, Problem, ProblemSeverity, Progress,
  PutOptions, Random, RangeOptions, ReadOnlyFile, ReadOptions, RecoveryReport, RefreshOptions, RefreshResult,
  RepairOptions, RepairReport, RestoreOptions, RestoreReport, ScrubOption, ScrubOptions, SeqNum, SinkWriter,
  StageStats, Stats, StreamOptions, StreamReader, StreamWriteOptions, TableFileInfo, TableWriterOptions, Timer,
  ToolOptions, ToolReport, ValueLogFileStats, ValueLogHolder, ValueLogStats, ValueSource, VarveOptions, VerifyLevel,
  VerifyOptions, VerifyReport, Vfs, VfsFile, VfsLock, VfsSpec, WalStats, WriteOptions, WriteStallStats,
} from './api/index.js'
