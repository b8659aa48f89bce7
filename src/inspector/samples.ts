/**
 * What: a few numbers of the statistics, noted once a second while somebody looks, and once in ten seconds else.
 * Owns: the ring of samples: at most 3,600, none older than `historyMs` before the last. Thread: main.
 */
import type { Stats } from '../stats/index.js'

const SAMPLES_MAX = 3600
const LEVELS_SHOWN = 7

/** The names of the columns; counters count from the open on. */
export const SAMPLE_FIELDS: readonly string[] = [
  't', 'seq', 'batches', 'gets', 'hits', 'walBytes', 'syncs', 'syncMs', 'stall', 'stallMs', 'state', 'debt',
  'flushPending', 'flushHeld', 'flushes', 'compRead', 'compWritten', 'compActive', 'cacheHits', 'cacheMisses',
  'memSlabs', 'memFree', 'memIndexes', 'memTables', 'memCache', 'memOther', 'memBudget',
  'valueBytes', 'garbageBytes', 'snapshots', 'iterators', 'level0Tables', 'threadMs',
  ...Array.from({ length: LEVELS_SHOWN }, (_, level) => `level${level}`),
]

const STALLS = ['none', 'slow', 'stopped']
const STATES = ['OPEN', 'DEGRADED', 'READ_ONLY', 'FAILED', 'CLOSED']

/** Notes the statistics of a moment, and how long this thread was busy until then. */
export function sampleOf(stats: Stats, nowMs: number, threadMs: number): number[] {
  const { database, writes, reads, wal, writeStall, compaction, flush, cache, memory, valueLog, levels } = stats
  const tables = memory.tableIndexBytes + memory.filterBytes + memory.pointHashBytes
  const other = memory.readAheadBytes + memory.waitingBytes + memory.streamBytes
  return [
    nowMs, database.visibleSeq, writes.batchCount, reads.getCount, reads.hitCount, wal.writtenBytes, wal.sync.count,
    wal.sync.totalMs, STALLS.indexOf(writeStall.state), writeStall.totalMs, STATES.indexOf(database.state),
    compaction.debtBytes, flush.pending, flush.held, flush.completed, compaction.readBytes, compaction.writtenBytes,
    compaction.active, cache.hitCount, cache.missCount, memory.slabBytes, memory.freeSlabBytes,
    memory.memtableIndexBytes, tables, memory.cacheBytes, other, memory.budgetBytes, valueLog.liveBytes,
    valueLog.garbageBytes, stats.snapshots.activeCount, stats.iterators.activeCount, levels[0]?.tableCount ?? 0,
    threadMs,
    ...Array.from({ length: LEVELS_SHOWN }, (_, level) => levels[level]?.tableBytes ?? 0),
  ].map((value) => Math.round(value * 10) / 10)
}

export class SampleRing {
  private rows: number[][] = []
  private readonly historyMs: number

  constructor(historyMs: number) {
    this.historyMs = historyMs
  }

  add(row: number[]): void {
    this.rows.push(row)
    const oldest = row[0]! - this.historyMs
    let gone = Math.max(0, this.rows.length - SAMPLES_MAX)
    while (gone < this.rows.length && this.rows[gone]![0]! < oldest) gone++
    if (gone > 0) this.rows.splice(0, gone)
  }

  /** Samples taken after this time, oldest first. */
  after(timeMs: number): readonly number[][] {
    return this.rows.filter((row) => row[0]! > timeMs)
  }
}
