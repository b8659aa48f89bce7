/** Reads of large values that go on after the call: who waits for them, and how many there are at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL } from '../support/databases/databases.js'
import { SlowReads } from '../support/fakes/watched-vfs.js'
import { makeDatabase, valueOf } from '../support/databases/value-databases.js'
import type { MadeEntry } from '../support/databases/value-databases.js'

const DIR = '/db'
const KiB = 1024
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

interface Scene {
  db: Varve
  slow: SlowReads
  entries: MadeEntry[]
  vfs: MemoryVfs
}

async function newScene(lengths: number[], options: VarveOptions = {}): Promise<Scene> {
  const entries = lengths.map((length, i) => ({ key: `k${i + 10}`, value: valueOf(length, i), log: 14 }))
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  makeDatabase(vfs, DIR, { entries })
  const slow = new SlowReads(/\.vlog$/)
  const db = await Varve.open(DIR, { ...SMALL, ...options, components: { vfs: slow.around(vfs) } })
  return { db, slow, entries, vfs }
}

test('128 KiB and more are read in the thread pool, less is read at once', async () => {
  const { db, slow, entries } = await newScene([128 * KiB - 1, 128 * KiB, 200 * KiB])
  assert.deepEqual(await db.get('k10'), entries[0]!.value)
  assert.equal(slow.count, 0)
  const large = db.get('k11')
  assert.equal(slow.waiting.length, 1)
  assert.deepEqual(db.getSync('k12'), entries[2]!.value) // which cannot wait
  slow.open()
  assert.deepEqual(await large, entries[1]!.value)
  await db.close()
})

test('A24: at most two reads are in the pool at once, so that a sync finds a thread', async () => {
  const { db, slow, entries } = await newScene(Array.from({ length: 12 }, (_, i) => (300 + 150 * i) * KiB))
  const reads: Promise<unknown>[] = entries.map(({ key }) => db.get(key))
  reads.push(db.getMany(entries.map(({ key }) => key)))
  const iterator = db.values()[Symbol.asyncIterator]()
  reads.push(iterator.next(), iterator.next(), iterator.next())
  for (let i = 0; i < 1000 && slow.waiting.length > 0; i++) {
    slow.go()
    await turn()
  }
  await Promise.all(reads)
  assert.equal(slow.most, 2)
  await iterator.return!()
  await db.close()
})

test('a value of some MiB is read in pieces of 1 MiB, and checked between them', async () => {
  const { db, slow, entries } = await newScene([3.5 * 1024 * KiB])
  slow.isOpen = true
  assert.deepEqual(await db.get('k10'), entries[0]!.value)
  assert.equal(slow.count, 4)
  await db.close()
})

test('close waits for reads in flight and answers them; no file is closed under them', async () => {
  for (const [readOnly, isOne] of [[false, true], [true, true], [false, false], [true, false]] as const) {
    const { db, slow, entries } = await newScene([200 * KiB, 300 * KiB, 400 * KiB, 5000], { readOnly })
    const read = isOne ? db.get('k10') : db.getMany(['k11', 'absent', 'k12', 'k13'])
    let isClosed = false
    const closing = db.close().then(() => (isClosed = true))
    for (let i = 0; i < 50; i++) await turn()
    assert.equal(isClosed, false)
    slow.open()
    const [first, second, third, fourth] = entries.map(({ value }) => value)
    assert.deepEqual(await read, isOne ? first : [second, undefined, third, fourth])
    await closing
  }
})

test('V09: a read in flight sees the value of the moment of its call, and the key is the caller\'s again', async () => {
  const { db, slow, entries } = await newScene([200 * KiB, 300 * KiB])
  const key = Buffer.from('k10')
  const before = db.get(key)
  key.fill(0)
  db.putSync('k10', 'new')
  await db.flush()
  slow.open()
  assert.deepEqual(await before, entries[0]!.value)
  assert.equal(Buffer.from((await db.get('k10'))!).toString(), 'new')
  await db.close()
})

test('a walk gives large values in order, also when it is asked for several at once', async () => {
  const { db, slow, entries } = await newScene([200 * KiB, 5000, 300 * KiB, 100, 400 * KiB])
  const iterator = db.entries({ limit: 5 })[Symbol.asyncIterator]()
  const asked = Array.from({ length: 6 }, () => iterator.next())
  slow.open()
  const results = await Promise.all(asked)
  assert.deepEqual(results.slice(0, 5).map(({ value }) => value[1]), entries.map(({ value }) => value))
  assert.equal(results[5]!.done, true)
  for await (const value of db.values({ limit: 1 })) assert.deepEqual(value, entries[0]!.value)
  await db.close()
})

test('neighbours are read together', async () => {
  const { db, slow } = await newScene(Array.from({ length: 64 }, () => 8 * KiB))
  slow.isOpen = true
  const values = await db.getMany(Array.from({ length: 64 }, (_, i) => `k${i + 10}`))
  assert.deepEqual([values.length, slow.count], [64, 1])
  await db.close()
})
