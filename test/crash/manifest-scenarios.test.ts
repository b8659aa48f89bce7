/**
 * What: M01–M18: manifest, marker, open. Not here:
 *   M05   a marker is a new file, never renamed: swept by test/crash/sweep-*.test.ts
 *   M12, its second process   src/vfs/node/node-lock.test.ts and test/contract/vfs-lock-race.test.ts
 *   M14   there is one format
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, putU32 } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import type { SimVfs } from '../../src/testing.js'
import { hashDisk } from '../support/crash/crash-image.js'
import {
  crashAfter, crashNow, numbersOf, readFile, readFrames, reopen, rewriteFile,
} from '../support/crash/crash-steps.js'
import type { Way } from '../support/crash/crash-steps.js'
import { CrashSweep } from '../support/crash/crash-sweep.js'
import { DIR, openOn, Workload } from '../support/model/workload.js'
import type { WorkloadOptions } from '../support/model/workload.js'

const EVERY_WAY: Way[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']
const MANIFEST = '000001.manifest'

/** Two tables, and something in the log. */
async function filled(options: Partial<WorkloadOptions> = {}): Promise<Workload> {
  const w = new Workload({ seed: 17, ...options })
  await w.open()
  for (let i = 0; i < 3; i++) await w.put(`a${i}`, 400)
  await w.flush()
  for (let i = 0; i < 3; i++) await w.put(`b${i}`, 400)
  await w.flush()
  await w.put('c', 100, { sync: true })
  await w.vfs.settled()
  return w
}

async function refuses(vfs: SimVfs, ...codes: string[]): Promise<VarveError> {
  const before = hashDisk(vfs)
  let caught: unknown = null
  await openOn(vfs).catch((error: unknown) => (caught = error))
  assert.ok(VarveError.is(caught), `opened, or ${String(caught)}`)
  assert.ok(codes.includes(caught.code), `${caught.code}: ${caught.message}`)
  assert.equal(hashDisk(vfs), before, 'nothing was changed')
  return caught
}

test('M01: the last edit is torn: the version before it counts, and its log is still there', async () => {
  const w = await filled()
  const [disk] = await crashAfter(w, /write .*000001\.manifest/, ['kill'], () => w.flush())
  const whole = readFrames(disk!.vfs, MANIFEST)
  for (let cut = 1; cut < 200; cut += 9) {
    const vfs = disk!.vfs.cloneKilled(1)
    rewriteFile(vfs, MANIFEST, whole.slice(0, -cut))
    const { db } = await reopen({ ...disk!, vfs })
    assert.equal(db.stats().recovery?.replayedEntryCount, 1)
  }
})

test('M02: a bad byte in the middle: refused, with file and offset', async () => {
  const w = await filled()
  const vfs = w.vfs.clone('none', 1)
  const whole = readFrames(vfs, MANIFEST)
  for (let at = 0; at < whole.length - 700; at += 31) {
    const bad = whole.slice()
    bad[at]! ^= 0x40
    rewriteFile(vfs, MANIFEST, bad)
    const error = await refuses(vfs.cloneKilled(1), 'CORRUPTION', 'UNSUPPORTED_FORMAT')
    assert.equal(error.file, MANIFEST)
    assert.ok(error.offset !== undefined)
  }
})

for (const mode of ['lostClean', 'revert', 'benign'] as const) {
  test(`M03, M04: the sync of an edit fails (${mode}): nothing is deleted, whatever the next open finds`, async () => {
    const w = await filled({ toleratesErrors: true })
    w.vfs.addFault({ kind: 'sync', fileClass: 'manifest', fault: { do: 'failSync', mode } })
    await w.flush()
    assert.equal(w.db.stats().database.state, 'FAILED')
    assert.equal(w.errors.length, 1)
    w.checkReads()
    await w.vfs.settled()
    const ops = w.vfs.recordOps(DIR)
    await w.put('x', 10)
    await w.vfs.clock.advance(30_000)
    await w.close()
    assert.deepEqual(ops.stop().filter((line) => /^(unlink|write|sync|create)/.test(line)), [])
    const names = w.vfs.listSync(DIR)
    for (const way of EVERY_WAY) {
      const disk = crashNow(w, way)
      const { db, before } = await reopen({ ...disk, expected: w.oracle.expect('power') })
      await db.put('new', 'value', { sync: true })
      await db.flush()
      await disk.vfs.settled()
      const fresh = numbersOf(disk.vfs.listSync(DIR), 'table').filter((n) => !numbersOf(before, 'table').includes(n))
      const highest = Math.max(...(['log', 'table', 'manifest'] as const).flatMap((kind) => numbersOf(before, kind)))
      assert.ok(fresh.every((number) => number > highest), 'new numbers are above everything found')
    }
    assert.ok(numbersOf(names, 'table').length >= 2)
  })
}

test('M06, M07: the marker is gone or names a file that is not there: never a new database', async () => {
  const w = await filled()
  const gone = w.vfs.clone('none', 1)
  for (const name of gone.listSync(DIR)) if (name.startsWith('marker.')) gone.unlinkSync(`${DIR}/${name}`)
  await refuses(gone, 'MISSING_MARKER')
  const dangling = w.vfs.clone('none', 1)
  dangling.unlinkSync(`${DIR}/${MANIFEST}`)
  assert.equal((await refuses(dangling, 'MISSING_FILE')).file, MANIFEST)
  const wrong = w.vfs.clone('none', 1)
  rewriteFile(wrong, 'marker.000009.000004', new Uint8Array(0))
  await refuses(wrong, 'MISSING_FILE')
  const empty = w.vfs.clone('none', 1)
  rewriteFile(empty, MANIFEST, new Uint8Array(0))
  await refuses(empty, 'CORRUPTION')
})

test('M08: making the marker says that it failed, yet it is there: what is there counts', async () => {
  const w = await filled()
  const disk = crashNow(w, 'none')
  disk.vfs.addFault({ kind: 'create', fileClass: 'marker', fault: { do: 'error', code: 'EIO', when: 'after' } })
  await reopen(disk)
  for (const way of EVERY_WAY) {
    const vfs = way === 'kill' ? disk.vfs.cloneKilled(1) : disk.vfs.clone(way, 1)
    await reopen({ ...disk, vfs })
  }
})

test('M09, MAN-22: crashes at each step of writing a new manifest while the database is open', async () => {
  const { images } = await new CrashSweep({ seed: 19, randomCount: 4 }).run(async (w) => {
    await w.open()
    await w.put('a', 300)
    w.vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'EIO' } })
    await w.put('b', 300)
    await w.db.resume()
    await w.put('c', 300, { sync: true })
    await w.vfs.settled()
    await w.put('d', 300)
  }, { toleratesErrors: true })
  assert.ok(images > 60)
})

test('M10: the disk is full at an edit or at its sync: writes stop, the manifest still opens', async () => {
  for (const kind of ['write', 'sync'] as const) {
    const w = await filled({ toleratesErrors: true })
    w.vfs.addFault({ kind, fileClass: 'manifest', fault: { do: 'error', code: 'ENOSPC' }, times: Infinity })
    await w.flush()
    await w.put('x', 10)
    assert.equal(w.db.stats().database.state, 'FAILED')
    assert.equal(w.errors.at(-1), 'BACKGROUND_ERROR')
    w.checkReads()
    for (const way of EVERY_WAY) {
      const disk = crashNow(w, way)
      disk.vfs.clearFaults()
      await reopen(disk)
    }
  }
})

test('M11: crashes at each step of the first creation: the next open creates it or opens it', async () => {
  const { images } = await new CrashSweep({ seed: 23, randomCount: 10, recoveryCount: 4 }).run((w) => w.open())
  assert.ok(images > 60)
})

test('M12: a second open is refused while the first lives, and works at once when it has died', async () => {
  const w = await filled()
  await assert.rejects(openOn(w.vfs), (error) => VarveError.is(error) && error.code === 'LOCKED')
  await w.killed()
  w.checkReads()
})

test('M13: a newer format, or an unknown required feature: refused, nothing is touched', async () => {
  const w = await filled()
  const [table] = w.vfs.listSync(DIR).filter((name) => name.endsWith('.table'))
  for (const name of [MANIFEST, table!, w.vfs.listSync(DIR).filter((one) => one.endsWith('.wal')).sort()[0]!]) {
    for (const at of [8, 12]) {
      const vfs = w.vfs.clone('none', 1)
      const bytes = readFile(vfs, name)
      bytes[at]! += 1
      putU32(bytes, 124, crc32(bytes, 0, 124))
      rewriteFile(vfs, name, bytes)
      assert.equal((await refuses(vfs, 'UNSUPPORTED_FORMAT')).file, name)
    }
  }
})

test('M15: files that are not ours stay as they are, whatever they look like', async () => {
  const w = await filled()
  const disk = crashNow(w, 'none')
  const names = ['.DS_Store', '._000004.table', '000009.sst', '9.wal', '000004.table~', '000004.table.tmp', 'LOCK']
  for (const name of names) rewriteFile(disk.vfs, name, new Uint8Array(3))
  disk.vfs.mkdirSync(`${DIR}/lost+found`)
  const { db, after } = await reopen(disk)
  for (const name of [...names, 'lost+found']) assert.ok(after.includes(name), name)
  assert.equal(db.stats().recovery?.foreignFileCount, names.length + 1)
})

test('M16, REC-3: a table is missing, cut, or another one: refused at open, or by the first read', async () => {
  const w = await filled()
  const tables = w.vfs.listSync(DIR).filter((name) => name.endsWith('.table')).sort()
  const missing = w.vfs.clone('none', 1)
  missing.unlinkSync(`${DIR}/${tables[0]}`)
  assert.equal((await refuses(missing, 'MISSING_FILE')).file, tables[0])
  const short = w.vfs.clone('none', 1)
  rewriteFile(short, tables[0]!, readFile(short, tables[0]!).slice(0, -8))
  assert.equal((await refuses(short, 'CORRUPTION')).file, tables[0])
  const swapped = w.vfs.clone('none', 1)
  const [first, second] = tables.map((name) => readFile(swapped, name))
  rewriteFile(swapped, tables[0]!, second!)
  rewriteFile(swapped, tables[1]!, first!)
  await refuses(swapped, 'CORRUPTION')
})

test('M17: opened for reading on what a crash left: the recovered state, and not one byte is written', async () => {
  const w = await filled()
  await w.put('unsynced', 200)
  for (const way of EVERY_WAY) {
    const { vfs, oracle, expected } = crashNow(w, way)
    const before = hashDisk(vfs)
    const effects = vfs.effectCount
    const db = await Varve.open(DIR, { readOnly: true, components: { vfs, clock: vfs.clock } })
    const { matched } = await reopen({ vfs: vfs.cloneKilled(1), oracle, expected })
    assert.equal([...db.keysSync()].length, matched)
    assert.throws(() => db.putSync('x', 'y'), (error) => VarveError.is(error) && error.code === 'READ_ONLY')
    await db.close()
    assert.equal(vfs.effectCount, effects)
    assert.equal(hashDisk(vfs), before)
  }
})

test('M18: what is obsolete cannot be removed: the open works, no number is used again', async () => {
  const w = await filled()
  const [disk] = await crashAfter(w, /link /, ['all'], () => w.flush())
  disk!.vfs.addFault({ kind: 'unlink', fault: { do: 'error', code: 'EPERM' }, times: Infinity })
  const before = disk!.vfs.listSync(DIR)
  const db = await openOn(disk!.vfs)
  await db.put('x', 'y', { sync: true })
  await disk!.vfs.clock.advance(30_000)
  const after = disk!.vfs.listSync(DIR)
  assert.ok(before.filter((name) => !name.startsWith('varve.lock')).every((name) => after.includes(name)))
  const numbers = (names: string[]) => (['log', 'table', 'manifest'] as const).flatMap((kind) => numbersOf(names, kind))
  const fresh = numbers(after.filter((name) => !before.includes(name)))
  assert.ok(Math.min(...fresh) > Math.max(...numbers(before)))
  assert.equal(db.stats().database.state, 'OPEN')
  disk!.vfs.clearFaults()
  const next = { ...disk!, vfs: disk!.vfs.clone('none', 1) }
  assert.equal(String(Buffer.from((await openOn(next.vfs)).getSync('x')!)), 'y')
})
