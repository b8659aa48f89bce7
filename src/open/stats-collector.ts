/**
 * What: `db.stats()`: gathers the numbers of an open database, or of one opened read-only, into one
 * plain object. Reads only, never throws: it must also work after a failure and after close.
 * Does not own: any number; the shape (stats/stats.ts).
 * Thread: main.
 */
import { errnoOf, VarveError } from '../base/index.js'
import type { BlockCache } from '../cache/index.js'
import { Engine, decodeRunStats, flushStats } from '../engine/index.js'
import type { Health } from '../engine/index.js'
import type { ValueLogFacts, Version } from '../manifest/index.js'
import type { PointReader, ReadView } from '../read/index.js'
import { emptyStats } from '../stats/index.js'
import type {
  BackgroundErrorStats, CacheStats, CallLatencies, CompactionStats,
  FilesStats, LevelStats, MemoryStats, Stats, ValueLogFileStats,
  ValueLogHolder, ValueLogStats, WalStats, WriteStallStats,
} from '../stats/index.js'
import type { OpenTables } from '../tables/index.js'
import { holderOf } from '../versions/index.js'
import type { ValueLogSweep } from '../versions/index.js'
import { ReadOnlyView } from './read-only.js'

export function collectStats(view: ReadView, reads: PointReader): Stats {
  const stats = emptyStats(view.dir)
  stats.reads = { getCount: reads.getCount, hitCount: reads.hitCount }
  const { open, tableCount, passedCount } = view.iterators
  stats.iterators = { activeCount: open.size, tableCount, passedCount }
  stats.database.visibleSeq = view.visibleSeqNum
  stats.latency.get = reads.latency.times.stats()
  stats.latency.step = view.iterators.steps.times.stats()
  if (view instanceof Engine) collectEngine(stats, view)
  else if (view instanceof ReadOnlyView) collectFiles(stats, view)
  return stats
}

function collectEngine(stats: Stats, engine: Engine): void {
  const { setup, versions, deleter, health, pipeline } = engine
  const { manifest } = versions
  stats.database.state = health.state
  stats.flush = flushStats(engine.flusher, engine.heldEdits.count)
  stats.wal = walStats(engine)
  stats.writes = { batchCount: pipeline.counters.batches, entryCount: pipeline.counters.entries }
  stats.compaction = compactionStats(engine)
  collectLatencies(stats.latency, engine)
  stats.writeStall = stallStats(engine)
  stats.backgroundError = errorStats(health)
  stats.recovery = setup.report
  stats.manifest = { fileNum: manifest.fileNum, fileBytes: manifest.bytes, groupCount: manifest.groupCount }
  const { deletedCount, waitingCount } = deleter
  const holds = engine.holds.stats()
  stats.files = { ...filesStats(setup.tables), deletedCount, deleteWaitingCount: waitingCount, holds }
  stats.jobs = {
    workerCount: setup.executor.workerCount,
    activeCount: setup.executor.activeCount,
    workerLostCount: setup.counts.workersLost,
  }
  stats.operations = engine.operations.stats()
  const { emittedCount, droppedCount, listenerErrorCount } = setup.events
  stats.events = { emittedCount, droppedCount, listenerErrorCount }
  stats.lock = { generation: setup.lock.generation, isHeld: health.state !== 'CLOSED' }
  stats.lastRun = setup.lastRun
  stats.cache = cacheStats(setup.cache)
  stats.memory = memoryStats(engine)
  const { count, oldest, oldestAgeMs } = engine.snapshots
  stats.snapshots = { activeCount: count, oldestSeqNum: oldest, oldestAgeMs }
  collectVersion(stats, versions.current)
  collectValueLogs(stats.valueLog, versions.current, setup.tables)
  collectRemoved(stats.valueLog, engine.valueLogSweep)
  collectValueWork(stats.valueLog, engine)
}

function collectLatencies(stats: CallLatencies, { pipeline, syncer, flusher, compactor }: Engine): void {
  stats.commit = pipeline.writer.latency.times.stats()
  stats.sync = syncer.latency.stats()
  stats.flush = flusher.latency.stats()
  stats.compaction = compactor.latency.stats()
}

/** Fills in what the files tell, since nothing runs in a read-only database. */
function collectFiles(stats: Stats, view: ReadOnlyView): void {
  const { version, replayed, tables, manifest, generation } = view.sight
  const { cache, options } = view.reading
  const { memtables } = replayed
  stats.database.state = view.isClosed ? 'CLOSED' : 'OPEN'
  stats.database.isReadOnly = true
  stats.operations = view.operations.stats()
  // The next open for writing must flush this.
  stats.flush.pending = memtables.length
  stats.flush.queue = memtables.length
  stats.wal = {
    ...stats.wal,
    logNum: replayed.lastLogNum, logCount: replayed.logCount, logBytes: replayed.logBytes,
    durableSeq: version.lastSeqNum,
  }
  stats.recovery = view.report
  stats.manifest = manifest
  stats.files = filesStats(tables)
  stats.operations = view.operations.stats()
  stats.lock = { generation, isHeld: false }
  stats.lastRun = decodeRunStats(version.flushStats)
  stats.cache = cacheStats(cache)
  const slabBytes = memtables.reduce((sum, { slab }) => sum + slab.capacity, 0)
  const memtableIndexBytes = memtables.reduce((sum, { indexBytes }) => sum + indexBytes, 0)
  stats.memory = addUp({
    ...stats.memory,
    budgetBytes: options.memoryBudget, slabBytes, memtableCount: memtables.length, memtableIndexBytes,
    ...tableBytes(tables), cacheBytes: cache.allocatedBytes, readAheadBytes: tables.valueLogs.ahead.bytes,
  })
  const { count, oldest, oldestAgeMs } = view.snapshots
  stats.snapshots = { activeCount: count, oldestSeqNum: oldest, oldestAgeMs }
  collectVersion(stats, version)
  collectValueLogs(stats.valueLog, version, tables)
  collectReads(stats.valueLog, tables)
}

/** Fills in what stands in the manifest. */
function collectVersion(stats: Stats, version: Version): void {
  stats.levels = levelStats(version)
  stats.pins = [...version.pins].map(([name, firstLogNum]) => ({ name, firstLogNum }))
}

/** What the version lists, and files of streamed values that only a log names yet. */
function collectValueLogs(stats: ValueLogStats, version: Version, { valueLogs }: OpenTables): void {
  for (const facts of [...version.valueLogs.values(), ...valueLogs.pendingLogs]) {
    const isListed = version.valueLogs.has(facts.fileNum)
    const file = valueLogFile(facts, isListed ? holderOf(facts, version) : 'log')
    stats.files.push(file)
    stats.fileCount++
    stats.fileBytes += file.fileBytes
    stats.putBytes += file.putBytes
    stats.liveBytes += file.liveBytes
    stats.garbageBytes += file.garbageBytes
    if (file.heldBy === 'pin') noteHeld(stats, file)
  }
}

function collectValueWork(
  stats: ValueLogStats, { setup, compactor: { totals, leftAlone }, versions: { current } }: Engine,
): void {
  const { promotedCount, promotedBytes, copiedCount, copiedBytes, keptCount, keptBytes } = setup.counts.flushedValues
  const { movedCount, movedBytes } = totals
  Object.assign(stats, {
    promotedCount, promotedBytes, copiedCount, copiedBytes, keptCount, keptBytes, movedCount, movedBytes,
    unreadableFiles: [...leftAlone.valueLogs.keys()].filter((fileNum) => current.valueLogs.has(fileNum)),
  } satisfies Partial<ValueLogStats>)
  collectReads(stats, setup.tables)
}

function collectReads(stats: ValueLogStats, { valueLogs: { reads } }: OpenTables): void {
  stats.readCount = reads.count
  stats.readBytes = reads.bytes
  stats.poolReadCount = reads.poolCount
}

/** What is in no version any more. */
function collectRemoved(stats: ValueLogStats, { waiting, waitingMs, removedCount }: ValueLogSweep): void {
  for (const facts of waiting) {
    const file = valueLogFile(facts, 'reader')
    stats.files.push(file)
    noteHeld(stats, file)
  }
  stats.heldMs = waitingMs
  stats.removedCount = removedCount
}

function noteHeld(stats: ValueLogStats, { fileBytes }: ValueLogFileStats): void {
  stats.heldCount++
  stats.heldBytes += fileBytes
}

function valueLogFile(
  { fileNum, isLog, bytes, putCount, putBytes, liveCount, liveBytes }: ValueLogFacts, heldBy: ValueLogHolder | null,
): ValueLogFileStats {
  const garbageBytes = Math.max(0, (isLog ? bytes : putBytes) - liveBytes)
  return { fileNum, isLog, fileBytes: bytes, putCount, putBytes, liveCount, liveBytes, garbageBytes, heldBy }
}

function levelStats(version: Version): LevelStats[] {
  return version.levels.map(({ tables }, level) => {
    const stats: LevelStats = {
      level, tableCount: tables.length, tableBytes: 0, entryCount: 0, tombstoneCount: 0, expiringCount: 0, spanCount: 0,
      rawBytes: 0, ratio: 0,
    }
    let apartBytes = 0
    for (const facts of tables) {
      stats.tableBytes += facts.bytes
      stats.entryCount += facts.entryCount
      stats.tombstoneCount += facts.tombstoneCount
      stats.expiringCount += facts.expiry?.count ?? 0
      stats.spanCount += facts.spans?.count ?? 0
      stats.rawBytes += facts.rawBytes
      for (const { valueBytes } of facts.valueFiles) apartBytes += valueBytes
    }
    if (stats.tableBytes > 0) stats.ratio = (stats.rawBytes - apartBytes) / stats.tableBytes
    return stats
  })
}

function walStats({ pipeline, syncer, openLogs, logPins }: Engine): WalStats {
  let logBytes = logPins.keptBytes
  for (const log of openLogs.values()) logBytes += log.writtenEnd
  return {
    logNum: pipeline.current.log.fileNum,
    logCount: openLogs.size + logPins.keptLogs.length,
    logBytes,
    groupCount: pipeline.counters.groups,
    writtenBytes: pipeline.counters.bytes,
    unsyncedBytes: syncer.unsyncedBytes,
    durableSeq: syncer.durableSeqNum,
    sync: syncer.syncTimes.stats(),
  }
}

function stallStats({ stalls, pipeline }: Engine): WriteStallStats {
  return { ...stalls.stats(), waitingCount: pipeline.waiting.count }
}

function compactionStats({ compactor, options, versions }: Engine): CompactionStats {
  const { running, completedCount, movedCount, coveredCount, expiredCount, agedCount, failedCount } = compactor
  const { leftAlone, totals } = compactor
  const version = versions.current
  const scores = compactor.scores(version)
  return {
    style: options.compaction.style,
    active: running.length,
    queue: scores.filter(({ score }) => score >= 1).length,
    completed: completedCount,
    moved: movedCount,
    covered: coveredCount,
    expired: expiredCount,
    aged: agedCount,
    failed: failedCount,
    readBytes: totals.readBytes,
    writtenBytes: totals.writtenBytes,
    droppedVersionCount: totals.droppedVersionCount,
    expiredCount: totals.expiredCount,
    droppedTombstoneCount: totals.droppedTombstoneCount,
    debtBytes: compactor.debtBytes(version),
    blockedTables: [...leftAlone.tables.keys()],
    run: compactor.runTimes.stats(),
    running: running.map(({ id, pick, inputBytes, control, startMs }) => ({
      id,
      reason: pick.reason,
      fromLevel: pick.inputs[0]!.level,
      toLevel: pick.outputLevel,
      inputBytes,
      doneBytes: compactor.speed.doneBytes(control),
      ageMs: options.clock.nowMs() - startMs,
    })),
    levels: scores.map(({ level, score, targetBytes }) => ({ level, score, targetBytes, ...totals.level(level) })),
  }
}

function errorStats({ cause, causePlace }: Health): BackgroundErrorStats | null {
  if (cause === null) return null
  const message = String((cause as Error | undefined)?.message ?? cause)
  const code = VarveError.is(cause) ? cause.code : errnoOf(cause) || 'INTERNAL'
  return { code, message, place: causePlace, file: VarveError.is(cause) ? cause.file ?? null : null }
}

function filesStats({ files, retiredCount }: OpenTables): FilesStats {
  const { openCount, capacity: openMaxCount, reopenedCount } = files
  return {
    deletedCount: 0, deleteWaitingCount: 0, heldCount: retiredCount, openCount, openMaxCount, reopenedCount, holds: [],
  }
}

function cacheStats(cache: BlockCache): CacheStats {
  const { capacityBytes, usedBytes, blockCount, hitCount, missCount, evictionCount } = cache
  return { capacityBytes, usedBytes, blockCount, hitCount, missCount, evictionCount }
}

/** Gives the memory that is allocated, also where it was never touched yet. */
function memoryStats({ options, setup, pipeline, state, streams }: Engine): MemoryStats {
  const { pool, tables, cache } = setup
  return addUp({
    budgetBytes: options.memoryBudget,
    slabBytes: pool.usedBytes,
    freeSlabBytes: pool.freeBytes,
    memtableCount: state.memtables.length,
    memtableIndexBytes: state.memtables.reduce((sum, { indexBytes }) => sum + indexBytes, 0),
    ...tableBytes(tables),
    cacheBytes: cache.allocatedBytes,
    readAheadBytes: tables.valueLogs.ahead.bytes,
    waitingBytes: pipeline.waiting.bytes,
    streamBytes: streams.bytes,
    totalBytes: 0,
  })
}

function tableBytes(tables: OpenTables): Pick<MemoryStats, 'tableIndexBytes' | 'filterBytes' | 'pointHashBytes'> {
  const { index, filter, pointHash } = tables.memoryLimit.bytes
  return { tableIndexBytes: index, filterBytes: filter, pointHashBytes: pointHash }
}

function addUp(memory: MemoryStats): MemoryStats {
  const { slabBytes, freeSlabBytes, memtableIndexBytes, cacheBytes, readAheadBytes, waitingBytes, streamBytes } = memory
  const { tableIndexBytes, filterBytes, pointHashBytes } = memory
  const tables = tableIndexBytes + filterBytes + pointHashBytes
  const buffers = slabBytes + freeSlabBytes + memtableIndexBytes + waitingBytes + streamBytes
  return { ...memory, totalBytes: buffers + tables + cacheBytes + readAheadBytes }
}
