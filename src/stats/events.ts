/**
 * What: everything that an open database reports as it happens: one stream for logs, tools and tests.
 * An `error` is what failed, as it was thrown; `place` says at which step.
 */
import type { FileNum, LevelNum } from '../base/index.js'

/** OPEN and DEGRADED accept writes; the rest, and what leads there: docs/errors.md. */
export type DatabaseState = 'OPEN' | 'DEGRADED' | 'READ_ONLY' | 'FAILED' | 'CLOSED'

export type EngineEvent =
  // Writing
  /** Writes go to a new log; the one before it is sealed. */
  | { type: 'rotated'; log: FileNum }
  /** A background or asked-for sync of a log has ended. */
  | { type: 'syncDone'; log: FileNum; durationMs: number }
  /** Writes are let through at a pace, or must wait. */
  | { type: 'stallBegin'; state: 'slow' | 'stopped'; reason: string }
  | { type: 'stallEnd'; state: 'slow' | 'stopped'; reason: string; durationMs: number }
  // Flush
  /** A sealed memtable has entered this stage; `durationMs` is that of the stage it left. */
  | { type: 'flushStage'; id: number; log: FileNum; stage: FlushStageName; durationMs: number }
  | { type: 'flushFailed'; id: number; attempts: number; willRetry: boolean; error: unknown }
  | { type: 'tableAdded'; table: FileNum; level: LevelNum; tableBytes: number; entryCount: number }
  // Compaction
  | { type: 'compactionBegin'; id: number; reason: string; inputBytes: number }
  | { type: 'compactionEnd'; id: number; outputBytes: number; durationMs: number }
  | { type: 'compactionFailed'; id: number; willRetry: boolean; error: unknown }
  // Failures and what mends them
  | { type: 'stateChanged'; state: DatabaseState; place: string; error: unknown }
  | { type: 'backgroundError'; place: string; file: string; error: unknown }
  /** A pin held more log bytes than allowed: its follower must begin anew. */
  | { type: 'pinDropped'; name: string; firstLog: FileNum; retainedBytes: number }
  | { type: 'resumed' }
  | { type: 'closeFailed'; file: string; error: unknown }
  | { type: 'workerLost'; jobKind: string | null; error: unknown }
  | { type: 'workersRefused'; error: unknown }
  // Open and close
  /** History ends here: unsynced writes behind it were lost with the power. */
  | { type: 'historyCut'; file: string; offset: number; bytes: number }
  | { type: 'manifestTail'; bytes: number }
  | { type: 'fileRemoved'; file: string; reason: FileRemovalReason }
  | { type: 'closed'; manifest: string }
  // Listening
  /** A listener threw; told once a listener, counted in `stats().events`. */
  | { type: 'listenerError'; error: unknown }

export type FlushStageName = 'queued' | 'building' | 'built' | 'installing' | 'released'

/** 'orphan': written and never named by a manifest; 'temp': not even finished; else no longer needed. */
export type FileRemovalReason = 'orphan' | 'temp' | 'obsolete'

export type EventListener = (event: EngineEvent) => void
