/**
 * What: everything that an open database reports as it happens: one stream for logs, tools and tests.
 * An `error` is what failed, as it was thrown; `place` names the operation that failed. `npm run docs` makes a part of
 * docs/stats.md from the comments.
 */
import type { FileNum, LevelNum } from '../base/index.js'

/** What the database accepts: OPEN and DEGRADED take writes, READ_ONLY and FAILED only reads. */
export type DatabaseState = 'OPEN' | 'DEGRADED' | 'READ_ONLY' | 'FAILED' | 'CLOSED'

/** What the component `onEvent` hears; `type` tells the kinds apart, and docs/stats.md explains each. */
export type EngineEvent =
  // Writing
  /** Writes go to a new log; the one before it is sealed. */
  | { type: 'rotated'; log: FileNum }
  /** A sync of a log has ended. */
  | { type: 'syncDone'; log: FileNum; durationMs: number }
  /** Writes are let through at a pace, or must wait. */
  | { type: 'stallBegin'; state: 'slow' | 'stopped'; reason: string }
  /** A write stall has ended, or has another state or reason now. */
  | { type: 'stallEnd'; state: 'slow' | 'stopped'; reason: string; durationMs: number }
  // Flush
  /** A sealed memtable has entered this stage; `durationMs` is that of the stage it left. */
  | { type: 'flushStage'; id: number; log: FileNum; stage: FlushStageName; durationMs: number }
  /** An attempt of a flush failed. */
  | { type: 'flushFailed'; id: number; attempts: number; willRetry: boolean; error: unknown }
  /** Readers see a new table, of a flush or of a compaction. */
  | { type: 'tableAdded'; table: FileNum; level: LevelNum; tableBytes: number; entryCount: number }
  // Value logs
  /** Tables point into a new value log: a file of its own, or a log that was promoted. */
  | { type: 'valueLogAdded'; valueLog: FileNum; isPromoted: boolean; fileBytes: number }
  /** No table points into this value log any more: its file goes as soon as nobody reads it. */
  | { type: 'valueLogRemoved'; valueLog: FileNum; fileBytes: number }
  // Compaction
  /** Tables begin to be merged. */
  | { type: 'compactionBegin'; id: number; reason: string; inputBytes: number }
  /** The tables of a compaction are merged. */
  | { type: 'compactionEnd'; id: number; outputBytes: number; durationMs: number }
  /** An attempt of a compaction failed. */
  | { type: 'compactionFailed'; id: number; willRetry: boolean; error: unknown }
  // Failures and what mends them
  /**
   * The wall clock is far behind the time up to which expired values may have been destroyed, so that was wrong, or the
   * clock is now. Nothing is destroyed until the clock has been right for a while.
   */
  | { type: 'clockBehind'; dropTimeMs: number }
  /** The database accepts something else from now on, because of `error`. */
  | { type: 'stateChanged'; state: DatabaseState; place: string; error: unknown }
  /** A scrub found bytes that are not what was written. Nothing is deleted; what else the file has is served. */
  | { type: 'damageFound'; file: string; offset: number | null; error: unknown }
  /** Work in the background failed. */
  | { type: 'backgroundError'; place: string; file: string; error: unknown }
  /** A pin held more log bytes than allowed: its follower must begin anew. */
  | { type: 'pinDropped'; name: string; firstLog: FileNum; retainedBytes: number }
  /** Writes are accepted again. */
  | { type: 'resumed' }
  /** The directory was removed, replaced or taken over: nothing more is written. Told once. */
  | { type: 'directoryLost'; error: unknown }
  /** The directory has another path now; the database goes on in it. */
  | { type: 'directoryMoved'; from: string; to: string }
  /** A log that was no longer needed could not be closed; nothing is lost. */
  | { type: 'closeFailed'; file: string; error: unknown }
  /** A worker thread ended by itself; what it was doing is tried again. */
  | { type: 'workerLost'; jobKind: string | null; error: unknown }
  /** No worker thread may be started here: the caller's thread does the work. */
  | { type: 'workersRefused'; error: unknown }
  // Open and close
  /** History ends here: unsynced writes behind it were lost with the power. */
  | { type: 'historyCut'; file: string; offset: number; bytes: number }
  /** The manifest ended with a group that a crash had torn; it never counted. Zeros behind it are among the bytes. */
  | { type: 'manifestTail'; bytes: number }
  /** The open removed a file. */
  | { type: 'fileRemoved'; file: string; reason: FileRemovalReason }
  /** The open found a file that is not part of the database, and leaves it where it is: see `varve orphans`. */
  | { type: 'fileKept'; file: string; reason: KeptFileReason }
  /** The database is closed; everything is written down in this manifest. */
  | { type: 'closed'; manifest: string }
  // A listener threw. It is reported once for each listener, and counted in `stats().events`.
  /** A listener threw; told once a listener, counted in `stats().events`. */
  | { type: 'listenerError'; error: unknown }

/** The stages of a flush, in their order. */
export type FlushStageName = 'queued' | 'building' | 'built' | 'installing' | 'released'

/**
 * Why a file was removed: an orphan was written and never named by a manifest, a temp file was not even finished, and
 * an obsolete one is no longer needed.
 */
export type FileRemovalReason = 'orphan' | 'temp' | 'obsolete'

/** Why a file that is not part of the database stays: see `recovery.keptFiles` in the statistics. */
export type KeptFileReason = 'otherDatabase' | 'unknownWrites' | 'unreadable'

/** Hears of events. */
export type EventListener = (event: EngineEvent) => void
