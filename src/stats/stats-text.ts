/**
 * What: `stats()` as a table of fixed width, for people.
 */
import type { StageStats } from './stage-times.js'
import type { KeptFileReason } from './events.js'
import type { KeptFile, LastRunStats, Stats } from './stats.js'
import type { LevelStats } from './storage-stats.js'

const LABEL_COLUMNS = 12
const NUMBER_COLUMNS = 13

/** Reasons for which a file is kept, in words for people. */
export const KEPT_BECAUSE: Readonly<Record<KeptFileReason, string>> = {
  otherDatabase: 'it belongs to another database',
  unknownWrites: 'it holds writes that history does not know',
  unreadable: 'it cannot be read',
}

/** Lines of at most 80 columns (a long path or message apart), without a line break at the end. */
export function statsText(stats: Stats): string {
  const sections = [
    databaseLines(stats),
    flushLines(stats),
    lastRunLines(stats),
    levelLines(stats.levels),
    walLines(stats),
    compactionLines(stats),
    valueLogLines(stats),
    memoryLines(stats),
    recoveryLines(stats),
  ]
  return sections.filter((lines) => lines.length > 0).map((lines) => lines.join('\n')).join('\n\n')
}

function databaseLines({ database, backgroundError, writeStall, lock }: Stats): string[] {
  const lines = [
    `varve ${database.location}`,
    pairs('state', [
      [database.isReadOnly ? `${database.state}, read-only` : database.state, ''],
      ['sequence', count(database.visibleSeq)],
      ['lock', lock.isHeld ? `held, generation ${lock.generation}` : 'not held'],
    ]),
  ]
  if (backgroundError !== null) {
    const { code, place, file, message } = backgroundError
    lines.push(`error       ${code} at ${place}${file === null ? '' : ` of ${file}`}: ${message}`)
  }
  if (writeStall.stallCount > 0 || writeStall.state !== 'none') {
    lines.push(pairs('stall', [
      [writeStall.state, writeStall.reason ?? ''],
      ['stalls', count(writeStall.stallCount)],
      ['total', ms(writeStall.totalMs)],
      ['waiting', count(writeStall.waitingCount)],
    ]))
  }
  return lines
}

function flushLines({ database, flush }: Stats): string[] {
  // A read-only database flushes nothing: what is pending waits for the next writer.
  if (database.isReadOnly) return [pairs('flush', [['pending', count(flush.pending)]])]
  const { pending, queue, active, held, completed, failed, retried } = flush
  return [
    pairs('flush', [
      ['pending', count(pending)], ['queue', count(queue)], ['active', count(active)],
      ['completed', count(completed)], ['failed', count(failed)], ['retried', count(retried)],
    ]),
    ...(held === 0 ? [] : [pairs('', [['held', `${count(held)}, not durable yet`]])]),
    ...stageTable(flush),
  ]
}

/** Tells of the last run, except for an open database: there the table of this run stands. */
function lastRunLines({ database, lastRun }: Stats): string[] {
  if (lastRun === null || !database.isReadOnly) return []
  const { generation, savedMs, stallCount, stallMs, flush } = lastRun
  return [
    pairs('last run', [
      ['generation', String(generation)], ['saved', isoTime(savedMs)],
    ]),
    pairs('', [
      ['completed', count(flush.completed)], ['failed', count(flush.failed)], ['retried', count(flush.retried)],
      ['stalls', count(stallCount)], ['total', ms(stallMs)],
    ]),
    ...stageTable(flush),
  ]
}

function stageTable({ wait, build, install, release }: LastRunStats['flush']): string[] {
  return [
    row('stage', ['count', 'total ms', 'last ms', 'avg ms', 'max ms']),
    stageRow('wait', wait),
    stageRow('build', build),
    stageRow('install', install),
    stageRow('release', release),
  ]
}

function levelLines(levels: readonly LevelStats[]): string[] {
  const used = levels.filter((level, i) => level.tableCount > 0 || i === 0)
  const total = {
    tableCount: 0, tableBytes: 0, rawBytes: 0, entryCount: 0, tombstoneCount: 0, expiringCount: 0, spanCount: 0,
  }
  let inTables = 0
  for (const level of levels) {
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += level[name]
    inTables += level.ratio * level.tableBytes
  }
  const more: Pair[] = total.tableBytes === 0 ? [] : [['ratio', (inTables / total.tableBytes).toFixed(2)]]
  if (total.expiringCount > 0) more.push(['expiring', count(total.expiringCount)])
  if (total.spanCount > 0) more.push(['range deletes', count(total.spanCount)])
  return [
    row('level', ['tables', 'size', 'raw', 'entries', 'tombstones']),
    ...used.map((level) => levelRow(`L${level.level}`, level)),
    levelRow('total', total),
    ...(more.length === 0 ? [] : [pairs('', more)]),
  ]
}

function levelRow(label: string, level: Omit<LevelStats, 'level' | 'ratio'>): string {
  return row(label, [
    count(level.tableCount), bytes(level.tableBytes), bytes(level.rawBytes),
    count(level.entryCount), count(level.tombstoneCount),
  ])
}

function walLines({ database, wal, pins }: Stats): string[] {
  const log: Pair[] = [
    ['number', String(wal.logNum)], ['logs', count(wal.logCount)], ['size', bytes(wal.logBytes)],
  ]
  const pinLines = pins.map((pin) => pairs('pin', [[pin.name, `keeps logs from ${pin.firstLogNum}`]]))
  if (database.isReadOnly) {
    return [pairs('log', [...log, ['in tables up to sequence', count(wal.durableSeq)]]), ...pinLines]
  }
  const { sync } = wal
  return [
    pairs('log', [...log, ['written', bytes(wal.writtenBytes)], ['groups', count(wal.groupCount)]]),
    pairs('sync', [
      ['count', count(sync.count)], ['last', ms(sync.lastMs)], ['avg', ms(sync.avgMs)], ['max', ms(sync.maxMs)],
    ]),
    pairs('', [['durable sequence', count(wal.durableSeq)], ['unsynced', bytes(wal.unsyncedBytes)]]),
    ...pinLines,
  ]
}

function compactionLines({ compaction }: Stats): string[] {
  const { style, active, queue, completed, moved, covered, expired, aged, failed } = compaction
  const { readBytes, writtenBytes, debtBytes, run } = compaction
  if (style === 'none' && completed === 0) return []
  return [
    pairs('compaction', [
      ['style', style], ['queue', count(queue)], ['active', count(active)],
      ['completed', count(completed)], ['moved', count(moved)],
      ...unread('covered', covered), ...unread('expired', expired), ...unread('aged', aged),
      ['failed', count(failed)],
    ]),
    pairs('', [
      ['read', bytes(readBytes)], ['written', bytes(writtenBytes)], ['debt', bytes(debtBytes)],
      ['avg', ms(run.avgMs)], ['max', ms(run.maxMs)],
    ]),
  ]
}

function unread(name: string, tables: number): Pair[] {
  return tables === 0 ? [] : [[name, count(tables)]]
}

function valueLogLines({ valueLog }: Stats): string[] {
  const { fileCount, fileBytes, liveBytes, garbageBytes, heldCount, heldBytes, heldMs, files } = valueLog
  if (fileCount + heldCount + valueLog.keptCount === 0) return []
  const held = pairs('', [['held', `${bytes(heldBytes)} in ${count(heldCount)} files`], ['for', ms(heldMs)]])
  return [
    pairs('value logs', [
      ['files', count(fileCount)], ['promoted', count(files.filter(({ isLog }) => isLog).length)],
      ['size', bytes(fileBytes)], ['live', bytes(liveBytes)], ['garbage', bytes(garbageBytes)],
    ]),
    ...(heldCount === 0 ? [] : [held]),
    ...valueWorkLines(valueLog),
  ]
}

/** What was done with large values since the open; nothing in a database that is only read. */
function valueWorkLines(valueLog: Stats['valueLog']): string[] {
  const { promotedBytes, copiedBytes, keptBytes, movedBytes, readCount, readBytes, poolReadCount } = valueLog
  const written: Pair[] = [
    ['promoted', bytes(promotedBytes)], ['copied', bytes(copiedBytes)], ['kept in tables', bytes(keptBytes)],
  ]
  const read: Pair[] = [
    ['moved', bytes(movedBytes)], ['read', bytes(readBytes)], ['calls', count(readCount)],
    ['in pool', count(poolReadCount)],
  ]
  return [
    ...(promotedBytes + copiedBytes + keptBytes === 0 ? [] : [pairs('', written)]),
    ...(movedBytes + readCount === 0 ? [] : [pairs('', read)]),
  ]
}

function memoryLines({ database, memory, cache, reads, writes, iterators, snapshots }: Stats): string[] {
  const written = pairs('writes', [['batches', count(writes.batchCount)], ['entries', count(writes.entryCount)]])
  return [
    pairs('memory', [
      ['total', bytes(memory.totalBytes)], ['budget', bytes(memory.budgetBytes)], ['slabs', bytes(memory.slabBytes)],
      ['free slabs', bytes(memory.freeSlabBytes)], ['memtables', count(memory.memtableCount)],
    ]),
    pairs('cache', [
      ['used', bytes(cache.usedBytes)], ['of', bytes(cache.capacityBytes)],
      ['hits', count(cache.hitCount)], ['misses', count(cache.missCount)],
      ['evictions', count(cache.evictionCount)],
    ]),
    pairs('reads', [
      ['gets', count(reads.getCount)], ['found', count(reads.hitCount)],
      ['iterators', count(iterators.activeCount)], ['over tables', count(iterators.tableCount)],
      ['snapshots', count(snapshots.activeCount)],
    ]),
    ...(database.isReadOnly ? [] : [written]),
  ]
}

function recoveryLines({ database, recovery }: Stats): string[] {
  if (recovery === null) return []
  const { durationMs, replayedEntryCount, replayedBytes, cut } = recovery
  const { tempFileCount, orphanTableCount, orphanValueLogCount } = recovery
  const { releasedLogCount, foreignFileCount, keptFiles } = recovery
  const opened = pairs('opened', [
    ['in', ms(durationMs)], ['replayed', `${count(replayedEntryCount)} entries`], ['from', bytes(replayedBytes)],
  ])
  if (database.isReadOnly) {
    // Bytes behind the end may be lost, or a writer may be writing them at this moment.
    const end = cut === null ? [] : [pairs('', [['history ends', `in ${cut.file} at ${cut.offset}`]])]
    return [opened, ...end, ...keptLines(keptFiles)]
  }
  const lines = [
    opened,
    pairs('', [
      ['removed temps', count(tempFileCount)], ['orphans', count(orphanTableCount + orphanValueLogCount)],
      ['logs', count(releasedLogCount)], ['foreign files', count(foreignFileCount)],
    ]),
  ]
  if (cut !== null) {
    lines.push(pairs('', [['history cut', `${cut.file} at ${cut.offset}, ${bytes(cut.bytes)} lost unsynced`]]))
  }
  return [...lines, ...keptLines(keptFiles)]
}

function keptLines(files: readonly KeptFile[]): string[] {
  return files.map(({ file, reason }) => pairs('', [[`kept ${file}`, KEPT_BECAUSE[reason]]]))
}

function stageRow(label: string, { count: times, totalMs, lastMs, avgMs, maxMs }: StageStats): string {
  return row(label, [count(times), fixed(totalMs), fixed(lastMs), fixed(avgMs), fixed(maxMs)])
}

function row(label: string, cells: readonly string[]): string {
  return label.padEnd(LABEL_COLUMNS) + cells.map((cell) => cell.padStart(NUMBER_COLUMNS)).join('')
}

type Pair = readonly [string, string]

function pairs(label: string, items: readonly Pair[]): string {
  const texts = items.map(([name, value]) => (value === '' ? name : `${name} ${value}`))
  return label.padEnd(LABEL_COLUMNS) + texts.join('  ')
}

/** Writes 1234567 as 1,234,567. */
function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Writes a time. The milliseconds may come from a file, where anything may stand. */
function isoTime(wallMs: number): string {
  const time = new Date(wallMs)
  return Number.isNaN(time.getTime()) ? 'at an unknown time' : time.toISOString().slice(0, 19) + 'Z'
}

function fixed(n: number): string {
  const [whole, fraction] = n.toFixed(2).split('.')
  return `${count(Number(whole))}.${fraction}`
}

function ms(n: number): string {
  return `${fixed(n)} ms`
}

function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  let value = n / 1024
  for (const unit of ['KiB', 'MiB', 'GiB']) {
    if (value < 1024) return `${value.toFixed(1)} ${unit}`
    value /= 1024
  }
  return `${value.toFixed(1)} TiB`
}
