/** The package's main entry. */
export {
  formatPrometheus, Pins, PROMETHEUS_CONTENT_TYPE, Snapshot, TableWriter, Varve, VarveError, View,
} from './api/index.js'
export type {
  AnyEncoding, BackgroundErrorStats, BackupInfo, BackupOptions, BackupResult, BatchOp, BatchWriteOptions, Bytes,
  CacheStats, CallLatencies, CellEncoding, CheckpointFromOptions, CheckpointLogs, CheckpointMode, CheckpointOptions,
  CheckpointResult, Clock, Codec, CollectOptions, CollectResult, CompactionLevelStats, CompactionRunStats,
  CompactionStats, CompactionStyle, CompactOptions, CompactProgress, Components, Compression, DatabaseState,
  DatabaseStats, Decoded, DecodedOr, EncodingName, EngineEvent, Entry, ErrorCode, ErrorDetails, Executor,
  ExecutorFactory, ExportFormat, ExportOptions, ExportReport, ExportShape, ExportSink, ExportStream, FileHoldStats,
  FileInfo, FileNum, FileRemovalReason, FilesStats, FlushStageName, FlushStats, FollowedBatch, FollowedIngest,
  FollowedKey, FollowedOperation, FollowedRange, Following, FollowingOptions, FollowOptions, HealAtOptions,
  HealedFile, HealOptions, HealReport, HeldValueLog, HoldSpec, HoldState, ImportFormat, ImportOptions, ImportReport,
  ImportShape, ImportSource, IngestMode, IngestOptions, IngestResult, InnerViewOptions, Job, JobFunction, JobResult,
  JobTable, KeptFile, KeptFileReason, KeyBounds, LastRunStats, LatencyStats, LevelNum, LevelStats, Lifetime,
  LoadEntry, LoadOptions, LoadResult, LoadSource, LockHolder, LostRange, MemoryStats, MetricLabels, NodeWritable,
  OpenMode, OperationKind, OperationStats, PinInfo, PrefixRule, Problem, ProblemSeverity, Progress,
  PrometheusOptions, PutOptions, Random, RangeOptions, ReadOnlyFile, ReadOptions, RecoveryReport, RefreshOptions,
  RefreshResult, RepairOptions, RepairReport, RestoreOptions, RestoreReport, ScrubOption, ScrubOptions, SeqNum,
  SinkWriter, StageStats, StallCause, Stats, StreamOptions, StreamReader, StreamWriteOptions, TableFileInfo,
  TableWriterOptions, TextCodec, Timer, ToolOptions, ToolReport, ValueLogFileStats, ValueLogHolder, ValueLogStats,
  ValueSource, VarveOptions, VerifyLevel, VerifyOptions, VerifyReport, Vfs, VfsFile, VfsLock, VfsSpec, ViewBatchOp,
  ViewBounds, ViewEncoding, ViewOptions, ViewRange, WalStats, WriteOptions, WriteStallStats,
} from './api/index.js'
