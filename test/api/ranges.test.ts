/** Ranges, snapshots and iterators; test/api/model.test.ts compares them with a model at random. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RangeOptions, Varve } from '../../src/index.js'
import { onEach, Place, text } from '../support/databases/databases.js'

const keys = (db: Varve, range?: RangeOptions) => [...db.keysSync(range)].map(text).join(' ')

async function filled(place: Place): Promise<Varve> {
  const db = await place.open()
  for (const key of ['a', 'ab', 'abc', 'b', 'ba', 'c']) await db.put(key, `value of ${key}`)
  return db
}

test('bounds, prefix, direction and limit, alone and together', () => onEach(async (place) => {
  const db = await filled(place)
  const expected: [RangeOptions | undefined, string][] = [
    [undefined, 'a ab abc b ba c'], [{}, 'a ab abc b ba c'], [{ gt: 'ab' }, 'abc b ba c'],
    [{ gte: 'ab' }, 'ab abc b ba c'],
    [{ lt: 'b' }, 'a ab abc'], [{ lte: 'b' }, 'a ab abc b'], [{ prefix: 'a' }, 'a ab abc'],
    [{ prefix: '' }, 'a ab abc b ba c'],
    [{ prefix: 'b', gt: 'b' }, 'ba'], [{ prefix: 'a', lt: 'ab' }, 'a'],
    [{ gt: 'a', gte: 'b', lt: 'c', lte: 'ba' }, 'b ba'],
    [{ gt: 'c' }, ''], [{ gt: 'b', lt: 'b' }, ''], [{ gte: 'b', lte: 'b' }, 'b'],
    [{ gt: 'c', lt: 'a' }, ''],
    [{ reverse: true }, 'c ba b abc ab a'], [{ reverse: true, lt: 'b', limit: 2 }, 'abc ab'], [{ limit: 0 }, ''],
    [{ limit: 2 }, 'a ab'], [{ limit: -1 }, 'a ab abc b ba c'], [{ limit: Infinity, prefix: 'c' }, 'c'],
    [{ gt: '' }, 'a ab abc b ba c'], [{ lt: '' }, ''], [{ lte: '' }, ''],
  ]
  for (const when of ['memtable', 'table']) {
    for (const [range, result] of expected) assert.equal(keys(db, range), result, `${when} ${JSON.stringify(range)}`)
    await db.flush()
  }
}))

test('a bound of any kind of bytes bounds alike, and stays the caller’s', () => onEach(async (place) => {
  const db = await filled(place)
  const padded = Buffer.from('..ab..')
  const kinds: (() => Uint8Array)[] = [
    () => Buffer.from('ab'), () => padded.subarray(2, 4), () => new Uint8Array(padded.subarray(2, 4)),
    () => new Uint8Array(new SharedArrayBuffer(4), 1, 2).fill(0x61).map((byte, i) => byte + i),
  ]
  const expected: [keyof RangeOptions, string][] = [
    ['gt', 'abc b ba c'], ['gte', 'ab abc b ba c'], ['lt', 'a'], ['lte', 'a ab'], ['prefix', 'ab abc'],
  ]
  for (const make of kinds) {
    for (const [name, result] of expected) {
      const bound = make()
      const iterator = db.keysSync({ [name]: bound })
      bound.fill(0xff)
      assert.equal([...iterator].map(text).join(' '), result, name)
      padded.write('..ab..')
    }
  }
  const last = Buffer.from('ab')
  await db.clear({ prefix: last })
  assert.equal(keys(db), 'a b ba c')
  assert.equal(last.toString(), 'ab', 'the bound itself is not touched')
}))

test('entries, keys and values, sync and async, say the same', () => onEach(async (place) => {
  const db = await filled(place)
  const range = { prefix: 'a', reverse: true }
  const entries = [...db.entriesSync(range)].map(([key, value]) => `${text(key)}: ${text(value)}`)
  assert.deepEqual(entries, ['abc: value of abc', 'ab: value of ab', 'a: value of a'])
  const collected: string[] = []
  for await (const [key, value] of db.entries(range)) collected.push(`${text(key)}: ${text(value)}`)
  assert.deepEqual(collected, entries)
  const parts: (string | undefined)[] = []
  for await (const key of db.keys(range)) parts.push(text(key))
  for await (const value of db.values(range)) parts.push(text(value))
  for (const value of db.valuesSync(range)) parts.push(text(value))
  const values = ['value of abc', 'value of ab', 'value of a']
  assert.deepEqual(parts, ['abc', 'ab', 'a', ...values, ...values])
}))

test('READ-3: an iterator sees the moment of the call, over writes, rotation and flush', () => onEach(async (place) => {
  const db = await filled(place)
  const iterators = [db.keysSync(), db.keysSync({ reverse: true })]
  const half = db.keysSync()
  assert.equal(text(half.next().value!), 'a')
  await db.del('b')
  db.putSync('aa', 'new')
  for (let i = 0; i < 30; i++) await db.put(`x${i}`, 'x'.repeat(10_000))
  await db.flush()
  const walked = iterators.map((iterator) => [...iterator].map(text).join(' '))
  assert.deepEqual(walked, ['a ab abc b ba c', 'c ba b abc ab a'])
  assert.equal([...half].map(text).join(' '), 'ab abc b ba c')
}))

test('READ-2, C06: a snapshot reads the same bytes as long as it lives', () => onEach(async (place) => {
  const db = await filled(place)
  const snapshot = db.snapshot()
  for (let round = 0; round < 3; round++) {
    for (const key of ['a', 'b', 'c']) db.putSync(key, `round ${round}`)
    db.delSync('ab')
    db.putSync('new', 'x'.repeat(60_000))
    await db.flush()
    assert.equal(text(await db.get('a', { snapshot })), 'value of a')
    assert.deepEqual((await db.getMany(['ab', 'new'], { snapshot })).map(text), ['value of ab', undefined])
    assert.equal(await db.has('new', { snapshot }), false)
    assert.equal([...db.keysSync({ snapshot })].map(text).join(' '), 'a ab abc b ba c')
    assert.equal(keys(db), 'a abc b ba c new')
  }
  assert.equal(db.stats().snapshots.activeCount, 1)
  snapshot.release()
  snapshot.release()
  assert.equal(db.stats().snapshots.activeCount, 0)
  assert.throws(() => db.getSync('a', { snapshot }), { code: 'CLOSED' })
  assert.throws(() => db.keysSync({ snapshot }), { code: 'CLOSED' })
}))

test('a snapshot of another database is refused', async () => {
  const [first, second] = [await new Place('memory').open(), await new Place('memory').open()]
  const snapshot = first.snapshot()
  assert.throws(() => second.getSync('a', { snapshot }), { code: 'INVALID_ARGUMENT' })
  assert.throws(() => second.getSync('a', { snapshot: { seqNumFor: () => 0 } as never }), { code: 'INVALID_ARGUMENT' })
  await Promise.all([first.close(), second.close()])
})

test('READ-4: tables outside the range are not opened, and the counts return to zero', () => onEach(async (place) => {
  const db = await place.open()
  for (const letter of ['a', 'b', 'c', 'd']) {
    for (let i = 0; i < 5; i++) await db.put(`${letter}${i}`, 'v')
    await db.flush()
  }
  const during = (range: RangeOptions) => {
    const iterator = db.keysSync(range)
    iterator.next()
    const { activeCount, tableCount } = db.stats().iterators
    iterator.return!()
    return [activeCount, tableCount]
  }
  assert.deepEqual(during({}), [1, 4])
  assert.deepEqual(during({ prefix: 'b' }), [1, 1])
  assert.deepEqual(during({ gte: 'b3', lt: 'c1' }), [1, 2])
  assert.deepEqual(during({ gt: 'b4', lt: 'c0' }), [0, 0])
  assert.deepEqual(during({ gt: 'x' }), [0, 0])
  assert.deepEqual(db.stats().iterators, { activeCount: 0, tableCount: 0, passedCount: 0 })
}))

test('an iterator ends at its end, at a break, at return, and lets go of what it held', async () => {
  const place = new Place('memory')
  const db = await filled(place)
  await db.flush()
  const active = () => db.stats().iterators.activeCount
  for (const _ of db.keysSync()) assert.equal(active(), 1)
  assert.equal(active(), 0)
  for (const _ of db.keysSync()) break
  for await (const _ of db.entries()) break
  assert.equal(active(), 0)
  const iterator = db.keysSync()
  assert.deepEqual(iterator.return!(), { done: true, value: undefined })
  for (let i = 0; i < 2; i++) assert.deepEqual(iterator.next(), { done: true, value: undefined })
  const [first] = db.entriesSync()
  assert.equal(text(first![0]), 'a')
  assert.equal(active(), 0)
  await db.close()
})

test('close during an iteration: the next step throws CLOSED, once or again', () => onEach(async (place) => {
  const db = await filled(place)
  await db.flush()
  const [sync, untouched, awaited] = [db.keysSync(), db.keysSync(), db.entries()[Symbol.asyncIterator]()]
  sync.next()
  await awaited.next()
  await db.close()
  for (let i = 0; i < 2; i++) {
    assert.throws(() => sync.next(), { code: 'CLOSED' })
    assert.throws(() => untouched.next(), { code: 'CLOSED' })
    await assert.rejects(awaited.next(), { code: 'CLOSED' })
  }
  sync.return!()
}))
