/**
 * Whatever is handed in for bytes, in every call that takes some: it counts as what was in its memory at the moment of
 * the call, or is refused with INVALID_ARGUMENT before anything has changed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BatchOp, Bytes, Varve } from '../../src/index.js'
import { acceptedBytes, refusedBytes } from '../support/samples/input-kinds.js'
import { Ledger } from '../support/databases/ledger.js'

type Effect = (ledger: Ledger, bytes: Uint8Array) => void
type Write = [name: string, call: (db: Varve, given: Bytes) => unknown, effect: Effect]

const writes: Write[] = [
  ['put key', (db, given) => db.put(given, 'v'), (ledger, bytes) => ledger.put(bytes, 'v')],
  ['putSync key', (db, given) => db.putSync(given, 'w'), (ledger, bytes) => ledger.put(bytes, 'w')],
  ['put value', (db, given) => db.put('k', given), (ledger, bytes) => ledger.put('k', bytes)],
  ['putSync value', (db, given) => db.putSync('k', given), (ledger, bytes) => ledger.put('k', bytes)],
  ['put both', (db, given) => db.put(given, given), (ledger, bytes) => ledger.put(bytes, bytes)],
  ['batch', (db, given) => db.batch(batchOf(given)), batched],
  ['batchSync', (db, given) => db.batchSync(batchOf(given)), batched],
  ['del', (db, given) => db.del(given), (ledger, bytes) => ledger.del(bytes)],
  ['delSync', (db, given) => db.delSync(given), (ledger, bytes) => ledger.del(bytes)],
]

function batchOf(given: Bytes): BatchOp[] {
  return [{ type: 'del', key: given }, { type: 'put', key: given, value: given }]
}

function batched(ledger: Ledger, bytes: Uint8Array): void {
  ledger.del(bytes)
  ledger.put(bytes, bytes)
}

const bounds = ['gt', 'gte', 'lt', 'lte', 'prefix'] as const
const walks = ['entries', 'keys', 'values', 'entriesSync', 'keysSync', 'valuesSync'] as const

test('what is taken is written as it was at the moment of the call', async () => {
  const ledger = await Ledger.open()
  for (const kind of acceptedBytes) {
    for (const [name, call, effect] of writes) {
      const { given, bytes, spoil } = kind.make()
      const written = call(ledger.db, given as Bytes)
      spoil?.()
      await written
      effect(ledger, bytes!)
      ledger.check(`${name}: ${kind.name}`)
    }
  }
  await ledger.close()
})

test('so it is when the call must wait for room', async () => {
  const ledger = await Ledger.open()
  const filling = Array.from({ length: 8 }, (_, i) => ledger.db.put(`filling ${i}`, Buffer.alloc(40_000)))
  for (let i = 0; i < filling.length; i++) ledger.put(`filling ${i}`, Buffer.alloc(40_000))
  for (const kind of acceptedBytes) {
    for (const [, call, effect] of writes) {
      if (String(call).includes('Sync')) continue
      const { given, bytes, spoil } = kind.make()
      filling.push(call(ledger.db, given as Bytes) as Promise<void>)
      spoil?.()
      effect(ledger, bytes!)
    }
  }
  assert.ok(ledger.db.stats().writeStall.waitingCount > 100)
  for (const kind of refusedBytes) {
    await assert.rejects(ledger.db.put(kind.make().given as Bytes, 'v'), { code: 'INVALID_ARGUMENT' })
  }
  await Promise.all(filling)
  ledger.check('when all is written')
  await ledger.close()
})

test('what is taken is found, as key and as bound', async () => {
  const ledger = await Ledger.open()
  const { db } = ledger
  for (const kind of acceptedBytes) {
    const { bytes } = kind.make()
    db.putSync(bytes!, 'found')
    ledger.put(bytes!, 'found')
  }
  const all = [...db.keysSync()].map((key) => Buffer.from(key))
  for (const kind of acceptedBytes) {
    const given = () => kind.make().given as Bytes
    const found = await Promise.all([db.get(given()), db.getMany([given(), 'none', given()])])
    const values = [db.getSync(given()), found[0], found[1][0], found[1][2], db.getManySync([given()])[0]]
    assert.deepEqual(values.map((value) => Buffer.from(value ?? []).toString()), Array(5).fill('found'), kind.name)
    assert.deepEqual([db.hasSync(given()), await db.has(given())], [true, true], kind.name)
    const { bytes } = kind.make()
    for (const bound of bounds) {
      const inside = all.filter((key) => isInside(bound, key, Buffer.from(bytes!)))
      const { given: key, spoil } = kind.make()
      const iterator = db.keysSync({ [bound]: key })
      spoil?.()
      assert.deepEqual([...iterator].map((each) => Buffer.from(each)), inside, `${bound}: ${kind.name}`)
    }
  }
  ledger.check('reads change nothing')
  for (const kind of acceptedBytes) {
    const { given, bytes, spoil } = kind.make()
    const cleared = ledger.db.clear({ gte: given as Bytes, lte: given as Bytes })
    spoil?.()
    await cleared
    await db.compact({ gte: kind.make().given as Bytes, lt: kind.make().given as Bytes })
    assert.equal(db.hasSync(bytes!), false, kind.name)
  }
  assert.deepEqual([...db.keysSync()], [])
  await db.close()
})

function isInside(bound: (typeof bounds)[number], key: Buffer, given: Buffer): boolean {
  const order = key.compare(given)
  if (bound === 'prefix') return key.subarray(0, given.length).equals(given)
  return { gt: order > 0, gte: order >= 0, lt: order < 0, lte: order <= 0 }[bound]
}

test('a position is a view, of whatever kind', async () => {
  const ledger = await Ledger.open()
  for (const kind of [...acceptedBytes, ...refusedBytes]) {
    for (const call of ['batch', 'batchSync'] as const) {
      const { given, bytes, spoil } = kind.make()
      const position = given as Uint8Array
      if (given === undefined) continue // none
      if (bytes === null || typeof given === 'string') {
        await ledger.refuses(`${call}: ${kind.name}`, () => ledger.db[call]([{ type: 'del', key: 'k' }], { position }))
        continue
      }
      const written = ledger.db[call]([], { position })
      spoil?.()
      await written
      assert.deepEqual(Buffer.from(ledger.db.position!), Buffer.from(bytes), kind.name)
    }
  }
  await ledger.close()
})

test('what is refused is refused everywhere, and nothing has changed', async () => {
  const ledger = await Ledger.open()
  const good: BatchOp = { type: 'put', key: 'a', value: 'b' }
  ledger.db.putSync('k', 'v')
  ledger.put('k', 'v')
  for (const kind of refusedBytes) {
    const refused = (name: string, call: (db: Varve, given: Bytes) => unknown) =>
      ledger.refuses(`${name}: ${kind.name}`, () => call(ledger.db, kind.make().given as Bytes))
    for (const [name, call] of writes) await refused(name, call)
    for (const call of ['batch', 'batchSync'] as const) {
      await refused(call, (db, key) => db[call]([good, { type: 'put', key, value: 'v' }]))
      await refused(call, (db, value) => db[call]([good, { type: 'put', key: 'c', value }, good]))
      await refused(call, (db, key) => db[call]([good, { type: 'del', key }]))
    }
    for (const call of ['get', 'getSync', 'has', 'hasSync'] as const) await refused(call, (db, key) => db[call](key))
    for (const call of ['getMany', 'getManySync'] as const) await refused(call, (db, key) => db[call](['k', key]))
    if (kind.name === 'undefined') continue // a bound that is not given
    for (const bound of bounds) {
      for (const walk of walks) await refused(`${walk} ${bound}`, (db, key) => db[walk]({ [bound]: key }))
      await refused(`clear ${bound}`, (db, key) => db.clear({ [bound]: key }))
      await refused(`compact ${bound}`, (db, key) => db.compact({ [bound]: key }))
    }
  }
  assert.equal(ledger.db.stats().iterators.activeCount, 0)
  await ledger.close()
})

test('what is too large is refused by its size alone, in writes and as a bound', async () => {
  const ledger = await Ledger.open()
  const { db } = ledger
  for (const key of ['x'.repeat(65_536), '€'.repeat(21_846), new Uint8Array(65_536)]) {
    for (const [name, call] of writes) {
      if (!name.endsWith('value')) await ledger.refuses(name, () => call(db, key), 'KEY_TOO_LARGE')
    }
    for (const bound of bounds) {
      for (const walk of walks) await ledger.refuses(walk, () => db[walk]({ [bound]: key }), 'KEY_TOO_LARGE')
    }
    for (const call of ['get', 'getSync', 'has', 'hasSync'] as const) {
      await ledger.refuses(call, () => db[call](key), 'KEY_TOO_LARGE')
    }
  }
  // Never touched, so they take no memory.
  const [largest, larger] = [new Uint8Array(2 ** 30), new Uint8Array(2 ** 30 + 1)]
  for (const [name, call] of writes) {
    if (name.endsWith('value')) await ledger.refuses(name, () => call(db, larger), 'VALUE_TOO_LARGE')
  }
  for (const call of ['batch', 'batchSync'] as const) {
    const half = (key: string): BatchOp => ({ type: 'put', key, value: largest })
    await ledger.refuses(call, () => db[call]([half('a'), half('b')]), 'BATCH_TOO_LARGE')
  }
  await ledger.close()
})
