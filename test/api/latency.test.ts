/** How long calls and background work took, as `stats().latency` tells; and how far an open has come. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallLatencies, Progress, Varve, VarveOptions } from '../../src/index.js'
import { Place } from '../support/databases/databases.js'

const counts = (latency: CallLatencies): Record<string, number> =>
  Object.fromEntries(Object.entries(latency).map(([name, { count }]) => [name, count]))

test('one get of 64, one step of 256, one group of writes of 16 are measured; background work always is', async () => {
  const place = new Place('memory')
  const db = await place.open()
  for (let i = 0; i < 320; i++) db.putSync(`k${String(i).padStart(4, '0')}`, 'v')
  for (let i = 0; i < 320; i++) await db.put(`k${String(i).padStart(4, '0')}`, 'v')
  assert.equal(counts(db.stats().latency)['commit'], 40)
  for (let i = 0; i < 640; i++) db.getSync('k0001')
  for (let i = 0; i < 640; i++) await db.get('absent')
  assert.equal(counts(db.stats().latency)['get'], 20)
  for (let i = 0; i < 8; i++) for (const _ of db.keysSync()) { /* walks */ }
  assert.equal(counts(db.stats().latency)['step'], Math.floor(8 * 321 / 256))
  await db.sync()
  await db.flush()
  await db.put('k0100', 'v')
  await db.compact()
  const { latency, flush, wal, compaction } = db.stats()
  assert.deepEqual([latency.flush.count, latency.sync.count], [flush.completed, wal.sync.count])
  assert.equal(latency.compaction.count, compaction.run.count)
  assert.ok(latency.compaction.count > 0 && latency.flush.count > 1)
  for (const [name, { p50Ms, p90Ms, p99Ms, p999Ms, maxMs, totalMs }] of Object.entries(latency)) {
    assert.ok(0 <= p50Ms && p50Ms <= p90Ms && p90Ms <= p99Ms && p99Ms <= p999Ms && p999Ms <= maxMs, name)
    assert.ok(maxMs <= totalMs, name)
  }
  // A flush is at least as long as its stages.
  const stagesMs = flush.wait.totalMs + flush.build.totalMs + flush.install.totalMs + flush.release.totalMs
  assert.ok(latency.flush.totalMs >= stagesMs - 0.001, `${latency.flush.totalMs} of ${stagesMs} ms`)
  await place.close()
})

test('a read of a large value is measured to its end, in the thread pool', async () => {
  const place = new Place('node')
  const db = await place.open({ valueThreshold: 512 })
  const count = (): number => db.stats().latency.get.count
  await db.put('large', new Uint8Array(3_000_000))
  for (let i = 0; i < 63; i++) db.getSync('absent')
  assert.equal((await db.get('large'))!.length, 3_000_000) // from a memtable, in steps
  assert.equal(count(), 1)
  await db.flush()
  for (let i = 0; i < 63; i++) db.getSync('absent')
  const reading = db.get('large') // from a value log
  assert.equal(count(), 1)
  assert.equal((await reading)!.length, 3_000_000)
  assert.equal(count(), 2)
  await place.close()
})

/** Leaves logs of a few tables behind. */
async function leaveLogs(place: Place): Promise<Varve> {
  const db = await place.open({ flushOnClose: false, immutablesMax: 8, writeBufferSize: 64 * 1024 })
  for (let i = 0; i < 60; i++) db.putSync(`k${i}`, new Uint8Array(400))
  await db.close()
  return db
}

test('an open tells how many bytes of logs it has read, and how many tables it has made of them', async () => {
  for (const platform of ['memory', 'node'] as const) {
    for (const readOnly of [true, false]) {
      const place = new Place(platform)
      await leaveLogs(place)
      const heard: Progress[] = []
      const options: VarveOptions = { readOnly, onProgress: (progress) => heard.push(progress) }
      const db = await place.open(options)
      const last = heard.at(-1)!
      assert.ok(last.doneBytes > 0 && last.doneBytes === last.totalBytes, JSON.stringify(last))
      assert.ok(last.doneBytes >= db.stats().recovery!.replayedBytes)
      assert.deepEqual([last.doneCount, last.totalCount], readOnly ? [0, null] : [1, 1])
      for (const { doneBytes, totalBytes } of heard) assert.ok(totalBytes !== null && doneBytes <= totalBytes)
      assert.equal(heard[0]!.doneBytes, 0)
      if (readOnly) await db.refresh()
      assert.equal(heard.at(-1), last) // a refresh is no open
      await place.close()
    }
  }
})

test('what onProgress throws ends the open, and the next one finds everything', async () => {
  for (const readOnly of [true, false]) {
    const place = new Place('memory')
    await leaveLogs(place)
    const enough = new Error('enough')
    const onProgress = (): never => { throw enough }
    await assert.rejects(place.open({ readOnly, onProgress }), enough)
    const db = await place.open()
    assert.equal([...db.keysSync()].length, 60)
    await place.close()
  }
})

test('progress of compact is a Progress too', async () => {
  const place = new Place('memory')
  const db = await place.open()
  for (let i = 0; i < 2; i++) {
    await db.put('k', 'v')
    await db.flush()
  }
  const heard: Progress[] = []
  await db.compact(undefined, { onProgress: (progress: Progress) => heard.push(progress) })
  const { doneBytes, totalBytes, doneCount, totalCount } = heard.at(-1)!
  assert.ok(doneBytes > 0 && doneCount > 0)
  assert.deepEqual([totalBytes, totalCount], [null, null])
  await place.close()
})

test('every way to read one key counts, of the database and of a view, whether it is there or not', async () => {
  const db = await new Place('memory').open()
  const view = db.view({ key: 'utf8', value: 'utf8' })
  await db.put('there', 'value')
  for (const from of [db, view]) {
    const ways: Record<string, (key: string) => unknown> = {
      get: (key) => from.get(key), getSync: (key) => from.getSync(key), has: (key) => from.has(key),
      hasSync: (key) => from.hasSync(key), entry: (key) => from.entry(key), entrySync: (key) => from.entrySync(key),
      getMany: (key) => from.getMany([key]), getManySync: (key) => from.getManySync([key]),
      getStream: (key) => db.getStream(key),
    }
    for (const [name, way] of Object.entries(ways)) {
      const before = db.stats().reads
      await way('there')
      await way('absent')
      const { getCount, hitCount } = db.stats().reads
      assert.deepEqual([getCount - before.getCount, hitCount - before.hitCount], [2, 1], name)
    }
  }
  await db.close()
})
