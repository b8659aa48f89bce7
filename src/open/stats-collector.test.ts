/** Statistics in every state of a database: one shape, plain numbers, and sums that hold. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keepProcess } from '../../test/support/harness/keep-process.js'
import type { Engine } from '../engine/engine.js'
import { resolveOptions } from '../engine/options.js'
import { PointReader } from '../read/point-read.js'
import { momentAt } from '../read/read-anew.js'
import { emptyStats } from '../stats/index.js'
import type { Stats } from '../stats/index.js'
import { MemoryVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { SimVfs } from '../vfs/sim/sim-vfs.js'
import { openEngine } from './open.js'
import { openReadOnly } from './read-only.js'
import { collectStats } from './stats-collector.js'
import { writeHow } from '../commit/index.js'

keepProcess()

const options = resolveOptions({ writeBufferSize: 64 * 1024, workers: 0, compaction: { style: 'none' } }, 4096)
const noFlush = resolveOptions({
  writeBufferSize: 64 * 1024, workers: 0, compaction: { style: 'none' }, flushOnClose: false,
}, 4096)
const put = 1

function fill(engine: Engine, count: number): void {
  for (let i = 0; i < count; i++) engine.pipeline.writeOneSync(put, `key ${i}`, 'v'.repeat(100), writeHow(false))
}

/** Checks that names and types do not depend on the state, and that values survive JSON. */
function check(stats: Stats): Stats {
  assert.deepEqual(shapeOf(stats), shapeOf(emptyStats('')))
  assert.deepEqual(JSON.parse(JSON.stringify(stats)), stats)
  const { budgetBytes, memtableCount, totalBytes, ...setup } = stats.memory
  assert.ok(memtableCount >= 0 && budgetBytes === options.memoryBudget)
  assert.deepEqual(Object.keys(setup), [
    'slabBytes', 'freeSlabBytes', 'memtableIndexBytes', 'tableIndexBytes', 'filterBytes', 'pointHashBytes',
    'cacheBytes', 'readAheadBytes', 'waitingBytes', 'streamBytes',
  ])
  assert.equal(totalBytes, Object.values(setup).reduce((sum, bytes) => sum + bytes, 0))
  assert.equal(stats.flush.pending, stats.flush.queue + stats.flush.active)
  return stats
}

/** Gives the shape of a value, in which fields that may be null or a list are only named. */
function shapeOf(value: object): unknown {
  const open = new Set(['reason', 'oldestSeqNum', 'backgroundError', 'recovery', 'lastRun', 'levels', 'pins', 'files'])
  return Object.entries(value).map(([name, field]) => {
    if (open.has(name)) return name
    return [name, typeof field === 'object' && field !== null ? shapeOf(field as object) : typeof field]
  })
}

const entries = (stats: Stats) => stats.levels.reduce((sum, level) => sum + level.entryCount, 0)

async function open(vfs: Vfs, path = '/db'): Promise<Engine> {
  return openEngine(path, vfs, options)
}

describe('collectStats', () => {
  it('counts writes, reads, flushes and levels', async () => {
    const engine = await open(new MemoryVfs())
    const reads = new PointReader()
    assert.equal(check(collectStats(engine, reads)).lastRun, null)
    fill(engine, 2000)
    reads.get(momentAt(engine, null), 'key 7', engine.iterators.copies.byDefault)
    reads.get(momentAt(engine, null), 'no such key', engine.iterators.copies.byDefault)
    const snapshot = engine.holdSnapshot()
    await engine.flush()
    const stats = check(collectStats(engine, reads))
    assert.deepEqual(stats.reads, { getCount: 2, hitCount: 1 })
    assert.deepEqual(stats.writes, { batchCount: 2000, entryCount: 2000 })
    assert.equal(stats.database.visibleSeq, 2000)
    assert.equal(stats.wal.durableSeq, 2000)
    assert.equal(entries(stats), 2000)
    assert.ok(stats.wal.writtenBytes > 2000 * 100)
    assert.ok(stats.flush.completed >= 3)
    assert.equal(stats.levels[0]!.tableCount, stats.flush.completed)
    for (const stage of ['wait', 'build', 'install', 'release'] as const) {
      assert.equal(stats.flush[stage].count, stats.flush.completed, stage)
    }
    assert.equal(stats.manifest.groupCount, 1 + stats.flush.completed)
    assert.deepEqual(stats.snapshots.oldestSeqNum, 2000)
    assert.equal(stats.snapshots.activeCount, 1)
    assert.equal(stats.lock.isHeld, true)
    snapshot.release()
    await engine.close()
    const closed = check(collectStats(engine, reads))
    assert.equal(closed.database.state, 'CLOSED')
    assert.equal(closed.lock.isHeld, false)
    assert.equal(entries(closed), 2000)
  })

  it('goes on after a failure, and names it', async () => {
    const vfs = new SimVfs({ seed: 1, checkDiscipline: false })
    await vfs.mkdir('/home')
    const engine = await open(vfs, '/home/db')
    fill(engine, 10)
    vfs.addFault({ kind: 'sync', fileClass: 'manifest', fault: { do: 'error', code: 'EIO' }, times: Infinity })
    await assert.rejects(engine.flush())
    const stats = check(collectStats(engine, new PointReader()))
    assert.equal(stats.database.state, 'FAILED')
    assert.equal(stats.backgroundError?.place, 'manifest')
    assert.equal(stats.backgroundError?.code, 'COMMIT_UNKNOWN')
    assert.match(stats.backgroundError?.file ?? '', /\.manifest$/)
    await assert.rejects(engine.close())
    check(collectStats(engine, new PointReader()))
  })

  it('tells from the files alone what the last run did and what the next must flush', async () => {
    const vfs = new MemoryVfs()
    const first = await open(vfs)
    fill(first, 2000)
    await first.close()
    const ended = collectStats(first, new PointReader())
    const second = await openEngine('/db', vfs, noFlush)
    assert.equal(check(collectStats(second, new PointReader())).lastRun?.generation, 1)
    fill(second, 5)
    await second.close()

    const view = await openReadOnly('/db', vfs, options)
    const reads = new PointReader()
    assert.notEqual(reads.get(momentAt(view, null), 'key 1', view.iterators.copies.byDefault), undefined)
    const held = view.holdSnapshot()
    const stats = check(collectStats(view, reads))
    held.release()
    assert.deepEqual([stats.database.state, stats.database.isReadOnly], ['OPEN', true])
    assert.equal(stats.database.visibleSeq, 2005)
    assert.equal(entries(stats), 2000)
    assert.equal(stats.flush.pending, 1)
    assert.equal(stats.wal.durableSeq, 2000)
    assert.ok(stats.wal.logBytes > 5 * 100)
    assert.equal(stats.recovery?.replayedEntryCount, 5)
    assert.equal(stats.snapshots.activeCount, 1)
    assert.deepEqual(stats.lock, { generation: 2, isHeld: false })
    const { completed, install } = ended.flush
    assert.equal(stats.lastRun?.generation, 1)
    assert.equal(stats.lastRun?.flush.completed, completed)
    assert.equal(stats.lastRun?.flush.install.count, install.count)
    assert.equal(stats.lastRun?.flush.install.maxMs, Math.round(install.maxMs * 1000) / 1000)
    await view.close()
    assert.equal(check(collectStats(view, reads)).database.state, 'CLOSED')
  })
})
