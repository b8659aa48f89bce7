/** What: every row of the crash table of the flush pipeline: what lies on the disk, and what recovery does with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashAfter, crashNow, numbersOf, readFrames, reopen, rewriteFile } from '../support/crash/crash-steps.js'
import type { Way } from '../support/crash/crash-steps.js'
import { Workload } from '../support/model/workload.js'

const EVERY_WAY: Way[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']

async function filled(settings = {}): Promise<Workload> {
  const w = new Workload({ seed: 3, settings })
  await w.open()
  await w.vfs.settled()
  for (let i = 0; i < 4; i++) await w.put(`k${i}`, 500, { sync: true })
  return w
}

test('crash after prepare: two logs, both are replayed', async () => {
  const w = await filled()
  const disks = await crashAfter(w, /write \/db\/000003\.wal 128\+/, ['kill', 'all'], async () => {
    for (let i = 0; i < 7; i++) await w.put(`big${i}`, 10_000)
    await w.vfs.settled()
  })
  for (const disk of disks) {
    const { before, after, matched, db } = await reopen(disk)
    assert.deepEqual(numbersOf(before, 'log'), [2, 3])
    assert.deepEqual(numbersOf(before, 'table'), [])
    assert.equal(matched, disk.expected.batches.length, 'both logs count')
    assert.equal(db.stats().recovery?.replayedEntryCount, matched)
    assert.equal(numbersOf(after, 'table').length, 2, 'a table for each log')
    assert.ok(Math.min(...numbersOf(after, 'log')) > 3, 'the old logs are gone')
  }
})

test('crash while the table is built: the temp file goes, the log is replayed, a new number is taken', async () => {
  const w = await filled()
  for (const disk of await crashAfter(w, /write .*\.table\.tmp/, ['kill', 'all', 'namesOnly'], () => w.flush())) {
    const { before, after, db } = await reopen(disk)
    const [temp] = numbersOf(before, 'temp')
    assert.ok(temp !== undefined, 'there was a temp file')
    assert.deepEqual(numbersOf(after, 'temp'), [])
    assert.ok(Math.min(...numbersOf(after, 'table')) > temp, 'its number is not used again')
    assert.equal(db.stats().recovery?.tempFileCount, 1)
    assert.equal(db.stats().recovery?.replayedEntryCount, 4)
  }
})

for (const [name, step, settings] of [
  ['renamed, not in the manifest', /link /, {}],
  ['fast mode: written, its edit held', /write .*\.table /, { manifestSync: false }],
] as const) {
  test(`crash after a table is ${name}: the orphan goes, the log is replayed, a new number is taken`, async () => {
    const w = await filled(settings)
    for (const disk of await crashAfter(w, step, ['kill', 'all'], () => w.flush())) {
      const { before, after, db } = await reopen(disk)
      const [orphan] = numbersOf(before, 'table')
      assert.ok(orphan !== undefined, 'there was a table')
      assert.ok(Math.min(...numbersOf(after, 'table')) > orphan, 'its number is not used again')
      assert.equal(db.stats().recovery?.orphanTableCount, 1)
      assert.equal(db.stats().recovery?.replayedEntryCount, 4)
    }
  })
}

test('crash with a torn edit: the manifest is cut, the table is an orphan, the log is replayed', async () => {
  const w = await filled()
  const appended = /write .*manifest [1-9]\d*\+/
  const bytesBefore = readFrames(w.vfs, '000001.manifest').length
  const [disk] = await crashAfter(w, appended, ['kill'], () => w.flush())
  const { vfs } = disk!
  const whole = readFrames(vfs, '000001.manifest')
  const groupBytes = whole.length - bytesBefore
  assert.ok(groupBytes > 200)
  for (let cut = 1; cut < groupBytes; cut += 23) {
    const copy = { ...disk!, vfs: vfs.cloneKilled(1) }
    rewriteFile(copy.vfs, '000001.manifest', whole.slice(0, whole.length - cut))
    const { events, db, after } = await reopen(copy)
    assert.ok(events.some(({ type }) => type === 'manifestTail'), 'it is told')
    assert.equal(db.stats().recovery?.orphanTableCount, 1)
    assert.equal(db.stats().recovery?.replayedEntryCount, 4)
    assert.equal(numbersOf(after, 'table').length, 1)
  }
})

test('crash after the edit: the table is live, the log is not replayed but released', async () => {
  const w = await filled()
  for (const disk of await crashAfter(w, /sync .*000001\.manifest/, EVERY_WAY, () => w.flush())) {
    const { before, after, db } = await reopen(disk)
    assert.deepEqual(numbersOf(before, 'log').slice(0, 1), [2], 'the log is still there')
    assert.equal(db.stats().recovery?.replayedEntryCount, 0)
    assert.ok(db.stats().recovery!.releasedLogCount >= 1)
    assert.deepEqual(numbersOf(after, 'table'), numbersOf(before, 'table'), 'the same table')
  }
})

test('crash before the deletion is durable: the log is back, covered by the pointer, deleted again', async () => {
  const w = await filled()
  await w.flush()
  await w.vfs.settled()
  await w.del('k1', { sync: true })
  const disk = crashNow(w, 'none')
  const { before, after, db } = await reopen(disk)
  assert.ok(numbersOf(before, 'log').includes(2), 'the first log is back')
  assert.equal(db.stats().recovery?.replayedEntryCount, 1, 'only the delete is replayed')
  assert.ok(db.stats().recovery!.releasedLogCount >= 2)
  assert.ok(!numbersOf(after, 'log').includes(2))
  assert.equal(db.getSync('k1'), undefined, 'what was deleted stays deleted')
})

test('a pinned log below the pointer is kept and not replayed', async () => {
  const w = await filled()
  await w.db.pins.acquire('follower')
  await w.flush()
  for (const way of EVERY_WAY) {
    const { after, db } = await reopen(crashNow(w, way))
    assert.ok(numbersOf(after, 'log').includes(2), 'the log is kept')
    assert.equal(db.stats().recovery?.replayedEntryCount, 0)
    const batches: number[] = []
    for await (const batch of db.pins.read('follower')) batches.push(batch.operations.length)
    assert.deepEqual(batches, [1, 1, 1, 1], 'and can be read by the follower')
  }
})

test('the flush of one memtable fails, another waits: installs keep their order', async () => {
  const w = await filled()
  w.vfs.addFault({ kind: 'write', fileClass: 'temp', fault: { do: 'error', code: 'EIO' } })
  const pointers: number[] = []
  w.vfs.onEffect = () => {
    const disk = crashNow(w, 'kill')
    pointers.push(numbersOf(disk.vfs.listSync('/db'), 'log').sort((a, b) => a - b)[0]!)
  }
  for (let i = 0; i < 7; i++) w.putSync(`big${i}`, 10_000)
  await w.vfs.settled()
  assert.equal(w.db.stats().flush.failed, 1)
  assert.equal(w.db.stats().flush.completed, 0, 'the second memtable does not pass the first')
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
  const flushed = w.flush()
  await w.vfs.clock.advance(200)
  await flushed
  assert.equal(w.db.stats().flush.completed, 2)
  assert.ok(pointers.every((log, i) => i === 0 || pointers[i - 1]! <= log), 'logs go oldest first')
  for (const way of EVERY_WAY) await reopen(crashNow(w, way))
})
