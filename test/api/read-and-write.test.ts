/** A synchronous read and write in one turn is a transaction: nothing comes between. With an await, anything may. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { onEach, text } from '../support/databases/databases.js'

const COUNT = 50

test('50 concurrent increments by Sync calls end at 50, whatever else goes on', () => onEach(async (place) => {
  let db = await place.open({ workers: 0 })
  db.putSync('n', '0')
  const large = () => db.put('other', 'x'.repeat(20_000))
  const pauses = [() => Promise.resolve(), () => setImmediate(), () => setTimeout(1), large]
  const increment = async (i: number): Promise<void> => {
    await pauses[i % pauses.length]!()
    const n = Number(text(db.getSync('n')))
    db.putSync('n', String(n + 1))
    await pauses[(i + 1) % pauses.length]!()
    await db.put(`done ${i}`, 'x')
  }
  await Promise.all(Array.from({ length: COUNT }, (_, i) => increment(i)))
  assert.equal(text(db.getSync('n')), String(COUNT))
  const moved = async (from: string, to: string) => {
    await setImmediate()
    const [a, b] = db.getManySync([from, to]).map((value) => Number(text(value) ?? 100))
    db.batchSync([{ type: 'put', key: from, value: String(a! - 1) }, { type: 'put', key: to, value: String(b! + 1) }])
  }
  await Promise.all(Array.from({ length: COUNT }, (_, i) => moved(`account ${i % 3}`, `account ${(i + 1) % 3}`)))
  const sum = () => [...db.valuesSync({ prefix: 'account' })].reduce((total, value) => total + Number(text(value)), 0)
  assert.equal(sum(), 300)
  await db.close()
  db = await place.open()
  assert.deepEqual([text(db.getSync('n')), sum()], [String(COUNT), 300])
}))

test('with an await between read and write, updates are lost', () => onEach(async (place) => {
  const db = await place.open({ workers: 0 })
  await db.put('n', '0')
  await Promise.all(Array.from({ length: COUNT }, async () => {
    const n = Number(text(await db.get('n')))
    await db.put('n', String(n + 1))
  }))
  assert.ok(Number(text(db.getSync('n'))) < COUNT)
}))

test('a Sync read sees what is acknowledged; a write under way still comes first', () => onEach(async (place) => {
  const db = await place.open({ workers: 0 })
  db.putSync('k', 'old')
  const underWay = db.put('k', 'under way')
  assert.equal(text(db.getSync('k')), 'old')
  db.putSync('k', 'last')
  assert.equal(text(db.getSync('k')), 'last')
  await underWay
  assert.equal(text(db.getSync('k')), 'last')
}))
