/**
 * What is handed to the facade, through encodings: it counts as the bytes that it is at the moment of the call, or is
 * refused with a code of the facade, or with abstract-level's own error; then nothing has changed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveLevel } from '../../src/level.js'
import { MemoryVfs } from '../../src/testing.js'
import { acceptedBytes, refusedBytes, revoked } from '../support/samples/input-kinds.js'
import type { BytesKind } from '../support/samples/input-kinds.js'

type Level = VarveLevel<unknown, unknown>
const any = (value: unknown) => value as never
const hex = (data: unknown) => Buffer.from(data as Uint8Array).toString('hex')

function memoryLevel(vfs = new MemoryVfs()): Level {
  const options = { keyEncoding: 'view', valueEncoding: 'view', workers: 0, components: { vfs } }
  return new VarveLevel<unknown, unknown>('/db', any(options))
}

async function contentOf(db: Level): Promise<string[][]> {
  return (await db.iterator().all()).map(([key, value]) => [hex(key), hex(value)])
}

/** What the encoding 'view' makes of it; null: an error. */
function encoded({ make, viewBytes }: BytesKind): Uint8Array | null {
  const { given, bytes } = make()
  if (bytes !== null || viewBytes !== undefined) return bytes ?? new Uint8Array(viewBytes!)
  try {
    if (ArrayBuffer.isView(given) || given === undefined || given === null) return null
    return new TextEncoder().encode(given as string)
  } catch {
    return null
  }
}

/** An error has a code of the facade, or was thrown by abstract-level or the caller: never raw out of our code. */
function checkError(error: unknown, where: string): void {
  const { code, stack = '' } = error as { code?: string; stack?: string }
  if (/^LEVEL_/.test(code ?? '') || (error as Error).message === 'mine') return
  const [frame = ''] = stack.split('\n').filter((line) => /\bat .*(\/src\/|node_modules|\/test\/)/.test(line))
  assert.match(frame, /node_modules\/(abstract-level|level-transcoder)/, `${where}: ${stack}`)
}

async function refused(db: Level, where: string, call: () => unknown): Promise<void> {
  const before = [await contentOf(db), db.engine.stats().database.visibleSeq]
  let result: unknown
  try {
    result = await call()
  } catch (error) {
    checkError(error, where)
    assert.deepEqual([await contentOf(db), db.engine.stats().database.visibleSeq], before, where)
    return
  }
  assert.fail(`${where}: no error but ${String(result)}`)
}

test('bytes of all kinds, as keys, values, bounds and targets', async () => {
  const vfs = new MemoryVfs()
  let db = memoryLevel(vfs)
  await db.open()
  const expected = new Map<string, string>()
  for (const kind of [...acceptedBytes, ...refusedBytes]) {
    const { given, spoil } = kind.make()
    const taken = encoded(kind)
    if (taken === null) {
      await refuseEverywhere(db, kind)
      continue
    }
    const other = () => kind.make().given
    const writes = [
      db.put(given, 'v'), db.put('k', other()), db.batch([{ type: 'put', key: other(), value: given }]),
    ]
    spoil?.()
    await Promise.all(writes)
    expected.set(hex(taken), hex(taken)).set(hex(Buffer.from('k')), hex(taken))
    const key = () => kind.make().given
    const found = [await db.get(key()), db.getSync(key()), ...await db.getMany([key(), key()])]
    assert.deepEqual(found.map(hex), Array(4).fill(expected.get(hex(taken))), kind.name)
    assert.deepEqual([await db.has(key()), await db.hasMany([key()])], [true, [true]], kind.name)
    assert.deepEqual((await db.keys({ gte: key(), lte: key() }).all()).map(hex), [hex(taken)], kind.name)
    const iterator = db.keys()
    iterator.seek(key())
    assert.equal(hex(await iterator.next()), hex(taken), kind.name)
    await iterator.close()
    assert.ok(await db.approximateSize(key(), key()) >= 0)
    await db.compactRange(key(), key())
  }
  const sorted = [...expected].sort(([a], [b]) => (a < b ? -1 : 1))
  assert.deepEqual(await contentOf(db), sorted)
  await db.close()
  db = memoryLevel(vfs)
  assert.deepEqual(await contentOf(db), sorted, 'after a reopen')
  await db.clear({ gte: new Uint8Array(0), lte: new Uint8Array(65_535).fill(0xff) })
  assert.deepEqual(await contentOf(db), [])
  await db.close()
})

async function refuseEverywhere(db: Level, kind: BytesKind): Promise<void> {
  const make = () => any(kind.make().given)
  const calls: [string, () => unknown][] = [
    ['put key', () => db.put(make(), 'v')], ['put value', () => db.put('k', make())], ['del', () => db.del(make())],
    ['get', () => db.get(make())], ['getSync', () => db.getSync(make())], ['has', () => db.has(make())],
    ['getMany', () => db.getMany(['k', make()])], ['hasMany', () => db.hasMany(['k', make()])],
    ['batch', () => db.batch([{ type: 'put', key: 'a', value: 'b' }, { type: 'put', key: 'c', value: make() }])],
    ['batch', () => db.batch([{ type: 'put', key: 'a', value: 'b' }, { type: 'del', key: make() }])],
    ['chained', () => db.batch().put('a', 'b').put('c', make()).write()],
  ]
  for (const [name, call] of calls) await refused(db, `${name}: ${kind.name}`, call)
  const bounds: [string, () => unknown][] = [
    ['gte', () => db.keys({ gte: make() }).all()], ['lt', () => db.clear({ lt: make() })],
    ['seek', () => db.iterator().seek(make())], ['size', () => db.approximateSize(make(), 'z')],
    ['compact', () => db.compactRange('a', make())],
  ]
  if (kind.make().given == null) return // abstract-level encodes them as text
  for (const [name, call] of bounds) await refused(db, `${name}: ${kind.name}`, call)
}

test('what an encoding gives', async () => {
  const db = memoryLevel()
  await db.open()
  for (const format of ['utf8', 'view', 'buffer'] as const) {
    for (const kind of [...acceptedBytes, ...refusedBytes]) {
      const code = { encode: () => kind.make().given, decode: (data: unknown) => data }
      const encoding = any({ name: `x${format}`, format, ...code })
      const { given } = kind.make()
      const taken = ArrayBuffer.isView(given) || typeof given === 'string' ? encoded(kind) : null
      const options = { keyEncoding: encoding, valueEncoding: encoding }
      if (taken === null) {
        await refused(db, kind.name, () => db.put('k', 'v', options))
        await refused(db, kind.name, () => db.batch([{ type: 'del', key: 'k' }], any(options)))
        await refused(db, kind.name, () => db.get('k', options))
        await refused(db, kind.name, () => db.getMany(['k'], options))
        if (given !== undefined) await refused(db, kind.name, () => db.keys({ gt: 'k', keyEncoding: encoding }).next())
      } else {
        await db.put('k', 'v', options)
        assert.equal(hex(await db.get(taken)), hex(taken), kind.name)
        await db.del('k', options)
      }
    }
  }
  assert.deepEqual(await contentOf(db), [])
  await db.close()
})

test('arrays of operations and keys', async () => {
  const db = memoryLevel()
  await db.open()
  const put = (key: string) => ({ type: 'put' as const, key, value: key })
  const running = (run: () => void) => ({ ...put('b'), get key() { return run(), 'b' } })
  const fail = (): never => { throw new Error('mine') }
  const wrong: [string, () => unknown][] = [
    ['no array', () => ({ 0: put('a'), length: 1 })], ['set', () => new Set([put('a')])], ['holes', () => new Array(2)],
    ['null', () => [put('a'), null]], ['number', () => [put('a'), 7]],
    ['type', () => [put('a'), { type: 'PUT', key: 'b' }]], ['value', () => [put('a'), { type: 'put', key: 'b' }]],
    ['revoked', () => revoked([])], ['element', () => [put('a'), revoked({})]],
    ['getter', () => [put('a'), running(fail)]],
    ['shrinks', () => {
      const array = [put('a'), put('b'), put('c')]
      array[1] = running(() => void (array.length = 1))
      return array
    }],
  ]
  for (const [name, make] of wrong) await refused(db, name, () => db.batch(any(make())))
  for (const make of [() => ({ length: 1 }), () => new Set(['a']), () => new Array(2), () => revoked([])]) {
    await refused(db, 'keys', () => db.getMany(any(make())))
    await refused(db, 'keys', () => db.hasMany(any(make())))
  }
  const array = [put('a'), put('b')]
  let inner: Promise<void> | null = null
  array[1] = running(() => {
    array.push(put('late'))
    inner = db.put('inner', 'x')
  })
  await db.batch(array)
  await inner
  assert.deepEqual((await db.keys().all()).map((key) => Buffer.from(key as Uint8Array).toString()), ['a', 'b', 'inner'])
  assert.equal(db.engine.stats().database.visibleSeq, 3)
  const closing = [put('c'), running(() => void (inner = db.close()))]
  await db.batch(closing).catch((error: unknown) => checkError(error, 'closed within'))
  await inner
  await db.close()
})
