/** What README says of Sync calls in one turn of the event loop: a transaction among all who use the database. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { newDirectory } from '../support/databases/databases.js'

const decoder = new TextDecoder()
const numberOf = (value: Uint8Array | undefined): number => Number(decoder.decode(value))

test('increments of many tasks are all counted, whatever else is written and read meanwhile', async () => {
  const random = new SeededRandom(1, 'one turn')
  const db = await Varve.open(newDirectory(), { writeBufferSize: 65_536, workers: 0 })
  const filler = new Uint8Array(2000)
  await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    for (let n = 0; n < 20; n++) {
      const written = random.chance(0.5) ? db.put(`other ${i}`, filler) : db.get('count')
      if (random.chance(0.5)) await written
      db.putSync('count', String(numberOf(db.getSync('count')) + 1))
      await written
    }
  }))
  assert.equal(numberOf(db.getSync('count')), 1000)
  await db.close()
})

test('a transfer between two keys is seen whole or not at all, by iterators and snapshots too', async () => {
  const db = await Varve.open(newDirectory(), { workers: 0 })
  await db.batch([{ type: 'put', key: 'a', value: '100' }, { type: 'put', key: 'b', value: '0' }])
  const sum = (): number => [...db.valuesSync()].reduce((total, value) => total + numberOf(value), 0)
  let isDone = false
  const watching = (async () => {
    while (!isDone) {
      assert.equal(sum(), 100)
      let total = 0
      for await (const value of db.values()) total += numberOf(value)
      assert.equal(total, 100)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  await Promise.all(Array.from({ length: 20 }, async () => {
    for (let n = 0; n < 5; n++) {
      const [a, b] = [numberOf(db.getSync('a')), numberOf(db.getSync('b'))]
      db.batchSync([{ type: 'put', key: 'a', value: String(a - 1) }, { type: 'put', key: 'b', value: String(b + 1) }])
      await null
    }
  }))
  isDone = true
  await watching
  assert.deepEqual([numberOf(db.getSync('a')), numberOf(db.getSync('b'))], [0, 100])
  await db.close()
})

test('a read does not see a put whose promise is open, and a Sync write takes its turn behind it', async () => {
  const db = await Varve.open(newDirectory(), { workers: 0 })
  const first = db.put('k', '1')
  assert.equal(db.getSync('k'), undefined)
  db.putSync('k', '2')
  assert.equal(numberOf(db.getSync('k')), 2)
  await first
  assert.equal(numberOf(db.getSync('k')), 2)
  await db.close()
})
