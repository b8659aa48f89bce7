/** Asynchronous reads of a large value that stands in a memtable: it is copied in steps, and others have turns. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Varve } from '../../src/index.js'
import { Place } from '../support/databases/databases.js'

const MiB = 2 ** 20
const LENGTH = 24 * MiB
const value = new Uint8Array(LENGTH).map((_, i) => i >>> 12)

const WAYS: Record<string, (db: Varve) => Promise<Uint8Array | undefined>> = {
  get: (db) => db.get('key'),
  getMany: async (db) => (await db.getMany(['absent', 'key', 'small']))[1],
  entries: async (db) => {
    for await (const [, found] of db.entries({ gte: 'key' })) return found
    return undefined
  },
  'values, the next one asked for at once': async (db) => {
    const walk = db.values({ gte: 'key' })[Symbol.asyncIterator]()
    const [first, second, end] = await Promise.all([walk.next(), walk.next(), walk.next()])
    assert.deepEqual(Buffer.from(second.value!).toString(), 'x')
    assert.ok(end.done)
    return first.value
  },
}

for (const [name, read] of Object.entries(WAYS)) {
  test(`${name} gives a large value of a memtable in many turns`, async () => {
    const db = await new Place('memory').open({ writeBufferSize: 32 * MiB })
    await db.put('key', value)
    await db.put('small', 'x')
    let turns = 0
    let isReading = true
    const turn = (): void => {
      turns++
      if (isReading) setImmediate(turn)
    }
    setImmediate(turn)
    const found = await read(db)
    isReading = false
    assert.ok(Buffer.from(found!.buffer).equals(value))
    assert.notEqual(found!.buffer.byteLength, 32 * MiB)
    assert.ok(turns >= 2, `${turns} turns`)
    await db.close()
  })
}

test('a copy under way sees what it began with, whatever is written, flushed and closed meanwhile', async () => {
  const db = await new Place('memory').open({ writeBufferSize: 32 * MiB })
  await db.put('key', value)
  const reads = Object.values(WAYS).slice(0, 3).map((read) => read(db))
  db.putSync('key', new Uint8Array(LENGTH))
  db.putSync('other', new Uint8Array(LENGTH))
  await db.close()
  for (const found of await Promise.all(reads)) assert.ok(Buffer.from(found!.buffer).equals(value))
})
