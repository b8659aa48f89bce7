/**
 * What: the shape of `db.stats()`: one plain nested object. `…Count`, `…Bytes` and `…Ms` say the unit.
 * Names are API: add, do not rename. `npm run docs` makes docs/stats.md from the comments.
 */
import type { FileNum, SeqNum } from '../base/index.js'
import type { DatabaseState, KeptFileReason } from './events.js'
import type { LatencyStats } from './latency-histogram.js'
import type { StallCause } from './stall-cause.js'
import type { StageStats } from './stage-times.js'
import type {
  CacheStats, CompactionStats, FilesStats, LevelStats, MemoryStats, ValueLogStats,
} from './storage-stats.js'

/** What `db.stats()` gives: plain data of the moment of the call. Counts begin at zero with each open. */
export interface Stats {
  /** The database as a whole. */
  database: DatabaseStats
  /** Full memtables on their way into tables. */
  flush: FlushStats
  /** The logs that writes go to first. */
  wal: WalStats
  /** The tables of each level, level 0 first. */
  levels: LevelStats[]
  /** Merges of tables in the background. */
  compaction: CompactionStats
  /** Large values that stand in files of their own, and not in tables. */
  valueLog: ValueLogStats
  /** Writes that are slowed down or wait, because background work is behind. */
  writeStall: WriteStallStats
  /** The cache of table blocks. */
  cache: CacheStats
  /** Point reads: `get`, `getMany`, `has`, `entry` and their Sync forms, and `getStream`. */
  reads: {
    /** Keys that were asked for. */
    getCount: number
    /** Those of them that were there. */
    hitCount: number
  }
  /** Batches and entries written by this process; a put is a batch of one. */
  writes: {
    /** Batches that were acknowledged or are on their way into the log. */
    batchCount: number
    /** Puts and deletions in them. */
    entryCount: number
  }
  /** How long calls and background work took. Of short calls only some are measured; those that failed are not. */
  latency: CallLatencies
  /** Iterators over ranges. */
  iterators: {
    /** Iterators that are open now. */
    activeCount: number
    /** Table iterators under them: shows which tables a range skipped. */
    tableCount: number
    /** Deleted keys that iterators which have ended walked over on their way forward: what tombstones cost. */
    passedCount: number
  }
  /** Snapshots, and iterators that were open while a memtable was sealed: they keep old versions of keys alive. */
  snapshots: {
    /** Snapshots that were taken and not released, and moments that open iterators hold. */
    activeCount: number
    /** What the oldest of them sees; null without any. */
    oldestSeqNum: SeqNum | null
    /** How long ago it was taken. */
    oldestAgeMs: number
  }
  /** Memory, allocated, part by part: what `memoryBudget` bounds. */
  memory: MemoryStats
  /** The failure that decides the state now, or null. */
  backgroundError: BackgroundErrorStats | null
  /** What the open found; null without an open (statistics of files alone). */
  recovery: RecoveryReport | null
  /** The file that lists all others. */
  manifest: {
    /** Its number. */
    fileNum: FileNum
    /** Its length now. */
    fileBytes: number
    /** Groups of edits in it. */
    groupCount: number
  }
  /** Durable retention pins. */
  pins: {
    /** The name it was acquired with. */
    name: string
    /** The first log that it keeps. */
    firstLogNum: FileNum
  }[]
  /** Files of tables: open ones, and those on their way out. */
  files: FilesStats
  /** Threads for background work. */
  jobs: {
    /** Threads that this database may use; 0 does the work on the caller's thread. */
    workerCount: number
    /** Jobs that are running now. */
    activeCount: number
    /** Threads that ended while they worked for this database; their jobs run again. */
    workerLostCount: number
  }
  /** Long calls that are under way: checkpoints, scrubs, loads and the like. */
  operations: OperationStats[]
  /** Events, as `onEvent` hears them. */
  events: {
    /** Events that happened, with or without a listener. */
    emittedCount: number
    /** Events that the listener never heard, because too many waited for a pause of the caller. */
    droppedCount: number
    /** How often the listener threw. */
    listenerErrorCount: number
  }
  /** The lock on the directory. */
  lock: {
    /** Number of this holder: one more than that of the holder before. */
    generation: number
    /** Whether this database holds it; always false when it was opened read-only. */
    isHeld: boolean
  }
  /** What the last run that was closed did; null when none is known. A run that was killed leaves nothing of it. */
  lastRun: LastRunStats | null
}

/** What a long call does. */
export type OperationKind = 'checkpoint' | 'scrub' | 'heal' | 'ingest' | 'load' | 'export'

/** How long calls and background work took. */
export interface CallLatencies {
  /** Reads of a key, until the value is in memory; one of 64 is measured. */
  get: LatencyStats
  /** Steps of walks over ranges to the next entry; one of 256 is measured. */
  step: LatencyStats
  /**
   * Writes, from the first of a group that was asked for until the group is in the log and can be read; one group of 16
   * is measured. With `sync: true` the sync comes on top.
   */
  commit: LatencyStats
  /** Syncs of logs. */
  sync: LatencyStats
  /** Flushes, from the moment a memtable was full until its table took its place. */
  flush: LatencyStats
  /** Compactions. */
  compaction: LatencyStats
}

/** A long call that is under way. */
export interface OperationStats {
  /** A number that no other call of this database has. */
  id: number
  /** What it does. */
  kind: OperationKind
  /** When it began, in milliseconds since 1970. */
  startedMs: number
  /** Bytes read or written so far. */
  doneBytes: number
  /** Bytes that there are to do; null while that is not known. */
  totalBytes: number | null
  /** Files, tables or entries done so far. */
  doneCount: number
  /** How many there are to do; null while that is not known. */
  totalCount: number | null
}

/** The database as a whole. */
export interface DatabaseStats {
  /** The directory, absolute and without links. */
  location: string
  /** What the database accepts now. */
  state: DatabaseState
  /** It was opened with `readOnly: true`. */
  isReadOnly: boolean
  /** What a read that begins now sees. */
  visibleSeq: SeqNum
}

/** Full memtables on their way into tables: they wait, are built, installed, and released. */
export interface FlushStats {
  /** Memtables that are sealed and not yet in a table that readers see: `queue` and `active` together. */
  pending: number
  /** Memtables of these that wait for their build. */
  queue: number
  /** Memtables of these that are being built or installed. */
  active: number
  /** Flushed, seen by readers, and not yet durable: their logs stay. Only with `manifestSync: false`. */
  held: number
  /** Flushes that are done. */
  completed: number
  /** Attempts that failed. */
  failed: number
  /** Builds that were begun anew after a failure. */
  retried: number
  /** From the moment a memtable was full until its build began. */
  wait: StageStats
  /** Sorting, writing and syncing the table. */
  build: StageStats
  /** Giving the table its name, and making it known in the manifest. */
  install: StageStats
  /** Letting the log and the memory go. */
  release: StageStats
}

/** The logs that writes go to first. */
export interface WalStats {
  /** The log that takes writes. */
  logNum: FileNum
  /** Logs that a reopen would read, or that a pin keeps. */
  logCount: number
  /** Bytes of those logs. */
  logBytes: number
  /** Groups of batches that were written at once. */
  groupCount: number
  /** Bytes that were written to logs. */
  writtenBytes: number
  /** Bytes that no sync has covered yet. */
  unsyncedBytes: number
  /** Everything up to this number survives power loss. */
  durableSeq: SeqNum
  /** Syncs of logs. */
  sync: StageStats
}

/** Whether writes must be slower than the caller would have them. */
export interface WriteStallStats {
  /** Now: `slow` lets asynchronous writes through at a pace, `stopped` makes writers wait. */
  state: 'none' | 'slow' | 'stopped'
  /** What there is too much of; null when nothing stalls. */
  reason: string | null
  /** Which kind of reason it is, as events name it; null when nothing stalls. */
  cause: StallCause | null
  /** How often a stall began. */
  stallCount: number
  /** How long writers were held back, all together: while `stopped` all of the time, while `slow` the delays alone. */
  totalMs: number
  /** Calls that wait for room. */
  waitingCount: number
}

/** The failure that decides the state. */
export interface BackgroundErrorStats {
  /** A code of a VarveError, or what the system calls it. */
  code: string
  /** What happened. */
  message: string
  /** The operation that failed. */
  place: string
  /** The file, where it is known. */
  file: string | null
}

/** What an earlier run did, as it saved it when it was closed, or when its manifest was replaced by a shorter one. */
export interface LastRunStats {
  /** Generation of its lock: tells runs apart. */
  generation: number
  /** When this was saved: milliseconds since 1970. */
  savedMs: number
  /** How often a stall began. */
  stallCount: number
  /** How long stalls lasted, all together. */
  stallMs: number
  /** Its flushes: counts and stages as in `flush`. */
  flush: Omit<FlushStats, 'pending' | 'queue' | 'active' | 'held'>
}

/** A file under one of our names that is not part of the database and that nothing deletes by itself. */
export interface KeptFile {
  /** Its name. */
  file: string
  /**
   * Another database wrote it; it holds writes that neither the manifest nor the logs know; or it cannot be read:
   * the disk gives an error, or a later version wrote it.
   */
  reason: KeptFileReason
}

/** What the open found. */
export interface RecoveryReport {
  /** How long the open took. */
  durationMs: number
  /** Entries that were in logs and not yet in tables. */
  replayedEntryCount: number
  /** Bytes of logs that were replayed. */
  replayedBytes: number
  /** Where history ended before the last byte; null when it did not. */
  cut: {
    /** The log. */
    file: string
    /** Where its history ends. */
    offset: number
    /** Bytes that lay behind, in this log and later ones. */
    bytes: number
  } | null
  /** Files that were not finished and are removed. */
  tempFileCount: number
  /** Tables that no manifest names and are removed: what they hold is elsewhere. */
  orphanTableCount: number
  /** Value logs that no manifest names and are removed: what they hold is elsewhere. */
  orphanValueLogCount: number
  /** Files that no manifest names and that stay, for what they hold may be nowhere else: see `varve orphans`. */
  keptFiles: KeptFile[]
  /** Logs that nothing needed any more and are removed. */
  releasedLogCount: number
  /** Names in the directory that are not Varve's; they stay. */
  foreignFileCount: number
}
