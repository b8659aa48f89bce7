/** The print of statistics, as a golden text; and that it survives whatever the numbers are. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertGolden } from '../../test/support/harness/golden.js'
import { emptyStats } from './empty-stats.js'
import type { Stats } from './stats.js'
import { statsText } from './stats-text.js'

function busyStats(): Stats {
  const stats = emptyStats('/data/db')
  stats.database = { location: '/data/db', state: 'DEGRADED', isReadOnly: false, visibleSeq: 1_234_567 }
  stats.lock = { generation: 7, isHeld: true }
  stats.backgroundError = {
    code: 'NO_SPACE', message: 'write 000012.table failed: ENOSPC', place: 'flush', file: '000012.table',
  }
  stats.writeStall = {
    state: 'stopped', reason: 'memtables', cause: 'sealed memtables', stallCount: 3, totalMs: 1234.5, waitingCount: 9,
  }
  Object.assign(stats.flush, {
    pending: 2, queue: 1, active: 1, held: 5, completed: 1021, failed: 1, retried: 1,
    wait: { count: 1021, totalMs: 51_050, lastMs: 12.25, maxMs: 700.125, avgMs: 50 },
    build: { count: 1021, totalMs: 102_100, lastMs: 99.999, maxMs: 1200, avgMs: 100 },
  })
  const sizes = { tableBytes: 130 * 2 ** 20, rawBytes: 200 * 2 ** 20, ratio: 200 / 130 }
  const level = { tableCount: 4, ...sizes, entryCount: 1_000_000 }
  stats.levels = [
    { level: 0, ...level, tombstoneCount: 12, expiringCount: 0, spanCount: 0 },
    {
      level: 1, tableCount: 0, tableBytes: 0, rawBytes: 0, ratio: 0, entryCount: 0, tombstoneCount: 0, expiringCount: 0,
      spanCount: 0,
    },
    { level: 2, ...level, tombstoneCount: 0, expiringCount: 0, spanCount: 0 },
  ]
  Object.assign(stats.wal, {
    logNum: 31, logCount: 3, logBytes: 96 * 2 ** 20, groupCount: 4321, writtenBytes: 5 * 2 ** 30,
    unsyncedBytes: 4096, durableSeq: 1_234_000,
    sync: { count: 52, totalMs: 520, lastMs: 9, maxMs: 33, avgMs: 10 },
  })
  stats.pins = [{ name: 'follower', firstLogNum: 29 }]
  Object.assign(stats.compaction, { style: 'leveled', completed: 12, readBytes: 2 ** 41, debtBytes: 1023 })
  Object.assign(stats.valueLog, {
    fileCount: 2, fileBytes: 2 ** 25, liveBytes: 2 ** 24, garbageBytes: 2 ** 24,
    heldCount: 1, heldBytes: 2 ** 20, heldMs: 2500,
    promotedBytes: 2 ** 24, copiedBytes: 2 ** 23, keptBytes: 2 ** 12, movedBytes: 2 ** 22,
    readCount: 1234, readBytes: 2 ** 25, poolReadCount: 12,
  })
  stats.recovery = {
    durationMs: 88.5, replayedEntryCount: 1000, replayedBytes: 2 ** 20,
    cut: { file: '000030.wal', offset: 8192, bytes: 512 },
    tempFileCount: 1, orphanTableCount: 2, orphanValueLogCount: 1, releasedLogCount: 3, foreignFileCount: 4,
    keptFiles: [{ file: '000008.table', reason: 'unknownWrites' }, { file: '000009.table', reason: 'otherDatabase' }],
  }
  return stats
}

/** Statistics as the command line sees those of a database that another process filled. */
function filesStats(): Stats {
  const stats = emptyStats('/data/files')
  stats.database.isReadOnly = true
  const { completed, failed, retried, wait, build, install, release } = busyStats().flush
  stats.lastRun = {
    generation: 6, savedMs: Date.UTC(2026, 0, 31, 23, 59, 58, 999), stallCount: 3, stallMs: 1234.5,
    flush: { completed, failed, retried, wait, build, install, release },
  }
  return stats
}

describe('statsText', () => {
  it('prints a busy database, files alone, and an empty one', () => {
    const rule = `\n\n${'─'.repeat(78)}\n\n`
    const text = [busyStats(), filesStats(), emptyStats('/data/empty')].map(statsText).join(rule) + '\n'
    assertGolden('stats.txt', text)
  })

  it('prints any time that a file may hold', () => {
    for (const savedMs of [0, 1e15, 1e300]) {
      const stats = filesStats()
      stats.lastRun!.savedMs = savedMs
      assert.match(statsText(stats), /^last run/m)
    }
  })

  it('keeps its columns, whatever the numbers', () => {
    const stats = busyStats()
    stats.flush.wait.totalMs = 123_456_789.129
    const text = statsText(stats) + '\n' + statsText(filesStats())
    for (const line of text.split('\n')) {
      assert.ok(line.length <= 80 || line.startsWith('error'), line)
    }
  })
})
