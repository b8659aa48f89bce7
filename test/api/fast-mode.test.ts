/**
 * `manifestSync: false` as a user meets it: a flush is seen first and made durable in the background.
 * Invariants FLUSH-10 to FLUSH-12 over the whole database; src/versions/held-edits.test.ts has the part.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VarveError } from '../../src/index.js'
import type { ErrorCode, Stats } from '../../src/index.js'
import { survivalPolicies } from '../../src/testing.js'
import type { FaultRule } from '../../src/vfs/fault/fault-plan.js'
import { guardFiles } from '../support/crash/crash-files.js'
import { crashNow, numbersOf, reopen } from '../support/crash/crash-steps.js'
import type { Way } from '../support/crash/crash-steps.js'
import { DIR, Workload } from '../support/model/workload.js'
import type { Settings, WorkloadOptions } from '../support/model/workload.js'
import { drawn } from '../support/harness/share.js'

const WAYS: Way[] = ['kill', ...survivalPolicies]
const FAST: Settings = { manifestSync: false }

async function opened(settings: Settings = {}, more: Partial<WorkloadOptions> = {}): Promise<Workload> {
  const w = new Workload({ seed: 3, settings: { ...FAST, ...settings }, ...more })
  await w.open()
  return w
}

const heldCount = (w: Workload) => w.db.stats().flush.held
const tableCount = ({ levels }: Stats) => levels.reduce((sum, level) => sum + level.tableCount, 0)
const tables = (w: Workload) => numbersOf(w.vfs.listSync(DIR).sort(), 'table')
const logs = (w: Workload) => numbersOf(w.vfs.listSync(DIR).sort(), 'log')

/** Writes until so many flushes are held; the clock stands still, so nothing settles by time. */
async function hold(w: Workload, count: number): Promise<void> {
  for (let i = 0; heldCount(w) < count; i++) {
    assert.ok(i < 50 * count, `${heldCount(w)} of ${count} are held`)
    await w.put(`key ${i % 50}`, 4000 + i)
    await w.vfs.settled()
  }
}

/** What happens to the disk during the call, names only: `sync 000005.table`. */
async function effectsOf(w: Workload, run: () => Promise<void>): Promise<string[]> {
  const effects: string[] = []
  w.vfs.onEffect = (_, text) => {
    effects.push(text.replaceAll(`${DIR}/`, '').replace(` ${DIR}`, ' .').replace(/ \d+\+\d+$/, ''))
  }
  await run()
  await w.vfs.settled()
  w.vfs.onEffect = null
  return effects
}

async function rejects(promise: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> {
  await assert.rejects(promise, (error) => VarveError.is(error) && codes.includes(error.code))
}

describe('a flush in fast mode', () => {
  it('is seen at once; the manifest knows nothing of it, and its log stays', async () => {
    const w = await opened()
    const before = w.db.stats().manifest
    await hold(w, 2)
    w.checkReads()
    const stats = w.db.stats()
    assert.deepEqual([stats.flush.pending, stats.flush.completed, tableCount(stats)], [0, 2, 2])
    assert.deepEqual(stats.manifest, before)
    assert.deepEqual(tables(w).length, 2)
    assert.ok(logs(w).length >= 3, 'two that are flushed, one that is written')
    // Who opens the files beside it reads the logs.
    const { db, matched } = await reopen(crashNow(w, 'kill'))
    assert.equal(matched, w.oracle.batchCount)
    assert.equal(db.stats().recovery!.orphanTableCount, 2)
  })

  it('is settled after syncIntervalMs, counted from the first that is held', async () => {
    const w = await opened({ syncIntervalMs: 700 })
    await hold(w, 1)
    await w.vfs.clock.advance(600)
    await hold(w, 2)
    await w.vfs.clock.advance(99)
    assert.equal(heldCount(w), 2)
    await w.vfs.clock.advance(1)
    await w.vfs.settled()
    assert.equal(heldCount(w), 0)
    assert.deepEqual(logs(w).length, 1, 'the one that is written')
    w.checkReads()
  })

  it('is settled without waiting when eight are held', async () => {
    const w = await opened()
    await hold(w, 7)
    while (w.db.stats().flush.completed < 8) {
      await w.put('more', 4000)
      await w.vfs.settled()
    }
    assert.equal(heldCount(w), 0)
    w.checkReads()
  })

  it('FLUSH-10, FLUSH-11: tables → directory → one group in order → manifest → logs', async () => {
    const w = await opened()
    await hold(w, 3)
    const [held, [first, second, third]] = [tables(w), logs(w)]
    const effects = await effectsOf(w, () => w.vfs.clock.advance(1000))
    assert.deepEqual(effects, [
      ...held.map((number) => `sync ${String(number).padStart(6, '0')}.table`),
      'syncDir .', 'write 000001.manifest', 'sync 000001.manifest',
      ...[first, second, third].map((number) => `unlink ${String(number).padStart(6, '0')}.wal`),
    ])
    const { before, after, db } = await reopen(crashNow(w, 'none'))
    assert.deepEqual(numbersOf(before, 'table'), numbersOf(after, 'table').slice(0, 3))
    assert.equal(db.stats().recovery!.orphanTableCount, 0)
  })

  it('keeps its order when more is flushed while others are being settled', async () => {
    const problems: string[] = []
    const w = await opened({}, { onMachine: (vfs) => guardFiles(vfs, DIR, problems) })
    await hold(w, 2)
    const settled: string[] = []
    w.vfs.onEffect = (_, text) => {
      if (/sync .*table/.test(text)) settled.push(text.slice(-12, -6))
    }
    const settling = w.flush()
    while (settled.length === 0) await w.put('until it begins', 40)
    for (let i = 0; i < 60; i++) await w.put(`later ${i}`, 4000)
    await settling
    await w.flush()
    w.checkReads()
    assert.ok(settled.length > 4 && w.db.stats().manifest.groupCount > 2, 'in more than one step')
    assert.deepEqual(settled, [...settled].sort())
    assert.deepEqual(problems, [])
    for (const way of WAYS) await reopen(crashNow(w, way))
  })
})

describe('a crash in fast mode', () => {
  it('between hold and settle: what was synced is there, the tables are orphans, the logs are replayed', async () => {
    const w = await opened({ syncIntervalMs: 100_000 })
    await hold(w, 2)
    await w.sync()
    await w.put('not synced', 50)
    const { batchCount } = w.oracle
    for (const way of WAYS) {
      const { db, matched, before, after } = await reopen(crashNow(w, way), { settings: FAST })
      assert.ok(matched >= (way === 'kill' ? batchCount : batchCount - 1), way)
      const { orphanTableCount, replayedEntryCount } = db.stats().recovery!
      assert.deepEqual([orphanTableCount, replayedEntryCount], [numbersOf(before, 'table').length, matched], way)
      const [old, now] = [numbersOf(before, 'table'), numbersOf(after, 'table')]
      assert.ok(now.every((number) => !old.includes(number)), 'no number is used twice')
    }
  })

  it('while the held edits are settled, after each change of the disk', async () => {
    const w = await opened()
    await hold(w, 2)
    await w.sync()
    const crashed: [string, ReturnType<typeof crashNow>][] = []
    w.vfs.onEffect = (_, text) => {
      for (const way of WAYS) crashed.push([`${text}, ${way}`, crashNow(w, way)])
    }
    await w.db.flush()
    w.vfs.onEffect = null
    assert.ok(crashed.length > 100)
    for (const [where, disk] of drawn('held edits are settled', crashed)) {
      const { matched } = await reopen(disk).catch((error: unknown) => assert.fail(`${where}: ${String(error)}`))
      assert.equal(matched, w.oracle.batchCount, where)
    }
  })

  it('does not undo a write with sync, whatever is held', async () => {
    const w = await opened()
    await hold(w, 1)
    await w.put('synced', 60, { sync: true })
    await hold(w, 3)
    w.putSync('synced too', 60, { sync: true })
    for (const way of WAYS) assert.equal((await reopen(crashNow(w, way))).matched, w.oracle.batchCount)
  })
})

describe('what waits for the background step', () => {
  it('flush() resolves when everything is durable, and a strict open finds it so', async () => {
    const w = await opened()
    await hold(w, 2)
    await w.put('last', 50)
    await w.flush()
    assert.equal(heldCount(w), 0)
    for (const way of WAYS) {
      const { db, matched } = await reopen(crashNow(w, way), { settings: { manifestSync: true } })
      assert.equal(matched, w.oracle.batchCount)
      assert.equal(db.stats().recovery!.replayedEntryCount, 0)
    }
  })

  it('flush() waits for what is held, also when there is nothing new', async () => {
    const w = await opened()
    // It has a log of its own, so nothing is written behind it.
    await w.batch([{ key: 'large', length: 90_000 }])
    await w.vfs.settled()
    assert.equal(heldCount(w), 1)
    const done: string[] = []
    w.vfs.onEffect = (_, text) => done.push(text)
    await w.flush()
    assert.deepEqual(done.slice(0, 4).map((text) => text.split(' ')[0]), ['sync', 'syncDir', 'write', 'sync'])
    assert.equal(heldCount(w), 0)
    for (const way of WAYS) assert.equal((await reopen(crashNow(w, way))).matched, 1)
  })

  for (const flushOnClose of [true, false]) {
    it(`close() settles, with flushOnClose: ${flushOnClose}`, async () => {
      const w = await opened({ flushOnClose, syncIntervalMs: 100_000 })
      await hold(w, 2)
      const { visibleSeq } = w.db.stats().database
      await w.put('last', 50)
      const kept = w.oracle.batchCount
      await w.close()
      for (const way of WAYS) {
        const { db, matched, before } = await reopen(crashNow(w, way))
        assert.equal(matched, kept, way)
        const { orphanTableCount, replayedEntryCount } = db.stats().recovery!
        assert.equal(orphanTableCount, 0, way)
        if (flushOnClose) assert.equal(replayedEntryCount, 0, way)
        else assert.ok(replayedEntryCount > 0 && replayedEntryCount < visibleSeq, way)
        assert.ok(numbersOf(before, 'table').length >= 2)
      }
    })
  }
})

describe('FLUSH-12: a background step that fails', () => {
  const steps: [string, FaultRule][] = [
    ['the sync of a table', { kind: 'sync', fileClass: 'table', fault: { do: 'failSync', mode: 'lostClean' } }],
    ['a table that cannot be opened', { kind: 'open', fileClass: 'table', fault: { do: 'error', code: 'EIO' } }],
    ['the sync of the directory', { kind: 'syncDir', fault: { do: 'failSync', mode: 'lostClean' } }],
    ['the write of the group', { kind: 'write', fileClass: 'manifest', fault: { do: 'error', code: 'EIO' } }],
    ['a full disk', { kind: 'write', fileClass: 'manifest', fault: { do: 'error', code: 'ENOSPC' } }],
    ['the sync of the manifest', {
      kind: 'sync', fileClass: 'manifest', fault: { do: 'failSync', mode: 'lostClean' },
    }],
  ]
  for (const [name, fault] of steps) {
    it(`${name}: FAILED, nothing is deleted, reads go on, a reopen has everything`, async () => {
      const w = await opened({}, { toleratesErrors: true })
      await hold(w, 2)
      const [oldLogs, oldTables] = [logs(w), tables(w)]
      w.vfs.addFault(fault)
      await w.vfs.clock.advance(1000)
      await w.vfs.settled()
      const { database, flush, backgroundError } = w.db.stats()
      assert.deepEqual([database.state, flush.held], ['FAILED', 2])
      assert.match(backgroundError!.place, /^(background sync|manifest)$/)
      await rejects(w.db.put('k', 'v'), 'BACKGROUND_ERROR')
      await rejects(w.db.flush(), 'BACKGROUND_ERROR')
      await rejects(w.db.resume(), 'BACKGROUND_ERROR')
      w.checkReads()
      await w.vfs.clock.advance(60_000)
      for (const log of oldLogs) assert.ok(logs(w).includes(log), `log ${log}`)
      for (const table of oldTables) assert.ok(tables(w).includes(table), `table ${table}`)

      const killed = await reopen(crashNow(w, 'kill'))
      assert.equal(killed.matched, w.oracle.batchCount)
      await rejects(w.db.close(), 'IO_ERROR', 'NO_SPACE', 'COMMIT_UNKNOWN')
      assert.equal(w.vfs.openFileCount, 0)
      const closed = await reopen(crashNow(w, 'kill'))
      assert.equal(closed.matched, w.oracle.batchCount)
    })
  }

  it('tells a flush() and a close() that wait for it', async () => {
    for (const call of ['flush', 'close'] as const) {
      const w = await opened({}, { toleratesErrors: true })
      await hold(w, 1)
      w.vfs.addFault({ kind: 'sync', fileClass: 'table', fault: { do: 'failSync', mode: 'revert' } })
      await rejects(w.db[call](), 'IO_ERROR')
      const { matched } = await reopen(crashNow(w, 'kill'))
      assert.equal(matched, w.oracle.batchCount)
    }
  })
})
