/** `clear`: deletes what its range sees at the call, in batches of bounded size. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { RangeOptions, Varve } from '../../src/index.js'
import { bytes, onEach } from '../support/databases/databases.js'
import { latin1, MapModel, randomKey, randomRange } from '../support/model/range-model.js'

function contents(db: Varve): string[] {
  return [...db.entriesSync()].map(([key, value]) => `${latin1(key)}=${latin1(value)}`)
}

test('it deletes exactly what the range would give', () => onEach(async (place) => {
  const random = new SeededRandom(5, 'clear')
  const db = await place.open()
  const model = new MapModel()
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 30; i++) {
      const [key, value] = [randomKey(random), bytes(`${round}.${i}`)]
      db.putSync(key, value)
      model.put(key, value)
    }
    if (random.chance(0.2)) await db.flush()
    const range = randomRange(random)
    const doomed = model.range(range)
    for (const entry of doomed) model.del(Buffer.from(entry.slice(0, entry.indexOf('=')), 'latin1'))
    await db.clear(range)
    assert.deepEqual(contents(db), model.range({}), `round ${round}: ${JSON.stringify(range)}`)
  }
  await db.clear()
  assert.deepEqual(contents(db), [])
}))

test('with a snapshot it deletes the keys of that moment', () => onEach(async (place) => {
  const db = await place.open()
  db.putSync('a', '1')
  const snapshot = db.snapshot()
  db.putSync('b', '2')
  db.putSync('a', '3')
  await db.clear({ snapshot })
  assert.deepEqual(contents(db), ['b=2'])
  await db.clear({ gte: 'b', snapshot })
  assert.deepEqual(contents(db), ['b=2'])
}))

test('with a limit its batches are bounded in keys and in bytes', () => onEach(async (place) => {
  const db = await place.open()
  const batchesOf = async (range: RangeOptions) => {
    const { batchCount } = db.stats().writes
    await db.clear(range)
    return db.stats().writes.batchCount - batchCount
  }
  const operations = Array.from({ length: 2500 }, (_, i) => ({ type: 'put', key: `s${i}`, value: 'v' }) as const)
  await db.batch(operations)
  for (let i = 0; i < 20; i++) await db.put('l'.repeat(60_000) + i, 'v')
  assert.equal(await batchesOf({ prefix: 's', limit: 9999 }), 3)
  assert.equal(await batchesOf({ prefix: 'l', limit: 9999 }), 4) // five keys pass 256 KiB
  assert.equal(await batchesOf({ limit: 9999 }), 0)
  assert.deepEqual(contents(db), [])
}))

test('a bad range is refused, a closed database too', () => onEach(async (place) => {
  const db = await place.open()
  await assert.rejects(db.clear({ gtt: 'a' } as RangeOptions), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(db.clear({}, { snyc: true } as object), { code: 'INVALID_ARGUMENT' })
  await db.close()
  await assert.rejects(db.clear(), { code: 'CLOSED' })
}))
