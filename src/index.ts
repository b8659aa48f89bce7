/** The package's main entry. */
export {
  formatPrometheus, Pins, PROMETHEUS_CONTENT_TYPE, Snapshot, TableWriter, Varve, VarveError,
} from './api/index.js'
export type {
  BackgroundErrorStats, BackupInfo, BackupOptions, BackupResult, BatchOp, BatchWriteOptions, Bytes, CacheStats,
  CallLatencies, CellEncoding, CheckpointFromOptions, CheckpointOptions, CheckpointResult, Clock, CollectOptions,
  CollectResult, CompactionLevelStats, CompactionRunStats, CompactionStats, CompactionStyle, CompactOptions,
  CompactProgress, Components, Compression, DatabaseState, DatabaseStats, EngineEvent, Entry, ErrorCode, ErrorDetails,
  Executor, ExecutorFactory, ExportFormat, ExportOptions, ExportReport, ExportShape, ExportSink, ExportStream,
  FileHoldStats, FileInfo, FileNum, FileRemovalReason, FilesStats, FlushStageName, FlushStats, FollowedBatch,
  FollowedIngest, FollowedKey, FollowedOperation, FollowedRange, Following, FollowingOptions, FollowOptions,
  HealAtOptions, HealedFile, HealOptions, HealReport, HeldValueLog, HoldSpec, HoldState, ImportFormat, ImportOptions,
  ImportReport, ImportShape, ImportSource, IngestMode, IngestOptions, IngestResult, Job, JobFunction, JobResult,
  JobTable, KeptFile, KeptFileReason, KeyBounds, LastRunStats, LatencyStats, LevelNum, LevelStats, Lifetime,
  LoadEntry, LoadOptions, LoadResult, LoadSource, LockHolder, LostRange, MemoryStats, MetricLabels, NodeWritable,
  OpenMode, PinInfo, PrefixRule, Problem, ProblemSeverity, Progress, PrometheusOptions, PutOptions, Random,
  RangeOptions, ReadOptions, RecoveryReport, RefreshOptions, RefreshResult, RepairOptions, RepairReport,
  RestoreOptions, RestoreReport, ScrubOptions, SeqNum, SinkWriter, StageStats, StallCause, Stats, StreamOptions,
  StreamReader, StreamWriteOptions, TableFileInfo, TableWriterOptions, Timer, ToolOptions, ToolReport,
  ValueLogFileStats, ValueLogHolder, ValueLogStats, ValueSource, VarveOptions, VerifyLevel, VerifyOptions,
  VerifyReport, Vfs, VfsFile, VfsLock, VfsSpec, WalStats, WriteOptions, WriteStallStats,
} from './api/index.js'
