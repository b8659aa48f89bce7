/**
 * Asynchronous calls give way inside a step: timers run, however many keys a step must pass and however long a list is.
 * The clock moves by itself with every look at it, so nothing here depends on how fast the machine is.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/base/index.js'
import { VarveLevel } from '../../src/level.js'
import type { RangeOptions, Varve, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { Place, text } from '../support/databases/databases.js'
import { steppingClock } from '../support/fakes/stepping-clock.js'

const COUNT = 20_000
/** A tenth of the looks at the clock that such a walk makes, in turns of three looks. */
const TURNS_MIN = 5
const options = (): VarveOptions => ({
  workers: 0, writeBufferSize: 8 << 20, flushOnClose: false, components: { clock: steppingClock(systemClock) },
})
const key = (i: number): string => `k${String(i).padStart(6, '0')}`
const keys = Array.from({ length: COUNT }, (_, i) => key(i))

/** What the call gave, and that the event loop turned often before it did. */
async function givingWay<T>(call: () => Promise<T>, turnsMin = TURNS_MIN): Promise<T> {
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  try {
    return await call()
  } finally {
    isOver = true
    assert.ok(turns >= turnsMin, `${turns} turns: ${String(call)}`)
  }
}

async function first<T>(iterable: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of iterable) return item
  return undefined
}

async function putAll(db: Varve): Promise<void> {
  for (let from = 0; from < COUNT; from += 1000) {
    await db.batch(keys.slice(from, from + 1000).map((each) => ({ type: 'put', key: each, value: `value of ${each}` })))
  }
}

/** Keys a and z, and between them only what a reader must pass: of one snapshot not yet there, of the other deleted. */
async function sparse(db: Varve) {
  await db.batch(['a', 'z'].map((each) => ({ type: 'put', key: each, value: `value of ${each}` })))
  const before = db.snapshot()
  await putAll(db)
  for (let from = 0; from < COUNT; from += 1000) {
    await db.batch(keys.slice(from, from + 1000).map((each) => ({ type: 'del', key: each })))
  }
  const after = db.snapshot()
  await db.put('zz', '') // a snapshot of older times remembers no stretch of deleted keys: each walk is a whole one
  return { before, after }
}

test('one step over many deleted keys or newer versions gives way, both ways, in memory and in tables', async () => {
  const db = await new Place('memory').open(options())
  const { before, after } = await sparse(db)
  const walks: [RangeOptions, string][] = [[{ gt: 'a' }, 'z'], [{ lt: 'z', reverse: true }, 'a']]
  for (const where of ['memory', 'tables']) {
    for (const snapshot of [before, after]) {
      for (const [range, found] of walks) {
        const ask = { ...range, snapshot }
        assert.equal(text(await givingWay(() => first(db.keys(ask)))), found, where)
        assert.equal(text(await givingWay(() => first(db.values(ask)))), `value of ${found}`, where)
        const entry = await givingWay(() => first(db.entries(ask)))
        assert.deepEqual(entry!.map(text), [found, `value of ${found}`], where)
      }
    }
    await db.flush()
  }
  await db.close()
})

test('one step over many versions of one key gives way', async () => {
  const db = await new Place('memory').open(options())
  await db.put('a', '')
  for (let i = 0; i < COUNT; i += 1000) {
    await db.batch(Array.from({ length: 1000 }, (_, j) => ({ type: 'put', key: 'k', value: String(i + j) })))
  }
  assert.equal(text(await givingWay(() => first(db.values({ reverse: true })))), String(COUNT - 1))
  await db.close()
})

test('steps that were asked for together come in order; leaving and closing end one that is under way', async () => {
  const db = await new Place('memory').open(options())
  const { after } = await sparse(db)
  const steps = db.keys({ snapshot: after })[Symbol.asyncIterator]()
  const found = await Promise.all([1, 2, 3, 4].map(() => steps.next()))
  assert.deepEqual(found.map(({ value }) => text(value as Uint8Array | undefined)), ['a', 'z', undefined, undefined])
  const walks = [1, 2].map(() => db.keys({ gt: 'a', snapshot: after })[Symbol.asyncIterator]())
  const [left, cut] = walks.map((walk) => walk.next())
  assert.deepEqual(await walks[0]!.return!(), { done: true, value: undefined })
  assert.deepEqual(await left, { done: true, value: undefined })
  const closed = db.close()
  await assert.rejects(cut!, { code: 'CLOSED' })
  await closed
})

test('getMany gives way: one state, and the keys as they were in the call, whatever happens meanwhile', async () => {
  const db = await new Place('memory').open(options())
  await putAll(db)
  const buffers = keys.map((each, i) => (i % 3 === 0 ? each : Buffer.from(each)))
  const expected = keys.map((each) => `value of ${each}`)
  const found = await givingWay(() => {
    const answer = db.getMany(buffers)
    for (const each of buffers) if (typeof each !== 'string') each.fill(0)
    buffers.length = 0
    db.batchSync(keys.map((each) => ({ type: 'del', key: each })))
    return answer
  })
  assert.deepEqual(found.map(text), expected)
  const cut = db.getMany(keys)
  const closed = db.close()
  await assert.rejects(cut, { code: 'CLOSED' })
  await closed
})

test('clear gives way over what is deleted already, and deletes the rest', async () => {
  const db = await new Place('memory').open(options())
  const { after } = await sparse(db)
  await givingWay(() => db.clear({ lt: 'm', snapshot: after }))
  assert.deepEqual([...db.keysSync()].map(text), ['z', 'zz'])
  await db.close()
})

test('a follower that reads a log gives way, while it checks it and from batch to batch', async () => {
  const db = await new Place('memory').open(options())
  await db.pins.acquire('pin')
  for (const each of keys) db.putSync(each, each)
  const batches = db.pins.read('pin')[Symbol.asyncIterator]()
  assert.equal((await givingWay(() => batches.next(), 3)).value?.seqNum, 1)
  let count = 1
  await givingWay(async () => {
    for (let next = await batches.next(); next.done !== true; next = await batches.next()) count++
  })
  assert.equal(count, COUNT)
  await db.close()
})

test('the facade gives way: steps, pages, lists, clear; close waits for what is under way', async () => {
  const db = new VarveLevel<string, string>('/db', {
    workers: 0, writeBufferSize: 8 << 20, components: { clock: steppingClock(systemClock), vfs: new MemoryVfs() },
  })
  await db.batch(keys.map((each) => ({ type: 'put', key: each, value: `value of ${each}` })))
  await db.put('z', 'last')
  const names = [...keys, 'z']
  const page = await givingWay(() => db.keys().nextv(COUNT * 2))
  assert.deepEqual(page, names)
  assert.equal((await givingWay(() => db.iterator().all())).length, names.length)
  const lists = names.map((each) => Buffer.from(each))
  const answers = await givingWay(() => {
    const both = [
      db.getMany<Buffer, string>(lists, { keyEncoding: 'buffer' }),
      db.hasMany<Buffer>(lists, { keyEncoding: 'buffer' }),
    ] as const
    for (const each of lists) each.fill(0)
    return Promise.all(both)
  })
  assert.deepEqual(answers[0], [...keys.map((each) => `value of ${each}`), 'last'])
  assert.ok(answers[1].every((isThere) => isThere))
  await givingWay(() => db.clear({ lt: 'z', limit: COUNT }))
  const snapshot = db.snapshot()
  await db.put('zz', '')
  assert.equal(await givingWay(() => db.keys({ snapshot }).next()), 'z')
  assert.deepEqual(await givingWay(() => db.keys({ snapshot }).nextv(5)), ['z'])
  await snapshot.close()
  await db.batch(keys.map((each) => ({ type: 'put', key: each, value: `value of ${each}` })))
  const lookups = [db.getMany(keys), db.hasMany(keys)] as const
  const underWay = [...lookups, db.compactRange('', 'zzz'), db.put('last', ''), db.clear()] as const
  await db.close()
  const [values, has] = await Promise.all(underWay)
  assert.deepEqual([values[COUNT - 1], has[COUNT - 1]], [`value of ${keys[COUNT - 1]}`, true])
})
