/** Large values through flushes and opens: where they stand, and what a failing disk makes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFileName } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { recordCalls } from '../support/fakes/watched-vfs.js'
import { steppingClock } from '../support/fakes/stepping-clock.js'

const DIR = '/db'
const KiB = 1024
const MiB = 1024 * KiB

function open(vfs: SimVfs, options: VarveOptions = {}): Promise<Varve> {
  return Varve.open(DIR, {
    workers: 0, valueThreshold: 4096, writeBufferSize: 64 * KiB, compaction: { style: 'none' }, ...options,
    components: { vfs, clock: steppingClock(vfs.clock), ...options.components },
  })
}

const namesOf = (vfs: SimVfs, ending: string) => vfs.listSync(DIR).filter((name) => name.endsWith(ending))

function valueOf(key: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + key.charCodeAt(i % key.length) + length) & 0xff
  return bytes
}

const same = (value: Uint8Array | undefined, expected: Uint8Array) =>
  assert.ok(value !== undefined && Buffer.compare(value, expected) === 0)

/** Which value logs there are, as `promoted` or `own` by number. */
function valueLogsOf(db: Varve): string[] {
  return db.stats().valueLog.files.map(({ fileNum, isLog }) => `${fileNum} ${isLog ? 'promoted' : 'own'}`)
}

test('a promoted log keeps its name and is not replayed; its values are there after an open', async () => {
  const vfs = new SimVfs({ seed: 1 })
  let db = await open(vfs)
  for (let i = 0; i < 3; i++) await db.put(`k${i}`, valueOf(`k${i}`, 16_000))
  await db.flush()
  assert.equal(valueLogsOf(db).length, 1)
  const [promoted] = namesOf(vfs, '.wal')
  await db.put('small', 'x')
  await db.close()
  assert.ok(namesOf(vfs, '.wal').includes(promoted!))
  db = await open(vfs)
  assert.equal(db.stats().recovery!.replayedEntryCount, 0)
  for (let i = 0; i < 3; i++) same(await db.get(`k${i}`), valueOf(`k${i}`, 16_000))
  await db.close()
})

test('VLG-3: a promoted log is only read, where handles say, whatever is written or opened', async () => {
  const vfs = new SimVfs({ seed: 9 })
  const calls: string[] = []
  const components = { vfs: recordCalls(vfs, calls), clock: steppingClock(vfs.clock) }
  let db = await open(vfs, { components })
  for (let i = 0; i < 3; i++) await db.put(`k${i}`, valueOf(`k${i}`, 16_000))
  await db.flush()
  const [promoted] = namesOf(vfs, '.wal')
  assert.equal(valueLogsOf(db).length, 1)
  calls.length = 0
  await db.put('small', 'x', { sync: true })
  await db.flush()
  await db.close()
  for (let round = 0; round < 2; round++) {
    db = await open(vfs, { components })
    assert.equal(db.stats().recovery!.replayedEntryCount, 0)
    await db.put(`round ${round}`, 'x')
    await db.close()
  }
  const touched = (): string[] => calls.filter((call) => call.includes(promoted!))
  assert.ok(touched().every((call) => call.startsWith('stat ')), `${touched()}`)
  db = await open(vfs, { components })
  same(await db.get('k1'), valueOf('k1', 16_000))
  const isRead = (call: string): boolean => /^(stat|open read|read|size|close)/.test(call)
  assert.ok(touched().length > 0 && touched().every(isRead), `${touched()}`)
  await db.close()
})

test('S16: an open that replays several logs promotes each of them, in one edit', async () => {
  const vfs = new SimVfs({ seed: 2 })
  const db = await open(vfs, { flushOnClose: false, immutablesMax: 8 })
  // Three slabs are full, and none can be flushed.
  const noTemps = { kind: 'create', fileClass: 'temp', times: Infinity } as const
  const fault = vfs.addFault({ ...noTemps, fault: { do: 'error', code: 'EIO' } })
  for (let i = 0; i < 13; i++) await db.put(`k${i}`, valueOf(`k${i}`, 15_000))
  await db.sync()
  await db.put('tells that all was synced', 'x', { sync: true })
  const killed = vfs.cloneKilled(1)
  killed.clearFaults()
  fault.remove()
  const again = await open(killed)
  const logs = valueLogsOf(again)
  assert.ok(logs.length >= 3 && logs.every((log) => log.endsWith('promoted')), logs.join(', '))
  for (let i = 0; i < 13; i++) same(await again.get(`k${i}`), valueOf(`k${i}`, 15_000))
  await again.close()
  const crashed = killed.clone('none', 1)
  const last = await open(crashed)
  for (let i = 0; i < 13; i++) same(await last.get(`k${i}`), valueOf(`k${i}`, 15_000))
  await last.close()
})

test('A3: recovery does not promote what nobody knows to be synced', async () => {
  for (const isProven of [false, true]) {
    const vfs = new SimVfs({ seed: 3 })
    const db = await open(vfs, { flushOnClose: false, writeBufferSize: 4 * MiB, syncBytes: 64 * MiB })
    for (let i = 0; i < 40; i++) await db.put(`k${i}`, valueOf(`k${i}`, 32_000))
    if (isProven) {
      await db.sync()
      await db.put('mark', 'x') // its frame says what was synced
    }
    const killed = vfs.cloneKilled(1)
    const again = await open(killed, { writeBufferSize: 4 * MiB })
    const [log] = valueLogsOf(again)
    assert.ok(log!.endsWith(isProven ? 'promoted' : 'own'), `${log}, ${isProven}`)
    for (let i = 0; i < 40; i++) same(await again.get(`k${i}`), valueOf(`k${i}`, 32_000))
    await again.close()
  }
})

test('A3: the failed write-back of a log that recovery has seen does no harm behind a durable edit', async () => {
  const vfs = new SimVfs({ seed: 4 })
  const db = await open(vfs, { flushOnClose: false, writeBufferSize: 4 * MiB, syncBytes: 64 * MiB })
  for (let i = 0; i < 40; i++) await db.put(`k${i}`, valueOf(`k${i}`, 32_000))
  vfs.addFault({ kind: 'sync', fileClass: 'log', fault: { do: 'failSync', mode: 'lostClean' } })
  await assert.rejects(db.sync())
  // The page cache still shows all of it, and a new sync says that it is well.
  const killed = vfs.cloneKilled(1)
  killed.clearFaults()
  const again = await open(killed, { writeBufferSize: 4 * MiB })
  await again.put('new', 'x', { sync: true })
  const last = await open(killed.clone('none', 1), { writeBufferSize: 4 * MiB })
  for (let i = 0; i < 40; i++) same(await last.get(`k${i}`), valueOf(`k${i}`, 32_000))
  await last.close()
})

test('A23: on a full disk the log whose write was cut is promoted as well as any other', async () => {
  const vfs = new SimVfs({ seed: 5 })
  const db = await open(vfs)
  await vfs.settled()
  for (let i = 0; i < 3; i++) await db.put(`k${i}`, valueOf(`k${i}`, 15_000))
  // Room for a table of handles, and not for values.
  vfs.capacityBytes = vfs.usedBytes + 9000
  await assert.rejects(db.put('k3', valueOf('k3', 15_000)), { code: 'NO_SPACE' })
  await db.resume().catch(() => undefined)
  await vfs.settled()
  await vfs.clock.advance(3000)
  await vfs.settled()
  const files = valueLogsOf(db)
  assert.ok(files.length === 1 && files[0]!.endsWith('promoted'), files.join(', '))
  for (let i = 0; i < 3; i++) same(await db.get(`k${i}`), valueOf(`k${i}`, 15_000))
  vfs.capacityBytes = Infinity
  await db.close()
  const again = await open(vfs)
  for (let i = 0; i < 3; i++) same(await again.get(`k${i}`), valueOf(`k${i}`, 15_000))
  await again.close()
})

test('A14: a loop of Sync calls that fills slabs with large values is never refused, and promotes logs', async () => {
  for (const manifestSync of [true, false]) {
    const vfs = new SimVfs({ seed: 6 })
    const db = await open(vfs, { manifestSync, syncBytes: 64 * KiB })
    for (let i = 0; i < 60; i++) db.putSync(`k${i}`, valueOf(`k${i}`, 15_000))
    for (let i = 0; i < 60; i++) same(db.getSync(`k${i}`), valueOf(`k${i}`, 15_000))
    const promoted = valueLogsOf(db).filter((text) => text.endsWith('promoted'))
    assert.ok(promoted.length >= 8, `${promoted.length} of 15 logs`)
    await db.close()
    const again = await open(vfs)
    for (let i = 0; i < 60; i++) same(await again.get(`k${i}`), valueOf(`k${i}`, 15_000))
    await again.close()
  }
})

test('A14: a Sync call ends, where the log before it is synced to its last large value only', async () => {
  const vfs = new SimVfs({ seed: 10 })
  const db = await open(vfs, { immutablesMax: 1 })
  db.putSync('a', valueOf('a', 56_000), { sync: true })
  db.putSync('small', 'x')
  for (const key of ['b', 'c']) db.putSync(key, valueOf(key, 60_000))
  for (const key of ['a', 'b', 'c']) same(db.getSync(key), valueOf(key, key === 'a' ? 56_000 : 60_000))
  await db.close()
  const again = await open(vfs)
  assert.equal(Buffer.from((await again.get('small'))!).toString(), 'x')
  await again.close()
})

test('S19, A18: flushes of one large value each leave no tiny value logs', async () => {
  const vfs = new SimVfs({ seed: 7 })
  const db = await open(vfs, { writeBufferSize: 4 * MiB })
  for (let i = 0; i < 100; i++) {
    await db.put(`k${i}`, valueOf(`k${i}`, 64 * KiB))
    await db.flush()
  }
  assert.deepEqual(valueLogsOf(db), [])
  assert.deepEqual(vfs.listSync(DIR).filter((name) => parseFileName(name)?.kind === 'vlog'), [])
  await db.close()
})

test('a pin keeps a promoted log for its follower, and only the tables keep it afterwards', async () => {
  const vfs = new SimVfs({ seed: 8 })
  const db = await open(vfs)
  await db.pins.acquire('follower')
  for (let i = 0; i < 3; i++) await db.put(`k${i}`, valueOf(`k${i}`, 16_000))
  await db.flush()
  const [promoted] = namesOf(vfs, '.wal')
  assert.deepEqual(db.stats().valueLog.files.map(({ isLog }) => isLog), [true])
  await db.pins.release('follower')
  await vfs.settled()
  assert.ok(namesOf(vfs, '.wal').includes(promoted!))
  for (let i = 0; i < 3; i++) same(await db.get(`k${i}`), valueOf(`k${i}`, 16_000))
  await db.close()
})

test('a threshold of 0 keeps every value in tables, and does not make old handles unreadable', async () => {
  const vfs = new SimVfs({ seed: 9 })
  let db = await open(vfs)
  await db.put('old', valueOf('old', 50_000))
  await db.close()
  db = await open(vfs, { valueThreshold: 0 })
  await db.put('new', valueOf('new', 50_000))
  await db.flush()
  assert.equal(valueLogsOf(db).length, 1)
  for (const key of ['old', 'new']) same(await db.get(key), valueOf(key, 50_000))
  await db.close()
})

for (const manifestSync of [true, false]) {
  const name = `a flush and a recovery that copy end a value log at about valueFileBytes: strict ${manifestSync}`
  test(name, async () => {
    const vfs = new SimVfs({ seed: 11 })
    const options = {
      writeBufferSize: 16 * MiB, valueFileBytes: MiB, manifestSync, flushOnClose: false,
      compaction: { style: 'none' as const },
    }
    let db = await open(vfs, options)
    const keys = (prefix: string): string[] => Array.from({ length: 60 }, (_, i) => `${prefix}${i}`)
    const putAll = async (prefix: string): Promise<void> => {
      for (const key of keys(prefix)) await db.put(key, valueOf(key, 64 * KiB))
      // More small ones than let a log be promoted.
      for (let i = 0; i < 800; i++) await db.put(`${prefix} small ${i}`, valueOf('s', 3000))
    }
    const check = async (prefix: string, filesBefore: number): Promise<void> => {
      const { files, copiedCount } = db.stats().valueLog
      const sizes = files.slice(filesBefore).map(({ fileBytes }) => fileBytes)
      assert.equal(copiedCount, 60)
      assert.equal(sizes.length, 4)
      for (const bytes of sizes.slice(0, -1)) assert.ok(bytes >= MiB && bytes < MiB + 66 * KiB, `${bytes}`)
      for (const key of keys(prefix)) same(await db.get(key), valueOf(key, 64 * KiB))
    }
    await putAll('a')
    await db.flush()
    await check('a', 0)
    await putAll('b')
    await db.close()
    db = await open(vfs, options)
    await check('b', 4)
    await check('a', 4)
    await db.close()
    assert.deepEqual(namesOf(vfs, '.vlog').length, 8)
    assert.deepEqual(vfs.listSync(DIR).filter((file) => file.includes('tmp')), [])
  })
}
