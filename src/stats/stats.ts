/**
 * What: the shape of `db.stats()`: one plain nested object. `…Count`, `…Bytes` and `…Ms` say the unit.
 * Names are API: add, do not rename.
 */
import type { FileNum, LevelNum, SeqNum } from '../base/index.js'
import { emptyStageStats } from './stage-times.js'
import type { StageStats } from './stage-times.js'
import type { DatabaseState } from './events.js'

export interface Stats {
  database: DatabaseStats
  flush: FlushStats
  wal: WalStats
  levels: LevelStats[]
  compaction: CompactionStats
  valueLog: ValueLogStats
  writeStall: WriteStallStats
  cache: CacheStats
  reads: { getCount: number; hitCount: number }
  /** Batches and entries written by this process; a put is a batch of one. */
  writes: { batchCount: number; entryCount: number }
  /**
   * `tableCount`: table iterators under them; shows which tables a range skipped. `passedCount`: deleted keys
   * that those which have ended walked over on their way forward; shows what tombstones cost.
   */
  iterators: { activeCount: number; tableCount: number; passedCount: number }
  snapshots: { activeCount: number; oldestSeqNum: SeqNum | null; oldestAgeMs: number }
  memory: MemoryStats
  /** The failure that decides the state now, or null. */
  backgroundError: BackgroundErrorStats | null
  /** What the open found; null without an open (statistics of files alone). */
  recovery: RecoveryReport | null
  manifest: { fileNum: FileNum; fileBytes: number; groupCount: number }
  /** Durable retention pins: the first log each keeps. */
  pins: { name: string; firstLogNum: FileNum }[]
  files: FilesStats
  jobs: { workerCount: number; activeCount: number; workerLostCount: number }
  events: { emittedCount: number; droppedCount: number; listenerErrorCount: number }
  lock: { generation: number; isHeld: boolean }
  /** What the run before this one did, as far as it could still save; null when none is known. */
  lastRun: LastRunStats | null
}

export interface FilesStats {
  deletedCount: number
  deleteWaitingCount: number
  /** Tables that no version lists any more and somebody still reads. */
  heldCount: number
  /** Tables whose files are open now. */
  openCount: number
  /** So many may be open: `maxOpenFiles`, or what the process may have for tables of all its databases. */
  openMaxCount: number
  /** How often a read opened one again that was closed for another. */
  reopenedCount: number
}

export interface DatabaseStats {
  location: string
  state: DatabaseState
  isReadOnly: boolean
  /** What a read that begins now sees. */
  visibleSeq: SeqNum
}

export interface FlushStats {
  /** Memtables that are sealed and not yet in a table that readers see: queue + active. */
  pending: number
  /** Of these, waiting for their build. */
  queue: number
  /** Of these, being built or installed. */
  active: number
  /** Flushed, seen by readers, and not yet durable: their logs stay. Only with `manifestSync: false`. */
  held: number
  completed: number
  failed: number
  retried: number
  wait: StageStats
  build: StageStats
  install: StageStats
  release: StageStats
}

export interface WalStats {
  /** The log that takes writes. */
  logNum: FileNum
  /** Logs that a reopen would read, or that a pin keeps. */
  logCount: number
  logBytes: number
  /** Groups of batches written at once. */
  groupCount: number
  writtenBytes: number
  unsyncedBytes: number
  /** Everything up to this number survives power loss. */
  durableSeq: SeqNum
  sync: StageStats
}

export interface LevelStats {
  level: LevelNum
  tableCount: number
  tableBytes: number
  entryCount: number
  tombstoneCount: number
  /** Keys and values as the user gave them. */
  rawBytes: number
}

export interface CompactionStats {
  style: string
  active: number
  /** Levels that ask for work. */
  queue: number
  completed: number
  /** Tables or groups of them that only changed their level. */
  moved: number
  failed: number
  readBytes: number
  writtenBytes: number
  droppedVersionCount: number
  droppedTombstoneCount: number
  /** Bytes that must still be merged until every level is within its size. */
  debtBytes: number
  /** Numbers of corrupt tables, left alone. */
  blockedTables: FileNum[]
  run: StageStats
  running: CompactionRunStats[]
  levels: CompactionLevelStats[]
}

export interface CompactionRunStats {
  id: number
  reason: string
  fromLevel: LevelNum
  toLevel: LevelNum
  inputBytes: number
  doneBytes: number
  ageMs: number
}

export interface CompactionLevelStats {
  level: LevelNum
  /** ≥ 1 asks for work. */
  score: number
  /** Bytes with which it scores 1; 0 where bytes do not decide. */
  targetBytes: number
  /** By compactions into this level, since the open. */
  readBytes: number
  writtenBytes: number
}

export interface ValueLogStats {
  fileCount: number
  fileBytes: number
  liveBytes: number
  garbageBytes: number
  files: { fileNum: FileNum; fileBytes: number; liveBytes: number; garbageBytes: number }[]
}

export interface WriteStallStats {
  state: 'none' | 'slow' | 'stopped'
  reason: string | null
  stallCount: number
  totalMs: number
  /** Calls that wait for room. */
  waitingCount: number
}

export interface CacheStats {
  capacityBytes: number
  usedBytes: number
  blockCount: number
  hitCount: number
  missCount: number
  evictionCount: number
}

export interface MemoryStats {
  /** The option `memoryBudget`, or what it came to. */
  budgetBytes: number
  /** Slabs that hold writes. */
  slabBytes: number
  /** Slabs kept for reuse. */
  freeSlabBytes: number
  memtableCount: number
  /** Hash indexes and runs of memtables. */
  memtableIndexBytes: number
  /** Of open tables; each has a point hash, or a filter in its place. */
  tableIndexBytes: number
  filterBytes: number
  pointHashBytes: number
  cacheBytes: number
  /** Copies of writes that wait for room. */
  waitingBytes: number
  /** The sum of the bytes above, the budget excepted. */
  totalBytes: number
}

export interface BackgroundErrorStats {
  code: string
  message: string
  place: string
  file: string | null
}

/** Read-only, it is the run that is going on, if one is: what its last flush saved. */
export interface LastRunStats {
  /** Its lock's: tells runs apart. */
  generation: number
  /** When this was saved: milliseconds since 1970. */
  savedMs: number
  stallCount: number
  stallMs: number
  flush: Omit<FlushStats, 'pending' | 'queue' | 'active' | 'held'>
}

export interface RecoveryReport {
  durationMs: number
  replayedEntryCount: number
  replayedBytes: number
  /** Where history ended before the last byte, and how many bytes lay behind; null when it did not. */
  cut: { file: string; offset: number; bytes: number } | null
  tempFileCount: number
  orphanTableCount: number
  releasedLogCount: number
  foreignFileCount: number
}

/** All zero: what a collector fills, and what files alone do not tell. */
export function emptyStats(location: string): Stats {
  return {
    database: { location, state: 'CLOSED', isReadOnly: false, visibleSeq: 0 },
    flush: {
      pending: 0, queue: 0, active: 0, held: 0, completed: 0, failed: 0, retried: 0,
      wait: emptyStageStats(), build: emptyStageStats(),
      install: emptyStageStats(), release: emptyStageStats(),
    },
    wal: {
      logNum: 0, logCount: 0, logBytes: 0, groupCount: 0, writtenBytes: 0, unsyncedBytes: 0,
      durableSeq: 0, sync: emptyStageStats(),
    },
    levels: [],
    compaction: {
      style: 'none', active: 0, queue: 0, completed: 0, moved: 0, failed: 0,
      readBytes: 0, writtenBytes: 0, droppedVersionCount: 0, droppedTombstoneCount: 0, debtBytes: 0,
      blockedTables: [], run: emptyStageStats(), running: [], levels: [],
    },
    valueLog: { fileCount: 0, fileBytes: 0, liveBytes: 0, garbageBytes: 0, files: [] },
    writeStall: { state: 'none', reason: null, stallCount: 0, totalMs: 0, waitingCount: 0 },
    cache: { capacityBytes: 0, usedBytes: 0, blockCount: 0, hitCount: 0, missCount: 0, evictionCount: 0 },
    reads: { getCount: 0, hitCount: 0 },
    writes: { batchCount: 0, entryCount: 0 },
    iterators: { activeCount: 0, tableCount: 0, passedCount: 0 },
    snapshots: { activeCount: 0, oldestSeqNum: null, oldestAgeMs: 0 },
    memory: {
      budgetBytes: 0, slabBytes: 0, freeSlabBytes: 0, memtableCount: 0, memtableIndexBytes: 0,
      tableIndexBytes: 0, filterBytes: 0, pointHashBytes: 0, cacheBytes: 0, waitingBytes: 0, totalBytes: 0,
    },
    backgroundError: null,
    recovery: null,
    manifest: { fileNum: 0, fileBytes: 0, groupCount: 0 },
    pins: [],
    files: {
      deletedCount: 0, deleteWaitingCount: 0, heldCount: 0, openCount: 0, openMaxCount: 0, reopenedCount: 0,
    },
    jobs: { workerCount: 0, activeCount: 0, workerLostCount: 0 },
    events: { emittedCount: 0, droppedCount: 0, listenerErrorCount: 0 },
    lock: { generation: 0, isHeld: false },
    lastRun: null,
  }
}
