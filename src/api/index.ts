/** Rank 12: what programs import. src/index.ts says what of it is public. */
export { VarveError } from '../base/index.js'
export type {
  Bytes, Clock, ErrorCode, ErrorDetails, FileNum, LevelNum, PrefixRule, Random, SeqNum,
  StreamReader, Timer, ValueSource,
} from '../base/index.js'
export type {
  CollectOptions, CollectResult, CompactOptions, CompactProgress, Components, Compression, FollowedBatch,
  FollowedIngest,
  FollowedKey,
  FollowedOperation, FollowedRange, HeldValueLog, ScrubOption, VarveOptions,
} from '../engine/index.js'
export type { Executor, ExecutorFactory, Job, JobFunction, JobResult, JobTable } from '../exec/index.js'
export type { CompactionStyle } from '../pick/index.js'
export type {
  BackgroundErrorStats, CacheStats, CallLatencies, CompactionLevelStats, CompactionRunStats, CompactionStats,
  DatabaseState, DatabaseStats, EngineEvent, FileHoldStats, FileRemovalReason, FilesStats, FlushStageName, FlushStats,
  KeptFile, KeptFileReason, LastRunStats, LatencyStats, LevelStats, MemoryStats, MetricLabels, OperationKind,
  OperationStats, PrometheusOptions, RecoveryReport, StageStats, StallCause, Stats, ValueLogFileStats, ValueLogHolder,
  ValueLogStats, WalStats, WriteStallStats,
} from '../stats/index.js'
export type { Problem, ProblemSeverity, Progress, ToolReport } from '../report/index.js'
export type { ToolOptions } from './tool-options.js'
export { formatPrometheus, PROMETHEUS_CONTENT_TYPE } from '../stats/index.js'
export type { PinInfo } from '../versions/index.js'
export type {
  FileInfo, HoldSpec, HoldState, LockHolder, OpenMode, ReadOnlyFile, Vfs, VfsFile, VfsLock, VfsSpec,
} from '../vfs/index.js'
export { TableWriter } from './bulk.js'
export type { IngestOptions, LoadOptions, TableWriterOptions } from './bulk.js'
export type {
  IngestMode, IngestResult, LoadEntry, LoadResult, LoadSource, TableFileInfo,
} from '../ingest/index.js'
export type {
  BackupInfo, BackupResult, CheckpointLogs, CheckpointMode, CheckpointResult, RestoreReport,
} from '../checkpoint/index.js'
export type {
  BackupOptions, CheckpointFromOptions, CheckpointOptions, RestoreOptions,
} from './checkpoint-call.js'
export { clearKeys } from './clear.js'
export type { FollowingOptions, RefreshOptions } from './follow-view.js'
export type { Following, RefreshResult } from '../open/index.js'
export { Pins } from './pins.js'
export type { FollowOptions } from './pins.js'
export type { KeyBounds, Lifetime } from '../commit/index.js'
export { openCursor } from './ranges.js'
export type { RangeOptions } from './ranges.js'
export { instrumentsOf } from './instruments.js'
export { heldBy, newSnapshot, pastSnapshot, Snapshot } from './read-options.js'
export type { ReadOptions } from './read-options.js'
export type { RepairOptions } from './repair-call.js'
export type { LostRange, RepairReport } from '../repair/index.js'
export type { StreamOptions } from './stream-options.js'
export type { StreamWriteOptions } from './put-stream.js'
export type { ExportOptions } from './export-call.js'
export type { ImportOptions } from './import-call.js'
export type {
  CellEncoding, ExportFormat, ExportReport, ExportShape, ExportSink, ExportStream, ImportFormat, ImportReport,
  ImportShape, ImportSource, NodeWritable, SinkWriter,
} from '../transfer/index.js'
export { Varve } from './varve.js'
export { OPEN_DATABASE_HINT, readersOf } from './varve-reads.js'
export type { Entry } from './touch.js'
export { View } from './view.js'
export type { DecodedOr, InnerViewOptions, ViewOptions } from './view.js'
export type { AnyEncoding, Codec, Decoded, EncodingName, TextCodec, ViewEncoding } from './view-codec.js'
export type { ViewBounds, ViewRange } from './view-keys.js'
export type { ViewBatchOp } from './view-operations.js'
export type { BatchOp, BatchWriteOptions, PutOptions, WriteOptions } from './write-options.js'
export type { HealedFile, HealReport, VerifyLevel, VerifyReport } from '../verify/index.js'
export type { HealAtOptions, HealOptions, ScrubOptions } from './heal-options.js'
export type { VerifyOptions } from './verify-options.js'
