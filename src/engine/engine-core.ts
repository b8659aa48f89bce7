/**
 * What: the engine as its own parts see it (close.ts, hosts.ts, resume.ts, write-stalls.ts): its collaborators, and
 * what may be reported. Only engine.ts knows how they are wired.
 */
import type { FileNum, FileOrigin, SeqNum, Turns } from '../base/index.js'
import type { BlockCache } from '../cache/index.js'
import type { CommitPipeline, Lifetimes, WriteBuffer } from '../commit/index.js'
import type { Compactor, CompactionTask } from '../compaction/index.js'
import type { FlushedValues, Flusher, FlushTask } from '../flush/index.js'
import type { VersionEdit } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import type { ExpiryTimes } from '../pick/index.js'
import type { ReadState, Iterators, Resource } from '../read/index.js'
import type { SlabPool } from '../slab/index.js'
import type { EventBus, LastRunStats, RecoveryReport } from '../stats/index.js'
import type { OpenTables } from '../tables/index.js'
import type {
  FileDeleter, FileHolds, HeldEdits, Installer, LogPins, KeptLog, SnapshotList, ValueLogSweep, VersionSet,
} from '../versions/index.js'
import type { HeldVfs, VfsLock } from '../vfs/index.js'
import type { LogFile, LogSyncer } from '../wal/index.js'
import type { FailurePlace, Health } from './health.js'
import type { HeldExecutor } from './held-jobs.js'
import type { MemoryBudget } from './memory-budget.js'
import type { Operations } from './operations.js'
import type { ResolvedOptions } from './options.js'
import type { PatientExecutor } from './patient-executor.js'
import type { UniqueNames } from './unique-names.js'
import type { WriteBuffers } from './write-buffers.js'

/** What open.ts made ready. */
export interface EngineSetup {
  dir: string
  vfs: HeldVfs
  options: ResolvedOptions
  lock: VfsLock
  events: EventBus
  executor: HeldExecutor
  /** The executor that `executor` submits to. */
  patience: PatientExecutor
  pool: SlabPool
  cache: BlockCache
  tables: OpenTables
  memory: MemoryBudget
  versions: (onFailure: (error: unknown) => void) => VersionSet
  /** A durable log that the manifest lists. */
  firstLog: LogFile
  /** What the headers of new files say. */
  origin: FileOrigin
  names: UniqueNames
  report: RecoveryReport
  position: Uint8Array | null
  /** Logs below the pointer that pins keep. */
  keptLogs: readonly KeptLog[]
  /** Statistics of the run before this one; null when there was none. */
  lastRun: LastRunStats | null
  counts: { workersLost: number; readonly flushedValues: FlushedValues }
}

export interface EngineCore {
  readonly setup: EngineSetup
  readonly options: ResolvedOptions
  readonly health: Health
  readonly versions: VersionSet
  readonly snapshots: SnapshotList
  readonly turns: Turns
  readonly syncer: LogSyncer
  readonly buffers: WriteBuffers
  readonly pipeline: CommitPipeline
  readonly flusher: Flusher
  readonly compactor: Compactor
  readonly heldEdits: HeldEdits
  readonly logPins: LogPins
  readonly installer: Installer
  /** Files that long calls hold. */
  readonly holds: FileHolds
  readonly deleter: FileDeleter
  readonly valueLogSweep: ValueLogSweep
  /** Puts whose values are being streamed. */
  readonly operations: Operations
  readonly streams: { readonly bytes: number; end(): Promise<void> }
  readonly stalls: {
    readonly isStopped: boolean
    readonly isBarred: boolean
    noBarrier(): Promise<void>; setBarrier(step: 'jobs' | 'log sync' | null): void
    assess(): void; mustStop(batchBytes?: number): boolean; mustDelay(): boolean
    going(): Promise<void>; waitBlocking(batchBytes?: number): void; passBarrier(): void; stop(): void
  }
  readonly resumer: { resume(): Promise<void>; stop(): void; idle(): Promise<void> }
  readonly state: ReadState
  readonly visibleSeqNum: SeqNum
  /** Sealed memtables that are not in tables yet, newest first. */
  readonly immutables: readonly Memtable[]
  readonly openLogs: ReadonlyMap<FileNum, LogFile>
  /** Released logs whose handles are being closed. */
  readonly closingLogs: ReadonlySet<Promise<void>>
  readonly iterators: Iterators
  readonly expiry: {
    readonly lifetimes: Lifetimes
    times(): ExpiryTimes | null
    trustClock(): void
    lastWords(): VersionEdit
    stop(): void
  }
  /** Snapshots, and other things that a close must end. */
  readonly resources: ReadonlySet<Resource>
  readonly watch: { look(): void }
  /** Set by close.ts: nothing more is written. */
  isClosing: boolean
  /** Throws why nothing may be written. */
  checkWritable(): void
  flush(): Promise<void>
  onRotated(sealed: WriteBuffer, next: WriteBuffer): void
  onInstalled(task: FlushTask, edit: VersionEdit): void
  onCompacted(task: CompactionTask, edit: VersionEdit): void
  /** Refuses writes until the cause is gone. */
  stopWrites(place: FailurePlace, error: unknown): void
  onLogFailure(error: unknown): void
  onWriteFailure(error: unknown, buffer: WriteBuffer, cut: boolean): void
  onFlushFailed(task: FlushTask, error: unknown, willRetry: boolean): void
  failForGood(place: FailurePlace, error: unknown): void
}
