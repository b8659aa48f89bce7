/**
 * What: the parts of `db.stats()` that tell of tables, of the memory and files that they take, and of compactions.
 * Names are API: add, do not rename.
 */
import type { FileNum, LevelNum } from '../base/index.js'
import type { StageStats } from './stage-times.js'

/** Files of tables. */
export interface FilesStats {
  /** Files that were no longer needed and are gone. */
  deletedCount: number
  /** Files that are no longer needed and still there: a reader has them, or their removal failed and is tried again. */
  deleteWaitingCount: number
  /** Tables that no version lists any more and somebody still reads. */
  heldCount: number
  /** Tables whose files are open now. */
  openCount: number
  /** How many may be open: `maxOpenFiles`, or what the process may have for tables of all its databases. */
  openMaxCount: number
  /** How often a read opened a file again that was closed for another. */
  reopenedCount: number
  /** Long calls that hold files at the moment: none of these is removed before the call has ended. */
  holds: FileHoldStats[]
}

/** The files that a long call holds. */
export interface FileHoldStats {
  /** What the call is. */
  owner: string
  /** When it began to hold them, in milliseconds since 1970. */
  startedMs: number
  /** How many files it holds. */
  fileCount: number
}

/** The tables of one level. */
export interface LevelStats {
  /** Which level. */
  level: LevelNum
  /** Tables in it. */
  tableCount: number
  /** Bytes of their files. */
  tableBytes: number
  /** Entries in them, deletions and old versions too. */
  entryCount: number
  /** Deletions among them. */
  tombstoneCount: number
  /** Entries that expire, also those that have. */
  expiringCount: number
  /** Fragments into which their range deletions are cut. */
  spanCount: number
  /** Keys and values as the user gave them. */
  rawBytes: number
  /**
   * Bytes of keys and values for each byte of its files, without values that stand in value logs: above 1 it is what
   * `compression` saves; 0 when there are no tables.
   */
  ratio: number
}

/** Merges of tables in the background. */
export interface CompactionStats {
  /** The style: the option `compaction.style`. */
  style: string
  /** Compactions that are running now. */
  active: number
  /** Levels that ask for work. */
  queue: number
  /** Compactions that are done. */
  completed: number
  /** Tables, or groups of them, that only changed their level. */
  moved: number
  /** Tables that left unread, since range deletions had deleted all that was in them. */
  covered: number
  /** Tables that left unread, since all that was in them had expired. */
  expired: number
  /** Tables that left unread, since they were the oldest of more than `maxBytes`: style 'fifo'. */
  aged: number
  /** Attempts that failed. */
  failed: number
  /** Bytes of tables that compactions read. */
  readBytes: number
  /** Bytes of tables that compactions wrote. */
  writtenBytes: number
  /** Old versions of keys that nobody could see any more. */
  droppedVersionCount: number
  /** Values that had expired for everybody, and went. */
  expiredCount: number
  /** Deletions below which nothing was left to delete. */
  droppedTombstoneCount: number
  /** Bytes that must still be merged until every level is within its size. */
  debtBytes: number
  /** Numbers of corrupt tables, which are left alone. */
  blockedTables: FileNum[]
  /** Whole compactions. */
  run: StageStats
  /** Those that are running now. */
  running: CompactionRunStats[]
  /** What each level asks for, and what came into it. */
  levels: CompactionLevelStats[]
}

/** A compaction that is running. */
export interface CompactionRunStats {
  /** Tells it from others of this run; events have the same. */
  id: number
  /** Why it was begun. */
  reason: string
  /** The level that it began with. */
  fromLevel: LevelNum
  /** The level that its tables go to. */
  toLevel: LevelNum
  /** Bytes of its input tables. */
  inputBytes: number
  /** Bytes of these that it has merged. */
  doneBytes: number
  /** How long it has been running. */
  ageMs: number
}

/** What compactions have to do with one level. */
export interface CompactionLevelStats {
  /** Which level. */
  level: LevelNum
  /** How much it asks for work: from 1 on it gets some. */
  score: number
  /** Bytes with which it scores 1; 0 where bytes do not decide. */
  targetBytes: number
  /** Bytes that compactions into this level read since the open. */
  readBytes: number
  /** Bytes that compactions into this level wrote since the open. */
  writtenBytes: number
  /** Milliseconds that those compactions took, added up. */
  runMs: number
}

/** Files that tables point into for large values. */
export interface ValueLogStats {
  /** Such files. */
  fileCount: number
  /** Their bytes. */
  fileBytes: number
  /** Bytes of values that were put into them. */
  putBytes: number
  /** Bytes of values that a table points to. */
  liveBytes: number
  /**
   * Bytes that come back with the files: of values that no table points to, and in a promoted log all that is no such
   * value. At least: that a value is dead is known only when a compaction has met its entry and the newer one.
   */
  garbageBytes: number
  /** Files that no table points to any more and that are still there: somebody reads them, or a pin keeps them. */
  heldCount: number
  /** Their bytes. */
  heldBytes: number
  /** How long the oldest of those that only readers hold has been waiting for them. */
  heldMs: number
  /** Files that went since the open. */
  removedCount: number
  /** Values that flushes since the open have left where they were written: their logs became such files. */
  promotedCount: number
  /** Bytes of those values. */
  promotedBytes: number
  /** Values that flushes since the open have copied into such files. */
  copiedCount: number
  /** Bytes of those values. */
  copiedBytes: number
  /** Large values that flushes since the open have written into tables, since there were few beside them. */
  keptCount: number
  /** Bytes of those values. */
  keptBytes: number
  /** Values that collections have moved to other files since the open. */
  movedCount: number
  /** Bytes of those values. */
  movedBytes: number
  /** Calls that read such files for callers since the open; a call may read several values. */
  readCount: number
  /** Bytes that they read. */
  readBytes: number
  /** Those of the calls that went through the thread pool. */
  poolReadCount: number
  /** Files whose values cannot be moved, because they cannot be read; left alone until the next open. */
  unreadableFiles: FileNum[]
  /** Each of them. */
  files: ValueLogFileStats[]
}

/** A file that tables point into, or did. */
export interface ValueLogFileStats {
  /** Its number. */
  fileNum: FileNum
  /** It is a log, and was promoted. */
  isLog: boolean
  /** Its bytes. */
  fileBytes: number
  /** Values that were put into it. */
  putCount: number
  /** Bytes of those values. */
  putBytes: number
  /** Values in it that a table points to. */
  liveCount: number
  /** Bytes of those values. */
  liveBytes: number
  /** Bytes that come back with the file. */
  garbageBytes: number
  /** What needs it: a table, a log that was not flushed yet, a pin, a reader; null: nothing, it is about to go. */
  heldBy: ValueLogHolder | null
}

/** What keeps a value log in the directory. */
export type ValueLogHolder = 'table' | 'log' | 'pin' | 'reader'

/** The cache of table blocks. */
export interface CacheStats {
  /** What it may hold now: less than `blockCacheSize` where tables need memory for their indexes. */
  capacityBytes: number
  /** What it holds. */
  usedBytes: number
  /** Blocks in it. */
  blockCount: number
  /** Reads that found their block in it. */
  hitCount: number
  /** Reads that had to read their block from the file. */
  missCount: number
  /** Blocks that gave way to others. */
  evictionCount: number
}

/** Memory, allocated, part by part; also what was never touched yet. */
export interface MemoryStats {
  /** The option `memoryBudget`, or what it came to. */
  budgetBytes: number
  /** Slabs that hold writes. */
  slabBytes: number
  /** Slabs kept for reuse. */
  freeSlabBytes: number
  /** Memtables: the one that takes writes, and sealed ones. */
  memtableCount: number
  /** Hash indexes and runs of memtables. */
  memtableIndexBytes: number
  /** Indexes of open tables. Each table has a point hash besides, or a filter in its place. */
  tableIndexBytes: number
  /** Filters of open tables. */
  filterBytes: number
  /** Point hashes of open tables. */
  pointHashBytes: number
  /** The cache of table blocks. */
  cacheBytes: number
  /** Values that open walks have read ahead. */
  readAheadBytes: number
  /** Writes that wait for room: copies, and what their calls take. At most the budget, or 16 MiB. */
  waitingBytes: number
  /** Pieces of values that are being streamed. */
  streamBytes: number
  /** The sum of the bytes above, the budget excepted. */
  totalBytes: number
}
