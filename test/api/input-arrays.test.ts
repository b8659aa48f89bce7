/**
 * Arrays of operations and keys that run code of the caller while they are read: what was read counts, once, or the
 * call is refused before anything has changed. The code may do anything: change the array, write, close.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import type { BatchOp, Varve } from '../../src/index.js'
import { revoked } from '../support/samples/input-kinds.js'
import { Ledger } from '../support/databases/ledger.js'
import { Place, text } from '../support/databases/databases.js'

const put = (key: string): BatchOp => ({ type: 'put', key, value: key })
const any = (value: unknown) => value as never
const calls = ['batch', 'batchSync'] as const

class OperationClass {
  readonly type = 'put'
  get key() { return 'k' }
  get value() { return 'k' }
}

class Subclass extends Array<BatchOp> {
  static override get [Symbol.species](): never { throw new Error('species') }
  override map(): never { throw new Error('map') }
  override [Symbol.iterator](): never { throw new Error('iterator') }
}

/** An array whose element 1 runs this when its key is read. */
function running(run: (operations: BatchOp[]) => void, elements = ['a', 'b', 'c']): BatchOp[] {
  const operations = elements.map(put)
  const own = { type: 'put' as const, get key() { run(operations); return elements[1]! }, value: elements[1]! }
  operations[1] = own
  return operations
}

/** Arrays that are taken, and the keys that they write. */
const taken: [name: string, make: (db: Varve) => unknown, keys: string[]][] = [
  ['plain', () => ['a', 'b'].map(put), ['a', 'b']],
  ['empty', () => [], []],
  ['frozen', () => Object.freeze(['a', 'b'].map((key) => Object.freeze(put(key)))), ['a', 'b']],
  ['of another realm', () => runInNewContext("[{ type: 'put', key: 'a', value: 'a' }]"), ['a']],
  ['subclass with methods of its own', () => Subclass.from(['a', 'b'].map(put), (each) => each), ['a', 'b']],
  ['operations of a class', () => [new OperationClass(), new OperationClass()], ['k', 'k']],
  ['operations without a prototype', () => [Object.assign(Object.create(null), put('a'))], ['a']],
  ['operations that inherit', () => [Object.create(put('a'))], ['a']],
  ['operations with more fields', () => [{ ...put('a'), colour: 7, sublevel: {} }], ['a']],
  ['functions with the fields', () => [Object.assign(() => undefined, put('a'))], ['a']],
  ['one object many times', () => Array<BatchOp>(5).fill(put('a')), ['a', 'a', 'a', 'a', 'a']],
  ['proxy of an array', () => new Proxy(['a', 'b'].map(put), {}), ['a', 'b']],
  ['proxies of operations', () => ['a', 'b'].map((key) => new Proxy(put(key), {})), ['a', 'b']],
  ['accessors in the array', () => Object.defineProperty([put('a'), put('-')], 1, { get: () => put('b') }), ['a', 'b']],
  ['grows while it is read', () => running((operations) => operations.push(put('late'))), ['a', 'b', 'c']],
  ['grows in front', () => running((operations) => operations.unshift(put('-'))), ['a', 'b', 'b']],
  ['exchanged while it is read', () => running((operations) => (operations[2] = put('x'))), ['a', 'b', 'x']],
  ['what was read is changed', () => running((operations) => Object.assign(operations[0]!, put('x'))), ['a', 'b', 'c']],
  ['a proxy that says less', () => new Proxy(['a', 'b', 'c'].map(put), lengthOf(2)), ['a', 'b']],
  ['reads', (db) => running(() => {
    db.getSync('a')
    db.snapshot().release()
    assert.ok([...db.keysSync({ limit: 1 })].length <= 1)
    db.stats()
    for (const waited of [db.flush(), db.sync()]) waited.catch(() => undefined)
  }), ['a', 'b', 'c']],
]

function lengthOf(length: unknown): ProxyHandler<BatchOp[]> {
  return { get: (target, name) => (name === 'length' ? length : Reflect.get(target, name)) }
}

const mine = new Error('mine')
const fail = (): never => { throw mine }
const throwing = (field: string) => Object.defineProperty({ ...put('b') }, field, { get: fail })

/** Arrays that are refused; `cause` where it is an error of the caller's. */
const refused: [name: string, make: () => unknown, cause?: Error][] = [
  ...[
    undefined, null, 0, 'put', true, {}, put('a'), new Set([put('a')]), new Map(), { length: 0 },
    { length: 1, 0: put('a') }, (function* () { yield put('a') })(), new Uint8Array(3), () => [],
  ].map((value, i): [string, () => unknown] => [`no array ${i}`, () => value]),
  ['holes', () => new Array(3)], ['a hole', () => Object.assign(new Array(3), { 0: put('a'), 2: put('b') })],
  ...[
    null, undefined, 0, 'put', true, {}, [], { type: 'put', key: 'k' }, { type: 'del' },
    { type: 'PUT', key: 'k', value: 'v' }, { key: 'k', value: 'v' }, { type: Symbol('put'), key: 'k' },
    { type: new String('put'), key: 'k', value: 'v' }, { type: 'put', key: 'k', value: null },
    { type: Object.create(null), key: 'k' },
  ].map((value, i): [string, () => unknown] => [`element ${i}`, () => [put('a'), value, put('c')]]),
  ['shrinks while it is read', () => running((operations) => (operations.length = 1))],
  ['emptied while it is read', () => running((operations) => operations.splice(0))],
  ['spoilt while it is read', () => running((operations) => (operations[2] = any(7)))],
  ...['type', 'key', 'value'].map((field): [string, () => unknown, Error] =>
    [`${field} throws`, () => [put('a'), throwing(field)], mine]),
  ['an element throws', () => Object.defineProperty([put('a'), put('b')], 1, { get: fail }), mine],
  ['the length throws', () => new Proxy([put('a')], { get: fail }), mine],
  ['a proxied operation throws', () => [put('a'), new Proxy(put('b'), { get: fail })], mine],
  ['a revoked proxy', () => revoked([put('a')])],
  ['a revoked operation', () => [put('a'), revoked(put('b'))]],
  ...[-1, 1.5, NaN, '1', null, {}, 7n].map((length): [string, () => unknown] =>
    [`a length of ${String(length)}`, () => new Proxy([put('a')], lengthOf(length))]),
  ['a proxy that says more', () => new Proxy(['a', 'b'].map(put), lengthOf(1000))],
]

test('arrays that are taken: what was read is written, whole', async () => {
  const ledger = await Ledger.open()
  for (const call of calls) {
    for (const [name, make, keys] of taken) {
      await ledger.db[call](make(ledger.db) as BatchOp[])
      for (const key of keys) ledger.put(key, key)
      ledger.check(`${call}: ${name}`)
    }
  }
  await ledger.reopen()
  const filling = Array.from({ length: 8 }, (_, i) => ledger.db.put(`filling ${i}`, Buffer.alloc(40_000)))
  for (let i = 0; i < filling.length; i++) ledger.put(`filling ${i}`, Buffer.alloc(40_000))
  for (const [name, make, keys] of taken) {
    if (name === 'reads') continue // looks at what is written already
    filling.push(ledger.db.batch(make(ledger.db) as BatchOp[]))
    for (const key of keys) ledger.put(key, key)
  }
  assert.ok(ledger.db.stats().writeStall.waitingCount > 10)
  await Promise.all(filling)
  ledger.check('after a wait')
  await ledger.close()
})

test('arrays that are refused: an error of ours, the caller’s as its cause, and nothing changed', async () => {
  const ledger = await Ledger.open()
  for (const call of calls) {
    for (const [name, make, cause] of refused) {
      const error = await ledger.refuses(`${call}: ${name}`, () => ledger.db[call](make() as BatchOp[]))
      if (cause !== undefined) assert.equal(error.cause, cause, name)
    }
    await ledger.refuses(`${call}: too many`, () => ledger.db[call](new Array(2 ** 24 + 1)), 'BATCH_TOO_LARGE')
    const liar = new Proxy([], lengthOf(2 ** 30))
    await ledger.refuses(`${call}: says too many`, () => ledger.db[call](liar), 'BATCH_TOO_LARGE')
    const nested = running(() => ledger.db.putSync(any(7), 'v'))
    await ledger.refuses(`${call}: an error of ours from within`, () => ledger.db[call](nested))
  }
  await ledger.close()
})

test('what code of the caller writes while a batch is read stands before it, whichever call it uses', async () => {
  const ledger = await Ledger.open()
  const { db } = ledger
  const inner: [string, () => unknown][] = [
    ['put', () => db.put('inner', 'put')], ['putSync', () => db.putSync('inner', 'putSync')],
    ['batch', () => db.batch([{ type: 'put', key: 'inner', value: 'batch' }])],
    ['batchSync', () => db.batchSync([{ type: 'put', key: 'inner', value: 'batchSync' }])],
    ['nested', () => db.batchSync(running(() => db.putSync('inner', 'nested'), ['x', 'y', 'z']))],
    ['large', () => db.batchSync([{ type: 'put', key: 'inner', value: Buffer.alloc(100_000) }])],
  ]
  for (const call of calls) {
    for (const [name, write] of inner) {
      const settled: unknown[] = []
      await db[call](running(() => settled.push(write())))
      await Promise.all(settled)
      ledger.put('inner', name === 'large' ? Buffer.alloc(100_000) : name)
      for (const key of [...(name === 'nested' ? ['x', 'y', 'z'] : []), 'a', 'b', 'c']) ledger.put(key, key)
      ledger.check(`${call} with ${name}`)
    }
    const write = (): void => db.putSync('option', '1')
    for (const options of [
      { get sync() { return write(), false } }, { get position() { return write(), new Uint8Array(1) } },
    ]) {
      await db[call]([put('a')], options)
      ledger.put('option', '1')
      ledger.put('a', 'a')
      ledger.check(call)
    }
  }
  await ledger.close()
})

test('close while a batch is read: the batch is written and answered, or CLOSED, and what was told is so', async () => {
  for (const call of calls) {
    for (const readFirst of [false, true]) {
      const place = new Place('memory')
      const db = await place.open({ workers: 0, flushOnClose: false })
      if (readFirst) await db.put('before', 'x')
      let closing: Promise<void> | null = null
      let code = ''
      try {
        await db[call](running(() => (closing = db.close())))
      } catch (error) {
        code = (error as { code: string }).code
      }
      await closing
      const again = await place.open()
      const keys = [...again.keysSync()].map(text)
      assert.deepEqual(keys, [...(code === '' ? ['a', 'b', 'c'] : []), ...(readFirst ? ['before'] : [])].sort())
      assert.ok(code === '' || code === 'CLOSED', code)
      await again.close()
    }
  }
})

test('lists of keys: read once, checked as a whole, from one state', async () => {
  const ledger = await Ledger.open()
  const { db } = ledger
  for (const key of ['a', 'b']) db.putSync(key, key)
  for (const key of ['a', 'b']) ledger.put(key, key)
  const fine: [string, () => unknown, (string | undefined)[]][] = [
    ['plain', () => ['a', 'b', 'c'], ['a', 'b', undefined]], ['empty', () => [], []],
    ['another realm', () => runInNewContext("['a']"), ['a']],
    ['subclass', () => Object.setPrototypeOf(['a', 'b'], Subclass.prototype), ['a', 'b']],
    ['proxy', () => new Proxy(['a', 'b'], {}), ['a', 'b']],
    ['accessors', () => Object.defineProperty(['a', '-'], 1, { get: () => 'b' }), ['a', 'b']],
    ['says less', () => new Proxy(['a', 'b'], any(lengthOf(1))), ['a']],
  ]
  const wrong: [string, () => unknown][] = [
    ['holes', () => new Array(3)], ['no array', () => 'ab'], ['set', () => new Set(['a'])],
    ['array-like', () => ({ length: 1, 0: 'a' })], ['null', () => null], ['undefined', () => undefined],
    ['throws', () => Object.defineProperty(['a'], 0, { get: fail })], ['revoked', () => revoked(['a'])],
    ['says more', () => new Proxy(['a'], any(lengthOf(2 ** 40)))],
    ['takes memory away', () => {
      const key = new Uint8Array(1)
      const take = () => (structuredClone(key, { transfer: [key.buffer] }), 'b')
      return Object.defineProperty([key, '-'], 1, { get: take })
    }],
  ]
  for (const call of ['getMany', 'getManySync'] as const) {
    for (const [name, make, expected] of fine) assert.deepEqual((await db[call](any(make()))).map(text), expected, name)
    for (const [name, make] of wrong) await ledger.refuses(`${call}: ${name}`, () => db[call](any(make())))
  }
  const writing = Object.defineProperty(['a', '-', 'c'], 1, { get: () => (db.putSync('c', 'c'), 'b') })
  assert.deepEqual(db.getManySync(writing).map(text), ['a', 'b', 'c'], 'the state is that after the keys were read')
  ledger.put('c', 'c')
  await ledger.close()
})
