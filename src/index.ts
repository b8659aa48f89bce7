/** The package's main entry. */
export { Pins, Snapshot, TableWriter, Varve, VarveError } from './api/index.js'
export type {
  BackgroundErrorStats, BackupInfo, BackupOptions, BackupResult, BatchOp, BatchWriteOptions, Bytes, CacheStats,
  CellEncoding, CheckpointFromOptions, CheckpointOptions, CheckpointResult, Clock, CollectOptions, CollectResult,
  CompactionLevelStats, CompactionRunStats, CompactionStats, CompactionStyle, CompactOptions, CompactProgress,
  Components, Compression, DatabaseState, DatabaseStats, EngineEvent, Entry, ErrorCode, ErrorDetails, Executor,
  ExecutorFactory, ExportFormat, ExportOptions, ExportReport, ExportShape, ExportSink, ExportStream, FileHoldStats,
  FileInfo, FileNum, FileRemovalReason, FilesStats, FlushStageName, FlushStats, FollowedBatch, FollowedIngest,
  FollowedKey, FollowedOperation, FollowedRange, Following, FollowingOptions, FollowOptions, HealAtOptions,
  HealedFile, HealOptions, HealReport, HeldValueLog, HoldSpec, HoldState, ImportFormat, ImportOptions, ImportReport,
  ImportShape, ImportSource, IngestMode, IngestOptions, IngestResult, Job, JobFunction, JobResult, JobTable,
  KeptFile, KeptFileReason, KeyBounds, LastRunStats, LevelNum, LevelStats, Lifetime, LoadEntry, LoadOptions,
  LoadResult, LoadSource, LockHolder, LostRange, MemoryStats, NodeWritable, OpenMode, PinInfo, PrefixRule, Problem,
  ProblemSeverity, Progress, PutOptions, Random, RangeOptions, ReadOptions, RecoveryReport, RefreshOptions,
  RefreshResult, RepairOptions, RepairReport, RestoreOptions, RestoreReport, ScrubOptions, SeqNum, SinkWriter,
  StageStats, Stats, StreamOptions, StreamReader, StreamWriteOptions, TableFileInfo, TableWriterOptions, Timer,
  ToolOptions, ToolReport, ValueLogFileStats, ValueLogHolder, ValueLogStats, ValueSource, VarveOptions, VerifyLevel,
  VerifyOptions, VerifyReport, Vfs, VfsFile, VfsLock, VfsSpec, WalStats, WriteOptions, WriteStallStats,
export { Pins, Snapshot, Varve, VarveError, View } from './api/index.js'
export type {
  AnyEncoding, BackgroundErrorStats, BatchOp, BatchWriteOptions, Bytes, CacheStats, Clock, Codec, CollectOptions,
  CollectResult, CompactionLevelStats, CompactionRunStats, CompactionStats, CompactionStyle, CompactOptions,
  CompactProgress, Components, Compression, DatabaseState, DatabaseStats, Decoded, DecodedOr, EncodingName,
  EngineEvent, Entry, ErrorCode, ErrorDetails, Executor, ExecutorFactory, FileInfo, FileNum, FileRemovalReason,
  FilesStats, FlushStageName, FlushStats, FollowedBatch, FollowedKey, FollowedOperation, FollowedRange, Following,
  FollowingOptions, FollowOptions, HeldValueLog, HoldSpec, HoldState, InnerViewOptions, Job, JobFunction, JobResult,
  JobTable, KeptFile, KeptFileReason, KeyBounds, LastRunStats, LevelNum, LevelStats, Lifetime, LockHolder,
  MemoryStats, OpenMode, PinInfo, PrefixRule, PutOptions, Random, RangeOptions, ReadOptions, RecoveryReport,
  RefreshOptions, RefreshResult, SeqNum, StageStats, Stats, StreamOptions, StreamReader, StreamWriteOptions,
  TextCodec, Timer, ValueLogFileStats, ValueLogHolder, ValueLogStats, ValueSource, VarveOptions, Vfs, VfsFile,
  VfsLock, VfsSpec, ViewBatchOp, ViewBounds, ViewEncoding, ViewOptions, ViewRange, WalStats, WriteOptions,
  WriteStallStats,
} from './api/index.js'
