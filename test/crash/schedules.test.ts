/**
 * What: short schedules that broke an earlier draft of the design. Not here, since what they are about
 * does not exist yet:
 *   H5   needs compaction (tables that replace tables)
 *   H14, H15   need the value log
 *   H16  needs checkpoints (a log that has a second name)
 *   H12, its second half   needs promoted logs and value collection
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveError } from '../../src/index.js'
import type { SimVfs } from '../../src/testing.js'
import { crashAfter, crashNow, numbersOf, readFile, reopen, rewriteFile, turns } from '../support/crash/crash-steps.js'
import type { CrashedDisk, Way } from '../support/crash/crash-steps.js'
import { CrashSweep } from '../support/crash/crash-sweep.js'
import { Workload } from '../support/model/workload.js'
import type { WorkloadOptions } from '../support/model/workload.js'

const EVERY_WAY: Way[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']
const SECTOR = 512

async function opened(options: Partial<WorkloadOptions> = {}): Promise<Workload> {
  const w = new Workload({ seed: 5, ...options })
  await w.open()
  return w
}

function codeOf(error: unknown): string {
  return VarveError.is(error) ? error.code : String(error)
}

test('H1: killed between the write of an edit and its sync, reopened, then power is lost', async () => {
  const w = await opened()
  for (let i = 0; i < 4; i++) await w.put(`k${i}`, 400)
  const [disk] = await crashAfter(w, /write .*manifest [1-9]\d*\+/, ['kill'], () => w.flush())
  const { db, matched, before } = await reopen(disk!)
  assert.equal(matched, 4)
  assert.deepEqual(numbersOf(before, 'table').length, 1, 'the edit was read from the page cache')
  assert.ok(db.stats().recovery!.releasedLogCount > 0, 'and the log was released')
  const expected = { batches: disk!.expected.batches, atLeast: 4 }
  for (const way of EVERY_WAY) {
    const vfs = way === 'kill' ? disk!.vfs.cloneKilled(1) : disk!.vfs.clone(way, 1)
    await reopen({ ...disk!, vfs, expected })
  }
})

/** Loses one sector of a file, whatever comes behind it stays. */
function loseSector(vfs: SimVfs, name: string, sector: number): void {
  const bytes = readFile(vfs, name)
  rewriteFile(vfs, name, bytes.fill(0, sector * SECTOR, (sector + 1) * SECTOR))
}

test('H2: a power loss keeps a sector and loses the one before it: the log is cut there', async () => {
  const w = await opened()
  await w.put('synced', 700, { sync: true })
  for (let i = 0; i < 12; i++) await w.put(`u${i}`, 300)
  const { vfs, oracle, expected } = crashNow(w, 'all')
  const synced = { ...expected, atLeast: 1 }
  const sectors = Math.floor(readFile(vfs, '000002.wal').length / SECTOR)
  for (let sector = 2; sector < sectors; sector++) {
    const copy = vfs.cloneKilled(sector)
    loseSector(copy, '000002.wal', sector)
    const { matched, events } = await reopen({ vfs: copy, oracle, expected: synced })
    assert.ok(matched < 13, 'something is lost')
    assert.ok(events.some(({ type }) => type === 'historyCut'), 'and it is told')
  }
})

/** Log 2 has an unsynced end, log 3 follows it; a sector of the end is lost, log 3 is whole. */
async function cutBeforeAnotherLog(): Promise<CrashedDisk> {
  const w = await opened()
  await w.put('synced', 700, { sync: true })
  w.vfs.addFault({ kind: 'dataSync', fault: { do: 'hang' }, times: Infinity })
  for (let i = 0; i < 8; i++) await w.put(`big${i}`, 9000)
  for (let i = 0; i < 4; i++) w.putSync(`next${i}`, 300)
  const disk = crashNow(w, 'all')
  assert.ok(readFile(disk.vfs, '000003.wal').length > 1000, 'both logs have entries')
  loseSector(disk.vfs, '000002.wal', 50)
  return { ...disk, expected: { ...disk.expected, atLeast: 1 } }
}

test('H2: the end of a log is lost and the next log is kept: history ends in the first', async () => {
  const disk = await cutBeforeAnotherLog()
  const { matched } = await reopen(disk)
  assert.ok(matched >= 1 && matched < 8, `${matched}`)
})

test('H3: after such a cut, what the void log holds never comes back', async () => {
  const disk = await cutBeforeAnotherLog()
  const { vfs, oracle } = disk
  const { db, matched } = await reopen(disk)
  const fork = oracle.fork(disk.expected, matched)
  const batch = fork.begin([{ key: 'later', length: null }, { key: 'big5', length: null }])
  await db.batch([{ type: 'del', key: 'later' }, { type: 'del', key: 'big5' }], { sync: true })
  fork.ack(batch, true)
  for (const way of EVERY_WAY) {
    const next = way === 'kill' ? vfs.cloneKilled(2) : vfs.clone(way, 2)
    await reopen({ vfs: next, oracle: fork, expected: fork.expect('power') })
  }
})

test('H4: fast mode: an edit may reach the disk before its table would, but never does', async () => {
  const sweep = new CrashSweep({ seed: 11, randomCount: 24 })
  const { images } = await sweep.run(async (w) => {
    await w.open()
    for (let i = 0; i < 3; i++) await w.put(`k${i}`, 900)
    await w.flush()
  }, { settings: { manifestSync: false } })
  assert.ok(images > 60)
})

test('H6: fast mode: never more than one group of edits in the manifest is unsynced', async () => {
  let unsynced = 0
  let most = 0
  const w = await opened({ settings: { manifestSync: false, immutablesMax: 8 } })
  w.vfs.onEffect = (_index, _text, op) => {
    if (!op.path.endsWith('000001.manifest')) return
    unsynced = op.kind === 'sync' ? 0 : unsynced + 1
    most = Math.max(most, unsynced)
  }
  for (let i = 0; i < 80; i++) await w.put(`k${i}`, 9000)
  await w.flush()
  assert.ok(w.db.stats().flush.completed > 8)
  assert.equal(most, 1)
})

test('H7: a put without sync is visible on return although a synced one before it still waits', async () => {
  const w = await opened()
  w.vfs.addFault({ kind: 'dataSync', fault: { do: 'hang' } })
  let isSynced = false
  const synced = w.put('a', 100, { sync: true }).then(() => {
    isSynced = true
  })
  await turns(w, 20)
  w.putSync('b', 100)
  w.checkReads()
  assert.notEqual(w.db.getSync('b'), undefined)
  assert.notEqual(w.db.getSync('a'), undefined, 'what is before it in the log is visible too')
  assert.equal(isSynced, false, 'but not acknowledged')
  await reopen(crashNow(w, 'none'))
  w.vfs.releaseHung()
  await synced
  await reopen(crashNow(w, 'none'))
})

test('H8: blocking batches in a loop install their flushes themselves: memory stays bounded', async () => {
  const w = await opened({ settings: { immutablesMax: 2 } })
  let hasTurned = false
  setImmediate(() => (hasTurned = true))
  for (let i = 0; i < 60; i++) {
    w.batchSync([{ key: `k${i % 10}`, length: 12_000 }, { key: `d${i}`, length: null }])
    assert.ok(w.db.stats().memory.memtableCount <= 3, 'two sealed ones and the current one')
  }
  assert.equal(hasTurned, false, 'the event loop never turned')
  assert.ok(w.db.stats().flush.completed >= 8)
  w.checkReads()
})

/** Three puts in one group; the disk is full after the first one's frame. */
async function groupWithoutSpace(): Promise<Workload> {
  const w = await opened({ toleratesErrors: true })
  await w.put('before', 200)
  await w.vfs.settled()
  w.vfs.capacityBytes = w.vfs.usedBytes + 400
  await Promise.all([w.put('g1', 300), w.put('g2', 300), w.put('g3', 300)])
  assert.deepEqual(w.errors, ['NO_SPACE', 'NO_SPACE', 'NO_SPACE'])
  return w
}

test('H9: a group is refused after its first frame was whole on the disk: none of it comes back', async () => {
  const w = await groupWithoutSpace()
  w.checkReads()
  for (const way of EVERY_WAY) {
    const disk = crashNow(w, way)
    disk.vfs.capacityBytes = Infinity
    const { db, matched } = await reopen(disk)
    assert.equal(matched, way === 'kill' ? 1 : matched)
    assert.equal(db.getSync('g1'), undefined)
  }
})

test('H9, H10: after the space came back, refused frames are in no table, and no number is used twice', async () => {
  const w = await groupWithoutSpace()
  const refused = w.db.stats().database.visibleSeq
  w.vfs.capacityBytes = Infinity
  await w.vfs.clock.advance(2500)
  assert.equal(w.db.stats().database.state, 'OPEN')
  await w.put('g2', 350)
  assert.ok(w.db.stats().database.visibleSeq > refused + 3, 'numbers of refused entries are not given out again')
  await w.flush()
  assert.equal(w.db.stats().levels.reduce((sum, level) => sum + level.entryCount, 0), 2)
  w.checkReads()
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})

test('H11: a snapshot taken at any moment of a flush keeps what it sees', async () => {
  const w = await opened()
  await w.put('k', 100)
  const held = [w.snapshot()]
  w.vfs.addFault({ kind: 'dataSync', fault: { do: 'hang' } })
  const second = w.put('k', 200, { sync: true })
  await turns(w, 10)
  held.push(w.snapshot())
  const flushed = w.flush()
  for (let i = 0; i < 40; i++) {
    await turns(w, 1)
    held.push(w.snapshot())
    if (i === 20) w.vfs.releaseHung()
  }
  await flushed
  await second
  await w.put('k', 300)
  await w.flush()
  for (const { check } of held) check()
  assert.equal(w.db.getSync('k', { snapshot: held[0]!.snapshot })?.length, 100)
  assert.equal(w.db.getSync('k', { snapshot: held[1]!.snapshot })?.length, 200)
})

test('H12: a pin outlives the process: the log it keeps is there after any crash', async () => {
  const w = await opened()
  await w.db.pins.acquire('follower')
  for (let i = 0; i < 3; i++) await w.put(`k${i}`, 300, { sync: true })
  await w.flush()
  for (const way of EVERY_WAY) {
    const first = crashNow(w, way)
    const { db } = await reopen(first)
    await db.flush()
    const next = { ...first, vfs: first.vfs.clone('all', 3), expected: { ...first.expected, atLeast: 3 } }
    const again = await reopen(next)
    let count = 0
    for await (const { operations } of again.db.pins.read('follower')) count += operations.length
    assert.equal(count, 3, 'the follower still gets every batch')
  }
})

test('H17: a log sync fails, the process starts again on pages that only look durable', async () => {
  for (const mode of ['lostClean', 'revert', 'benign'] as const) {
    const w = await opened({ toleratesErrors: true })
    await w.put('a', 700, { sync: true })
    await w.put('b', 700)
    w.vfs.addFault({ kind: 'sync', fileClass: 'log', fault: { do: 'failSync', mode } })
    await w.put('c', 700, { sync: true })
    assert.deepEqual(w.errors, ['COMMIT_UNKNOWN'])
    await w.killed('power')
    await w.put('d', 100, { sync: true })
    for (const name of w.vfs.listSync('/db')) w.vfs.evict(`/db/${name}`)
    for (const way of EVERY_WAY) await reopen(crashNow(w, way))
  }
})

test('H18: without sync a write survives power loss once the background sync has run', async () => {
  const settings = { syncIntervalMs: 1000 }
  const w = await opened({ settings })
  await w.put('a', 300)
  await w.vfs.clock.advance(500)
  const early = await reopen(crashNow(w, 'none'))
  assert.equal(early.matched, 0, 'not yet: the promise says so')
  await w.vfs.clock.advance(600)
  const late = await reopen(crashNow(w, 'none'))
  assert.equal(late.matched, 1)
  assert.equal(w.db.stats().wal.durableSeq, 1, 'and the statistics tell')
  await w.killed()
  await w.put('b', 300)
  await w.killed()
  await w.put('c', 300)
  assert.equal((await reopen(crashNow(w, 'none'))).matched, 2, 'a reopen makes durable what it found')
})

test('H18: the background sync also runs by bytes', async () => {
  const w = await opened({ settings: { syncBytes: 64 * 1024, writeBufferSize: 1024 * 1024 } })
  for (let i = 0; i < 9; i++) await w.put(`k${i}`, 8000)
  await w.vfs.settled()
  assert.ok((await reopen(crashNow(w, 'none'))).matched >= 8)
})

test('H9: the write fails and so does the cut: nothing is known, nothing more is written', async () => {
  const w = await opened({ toleratesErrors: true })
  await w.put('a', 300, { sync: true })
  w.vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'EIO', when: 'after' } })
  w.vfs.addFault({ kind: 'truncate', fault: { do: 'error', code: 'EIO' } })
  await w.put('b', 300)
  assert.deepEqual(w.errors, ['COMMIT_UNKNOWN'])
  assert.equal(w.db.stats().database.state, 'FAILED')
  w.checkReads()
  await assert.rejects(w.db.put('c', 'd'), (error) => codeOf(error) === 'BACKGROUND_ERROR')
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})

for (const manifestSync of [true, false]) {
  for (const [roomBytes, refused] of [[5_000, 3], [15_000, 2]] as const) {
    const which = `${refused} of 3 refused, ${manifestSync ? 'strict' : 'fast'} mode`
    test(`H9: a group over two logs meets a full disk; what comes after the resume is not lost: ${which}`, async () => {
      const settings = { manifestSync, syncIntervalMs: 60_000 }
      const w = await opened({ toleratesErrors: true, settings })
      for (let i = 0; i < 5; i++) await w.put(`k${i}`, 10_000)
      await w.vfs.settled()
      w.vfs.capacityBytes = w.vfs.usedBytes + roomBytes
      await Promise.all([5, 6, 7].map((i) => w.put(`k${i}`, 10_000)))
      assert.deepEqual(w.errors, new Array(refused).fill('NO_SPACE'))
      w.checkReads()
      w.vfs.capacityBytes = Infinity
      await w.vfs.clock.advance(2500)
      assert.equal(w.db.stats().database.state, 'OPEN')
      await w.put('after', 300, { sync: true })
      w.checkReads()
      for (const way of EVERY_WAY) await reopen(crashNow(w, way))
    })
  }
}

for (const manifestSync of [true, false]) {
  const mode = manifestSync ? 'strict' : 'fast'
  test(`a batch larger than a slab as the first write, others behind it, ${mode} mode`, async () => {
    const w = await opened({ settings: { manifestSync } })
    const first = w.batch([{ key: 'x', length: 90_000 }])
    await Promise.all([first, ...['a', 'b', 'c'].map((key) => w.put(key, 100))])
    w.checkReads()
    await w.flush()
    await Promise.all([w.batch([{ key: 'x', length: 80_000 }]), w.put('a', 200, { sync: true })])
    w.checkReads()
    for (const way of EVERY_WAY) await reopen(crashNow(w, way))
  })
}

test('a flush that waits is told of a failed log sync with an error of ours', async () => {
  const w = await opened()
  await w.put('a', 100)
  w.vfs.addFault({ kind: 'dataSync', fault: { do: 'error', code: 'EIO' } })
  w.vfs.addFault({ kind: 'create', fileClass: 'temp', fault: { do: 'error', code: 'EIO' }, times: 2 })
  const flushed = w.db.flush()
  await assert.rejects(flushed, (error) => VarveError.is(error) && error.code === 'BACKGROUND_ERROR')
})
