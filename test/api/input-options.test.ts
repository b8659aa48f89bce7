/**
 * Options of every call, whatever object they come in: each field is read once, inherited ones count, what is unknown
 * or wrong is refused before anything has changed. And what callbacks do is their own affair.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Varve } from '../../src/index.js'
import type { Components, EngineEvent } from '../../src/index.js'
import { refusedBytes, revoked } from '../support/samples/input-kinds.js'
import { Ledger } from '../support/databases/ledger.js'
import { Place } from '../support/databases/databases.js'

type Options = Record<string, unknown>
interface Call {
  name: string
  run: (db: Varve, options: never) => unknown
  /** Values that change nothing about the result. */
  fields: Options
  /** Values of the wrong kind for each field. */
  wrong: Record<string, unknown[]>
}

const flags = [null, 0, 1, 'true', {}, [], NaN, 1n, new Boolean(true)]
const limits = [null, 1.5, NaN, -2, -0, '1', 1n, {}, 2 ** 53, -Infinity]
const noSnapshot = [null, 0, 'now', {}, () => undefined, new Proxy({}, {})]
const noBytes = refusedBytes.filter(({ name }) => name !== 'undefined').map(({ make }) => make().given)
const bounds = { gt: '', gte: '', lt: '\xff', lte: '\xff', prefix: '' }
const boundsWrong = Object.fromEntries(Object.keys(bounds).map((name) => [name, noBytes]))
const reading = {
  fields: { snapshot: undefined, ownBuffers: false }, wrong: { snapshot: noSnapshot, ownBuffers: flags },
}
const lifetimes = [0, -1, 1.5, NaN, 2 ** 53, '5', 1n, {}]
const writing = { fields: { sync: false }, wrong: { sync: flags } }
const putting = {
  fields: { ...writing.fields, ttl: null, expiresAt: undefined },
  wrong: { ...writing.wrong, ttl: lifetimes, expiresAt: [null, -1, 1.5, NaN, 2 ** 53, '5', 1n, {}] },
}
const ranging = {
  fields: { ...reading.fields, ...bounds, reverse: false, limit: 100 },
  wrong: { ...reading.wrong, ...boundsWrong, reverse: flags, limit: limits },
}

const reads = ['get', 'getSync', 'entry', 'entrySync', 'has', 'hasSync', 'getMany', 'getManySync'] as const
const walks = ['entries', 'keys', 'values', 'entriesSync', 'keysSync', 'valuesSync'] as const
const calls: Call[] = [
  ...reads.map((name): Call => ({
    name, ...reading, run: (db, options) => db[name](any(name.startsWith('getMany') ? ['k'] : 'k'), options),
  })),
  ...walks.map((name): Call => ({ name, ...ranging, run: (db, options) => db[name](options) })),
  { name: 'clear', ...ranging, run: (db, options) => db.clear(options) },
  { name: 'clear, how', ...writing, run: (db, options) => db.clear({ prefix: 'none' }, options) },
  ...(['put', 'putSync'] as const).map((name): Call => ({
    name, ...putting, run: (db, options) => db[name]('k', 'v', options),
  })),
  ...(['del', 'delSync'] as const).map((name): Call => ({
    name, ...writing, run: (db, options) => db[name]('none', options),
  })),
  ...(['batch', 'batchSync'] as const).map((name): Call => ({
    name, fields: { ...writing.fields, position: undefined }, wrong: { ...writing.wrong, position: noBytes },
    run: (db, options) => db[name]([{ type: 'put', key: 'k', value: 'v' }], options),
  })),
  { name: 'compact', fields: bounds, wrong: boundsWrong, run: (db, options) => db.compact(options) },
  {
    name: 'compact, how', fields: { expired: undefined, signal: undefined, onProgress: undefined },
    wrong: {
      expired: flags, signal: [null, 0, {}, new EventTarget(), new AbortController()], onProgress: [null, 0, {}, 'f'],
    },
    run: (db, options) => db.compact({}, options),
  },
  {
    name: 'putStream', fields: { ...putting.fields, length: undefined, signal: undefined },
    wrong: { ...putting.wrong, length: [null, -1, 1.5, '1'], signal: [null, 0, {}, new EventTarget()] },
    run: (db, options) => db.putStream('k', [Uint8Array.of(0x76)], options),
  },
  {
    name: 'pins.read', fields: { after: 0, ingested: undefined },
    wrong: { after: [null, -1, 1.5, NaN, Infinity, '1', 1n, {}, 2 ** 53], ingested: flags },
    run: (db, options) => db.pins.read('pin', options),
  },
]

const any = (value: unknown) => value as never
const mine = new Error('mine')
const fail = (): never => { throw mine }

/** Gives the fields in objects of other kinds. */
function objectsOf(fields: Options): [name: string, options: unknown][] {
  const accessors = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { get: () => value }]))
  class OfClass {}
  Object.defineProperties(OfClass.prototype, accessors)
  return [
    ['absent', undefined], ['empty', {}], ['plain', fields], ['frozen', Object.freeze({ ...fields })],
    ['without a prototype', Object.assign(Object.create(null), fields)], ['inherited', Object.create(fields)],
    ['accessors', Object.defineProperties({}, accessors)], ['of a class', new OfClass()],
    ['proxy', new Proxy(fields, {})], ['symbols beside', { ...fields, [Symbol('mine')]: 7 }],
    ['undefined', Object.fromEntries(Object.keys(fields).map((name) => [name, undefined]))],
  ]
}

const someFields = ['sync', 'snapshot', 'gt', 'signal', 'after']
const strange: [name: string, options: unknown, cause?: Error][] = [
  ...[null, 0, 7, '', 'sync', true, 7n, Symbol('s'), [], [{}], () => undefined].map((value): [string, unknown] =>
    [Object.prototype.toString.call(value), value]),
  ['unknown', { unknown: 1 }], ['misspelt', { Sync: true }], ['unknown, undefined', { unknown: undefined }],
  ['own __proto__', JSON.parse('{"__proto__": {}}')],
  ['getters', Object.defineProperties({}, Object.fromEntries(someFields.map((name) => [name, { get: fail }])))],
  ['proxy that throws', new Proxy({}, { get: fail }), mine], ['names throw', new Proxy({}, { ownKeys: fail }), mine],
  ['revoked', revoked({})],
]

async function settle(result: unknown): Promise<void> {
  const { [Symbol.asyncIterator]: isAsync, [Symbol.iterator]: isSync } = Object(result) as AsyncIterable<unknown> & []
  if (isAsync !== undefined) for await (const item of result as AsyncIterable<unknown>) void item
  else if (isSync !== undefined) Array.from(result as Iterable<unknown>)
  else await result
}

async function opened(): Promise<Ledger> {
  const ledger = await Ledger.open()
  await ledger.db.pins.acquire('pin')
  ledger.db.putSync('k', 'v')
  ledger.put('k', 'v')
  return ledger
}

/** The ledger's side of a call that went through. */
function account(ledger: Ledger, { name }: Call, options: unknown): void {
  if (/^(put|batch)/.test(name)) ledger.put('k', 'v')
  if (name.startsWith('del') || name === 'clear, how') ledger.del('none')
  if (name !== 'clear') return
  if (ledger.db.hasSync('k')) return
  ledger.del('k')
  ledger.db.putSync('k', 'v')
  ledger.put('k', 'v')
  assert.ok(options === undefined || typeof options === 'object')
}

test('options come in any object, and each field is read once', async () => {
  const ledger = await opened()
  for (const call of calls) {
    for (const [name, options] of objectsOf(call.fields)) {
      await settle(call.run(ledger.db, options as never))
      account(ledger, call, options)
      ledger.check(`${call.name}: ${name}`)
    }
    const counts = new Map<string | symbol, number>()
    const counted = new Proxy(call.fields, {
      get: (fields, name) => (counts.set(name, (counts.get(name) ?? 0) + 1), Reflect.get(fields, name)),
    })
    await settle(call.run(ledger.db, counted as never))
    account(ledger, call, counted)
    const once = Object.fromEntries(Object.keys(call.fields).map((name) => [name, 1]))
    assert.deepEqual(Object.fromEntries(counts), once, call.name)
  }
  await ledger.close()
})

test('what is inherited has its effect, and what others did to all objects has none', async () => {
  const ledger = await opened()
  const { db } = ledger
  db.putSync('k', 'w', Object.create({ sync: true }))
  ledger.put('k', 'w')
  assert.equal(db.stats().wal.durableSeq, 2)
  assert.equal([...db.keysSync(Object.create({ limit: 0 }))].length, 0)
  const polluted = Object.prototype as Options
  polluted.unknownToUs = 7
  try {
    for (const call of calls) {
      await settle(call.run(db, {} as never))
      account(ledger, call, {})
    }
    await new Place('memory').open({})
  } finally {
    delete polluted.unknownToUs
  }
  ledger.check('polluted')
  await ledger.close()
})

test('options that are none, unknown or of a wrong kind are refused, and nothing has changed', async () => {
  const ledger = await opened()
  for (const call of calls) {
    for (const [name, options, cause] of strange) {
      const error = await ledger.refuses(`${call.name}: ${name}`, () => settle(call.run(ledger.db, options as never)))
      if (cause !== undefined) assert.equal(error.cause, cause)
    }
    for (const [field, values] of Object.entries(call.wrong)) {
      for (const [i, value] of values.entries()) {
        const where = `${call.name}: ${field}, value ${i}`
        await ledger.refuses(where, () => settle(call.run(ledger.db, { [field]: value } as never)))
      }
    }
  }
  const other = await new Place('memory').open()
  const [foreign, released] = [other.snapshot(), ledger.db.snapshot()]
  const snapshots = [
    foreign, Object.create(foreign), Object.create(Object.getPrototypeOf(foreign) as object),
    new Proxy({}, { getPrototypeOf: fail }),
  ]
  for (const snapshot of snapshots.map(any)) {
    await ledger.refuses('snapshot', () => ledger.db.getSync('k', { snapshot }))
  }
  released.release()
  await ledger.refuses('released', () => ledger.db.getSync('k', { snapshot: released }), 'CLOSED')
  await other.close()
  assert.equal(ledger.db.stats().iterators.activeCount, 0)
  await ledger.close()
})

test('options that close the database: CLOSED, or what the call gives', async () => {
  for (const call of calls) {
    for (const readOnly of [false, true]) {
      const place = new Place('memory')
      const filled = await place.open()
      await filled.pins.acquire('pin')
      filled.putSync('k', 'v')
      await filled.close()
      const db = await place.open({ readOnly, workers: 0 })
      const [field] = Object.keys(call.fields)
      const options = Object.defineProperty({}, field!, { get: () => void db.close() })
      const code = await Promise.resolve().then(() => settle(call.run(db, options as never))).then(
        () => '', (error: { code: string }) => error.code)
      assert.match(code, readOnly ? /^(CLOSED|READ_ONLY)$/ : /^(CLOSED|)$/, `${call.name}: ${code}`)
      await db.close()
    }
  }
})

test('names and numbers of pins are what they must be', async () => {
  const ledger = await opened()
  const { pins } = ledger.db
  const names = [...refusedBytes.map(({ make }) => make().given), '', 'x'.repeat(300), Buffer.from('pin')]
  for (const name of names.map(any)) {
    await ledger.refuses('acquire', () => pins.acquire(name))
    await ledger.refuses('advance', () => pins.advance(name, 1))
    await ledger.refuses('release', () => pins.release(name))
    await ledger.refuses('read', () => pins.read(name))
  }
  for (const log of [undefined, null, -1, 1.5, NaN, Infinity, '5', 5n, {}, 2 ** 53, { valueOf: () => 1 }]) {
    await ledger.refuses('advance', () => pins.advance('pin', any(log)))
  }
  assert.deepEqual(pins.list().map(({ name }) => name), ['pin'])
  await ledger.close()
})

test('places and components', async () => {
  const strangers = [...refusedBytes.map(({ make }) => make().given), new URL('file:///tmp/x'), Buffer.from('/db')]
  for (const location of [...strangers, '', 'a\0b'].map(any)) {
    await assert.rejects(Varve.open(location), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(Varve.destroy(location), { code: 'INVALID_ARGUMENT' })
  }
  for (const [name, options] of strange.filter(([name]) => name !== 'getters')) {
    const calls = [
      Varve.open('/nowhere', options as never), Varve.destroy('/nowhere', options as never),
      Varve.open('/nowhere', { components: options as never }),
    ]
    for (const call of calls) await assert.rejects(call, { code: 'INVALID_ARGUMENT' }, name)
  }
})

test('a listener may throw, reject, and call back: the database goes on', async () => {
  const seen: string[] = []
  let db: Varve | null = null
  const listeners: NonNullable<Components['onEvent']>[] = [
    fail, async () => fail(), () => Object.defineProperty({}, 'then', { get: fail }) as never,
    ({ type }: EngineEvent) => {
      seen.push(type)
      if (type === 'rotated') db?.putSync('from a listener', 'x')
    },
  ]
  for (const onEvent of listeners) {
    const place = new Place('memory')
    db = await place.open({ workers: 0, components: { onEvent } })
    for (let i = 0; i < 5; i++) {
      await db.put(`k${i}`, Buffer.alloc(30_000))
      await db.compact({}, { onProgress: fail })
    }
    await setImmediate()
    const { events } = db.stats()
    assert.ok(onEvent === listeners[3] || events.listenerErrorCount > 0)
    assert.equal(db.hasSync('k4'), true)
    await db.close()
  }
  assert.ok(seen.includes('rotated'))
})
