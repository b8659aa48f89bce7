/** The space of large values comes back, by a call and by itself. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { systemClock } from '../../src/base/index.js'
import type { Clock } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { CollectOptions, CompactProgress, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL } from '../support/databases/databases.js'
import { makeDatabase, valueOf } from '../support/databases/value-databases.js'
import type { MadeDatabase, MadeEntry } from '../support/databases/value-databases.js'
import { HandClock } from '../support/fakes/hand-clock.js'

const DIR = '/db'
const opened: Varve[] = []
after(async () => {
  for (const db of opened) await db.close().catch(() => undefined)
})

/** Values of 20 kB in a promoted log 12 and in value logs 14 and 16, in turn. */
function drawEntries(count: number, bytes = 20_000): MadeEntry[] {
  return Array.from({ length: count }, (_, i) =>
    ({ key: `key ${String(i).padStart(4, '0')}`, value: valueOf(bytes, i), log: [12, 14, 16][i % 3]! }))
}

async function made(
  entries: MadeEntry[], options: VarveOptions = {}, clock?: Clock,
): Promise<{ db: Varve; vfs: MemoryVfs; places: MadeDatabase['places'] }> {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  const { places } = makeDatabase(vfs, DIR, { entries })
  const components = clock === undefined ? { vfs } : { vfs, clock }
  const db = await Varve.open(DIR, { ...SMALL, valueThreshold: 0, ...options, components })
  opened.push(db)
  return { db, vfs, places }
}

const valueLogNames = (vfs: MemoryVfs): string[] =>
  vfs.listSync(DIR).filter((name) => /^(000012\.wal|\d+\.vlog)$/.test(name))

async function checkAll(db: Varve, entries: readonly MadeEntry[], isDeleted: (i: number) => boolean): Promise<void> {
  for (const [i, { key, value }] of entries.entries()) {
    const found = await db.get(key)
    if (isDeleted(i)) assert.equal(found, undefined, key)
    else assert.ok(found !== undefined && Buffer.compare(found, value) === 0, key)
  }
}

for (const workers of [0, 2]) {
  for (const manifestSync of [true, false]) {
    test(`a call empties files over the ratio: workers ${workers}, strict ${manifestSync}`, async () => {
      const entries = drawEntries(60)
      const { db, vfs } = await made(entries, { workers, manifestSync })
      const isDeleted = (i: number): boolean => i % 3 !== 2 && i % 2 === 0
      for (const [i, { key }] of entries.entries()) if (isDeleted(i)) await db.del(key)
      const progress: CompactProgress[] = []
      const result = await db.collectGarbage({ ratio: 0.4, onProgress: (now) => void progress.push(now) })
      assert.equal(result.filesRemoved, 2)
      assert.equal(result.movedBytes, 20 * 20_000)
      assert.ok(result.removedBytes > 40 * 20_000)
      assert.equal(progress.at(-1)!.movedBytes, result.movedBytes)
      await checkAll(db, entries, isDeleted)
      const { files, liveBytes, garbageBytes } = db.stats().valueLog
      assert.equal(files.length, 2)
      assert.deepEqual([liveBytes, garbageBytes], [40 * 20_000, 0])
      assert.deepEqual(await db.collectGarbage({ ratio: 0.05 }), {
        filesRemoved: 0, removedBytes: 0, movedBytes: 0, heldBytes: 0, held: [], snapshotCount: 0,
      })
      await db.close()
      const again = await Varve.open(DIR, { ...SMALL, components: { vfs } })
      await checkAll(again, entries, isDeleted)
      await again.close()
      assert.equal(valueLogNames(vfs).length, 2)
    })
  }
}

test('S11, VLG-6: a value that is wrong makes its file be left alone; the rest is done', async () => {
  const entries = drawEntries(60)
  const { db, vfs, places } = await made(entries, { workers: 0 })
  const isDeleted = (i: number): boolean => i % 2 === 0
  const wrong = entries.findLastIndex(({ log }, i) => log === 14 && !isDeleted(i))
  const file = vfs.openSync(`${DIR}/000014.vlog`, 'write')
  file.writeSync(Buffer.from('wrong'), 0, 5, places.get(entries[wrong]!.key)!.offset)
  file.closeSync()
  for (const [i, { key }] of entries.entries()) if (isDeleted(i)) await db.del(key)
  await assert.rejects(db.collectGarbage({ ratio: 0.4 }), { code: 'CORRUPTION', file: '000014.vlog' })
  const names = valueLogNames(vfs)
  assert.ok(names.includes('000014.vlog') && !names.includes('000012.wal') && !names.includes('000016.vlog'))
  assert.equal(db.stats().database.state, 'DEGRADED')
  await assert.rejects(db.get(entries[wrong]!.key), { code: 'CORRUPTION', file: '000014.vlog' })
  await checkAll(db, entries.filter((_, i) => i !== wrong && !isDeleted(i)), () => false)
  await db.put('another', 'value')
  await db.compact()
  assert.deepEqual(db.stats().valueLog.unreadableFiles, [14])
  for (const { key } of entries) await db.del(key)
  const result = await db.collectGarbage()
  assert.equal(result.filesRemoved, 2, 'a file that went because nothing points to it is no error')
  assert.deepEqual(valueLogNames(vfs), [])
  assert.deepEqual(db.stats().valueLog.unreadableFiles, [])
  await db.close()
})

test('a snapshot keeps what it sees; when it goes the next call gives the space back', async () => {
  const entries = drawEntries(30)
  const { db } = await made(entries, { workers: 0 })
  const snapshot = db.snapshot()
  for (const { key } of entries) await db.del(key)
  const first = await db.collectGarbage({ ratio: 0.05 })
  assert.equal(first.filesRemoved, 0)
  assert.deepEqual([first.held, first.snapshotCount], [[], 1])
  for (const { key, value } of entries) {
    assert.ok(Buffer.compare((await db.get(key, { snapshot }))!, value) === 0)
  }
  snapshot.release()
  assert.equal((await db.collectGarbage({ ratio: 0.05 })).filesRemoved, 3)
  assert.equal(db.stats().valueLog.files.length, 0)
  await db.close()
})

test('a pin that keeps a promoted log, and a streamed value, is named with the files', async () => {
  const db = await Varve.open(DIR, {
    ...SMALL, valueThreshold: 512, workers: 0, components: { vfs: new MemoryVfs() },
  })
  opened.push(db)
  await db.pins.acquire('first')
  await db.putStream('streamed', [valueOf(100_000, 1)])
  await db.pins.acquire('second')
  await db.flush()
  await db.del('streamed')
  const { held, heldBytes } = await db.collectGarbage({ ratio: 0.05 })
  const [file] = held
  assert.deepEqual([held.length, file?.heldBy, file?.isLog, file?.fileBytes], [1, 'pin', false, heldBytes])
  assert.deepEqual(file?.pins, ['first', 'second'])
  await db.pins.release('second')
  assert.deepEqual((await db.collectGarbage({ ratio: 0.05 })).held[0]?.pins, ['first'])
  await db.pins.release('first')
  const after = await db.collectGarbage({ ratio: 0.05 })
  assert.deepEqual(after.held, [])
})

test('A10: an open iterator keeps the files that it reaches, and only those', async () => {
  const entries = drawEntries(30)
  const { db, vfs } = await made(entries, { workers: 0 })
  for (const [i, { key }] of entries.entries()) if (i % 2 === 0) await db.del(key)
  await db.flush()
  const iterator = db.values()[Symbol.asyncIterator]()
  await iterator.next()
  const result = await db.collectGarbage({ ratio: 0.05 })
  assert.equal(result.filesRemoved, 3)
  assert.ok(result.heldBytes >= 3 * 10 * 20_000)
  assert.deepEqual(result.held.map(({ fileNum, isLog, heldBy, pins }) => [fileNum, isLog, heldBy, pins]), [
    [12, true, 'reader', []], [14, false, 'reader', []], [16, false, 'reader', []],
  ])
  let count = 1
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) count++
  assert.equal(count, 15)
  await db.close()
  assert.equal(valueLogNames(vfs).length, 1)
})

test('a call can be given up, and an option that is wrong changes nothing', async () => {
  const { db, vfs } = await made(drawEntries(30), { workers: 0 })
  for (const ratio of [0, 0.04, 0.96, 1, NaN, '0.5', null]) {
    const options = { ratio } as unknown as CollectOptions
    await assert.rejects(db.collectGarbage(options), { code: 'INVALID_ARGUMENT', message: /from 0.05 to 0.95/ })
  }
  await assert.rejects(db.collectGarbage({ rate: 1 } as CollectOptions), { code: 'INVALID_ARGUMENT' })
  const abort = new AbortController()
  abort.abort()
  await assert.rejects(db.collectGarbage({ signal: abort.signal }), { name: 'AbortError' })
  assert.equal(valueLogNames(vfs).length, 3)
  await db.close()
})

test('S7, S29: deleting everything gives everything back without a call, however few the tombstones are', async () => {
  const clock = new HandClock()
  const entries = drawEntries(90)
  const { db, vfs } = await made(entries, { workers: 0, compaction: { style: 'leveled' } }, clock)
  for (const { key } of entries) await db.del(key)
  for (let second = 0; second < 30 && valueLogNames(vfs).length > 0; second++) {
    void clock.advance(1000)
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(valueLogNames(vfs), [])
  await db.close()
})

test('A23: a call does not fill the disk: it says what is missing, and goes on when there is room', async () => {
  const entries = drawEntries(60)
  let skewMs = 0
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + skewMs }
  const { db, vfs } = await made(entries, { workers: 0 }, clock)
  const isDeleted = (i: number): boolean => i % 3 !== 2 && i % 2 === 0
  for (const [i, { key }] of entries.entries()) if (isDeleted(i)) await db.del(key)
  let free = 2 * SMALL.writeBufferSize!
  vfs.freeBytes = async () => free
  await assert.rejects(db.collectGarbage({ ratio: 0.4 }), { code: 'NO_SPACE', hint: /free some space/ })
  assert.deepEqual([db.stats().valueLog.movedBytes, db.stats().database.state], [0, 'OPEN'])
  await checkAll(db, entries, isDeleted)
  free = Infinity
  skewMs = 1000 // a look is good for a second
  assert.equal((await db.collectGarbage({ ratio: 0.4 })).movedBytes, 20 * 20_000)
  await checkAll(db, entries, isDeleted)
})

for (const call of ['compact', 'collectGarbage'] as const) {
  for (const order of ['ascending', 'mixed'] as const) {
    test(`S19: with style none nothing is merged until ${call}(), which brings small value logs together: ${order}`,
      async () => {
        const vfs = new MemoryVfs()
        const options = { ...SMALL, workers: 0, valueFileBytes: 1024 * 1024, components: { vfs } }
        const db = await Varve.open(DIR, options)
        opened.push(db)
        const count = 160
        const keyOf = (i: number): string => `key ${String(order === 'mixed' ? (i * 37) % 100 : i).padStart(4, '0')}`
        const now = new Map<string, Uint8Array>()
        for (let i = 0; i < count; i++) {
          now.set(keyOf(i), valueOf(40_000, i))
          await db.put(keyOf(i), now.get(keyOf(i))!)
          await db.flush()
        }
        assert.equal(db.stats().valueLog.files.length, count)
        assert.equal(db.stats().valueLog.movedBytes, 0)
        await db[call]()
        const { files, liveBytes, garbageBytes } = db.stats().valueLog
        const small = files.filter(({ fileBytes }) => fileBytes < 2 ** 20 / 16)
        assert.ok(small.length <= 64, `${small.length} small files`)
        assert.equal(liveBytes, now.size * 40_000)
        assert.ok(garbageBytes <= 0.3 * liveBytes)
        for (const [key, value] of now) assert.ok(Buffer.compare((await db.get(key))!, value) === 0, key)
        await db.close()
      })
  }
}

test('with style none compact() gives garbage back, of a range only where nothing else points', async () => {
  const entries = drawEntries(90)
  const { db } = await made(entries, { workers: 0 })
  const isDeleted = (i: number): boolean => i % 2 === 0
  for (const [i, { key }] of entries.entries()) if (isDeleted(i)) await db.del(key)
  await db.flush()
  await db.put('zz', valueOf(20_000, 1))
  await db.compact({ gte: 'zz' })
  assert.equal(db.stats().valueLog.movedBytes, 0)
  await db.compact()
  assert.deepEqual([db.stats().valueLog.movedBytes, db.stats().valueLog.garbageBytes], [45 * 20_000, 0])
  await checkAll(db, entries, isDeleted)
})
