/** What: statistics before anything was counted. */
import { emptyLatencyStats } from './latency-histogram.js'
import type { Stats } from './stats.js'
import { emptyStageStats } from './stage-times.js'

/** Statistics with zeros: a collector fills them, and files alone do not tell the rest. */
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
      style: 'none', active: 0, queue: 0, completed: 0, moved: 0, covered: 0, expired: 0, aged: 0, failed: 0,
      readBytes: 0, writtenBytes: 0, droppedVersionCount: 0, expiredCount: 0, droppedTombstoneCount: 0, debtBytes: 0,
      blockedTables: [], run: emptyStageStats(), running: [], levels: [],
    },
    valueLog: {
      fileCount: 0, fileBytes: 0, putBytes: 0, liveBytes: 0, garbageBytes: 0,
      heldCount: 0, heldBytes: 0, heldMs: 0, removedCount: 0,
      promotedCount: 0, promotedBytes: 0, copiedCount: 0, copiedBytes: 0, keptCount: 0, keptBytes: 0,
      movedCount: 0, movedBytes: 0, readCount: 0, readBytes: 0, poolReadCount: 0, unreadableFiles: [], files: [],
    },
    writeStall: { state: 'none', reason: null, cause: null, stallCount: 0, totalMs: 0, waitingCount: 0 },
    cache: { capacityBytes: 0, usedBytes: 0, blockCount: 0, hitCount: 0, missCount: 0, evictionCount: 0 },
    reads: { getCount: 0, hitCount: 0 },
    writes: { batchCount: 0, entryCount: 0 },
    latency: {
      get: emptyLatencyStats(), step: emptyLatencyStats(), commit: emptyLatencyStats(),
      sync: emptyLatencyStats(), flush: emptyLatencyStats(), compaction: emptyLatencyStats(),
    },
    iterators: { activeCount: 0, tableCount: 0, passedCount: 0 },
    snapshots: { activeCount: 0, oldestSeqNum: null, oldestAgeMs: 0 },
    memory: {
      budgetBytes: 0, slabBytes: 0, freeSlabBytes: 0, memtableCount: 0, memtableIndexBytes: 0,
      tableIndexBytes: 0, filterBytes: 0, pointHashBytes: 0, cacheBytes: 0, readAheadBytes: 0, waitingBytes: 0,
      streamBytes: 0, totalBytes: 0,
    },
    backgroundError: null,
    recovery: null,
    manifest: { fileNum: 0, fileBytes: 0, groupCount: 0 },
    pins: [],
    files: {
      deletedCount: 0, deleteWaitingCount: 0, heldCount: 0, openCount: 0, openMaxCount: 0, reopenedCount: 0,
      holds: [],
    },
    jobs: { workerCount: 0, activeCount: 0, workerLostCount: 0 },
    operations: [],
    events: { emittedCount: 0, droppedCount: 0, listenerErrorCount: 0 },
    lock: { generation: 0, isHeld: false },
    lastRun: null,
  }
}
