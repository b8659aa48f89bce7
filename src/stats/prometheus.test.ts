/** The text for Prometheus: golden, read by a strict parser, whole, and the same series whatever the state. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectError } from '../../test/support/harness/expect-error.js'
import { assertGolden } from '../../test/support/harness/golden.js'
import { readPrometheus } from '../../test/support/text/prometheus-text.js'
import type { ReadFamily } from '../../test/support/text/prometheus-text.js'
import { emptyStats } from './empty-stats.js'
import { formatPrometheus } from './prometheus.js'
import type { Stats } from './stats.js'

/** Each number another, so that none can stand in the place of another. */
function busyStats(location = '/data/db'): Stats {
  const stats = emptyStats(location)
  stats.database = { location, state: 'DEGRADED', isReadOnly: false, visibleSeq: 1234 }
  stats.writeStall = {
    state: 'slow', reason: 'x', cause: 'compaction debt', stallCount: 3, totalMs: 1500, waitingCount: 9,
  }
  stats.backgroundError = { code: 'NO_SPACE', message: 'm', place: 'flush', file: null }
  stats.recovery = {
    durationMs: 70, replayedEntryCount: 71, replayedBytes: 72, cut: { file: 'f', offset: 1, bytes: 73 },
    tempFileCount: 74, orphanTableCount: 75, orphanValueLogCount: 76,
    keptFiles: [{ file: 'f', reason: 'unreadable' }], releasedLogCount: 77, foreignFileCount: 78,
  }
  stats.levels = [0, 1, 2].map((level) => ({
    level, tableCount: 4, tableBytes: 100, entryCount: 10, tombstoneCount: 2, expiringCount: 1, spanCount: 3,
    rawBytes: 150, ratio: 1.5,
  }))
  // A level may be missing here: it has no score in some styles.
  stats.compaction.levels = [{ level: 1, score: 0.5, targetBytes: 200, readBytes: 21, writtenBytes: 22, runMs: 2300 }]
  stats.compaction.blockedTables = [5]
  stats.compaction.running = [
    { id: 1, reason: 'size', fromLevel: 0, toLevel: 1, inputBytes: 5, doneBytes: 4, ageMs: 3 },
  ]
  stats.valueLog.unreadableFiles = [7]
  stats.valueLog.files = [{
    fileNum: 7, isLog: false, fileBytes: 1, putCount: 1, putBytes: 1, liveCount: 1, liveBytes: 1, garbageBytes: 0,
    heldBy: 'table',
  }]
  stats.files.holds = [{ owner: 'checkpoint', startedMs: 1, fileCount: 2 }]
  stats.pins = [{ name: 'follower', firstLogNum: 3 }]
  stats.operations = [
    { id: 1, kind: 'load', startedMs: 5, doneBytes: 6, totalBytes: null, doneCount: 7, totalCount: null },
  ]
  stats.latency.get = { count: 64, totalMs: 6.4, p50Ms: 0.1, p90Ms: 0.2, p99Ms: 0.3, p999Ms: 0.4, maxMs: 0.5 }
  stats.lastRun = { generation: 1, savedMs: 2, stallCount: 3, stallMs: 4, flush: stats.flush }
  return stats
}

function seriesOf(families: ReadonlyMap<string, ReadFamily>): string[] {
  return [...families.values()].flatMap(({ samples }) =>
    samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]))).sort()
}

test('the text is as it was, and a strict parser takes it', () => {
  const text = formatPrometheus(busyStats())
  readPrometheus(text)
  assertGolden('metrics.txt', text)
})

test('values are in base units, and where they belong', () => {
  const families = readPrometheus(formatPrometheus(busyStats()))
  const value = (name: string, labels: Record<string, string> = {}): number => {
    const family = families.get(name) ?? families.get(name.replace(/_(sum|count)$/, ''))!
    const found = family.samples.filter((sample) => sample.name === name &&
      Object.entries(labels).every(([label, text]) => sample.labels[label] === text))
    assert.equal(found.length, 1, name)
    return found[0]!.value
  }
  assert.equal(value('varve_stall_seconds_total'), 1.5)
  assert.equal(value('varve_stall_active', { reason: 'compaction debt' }), 1)
  assert.equal(value('varve_stall_active', { reason: 'large writes' }), 0)
  assert.equal(value('varve_state', { state: 'DEGRADED' }), 1)
  assert.equal(value('varve_state', { state: 'OPEN' }), 0)
  assert.equal(value('varve_get_seconds', { quantile: '0.999' }), 0.0004)
  assert.equal(value('varve_get_seconds', { quantile: '1' }), 0.0005)
  assert.equal(value('varve_get_seconds_sum'), 0.0064)
  assert.equal(value('varve_get_seconds_count'), 64)
  assert.equal(value('varve_compaction_run_seconds_total', { level: '1' }), 2.3)
  assert.equal(value('varve_compaction_written_bytes_total', { level: '2' }), 0)
  assert.equal(value('varve_operations', { kind: 'load' }), 1)
  assert.equal(value('varve_recovery_lost_bytes'), 73)
})

test('no series comes or goes, whatever the state', () => {
  const empty = emptyStats('/data/db')
  empty.levels = busyStats().levels
  assert.deepEqual(
    seriesOf(readPrometheus(formatPrometheus(empty))), seriesOf(readPrometheus(formatPrometheus(busyStats()))))
})

test('labels are escaped, and read back as they were', () => {
  for (const location of ['/a"b', 'C:\\db', 'line\nbreak', '\\"\n', '/db/größe \u202e', '', '{}=,']) {
    const families = readPrometheus(formatPrometheus(busyStats(location), { labels: { host: location } }))
    for (const { samples } of families.values()) {
      for (const { labels } of samples) assert.deepEqual([labels['database'], labels['host']], [location, location])
    }
  }
})

test('several databases stand together under each name', () => {
  const both = [busyStats('/data/a'), busyStats('/data/b')]
  const families = readPrometheus(formatPrometheus(both, {
    prefix: 'app:store', labels: ({ database }) => ({ database: database.location.slice(-1) }),
  }))
  assert.deepEqual(families.get('app:store_writes_total')!.samples.map(({ labels }) => labels['database']), ['a', 'b'])
  assert.equal(formatPrometheus([]), formatPrometheus([], { prefix: 'varve' }))
})

test('what Prometheus would not take is refused', () => {
  const stats = busyStats()
  for (const options of [
    { prefix: '' }, { prefix: '1a' }, { prefix: 'a-b' }, { prefix: 5 },
    { labels: { '1a': '' } }, { labels: { __a: '' } },
    { labels: { level: '' } }, { labels: { quantile: '' } }, { labels: { a: 1 } }, { labels: [] },
    { labels: () => null },
    { label: {} }, null, [], 'varve',
  ]) expectError(() => formatPrometheus(stats, options as never), 'INVALID_ARGUMENT')
  expectError(() => formatPrometheus([stats, stats]), 'INVALID_ARGUMENT')
  const inTurn = [{ a: '1', b: '2' }, { b: '2', a: '1' }]
  expectError(() => formatPrometheus([stats, stats], { labels: () => inTurn.pop()! }), 'INVALID_ARGUMENT')
  expectError(() => formatPrometheus([stats, busyStats('/b')], { labels: { database: 'x' } }), 'INVALID_ARGUMENT')
})

/** Numbers and texts that are no metrics, each with the reason. */
const LEFT_OUT: Record<string, string> = {
  'writeStall.reason': 'a sentence with a number: no end of labels; `cause` is its kind',
  'backgroundError.': 'texts; that there is one is a metric, and errors belong in logs',
  'recovery.tempFileCount': 'leftovers of an open: `onEvent` tells of each file',
  'recovery.orphanTableCount': 'as above',
  'recovery.orphanValueLogCount': 'as above',
  'recovery.releasedLogCount': 'as above',
  'recovery.foreignFileCount': 'as above',
  'recovery.cut.file': 'the name of a file',
  'recovery.cut.offset': 'a place in a file',
  'recovery.keptFiles.': 'names of files; how many there are is a metric',
  'wal.logNum': 'the number of a file',
  'wal.sync.': 'the latency of syncs says more',
  'manifest.fileNum': 'the number of a file',
  'compaction.style': 'a setting',
  'compaction.readBytes': 'the sum over levels',
  'compaction.writtenBytes': 'the sum over levels',
  'compaction.run.': 'the latency of compactions says more',
  'compaction.running.': 'one by one they come and go; how many there are is a metric',
  'compaction.blockedTables.': 'numbers of files; how many there are is a metric',
  'levels.ratio': 'raw bytes through bytes',
  'flush.lastMs': 'the last one says nothing between two looks',
  'flush.maxMs': 'the latency of flushes says more',
  'flush.avgMs': 'the sum through the count',
  'valueLog.putBytes': 'live and garbage bytes say more',
  'valueLog.files.': 'one by one they come and go',
  'valueLog.unreadableFiles.': 'numbers of files; how many there are is a metric',
  'files.holds.': 'one by one they come and go; how many there are is a metric',
  'snapshots.oldestSeqNum': 'its age says more',
  'memory.totalBytes': 'the sum over parts',
  'pins.': 'names of callers; how many there are is a metric',
  'operations.': 'one by one they come and go; how many there are of each kind is a metric',
  'lock.generation': 'tells runs apart',
  'lastRun.': 'what an earlier run has told already',
}

test('every number is a metric, or left out for a reason', () => {
  const read = new Set<string>()
  const watch = (value: unknown, path: string): unknown => {
    if (typeof value !== 'object' || value === null) {
      read.add(path)
      return value
    }
    return new Proxy(value, {
      get: (target, name) => {
        const field = (target as Record<string | symbol, unknown>)[name]
        if (typeof name === 'symbol' || typeof field === 'function') return field
        return watch(field, Array.isArray(target) && /^\d+$/.test(name) ? path : path === '' ? name : `${path}.${name}`)
      },
    })
  }
  const all = new Set<string>()
  const walk = (value: unknown, path: string): void => {
    if (Array.isArray(value)) return value.forEach((item) => walk(item, path))
    if (typeof value !== 'object' || value === null) return void all.add(path)
    for (const [name, field] of Object.entries(value)) walk(field, path === '' ? name : `${path}.${name}`)
  }
  const stats = busyStats()
  walk(stats, '')
  formatPrometheus(watch(stats, '') as Stats)
  assert.ok(all.size > 150 && read.size > 120, `${all.size} numbers, ${read.size} read`)
  const isLeftOut = (path: string): boolean => Object.keys(LEFT_OUT).some((name) =>
    path === name || (name.endsWith('.') && (path + '.').startsWith(name)) ||
    (name.startsWith('flush.') && path.startsWith('flush.') && path.endsWith(name.slice('flush'.length))))
  assert.deepEqual([...all].filter((path) => !read.has(path) && !isLeftOut(path)), [])
  // What is left out by name is not read, either: the list stays true.
  const read2 = [...read].filter((path) => path in LEFT_OUT)
  assert.deepEqual(read2, [])
})
