/**
 * What: which metrics there are, and what of the statistics each one is. Names are API: add, do not rename.
 * A name says its unit: seconds, bytes, or a plain count. What only ever grows while a database is open ends in
 * `_total`, and begins at 0 with each open. No label has a key or the number of a file: there would be no end of them.
 * Each family has the same labels whatever the state, so that no series comes or goes between two looks.
 * Thread: any (pure).
 */
import type { DatabaseState } from './events.js'
import type { LatencyStats } from './latency-histogram.js'
import type { StageStats } from './stage-times.js'
import { STALL_CAUSES } from './stall-cause.js'
import type { OperationKind, Stats } from './stats.js'
import type { CompactionLevelStats, LevelStats } from './storage-stats.js'

/** One number of a family: the end of its name, what tells it from the others, and the number. */
export interface MetricSample {
  readonly suffix?: '_sum' | '_count'
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** Metrics of one name. */
export interface MetricFamily {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'summary'
  /** What it is, for people. */
  readonly help: string
  readonly samples: (stats: Stats) => readonly MetricSample[]
}

const STATES: readonly DatabaseState[] = ['OPEN', 'DEGRADED', 'READ_ONLY', 'FAILED', 'CLOSED']

const OPERATIONS: Readonly<Record<OperationKind, true>> = {
  checkpoint: true, scrub: true, heal: true, ingest: true, load: true, export: true,
}

type Read = (stats: Stats) => number
type ReadAll = (stats: Stats) => Readonly<Record<string, number>>

const seconds = (ms: number): number => ms / 1000
const flag = (value: boolean): number => (value ? 1 : 0)

function one(read: Read): MetricFamily['samples'] {
  return (stats) => [{ value: read(stats) }]
}

function gauge(name: string, help: string, read: Read): MetricFamily {
  return { name, type: 'gauge', help, samples: one(read) }
}

function counter(name: string, help: string, read: Read): MetricFamily {
  return { name: `${name}_total`, type: 'counter', help, samples: one(read) }
}

/** Makes a sample of each field of what `read` gives, whose name becomes the value of a label. */
function each(label: string, read: ReadAll): MetricFamily['samples'] {
  return (stats) => Object.entries(read(stats)).map(([name, value]) => ({ labels: { [label]: name }, value }))
}

function gauges(name: string, label: string, help: string, read: ReadAll): MetricFamily {
  return { name, type: 'gauge', help, samples: each(label, read) }
}

function counters(name: string, label: string, help: string, read: ReadAll): MetricFamily {
  return { name: `${name}_total`, type: 'counter', help, samples: each(label, read) }
}

function latency(name: string, help: string, read: (stats: Stats) => LatencyStats): MetricFamily {
  const samples = (stats: Stats): MetricSample[] => {
    const { count, totalMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = read(stats)
    const quantiles: Record<string, number> = { 0.5: p50Ms, 0.9: p90Ms, 0.99: p99Ms, 0.999: p999Ms, 1: maxMs }
    return [
      ...Object.entries(quantiles).sort().map(([quantile, ms]) => ({ labels: { quantile }, value: seconds(ms) })),
      { suffix: '_sum', value: seconds(totalMs) },
      { suffix: '_count', value: count },
    ]
  }
  return { name, type: 'summary', help, samples }
}

function stages(name: string, help: string, read: (stats: Stats) => Record<string, StageStats>): MetricFamily {
  const samplesOf = ([stage, { count, totalMs }]: [string, StageStats]): MetricSample[] => [
    { suffix: '_sum', labels: { stage }, value: seconds(totalMs) },
    { suffix: '_count', labels: { stage }, value: count },
  ]
  return { name, type: 'summary', help, samples: (stats) => Object.entries(read(stats)).flatMap(samplesOf) }
}

/** A number of each level. */
function byLevel(read: (level: LevelStats) => number): ReadAll {
  return ({ levels }) => Object.fromEntries(levels.map((level) => [String(level.level), read(level)]))
}

/** A number of what compactions have to do with each level; 0 for a level of which they do not tell. */
function byCompactedLevel(read: (level: CompactionLevelStats) => number): ReadAll {
  return ({ levels, compaction }) => {
    const known = new Map(compaction.levels.map((level) => [level.level, read(level)]))
    return Object.fromEntries(levels.map(({ level }) => [String(level), known.get(level) ?? 0]))
  }
}

const DATABASE: readonly MetricFamily[] = [
  gauges('state', 'state', 'What the database accepts: 1 for its present state.', ({ database }) =>
    Object.fromEntries(STATES.map((state) => [state, flag(state === database.state)]))),
  gauge('read_only', '1 when it was opened with readOnly.', ({ database }) => flag(database.isReadOnly)),
  gauge('background_error', '1 while a failure decides the state.', (stats) => flag(stats.backgroundError !== null)),
  gauge('lock_held', '1 while this process has the lock of the directory.', ({ lock }) => flag(lock.isHeld)),
  gauge('visible_sequence', 'The number of the newest write that reads see.', ({ database }) => database.visibleSeq),
  gauge('durable_sequence', 'Writes up to this number survive power loss.', ({ wal }) => wal.durableSeq),
  gauge('open_seconds', 'How long the open took.', ({ recovery }) => seconds(recovery?.durationMs ?? 0)),
  gauge('recovery_replayed_bytes', 'Bytes of logs that the open read again.', (s) => s.recovery?.replayedBytes ?? 0),
  gauge('recovery_replayed_entries', 'Entries that the open read again.', (s) => s.recovery?.replayedEntryCount ?? 0),
  gauge('recovery_lost_bytes', 'Bytes of logs behind the end of history: unsynced writes that a power loss took.',
    ({ recovery }) => recovery?.cut?.bytes ?? 0),
  gauge('kept_files', 'Files that the open left alone and that are not part of the database: varve orphans.',
    ({ recovery }) => recovery?.keptFiles.length ?? 0),
  gauge('manifest_bytes', 'Bytes of the file that lists all others.', ({ manifest }) => manifest.fileBytes),
  gauge('manifest_groups', 'Groups of edits in that file.', ({ manifest }) => manifest.groupCount),
]

const CALLS: readonly MetricFamily[] = [
  counter('writes', 'Batches that were written; a put is a batch of one.', ({ writes }) => writes.batchCount),
  counter('write_entries', 'Puts and deletions in them.', ({ writes }) => writes.entryCount),
  counters('reads', 'found', 'Keys that were asked for, by whether they were there.', ({ reads }) =>
    ({ true: reads.hitCount, false: reads.getCount - reads.hitCount })),
  latency('get_seconds', 'Reads of a key; one of 64 is measured.', (stats) => stats.latency.get),
  latency('range_step_seconds', 'Steps of walks over ranges; one of 256 is measured.', (stats) => stats.latency.step),
  latency('commit_seconds', 'Groups of writes, until they are in the log; one of 16 is measured.',
    (stats) => stats.latency.commit),
  gauge('iterators', 'Walks over ranges that are open.', ({ iterators }) => iterators.activeCount),
  gauge('iterator_tables', 'Iterators over tables under them.', ({ iterators }) => iterators.tableCount),
  counter('iterator_passed_keys', 'Deleted keys that walks have passed.', ({ iterators }) => iterators.passedCount),
  gauge('snapshots', 'Snapshots, and moments that walks hold.', ({ snapshots }) => snapshots.activeCount),
  gauge('snapshot_oldest_age_seconds', 'Age of the oldest of them.', ({ snapshots }) => seconds(snapshots.oldestAgeMs)),
  gauges('stall_active', 'reason', 'Why writes are slow or wait now: 1 for the reason.', ({ writeStall }) =>
    Object.fromEntries(STALL_CAUSES.map((cause) => [cause, flag(cause === writeStall.cause)]))),
  gauges('stall_state', 'state', 'How far writes are held back: 1 for the present state.', ({ writeStall }) =>
    Object.fromEntries(['none', 'slow', 'stopped'].map((state) => [state, flag(state === writeStall.state)]))),
  counter('stalls', 'How often a stall began.', ({ writeStall }) => writeStall.stallCount),
  counter('stall_seconds', 'How long writes were held back.', ({ writeStall }) => seconds(writeStall.totalMs)),
  gauge('writes_waiting', 'Calls that wait for room.', ({ writeStall }) => writeStall.waitingCount),
  gauges('operations', 'kind', 'Long calls under way.', ({ operations }) => Object.fromEntries(
    Object.keys(OPERATIONS).map((kind) => [kind, operations.filter((operation) => operation.kind === kind).length]))),
]

const LOGS: readonly MetricFamily[] = [
  counter('wal_written_bytes', 'Bytes that were written to logs.', ({ wal }) => wal.writtenBytes),
  counter('wal_groups', 'Groups of batches that were written at once.', ({ wal }) => wal.groupCount),
  gauge('wal_unsynced_bytes', 'Bytes that no sync has covered yet.', ({ wal }) => wal.unsyncedBytes),
  gauge('wal_files', 'Logs that a reopen would read, or that a pin keeps.', ({ wal }) => wal.logCount),
  gauge('wal_bytes', 'Bytes of these logs.', ({ wal }) => wal.logBytes),
  gauge('pins', 'Durable pins, which keep logs.', ({ pins }) => pins.length),
  latency('wal_sync_seconds', 'Syncs of logs.', (stats) => stats.latency.sync),
  gauge('flush_pending', 'Full memtables that are not yet in a table.', ({ flush }) => flush.pending),
  gauge('flush_queued', 'Those of them that wait for their build.', ({ flush }) => flush.queue),
  gauge('flush_active', 'Those of them that are being built or installed.', ({ flush }) => flush.active),
  gauge('flush_held', 'Flushed, and not durable yet.', ({ flush }) => flush.held),
  counter('flushes', 'Flushes that are done.', ({ flush }) => flush.completed),
  counter('flush_failures', 'Attempts to flush that failed.', ({ flush }) => flush.failed),
  counter('flush_retries', 'Builds that were begun anew.', ({ flush }) => flush.retried),
  latency('flush_seconds', 'From a full memtable to its table.', (stats) => stats.latency.flush),
  stages('flush_stage_seconds', 'The stages of flushes.', ({ flush: { wait, build, install, release } }) =>
    ({ wait, build, install, release })),
]

const TABLES: readonly MetricFamily[] = [
  gauges('level_tables', 'level', 'Tables of each level.', byLevel(({ tableCount }) => tableCount)),
  gauges('level_bytes', 'level', 'Bytes of their files.', byLevel(({ tableBytes }) => tableBytes)),
  gauges('level_raw_bytes', 'level', 'Bytes of keys and values in them.', byLevel(({ rawBytes }) => rawBytes)),
  gauges('level_entries', 'level', 'Entries in them, old versions too.', byLevel(({ entryCount }) => entryCount)),
  gauges('level_tombstones', 'level', 'Deletions among these.', byLevel(({ tombstoneCount }) => tombstoneCount)),
  gauges('level_expiring_entries', 'level', 'Those that expire.', byLevel(({ expiringCount }) => expiringCount)),
  gauges('level_range_tombstones', 'level', 'Fragments of range deletions.', byLevel(({ spanCount }) => spanCount)),
  gauges('level_score', 'level', 'How much a level asks for work: from 1 on it gets some.',
    byCompactedLevel(({ score }) => score)),
  gauges('level_target_bytes', 'level', 'Bytes with which a level scores 1; 0 where bytes do not decide.',
    byCompactedLevel(({ targetBytes }) => targetBytes)),
  counters('compaction_read_bytes', 'level', 'Bytes that compactions into a level have read.',
    byCompactedLevel(({ readBytes }) => readBytes)),
  counters('compaction_written_bytes', 'level', 'Bytes that compactions into a level have written.',
    byCompactedLevel(({ writtenBytes }) => writtenBytes)),
  counters('compaction_run_seconds', 'level', 'Time that compactions into a level took.',
    byCompactedLevel(({ runMs }) => seconds(runMs))),
  latency('compaction_seconds', 'Whole compactions.', (stats) => stats.latency.compaction),
  gauge('compaction_active', 'Compactions that are running.', ({ compaction }) => compaction.active),
  gauge('compaction_queue', 'Levels that ask for work.', ({ compaction }) => compaction.queue),
  gauge('compaction_debt_bytes', 'Bytes that are to be merged until every level is within its size.',
    ({ compaction }) => compaction.debtBytes),
  counter('compactions', 'Compactions that are done.', ({ compaction }) => compaction.completed),
  counter('compaction_failures', 'Attempts to compact that failed.', ({ compaction }) => compaction.failed),
  counters('compaction_unread_tables', 'reason', 'Tables that left or moved without being read.',
    ({ compaction: { moved, covered, expired, aged } }) => ({ moved, covered, expired, aged })),
  counters('compaction_dropped_entries', 'reason', 'Entries that compactions let go.', ({ compaction }) => ({
    version: compaction.droppedVersionCount, expired: compaction.expiredCount,
    tombstone: compaction.droppedTombstoneCount,
  })),
  gauge('blocked_tables', 'Corrupt tables, which are left alone.', ({ compaction }) => compaction.blockedTables.length),
  gauge('files_open', 'Files of tables that are open.', ({ files }) => files.openCount),
  gauge('files_open_max', 'How many may be open.', ({ files }) => files.openMaxCount),
  gauge('files_held', 'Tables that left and somebody still reads.', ({ files }) => files.heldCount),
  gauge('file_holds', 'Long calls that hold files.', ({ files }) => files.holds.length),
  gauge('files_delete_waiting', 'Files that wait for their removal.', ({ files }) => files.deleteWaitingCount),
  counter('files_deleted', 'Files that are gone.', ({ files }) => files.deletedCount),
  counter('files_reopened', 'Files that a read opened again.', ({ files }) => files.reopenedCount),
]

const VALUES: readonly MetricFamily[] = [
  gauge('value_log_files', 'Files of large values.', ({ valueLog }) => valueLog.fileCount),
  gauge('value_log_bytes', 'Their bytes.', ({ valueLog }) => valueLog.fileBytes),
  gauge('value_log_live_bytes', 'Bytes of values that are reachable.', ({ valueLog }) => valueLog.liveBytes),
  gauge('value_log_garbage_bytes', 'Bytes that come back with the files.', ({ valueLog }) => valueLog.garbageBytes),
  gauge('value_log_held_files', 'Files that only readers or pins keep.', ({ valueLog }) => valueLog.heldCount),
  gauge('value_log_held_bytes', 'Their bytes.', ({ valueLog }) => valueLog.heldBytes),
  gauge('value_log_held_age_seconds', 'How long the oldest of them waits.', ({ valueLog }) => seconds(valueLog.heldMs)),
  gauge('value_log_unreadable_files', 'Files that cannot be read.', (s) => s.valueLog.unreadableFiles.length),
  counter('value_log_removed_files', 'Files that are gone.', ({ valueLog }) => valueLog.removedCount),
  counters('value_log_values', 'reason', 'Large values, by what was done with them.', ({ valueLog }) => ({
    promoted: valueLog.promotedCount, copied: valueLog.copiedCount, kept: valueLog.keptCount,
    moved: valueLog.movedCount,
  })),
  counters('value_log_value_bytes', 'reason', 'Bytes of these.', ({ valueLog }) => ({
    promoted: valueLog.promotedBytes, copied: valueLog.copiedBytes, kept: valueLog.keptBytes,
    moved: valueLog.movedBytes,
  })),
  counter('value_log_reads', 'Calls that read these files.', ({ valueLog }) => valueLog.readCount),
  counter('value_log_pool_reads', 'Those in the thread pool.', ({ valueLog }) => valueLog.poolReadCount),
  counter('value_log_read_bytes', 'Bytes that they read.', ({ valueLog }) => valueLog.readBytes),
]

const MEMORY: readonly MetricFamily[] = [
  gauge('cache_capacity_bytes', 'What the block cache may hold.', ({ cache }) => cache.capacityBytes),
  gauge('cache_bytes', 'What it holds.', ({ cache }) => cache.usedBytes),
  gauge('cache_blocks', 'Blocks in it.', ({ cache }) => cache.blockCount),
  counter('cache_hits', 'Reads that found their block in it.', ({ cache }) => cache.hitCount),
  counter('cache_misses', 'Reads that had to read their block.', ({ cache }) => cache.missCount),
  counter('cache_evictions', 'Blocks that gave way to others.', ({ cache }) => cache.evictionCount),
  gauges('memory_bytes', 'part', 'Memory that is allocated, part by part.', ({ memory }) => ({
    slabs: memory.slabBytes, free_slabs: memory.freeSlabBytes, memtable_indexes: memory.memtableIndexBytes,
    table_indexes: memory.tableIndexBytes, filters: memory.filterBytes, point_hashes: memory.pointHashBytes,
    cache: memory.cacheBytes, read_ahead: memory.readAheadBytes, waiting_writes: memory.waitingBytes,
    streams: memory.streamBytes,
  })),
  gauge('memory_budget_bytes', 'The option memoryBudget.', ({ memory }) => memory.budgetBytes),
  gauge('memtables', 'Memtables: the one that takes writes, and sealed ones.', ({ memory }) => memory.memtableCount),
  gauge('workers', 'Threads that background work may use.', ({ jobs }) => jobs.workerCount),
  gauge('jobs_active', 'Jobs that are running.', ({ jobs }) => jobs.activeCount),
  counter('workers_lost', 'Threads that ended by themselves.', ({ jobs }) => jobs.workerLostCount),
  counter('events', 'Events.', ({ events }) => events.emittedCount),
  counter('events_dropped', 'Events that nobody was told of.', ({ events }) => events.droppedCount),
  counter('listener_errors', 'How often a listener threw.', ({ events }) => events.listenerErrorCount),
]

export const METRIC_FAMILIES: readonly MetricFamily[] = [
  ...DATABASE, ...CALLS, ...LOGS, ...TABLES, ...VALUES, ...MEMORY,
]
