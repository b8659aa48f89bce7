/** Wrong calls: a stable code, a message that says what is wrong, and nothing changed. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Varve, VarveError } from '../../src/index.js'
import type { BatchOp, ErrorCode } from '../../src/index.js'
import { Place, text } from '../support/databases.js'

let db: Varve

before(async () => {
  db = await new Place('memory').open()
  await db.put('k', 'v')
})
after(() => db.close())

/** The call fails with this code, as a throw or as a rejection, and the database is as it was. */
async function refused(call: () => unknown, code: ErrorCode): Promise<void> {
  const before = db.stats().database.visibleSeq
  let result: unknown
  try {
    result = call()
    if (result instanceof Promise) await result
    assert.fail(`no error: ${String(call)}`)
  } catch (error) {
    assert.ok(VarveError.is(error), `${String(call)}: ${String(error)}`)
    assert.equal(error.code, code, `${String(call)}: ${error.message}`)
    assert.ok(error.message.length > 10)
  }
  await db.put('after', 'x')
  assert.equal(db.stats().database.visibleSeq, before + 1)
  assert.deepEqual([text(db.getSync('k')), [...db.keysSync()].length], ['v', 2])
}

const any = (value: unknown) => value as never
const wrongBytes = [
  undefined, null, 1, NaN, true, 7n, {}, [1], Symbol('s'), () => 'k', new ArrayBuffer(4), new Int8Array(2),
]

test('keys', async () => {
  for (const key of wrongBytes.map(any)) {
    const calls = [
      () => db.put(key, 'v'), () => db.putSync(key, 'v'), () => db.del(key), () => db.delSync(key),
      () => db.get(key), () => db.getSync(key), () => db.has(key), () => db.hasSync(key),
      () => db.getMany([key]), () => db.getManySync(['k', key]),
      () => db.batch([{ type: 'put', key, value: 'v' }]), () => db.batchSync([{ type: 'del', key }]),
    ]
    for (const call of calls) await refused(call, 'INVALID_ARGUMENT')
  }
  for (const keys of [undefined, null, 'k', { 0: 'k', length: 1 }, new Set(['k'])].map(any)) {
    await refused(() => db.getMany(keys), 'INVALID_ARGUMENT')
    await refused(() => db.getManySync(keys), 'INVALID_ARGUMENT')
  }
  await refused(() => db.getManySync(new Array(2) as never), 'INVALID_ARGUMENT')
})

test('values', async () => {
  for (const value of wrongBytes.map(any)) {
    await refused(() => db.put('k', value), 'INVALID_ARGUMENT')
    await refused(() => db.putSync('k', value), 'INVALID_ARGUMENT')
    const batch: BatchOp[] = [{ type: 'put', key: 'new', value: 'v' }, { type: 'put', key: 'k', value }]
    await refused(() => db.batch(batch), 'INVALID_ARGUMENT')
  }
  const detached = new Uint8Array(8)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  await refused(() => db.put('k', detached), 'INVALID_ARGUMENT')
  await refused(() => db.put(detached, 'v'), 'INVALID_ARGUMENT')
  await refused(() => db.getSync(detached), 'INVALID_ARGUMENT')
})

test('batches', async () => {
  for (const operations of [undefined, null, 'put', { length: 0 }, new Map(), 1].map(any)) {
    await refused(() => db.batch(operations), 'INVALID_ARGUMENT')
    await refused(() => db.batchSync(operations), 'INVALID_ARGUMENT')
  }
  const bad = [
    null, undefined, 1, 'put', {}, [], { type: 'put' }, { type: 'put', key: 'k' },
    { type: 'PUT', key: 'k', value: 'v' },
    { type: 'del' }, { key: 'k', value: 'v' }, { type: Symbol('put'), key: 'k' }, { type: {}, key: 'k' },
    { type: Object.create(null), key: 'k' },
  ]
  for (const operation of bad.map(any)) {
    await refused(() => db.batch([{ type: 'put', key: 'new', value: 'v' }, operation]), 'INVALID_ARGUMENT')
    await refused(() => db.batchSync([operation, { type: 'put', key: 'new', value: 'v' }]), 'INVALID_ARGUMENT')
  }
  await refused(() => db.batch(new Array(3) as never), 'INVALID_ARGUMENT')
})

test('a batch that is too large for any buffer', async () => {
  const value = new Uint8Array(2 ** 30)
  const half = (key: string) => ({ type: 'put', key, value }) as const
  await refused(() => db.batch([half('a'), half('b')]), 'BATCH_TOO_LARGE')
  await refused(() => db.batchSync([half('a'), half('b')]), 'BATCH_TOO_LARGE')
  await refused(() => db.put('k', new Uint8Array(2 ** 30 + 1)), 'VALUE_TOO_LARGE')
})

test('options of writes', async () => {
  for (const options of [null, 1, 'sync', true].map(any)) {
    await refused(() => db.put('k', 'w', options), 'INVALID_ARGUMENT')
    await refused(() => db.batchSync([], options), 'INVALID_ARGUMENT')
  }
  const wrong = [{ sync: 1 }, { sync: null }, { sync: 'yes' }, { Sync: true }, { position: 1 }, { ttl: 5 }]
  for (const options of wrong.map(any)) {
    await refused(() => db.put('k', 'w', options), 'INVALID_ARGUMENT')
    await refused(() => db.putSync('k', 'w', options), 'INVALID_ARGUMENT')
    await refused(() => db.del('k', options), 'INVALID_ARGUMENT')
    await refused(() => db.delSync('k', options), 'INVALID_ARGUMENT')
    await refused(() => db.batch([{ type: 'del', key: 'k' }], options), 'INVALID_ARGUMENT')
  }
  for (const position of ['text', null, [1], new Uint16Array(1), new Uint8Array(4097)].map(any)) {
    await refused(() => db.batch([{ type: 'del', key: 'k' }], { position }), 'INVALID_ARGUMENT')
  }
})

test('options of reads and ranges', async () => {
  const reads = [{ snapshot: null }, { snapshot: 1 }, { snapshot: {} }, { Snapshot: 1 }, null, 1].map(any)
  for (const options of reads) {
    await refused(() => db.get('k', options), 'INVALID_ARGUMENT')
    await refused(() => db.has('k', options), 'INVALID_ARGUMENT')
    await refused(() => db.getMany(['k'], options), 'INVALID_ARGUMENT')
  }
  const ranges = [
    { limit: 1.5 }, { limit: NaN }, { limit: -2 }, { limit: '1' }, { limit: -0 }, { limit: 2 ** 53 }, { reverse: 1 },
    { reverse: null }, { gte: 1 }, { prefix: null }, { lt: {} }, { start: 'a' }, { gt: 'x'.repeat(65_536) }, ...reads,
  ].map(any)
  for (const range of ranges) {
    const code = (range as { gt?: string } | null)?.gt === undefined ? 'INVALID_ARGUMENT' : 'KEY_TOO_LARGE'
    for (const name of ['entries', 'entriesSync', 'keys', 'keysSync', 'values', 'valuesSync'] as const) {
      await refused(() => db[name](range), code)
    }
  }
  assert.equal(db.stats().iterators.activeCount, 0)
})

test('locations', async () => {
  for (const location of [undefined, null, 1, '', 'a\0b', {}, new URL('file:///tmp/x')].map(any)) {
    await assert.rejects(Varve.open(location), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(Varve.destroy(location), { code: 'INVALID_ARGUMENT' })
  }
  for (const options of [null, 1, { vsf: 1 }].map(any)) {
    await assert.rejects(Varve.destroy('/nowhere', options), { code: 'INVALID_ARGUMENT' })
  }
})

test('getters and proxies: read once, their errors come through, nothing half-done stays', async () => {
  const before = db.stats().database.visibleSeq
  let reads = 0
  const operation = {
    type: 'put' as const,
    get key() { return ++reads === 1 ? 'k2' : any(5) },
    value: 'v',
  }
  db.batchSync([operation])
  db.delSync('k2')
  assert.equal(reads, 1)
  const throwing = { type: 'put' as const, key: 'k3', get value(): string { throw new RangeError('mine') } }
  await assert.rejects(db.batch([{ type: 'put', key: 'k4', value: '' }, throwing]), /mine/)
  assert.throws(() => db.putSync('k', 'w', { get sync(): boolean { throw new RangeError('mine') } }), /mine/)
  const nested = { get sync() { db.putSync('nested', '1'); return false } }
  db.putSync('outer', '2', nested)
  assert.equal(text(db.getSync('nested')), '1')
  await db.batch([{ type: 'del', key: 'nested' }, { type: 'del', key: 'outer' }])
  assert.equal(db.stats().database.visibleSeq, before + 6)
  const memory = new Uint8Array(8)
  const detaching = { get sync() { structuredClone(memory.buffer, { transfer: [memory.buffer] }); return false } }
  await refused(() => db.put(memory, 'v', detaching), 'INVALID_ARGUMENT')
})
