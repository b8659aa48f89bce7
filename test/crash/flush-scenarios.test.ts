/**
 * What: F01–F15: what crashes and failed calls do to flushes. Not here:
 *   F08, F09   a worker that dies: its job fails or was answered once, test/contract/executor.test.ts;
 *              what the flush makes of a failed job is F05
 *   F10, F14   a worker that lies: src/flush, where a job can be answered wrongly
 *   F16        needs clear()
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlabPool } from '../../src/slab/index.js'
import type { Slab } from '../../src/slab/index.js'
import { crashAfter, crashNow, numbersOf, patiently, reopen, turns } from '../support/crash/crash-steps.js'
import type { Way } from '../support/crash/crash-steps.js'
import { CrashSweep } from '../support/crash/crash-sweep.js'
import { atLeast, Draw } from '../support/harness/share.js'
import { DIR, Workload } from '../support/model/workload.js'
import type { WorkloadOptions } from '../support/model/workload.js'

const EVERY_WAY: Way[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']

async function filled(options: Partial<WorkloadOptions> = {}): Promise<Workload> {
  const w = new Workload({ seed: 13, ...options })
  await w.open()
  for (let i = 0; i < 5; i++) await w.put(`k${i}`, 600, { sync: i === 2 })
  return w
}

const stateOf = (w: Workload) => w.db.stats().database.state

const flushPatiently = (w: Workload) => patiently(w, () => w.flush())

test('F01, F02, F03: power is lost at each step of a flush, in many ways', async () => {
  const { images } = await new CrashSweep({ seed: 13, randomCount: 12, draw: new Draw('F01') }).run(async (w) => {
    await w.open()
    for (let i = 0; i < 5; i++) await w.put(`k${i}`, 600, { sync: i === 2 })
    await w.flush()
    await w.vfs.settled()
  })
  assert.ok(images >= atLeast(50))
})

test('F04: a log is back after the power loss: not replayed, so an older value does not come back', async () => {
  const w = await filled()
  await w.put('k1', 50)
  await w.flush()
  await w.put('k1', 60, { sync: true })
  const { before, db } = await reopen(crashNow(w, 'none'))
  assert.ok(numbersOf(before, 'log').includes(2))
  assert.equal(db.getSync('k1')?.length, 60)
  assert.equal(db.stats().recovery?.replayedEntryCount, 1)
})

test('F05: a table write fails: again under a new number; three times: read-only, until resume()', async () => {
  const w = await filled({ toleratesErrors: true })
  const numbers = new Set<number>()
  w.vfs.onEffect = (_index, _text, { kind, path }) => {
    if (kind === 'create') for (const number of numbersOf([path.slice(DIR.length + 1)], 'temp')) numbers.add(number)
  }
  const fault = w.vfs.addFault({
    kind: 'write', fileClass: 'temp', fault: { do: 'error', code: 'EIO' }, times: Infinity,
  })
  await flushPatiently(w)
  assert.deepEqual(w.errors.splice(0), ['IO_ERROR'])
  assert.equal(numbers.size, 3, 'a number for each attempt')
  assert.equal(stateOf(w), 'READ_ONLY')
  assert.deepEqual(numbersOf(w.vfs.listSync(DIR), 'temp'), [], 'nothing is left of them')
  await w.put('x', 10)
  assert.deepEqual(w.errors.splice(0), ['BACKGROUND_ERROR'])
  w.checkReads()
  for (const way of EVERY_WAY) {
    const disk = crashNow(w, way)
    disk.vfs.clearFaults()
    await reopen(disk)
  }
  fault.remove()
  await w.db.resume()
  await w.put('y', 10, { sync: true })
  assert.deepEqual([stateOf(w), w.errors], ['OPEN', []])
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})

test('F06: the disk is full while a table is written: nothing of it is left, and it resumes by itself', async () => {
  const w = await filled({ toleratesErrors: true })
  await w.vfs.settled()
  w.vfs.capacityBytes = w.vfs.usedBytes + 2000
  await flushPatiently(w)
  assert.equal(stateOf(w), 'READ_ONLY')
  await w.put('x', 10)
  assert.deepEqual(w.errors.splice(0), ['NO_SPACE', 'NO_SPACE'])
  assert.deepEqual(numbersOf(w.vfs.listSync(DIR), 'temp'), [])
  assert.deepEqual(numbersOf(w.vfs.listSync(DIR), 'table'), [])
  w.checkReads()
  w.vfs.capacityBytes = Infinity
  await w.vfs.clock.advance(2500)
  assert.equal(stateOf(w), 'OPEN')
  await w.put('y', 10, { sync: true })
  assert.deepEqual(w.errors, [])
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})

for (const mode of ['lostClean', 'revert', 'benign'] as const) {
  test(`F07: the sync of a table fails (${mode}): the file is never used, the log stays until another is`, async () => {
    const w = await filled()
    w.vfs.addFault({ kind: 'sync', fileClass: 'temp', fault: { do: 'failSync', mode } })
    const disks = await crashAfter(w, /link /, EVERY_WAY, () => flushPatiently(w))
    assert.equal(w.db.stats().flush.failed, 1)
    assert.equal(w.db.stats().flush.completed, 1)
    assert.deepEqual(w.vfs.violations, [])
    for (const disk of disks) await reopen(disk)
    for (const way of EVERY_WAY) await reopen(crashNow(w, way))
  })
}

test('F11, F12: two memtables wait, the first attempt fails: it cleans up its own, order is kept', async () => {
  const w = await filled()
  w.vfs.addFault({ kind: 'write', fileClass: 'temp', fault: { do: 'error', code: 'EIO' } })
  for (let i = 0; i < 13; i++) w.putSync(`big${i}`, 10_000)
  await w.vfs.settled()
  const pointers: number[] = []
  w.vfs.onEffect = (_index, text) => {
    if (!/sync .*manifest/.test(text)) return
    const logs = numbersOf(w.vfs.listSync(DIR), 'log')
    pointers.push(Math.min(...logs))
  }
  await flushPatiently(w)
  assert.ok(pointers.length >= 3)
  assert.deepEqual(pointers, pointers.slice().sort((a, b) => a - b))
  w.checkReads()
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})

test('F13: a memtable of refused batches only: no table for it, its log goes', async () => {
  const w = await filled({ toleratesErrors: true })
  await w.flush()
  w.vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'EIO' } })
  await w.put('refused', 300)
  assert.deepEqual(w.errors.splice(0), ['IO_ERROR'])
  await w.db.resume()
  await w.put('after', 30, { sync: true })
  await w.vfs.settled()
  assert.equal(numbersOf(w.vfs.listSync(DIR), 'table').length, 1)
  for (const way of EVERY_WAY) assert.equal((await reopen(crashNow(w, way))).matched, 6)
})

test('F15: closed at any moment of a flush: it ends or rolls back, nothing is lost', async () => {
  for (const flushOnClose of [true, false]) {
    for (let moment = 0; moment < 45; moment += 2) {
      const w = await filled({ settings: { flushOnClose } })
      const flushed = w.flush().catch((error: { code: string }) => assert.equal(error.code, 'CLOSED'))
      await turns(w, moment)
      await w.close()
      await flushed
      assert.equal(w.vfs.openFileCount, 0)
      assert.deepEqual(w.vfs.violations, [])
      assert.equal((await reopen(crashNow(w, 'none'))).matched, 5)
    }
  }
})

/** Slabs that are given back are spoiled at once: whoever still reads one gets garbage. */
async function withSpoiledSlabs(run: () => Promise<void>): Promise<number> {
  const pool = SlabPool.prototype as unknown as { takeBack: (slab: Slab) => void }
  const { takeBack } = pool
  let count = 0
  pool.takeBack = function (this: SlabPool, slab) {
    slab.bytes.fill(0xdd)
    count++
    takeBack.call(this, slab)
  }
  try {
    await run()
  } finally {
    pool.takeBack = takeBack
  }
  return count
}

test('H13: a slab goes back to the pool only when no memtable, job, reader or write in flight uses it', async () => {
  const count = await withSpoiledSlabs(async () => {
    const w = new Workload({ seed: 14, settings: { writeBufferSize: 2 * 1024 * 1024, immutablesMax: 2 } })
    await w.open()
    for (let round = 0; round < 4; round++) {
      const writes: Promise<void>[] = []
      for (let i = 0; i < 6; i++) writes.push(w.put(`k${i}`, 500_000, { sync: i === 3 }))
      const held = w.snapshot()
      const scan = w.db.entriesSync()
      scan.next()
      await Promise.all(writes)
      await w.flush()
      held.check()
      assert.equal([...scan].length, Math.max(0, round === 0 ? 0 : 5), 'an open scan keeps what it reads')
      w.checkReads()
      await reopen(crashNow(w, 'kill'))
    }
    await w.close()
    await w.reopen()
    w.checkReads()
  })
  assert.ok(count > 8, 'slabs were given back')
})
