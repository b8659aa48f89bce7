/** Typed views: what they read and write, for whom, and what codecs that fail do. ENC-1, ENC-2. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { SeededRandom, toHex, VarveError } from '../../src/base/index.js'
import type { BatchOp, Codec, TextCodec, Varve, View, ViewRange } from '../../src/index.js'
import { SetClock } from '../support/fakes/set-clock.js'
import { onEach, Place } from '../support/databases/databases.js'
import { inMemory, listOf, refusal } from '../support/databases/views.js'
import { expectError } from '../support/harness/expect-error.js'
import { drawnNumbers } from '../support/harness/share.js'

interface User {
  name: string
  tags?: string[]
}

const usersOf = (db: Varve, prefix = 'users:'): View<string, User> => db.view({ key: 'utf8', value: 'json', prefix })
const hexOf = (db: Varve): string[] => [...db.entriesSync()].map(([key, value]) => `${toHex(key)}=${toHex(value)}`)

describe('a view', () => {
  it('writes and reads what was given, by every call', () => onEach(async (place) => {
    const db = await place.open()
    const users = usersOf(db)
    const [ada, alan, emmy] = [{ name: 'Ada', tags: ['é\ufeff😀'] }, { name: 'Alan' }, { name: 'Emmy' }]
    await users.put('ada', ada, { sync: true })
    users.putSync('alan', alan)
    await users.batch([{ type: 'put', key: 'emmy', value: emmy }, { type: 'put', key: 'x', value: { name: 'X' } }])
    users.batchSync([{ type: 'del', key: 'x' }])
    for (const where of ['memtable', 'table']) {
      assert.deepEqual(await users.get('ada'), ada, where)
      assert.deepEqual(users.getSync('alan'), alan)
      assert.equal(await users.get('x'), undefined)
      assert.equal(users.getSync('x'), undefined)
      assert.deepEqual(await users.getMany(['x', 'ada', 'emmy']), [undefined, ada, emmy])
      assert.deepEqual(users.getManySync(['emmy', 'x']), [emmy, undefined])
      assert.deepEqual([await users.has('ada'), await users.has('x'), users.hasSync('emmy')], [true, false, true])
      assert.deepEqual((await users.entry('ada'))?.value, ada)
      assert.equal(users.entrySync('x'), undefined)
      const all = [['ada', ada], ['alan', alan], ['emmy', emmy]]
      assert.deepEqual(await listOf(users.entries()), all)
      assert.deepEqual([...users.entriesSync({ reverse: true })], all.toReversed())
      assert.deepEqual(await listOf(users.keys({ gt: 'ada' })), ['alan', 'emmy'])
      assert.deepEqual([...users.keysSync({ prefix: 'a', limit: 1 })], ['ada'])
      assert.deepEqual(await listOf(users.values({ lte: 'alan' })), [ada, alan])
      assert.deepEqual([...users.valuesSync({ gte: 'alan', lt: 'emmy' })], [alan])
      await db.flush()
    }
    assert.equal(Buffer.from(db.getSync('users:alan')!).toString(), '{"name":"Alan"}', 'the JSON alone is stored')
    await users.del('ada')
    users.delSync('alan')
    assert.deepEqual([...users.keysSync()], ['emmy'])
    await users.delRange({ gte: 'e' })
    users.delRangeSync({ gte: 'f' })
    assert.deepEqual([...users.keysSync()], [])
  }))

  it('reads as of a snapshot, and beside a prefix that ends alike', () => inMemory(async (db) => {
    const users = usersOf(db)
    await db.put('users;', 'not of the view')
    await users.put('a', { name: 'old' })
    const snapshot = db.snapshot()
    await db.batch([users.putOp('a', { name: 'new' }), users.putOp('b', { name: 'b' })])
    assert.deepEqual(await users.get('a', { snapshot }), { name: 'old' })
    assert.deepEqual(await users.getMany(['a', 'b'], { snapshot }), [{ name: 'old' }, undefined])
    assert.deepEqual(await listOf(users.entries({ snapshot })), [['a', { name: 'old' }]])
    assert.equal(users.hasSync('b', { snapshot }), false)
    await users.clear({ snapshot })
    assert.deepEqual([...users.keysSync()], ['b'], 'clear with a snapshot takes what it saw')
    snapshot.release()
    await users.clear()
    assert.deepEqual([...db.keysSync()].map((key) => Buffer.from(key).toString()), ['users;'])
  }))

  it('passes lifetimes on', async () => {
    const clock = new SetClock()
    const place = new Place('memory')
    const db = await place.open({ components: { clock }, workers: 0 })
    const users = usersOf(db)
    await users.put('a', { name: 'a' }, { ttl: 1000 })
    users.putSync('b', { name: 'b' }, { expiresAt: clock.wall + 2000 })
    await users.batch([{ type: 'put', key: 'c', value: { name: 'c' }, ttl: 3000 }])
    await users.batch([{ type: 'put', key: 'c2', value: { name: 'c' }, ttl: 2000 }])
    await db.batch([users.putOp('d', { name: 'd' }, { ttl: 4000 }), users.putOp('e', { name: 'e' })])
    assert.equal((await users.entry('b'))!.expiresAt, clock.wall + 2000)
    clock.pass(2500)
    assert.deepEqual([...users.keysSync()], ['c', 'd', 'e'])
    assert.equal(await users.touch('a', { ttl: 1000 }), false, 'it has expired')
    assert.equal(await users.touch('c', { ttl: 5000 }), true)
    assert.equal(users.touchSync('d', { ttl: null }), true)
    clock.pass(3000)
    assert.deepEqual([...users.keysSync()], ['c', 'd', 'e'])
    clock.pass(3000)
    assert.deepEqual([...users.keysSync()], ['d', 'e'])
    expectError(() => users.putOp('f', { name: 'f' }, { tll: 5 } as object), 'INVALID_ARGUMENT')
    await place.close()
  })

  it('takes part in one batch with other views, whole or not at all', () => inMemory(async (db) => {
    const users = usersOf(db)
    const byName = db.view({ key: 'utf8', value: 'utf8', prefix: 'by-name:' })
    await db.batch([users.putOp('1', { name: 'Ada' }), byName.putOp('Ada', '1'), { type: 'put', key: 'x', value: 'y' }])
    assert.equal(byName.getSync('Ada'), '1')
    const before = hexOf(db)
    const circle: { name: string; self?: unknown } = { name: 'c' }
    circle.self = circle
    const error = await refusal(() => db.batch([byName.putOp('Alan', '2'), users.putOp('2', circle)]))
    assert.match(error.message, /^the value of key "users:2" cannot be encoded: .*circular/)
    assert.deepEqual(hexOf(db), before)
    await db.batch([users.delOp('1'), byName.delRangeOp({}), users.putOp('3', { name: 'Emmy' })])
    assert.deepEqual([...users.keysSync(), ...byName.keysSync()], ['3'])
    assert.equal(db.getSync('x')?.length, 1, 'the range is that of the view')
  }))

  it('can be read where nothing may be written', () => inMemory(async (db, place) => {
    await usersOf(db).put('a', { name: 'Ada' })
    await db.close()
    const users = usersOf(await place.open({ readOnly: true }))
    assert.deepEqual(await users.get('a'), { name: 'Ada' })
    assert.deepEqual(await listOf(users.values()), [{ name: 'Ada' }])
    await assert.rejects(users.put('b', { name: 'b' }), { code: 'READ_ONLY' })
    expectError(() => users.delSync('a'), 'READ_ONLY')
  }))

  it('has a view inside, which takes over its encodings or has its own', () => inMemory(async (db) => {
    const users = usersOf(db)
    const admins = users.view({ prefix: 'admins:' })
    const logins = admins.view({ prefix: 'logins:', value: 'bytes' })
    await admins.put('ada', { name: 'Ada' })
    await logins.put('ada', new Uint8Array([1, 2]))
    assert.deepEqual([...users.keysSync()], ['admins:ada', 'admins:logins:ada'])
    assert.deepEqual(await logins.get('ada'), new Uint8Array([1, 2]))
    await logins.clear({})
    assert.deepEqual([...admins.entriesSync()], [['ada', { name: 'Ada' }]])
    assert.deepEqual([...admins.view({}).keysSync()], ['ada'])
  }))

  it('prints itself in short', () => inMemory(async (db) => {
    const { inspect } = await import('node:util')
    assert.equal(inspect(usersOf(db)), 'View { prefix: "users:" }')
    const binary = db.view({ key: 'bytes', value: 'bytes', prefix: new Uint8Array([0, 255]) })
    assert.equal(inspect(binary), 'View { prefix: 0x00ff }')
  }))

  it('refuses what is no view', () => inMemory((db) => {
    const bad: unknown[] = [
      undefined, null, {}, { key: 'utf8' }, { key: 'utf-8', value: 'json' }, { key: 'toString', value: 'json' },
      { key: 'utf8', value: {} }, { key: 'utf8', value: { encode: String } }, { key: 'utf8', value: 'json', prefix: 5 },
      { key: 'utf8', value: 'json', prefx: '' },
      { key: 'utf8', value: { encode: String, decode: String, format: 'hex' } },
    ]
    for (const options of bad) expectError(() => db.view(options as { key: 'utf8'; value: 'json' }), 'INVALID_ARGUMENT')
    expectError(() => usersOf(db, 'x'.repeat(65_536)), 'KEY_TOO_LARGE')
    expectError(() => usersOf(db, 'x'.repeat(65_000)).view({ prefix: 'y'.repeat(600) }), 'KEY_TOO_LARGE')
    expectError(() => usersOf(db, 'x'.repeat(65_000)).putSync('y'.repeat(600), { name: '' }), 'KEY_TOO_LARGE')
    const users = usersOf(db)
    expectError(() => users.getSync(5 as never), 'INVALID_ARGUMENT')
    expectError(() => users.delRangeSync(undefined as never), 'INVALID_ARGUMENT')
    expectError(() => users.batchSync('ab' as never), 'INVALID_ARGUMENT')
    expectError(() => users.batchSync([null as never]), 'INVALID_ARGUMENT')
    const unknown = expectError(() => users.batchSync([{ type: 'merge' } as never]), 'INVALID_ARGUMENT')
    assert.match(unknown.message, /operation 0/)
    expectError(() => users.keysSync({ limt: 1 } as never), 'INVALID_ARGUMENT')
    assert.deepEqual(hexOf(db), [])
  }))
})

// ── Prefixes ──────────────────────────────────────────────────────────────────────────────────────

/** Pieces of keys that are near each other: ends of the alphabet, and parts of a character of UTF-8. */
const PIECES = [[], [0], [0xff], [0xff, 0xff], [0x61], [0x61, 0], [0xc3], [0xa9], [0xf0, 0x9f], [0x98, 0x80]]

function bytesFrom(random: SeededRandom, pieces: number): Uint8Array {
  return Uint8Array.from(Array.from({ length: pieces }, () => random.pick(PIECES)).flat())
}

const compare = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)

/** All keys of a view as a list says them that knows the whole database. */
class ModelOfView {
  readonly all: Map<string, Uint8Array>
  readonly prefix: Uint8Array

  constructor(all: Map<string, Uint8Array>, prefix: Uint8Array) {
    this.all = all
    this.prefix = prefix
  }

  hex(key: Uint8Array): string {
    return toHex(this.prefix) + toHex(key)
  }

  keys(range: ViewRange<Uint8Array> = {}): Uint8Array[] {
    const start = toHex(this.prefix)
    const keys = [...this.all.keys()].filter((hex) => hex.startsWith(start))
      .map((hex) => Buffer.from(hex.slice(start.length), 'hex'))
    const { gt, gte, lt, lte, prefix = '', limit = -1, reverse = false } = range
    const found = keys.filter((key) => {
      return (gt === undefined || compare(key, gt) > 0) && (gte === undefined || compare(key, gte) >= 0) &&
        (lt === undefined || compare(key, lt) < 0) && (lte === undefined || compare(key, lte) <= 0) &&
        toHex(key).startsWith(toHex(Buffer.from(prefix)))
    }).sort(compare)
    if (reverse) found.reverse()
    return limit < 0 ? found : found.slice(0, limit)
  }
}

function rangeFrom(random: SeededRandom): ViewRange<Uint8Array> {
  const range: ViewRange<Uint8Array> = {}
  for (const name of ['gt', 'gte', 'lt', 'lte', 'prefix'] as const) {
    if (random.chance(0.3)) range[name] = bytesFrom(random, 1 + random.below(3))
  }
  return range
}

interface ViewLife {
  random: SeededRandom
  db: Varve
  all: Map<string, Uint8Array>
  views: { view: View<Uint8Array, Uint8Array>; model: ModelOfView }[]
}

function step({ random, db, all, views }: ViewLife): void {
  const { view, model } = random.pick(views)
  const key = bytesFrom(random, random.below(4))
  const value = bytesFrom(random, 2)
  const put = random.below(6)
  if (put <= 1) view.putSync(key, value)
  else if (put === 2) db.batchSync([view.putOp(key, value), views[0]!.view.delOp(new Uint8Array([0xfe]))])
  else if (put === 3) view.batchSync([{ type: 'del', key }, { type: 'put', key, value }])
  if (put <= 3) all.set(model.hex(key), value)
  else if (put === 4) {
    const range = rangeFrom(random)
    const doomed = model.keys(range)
    if (random.chance(0.5)) view.delRangeSync(range)
    else db.batchSync([view.delRangeOp(range)])
    for (const each of doomed) all.delete(model.hex(each))
  } else {
    view.delSync(key)
    all.delete(model.hex(key))
  }
}

function compareView({ random, all, views }: ViewLife): void {
  for (const { view, model } of views) {
    const range: ViewRange<Uint8Array> = { ...rangeFrom(random), reverse: random.chance(0.5) }
    if (random.chance(0.3)) range.limit = random.below(5)
    const keys = model.keys(range)
    const values = keys.map((key) => all.get(model.hex(key))!)
    assert.deepEqual([...view.keysSync(range)].map(toHex), keys.map(toHex))
    assert.deepEqual([...view.valuesSync(range)].map(toHex), values.map(toHex))
    assert.deepEqual([...view.entriesSync(range)].map((entry) => entry.map(toHex)),
      keys.map((key, i) => [toHex(key), toHex(values[i]!)]))
    const probes = [bytesFrom(random, 2), ...keys.slice(0, 2)]
    const expected = probes.map((key) => all.get(model.hex(key)))
    const found = view.getManySync(probes)
    assert.deepEqual(found.map((value) => value && toHex(value)), expected.map((value) => value && toHex(value)))
    for (const [i, key] of probes.entries()) assert.equal(view.hasSync(key), expected[i] !== undefined)
  }
}

for (const seed of drawnNumbers('views inside of views', 60)) {
  test(`views see exactly the keys behind their prefix, whatever bytes: seed ${seed}`, () => inMemory(async (db) => {
    const random = new SeededRandom(seed, 'views')
    const all = new Map<string, Uint8Array>()
    const whole = { view: db.view({ key: 'bytes', value: 'bytes' }), model: new ModelOfView(all, new Uint8Array(0)) }
    const views: ViewLife['views'] = [whole]
    for (let i = 0; i < 4; i++) {
      const outer = random.pick(views)
      const prefix = bytesFrom(random, random.below(3))
      const model = new ModelOfView(all, Buffer.concat([outer.model.prefix, prefix]))
      views.push({ view: outer.view.view({ prefix }), model })
    }
    const life = { random, db, all, views }
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 25; i++) step(life)
      compareView(life)
      if (random.chance(0.4)) await db.flush()
    }
    const { view, model } = random.pick(views)
    await view.clear({ limit: 2 })
    for (const key of model.keys({ limit: 2 })) all.delete(model.hex(key))
    await random.pick(views).view.clear({ gt: new Uint8Array(0), lt: new Uint8Array(0) })
    compareView(life)
  }))
}

test('text behind a prefix is what it is alone, also where characters would join', () => inMemory(async (db) => {
  const half = new TextEncoder().encode('é').subarray(0, 1)
  const texts = ['', 'a', 'é', '\ufeff', '😀', '\ude00', '\ud83d', 'x'.repeat(100), '日'.repeat(60)]
  const alone = new Map(texts.map((text) => [text, Buffer.from(text)]))
  for (const prefix of ['', 'p', 'é', '\ud83d', '😀', half, new Uint8Array([0xff])]) {
    const view = db.view({ key: 'utf8', value: 'utf8', prefix })
    for (const text of texts) {
      await view.put(text, text)
      const stored = Buffer.concat([Buffer.from(prefix as string), alone.get(text)!])
      assert.ok(db.hasSync(stored), `${JSON.stringify(prefix)} ${JSON.stringify(text)}`)
      assert.equal(view.getSync(text), alone.get(text)!.toString())
      assert.ok([...view.keysSync({ gte: text, lte: text })].includes(alone.get(text)!.toString()))
    }
    await view.clear()
    assert.deepEqual(hexOf(db), [])
  }
}))

// ── Codecs that fail ──────────────────────────────────────────────────────────────────────────────

const picky: Codec<string> = {
  encode(text) {
    if (text.includes('bad')) throw new RangeError('no bad ones')
    return text
  },
  decode(bytes) {
    const text = Buffer.from(bytes).toString()
    if (text.includes('spoilt')) throw new RangeError('it is spoilt')
    return text
  },
}
const pickyText: TextCodec<string> = {
  format: 'utf8', encode: (text) => picky.encode(text), decode: (text) => picky.decode(Buffer.from(text)),
}
const viaText = { encode: (text: string) => text, decode: (bytes: Uint8Array) => Buffer.from(bytes).toString() }

describe('a codec that throws', () => {
  it('may throw anything', () => inMemory(async (db) => {
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    const thrown: unknown[] = [null, undefined, 5, Symbol('s'), Object.create(null), revoked.proxy,
      ...[Symbol('m'), Object.create(null)].map((message: unknown) => Object.assign(new Error('e'), { message }))]
    await db.put('t:k', 'v')
    for (const each of thrown) {
      const throwing = (): never => { throw each }
      const codec = { encode: throwing, decode: throwing }
      const calls = [
        () => db.view({ key: 'utf8', value: codec, prefix: 't:' }).put('k', 1 as never),
        () => db.view({ key: codec, value: 'utf8', prefix: 't:' }).putSync('k' as never, 'v'),
        () => db.view({ key: 'utf8', value: codec, prefix: 't:' }).get('k'),
      ]
      for (const call of calls) assert.match((await refusal(call)).message, /cannot be (en|de)coded: /)
    }
  }))

  it('changes nothing, and the error names the key', () => inMemory(async (db) => {
    const view = db.view({ key: picky, value: picky, prefix: 'p:' })
    await view.put('a', '1')
    const before = hexOf(db)
    const put = (key: string, value: string) => ({ type: 'put', key, value } as const)
    const byKey: (() => unknown)[] = [
      () => view.put('bad', '1'), () => view.putSync('bad', '1'), () => view.del('bad'), () => view.delSync('bad'),
      () => view.get('bad'), () => view.getSync('bad'),
      () => view.getMany(['a', 'bad']), () => view.getManySync(['bad']),
      () => view.has('bad'), () => view.entry('bad'), () => view.touch('bad', { ttl: 5 }), () => view.putOp('bad', '1'),
      () => view.delOp('bad'), () => view.batch([put('b', '1'), put('bad', '1')]),
      () => view.batchSync([{ type: 'del', key: 'bad' }]),
      () => view.delRange({ gt: 'bad' }), () => view.delRangeOp({ lt: 'bad' }), () => view.clear({ lte: 'bad' }),
      () => view.keysSync({ gte: 'bad' }), () => listOf(view.entries({ gte: 'bad' })),
    ]
    for (const call of byKey) {
      const error = await refusal(call)
      assert.match(error.message, /key "bad" cannot be encoded: no bad ones$/, String(call))
      assert.ok(error.cause instanceof RangeError)
    }
    const byValue: (() => unknown)[] = [
      () => view.put('b', 'bad'), () => view.putSync('b', 'bad'), () => view.putOp('b', 'bad'),
      () => view.batch([put('a', '2'), put('b', 'bad')]),
      () => db.batch([view.putOp('a', '2'), view.putOp('b', 'bad')]),
    ]
    for (const call of byValue) {
      assert.match((await refusal(call)).message, /value of key "p:b" cannot be encoded: no bad ones$/)
    }
    assert.deepEqual(hexOf(db), before)
  }))

  it('that gives no bytes is refused too', () => inMemory(async (db) => {
    const given: unknown[] = [undefined, null, 5, Promise.resolve('a'), ['a'], new Uint16Array(1)]
    for (const encoded of given) {
      const odd: Codec<string> = { encode: () => encoded as string, decode: () => '' }
      const [oddKeys, oddValues] = [db.view({ key: odd, value: 'utf8' }), db.view({ key: 'utf8', value: odd })]
      assert.match((await refusal(() => oddKeys.put('k', 'v'))).message, /^the key "k" .* encode gave/)
      assert.match((await refusal(() => oddValues.put('k', 'v'))).message, /value of key "k" .* encode gave/)
    }
    const json = db.view<string, unknown>({ key: 'utf8', value: 'json' })
    for (const value of [undefined, () => 1, Symbol('s'), 5n]) {
      assert.match((await refusal(() => json.put('k', value))).message, /"k"/)
    }
    const bytes = db.view({ key: 'bytes', value: 'bytes' })
    const gone = new Uint8Array(4)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    await refusal(() => bytes.put(gone, new Uint8Array(1)))
    await refusal(() => bytes.view({ prefix: 'p' }).put(gone, new Uint8Array(1)))
    await refusal(() => bytes.put('text' as never, new Uint8Array(1)))
    assert.deepEqual(hexOf(db), [])
  }))

  it('in reading names the key, ends the walk, and leaves nothing open', () => inMemory(async (db) => {
    const large = 'l'.repeat(70_000)
    const fill = async (key: string, value: string): Promise<void> => db.put(`p:${key}`, value)
    for (const key of ['a', 'b', 'c', 'd']) {
      const text = key === 'c' ? 'spoilt' : 'fine'
      const sizes = ['', large, key === 'c' ? '' : large] // small ones, values apart, and a small one among these
      for (const [i, size] of sizes.entries()) await fill(`${i}${key}`, text + size)
    }
    for (const flushes of [false, true]) {
      if (flushes) await db.flush()
      for (const value of [picky, pickyText]) {
        const view = db.view<string, string>({ key: 'utf8', value, prefix: 'p:' })
        for (const i of [0, 1, 2]) {
          const range = { prefix: `${i}` }
          const key = `${i}c`
          const fine = `fine${i === 0 ? '' : large}`
          assert.equal(await view.get(`${i}a`), fine)
          assert.deepEqual([view.getSync(`${i}a`), view.entrySync(`${i}b`)?.value], [fine, fine])
          assert.deepEqual(await view.getMany([`${i}b`, 'none', `${i}d`]), [fine, undefined, fine])
          const pattern = new RegExp(`^the value of key "p:${key}" cannot be decoded: it is spoilt$`)
          for (const call of [
            () => view.get(key), () => view.getSync(key), () => view.entry(key),
            () => view.getMany([`${i}a`, key]), () => view.getManySync([key]),
          ]) assert.match((await refusal(call)).message, pattern)
          const seen: unknown[] = []
          for (const walk of [() => view.entries(range), () => view.values(range)] as const) {
            const error = await refusal(async () => {
              for await (const item of walk()) seen.push(item)
            })
            assert.match(error.message, pattern)
          }
          for (const walk of [() => view.entriesSync(range), () => view.valuesSync(range)] as const) {
            const error = await refusal(() => {
              for (const item of walk()) seen.push(item)
            })
            assert.match(error.message, pattern)
          }
          assert.equal(seen.length, 8, 'what stands before it was given')
          const walk = view.entries(range)[Symbol.asyncIterator]()
          await walk.next()
          await walk.next()
          await assert.rejects(walk.next())
          assert.deepEqual(await walk.next(), { done: true, value: undefined })
          assert.deepEqual([...view.keysSync(range)].length, 4, 'keys are not concerned')
        }
        assert.equal(db.stats().iterators.activeCount, 0)
      }
    }
    await db.put('q:spoilt', '1')
    const keys = db.view({ key: picky, value: viaText, prefix: 'q:' })
    for (const walk of [() => [...keys.keysSync()], () => listOf(keys.entries())]) {
      assert.match((await refusal(walk)).message, /^the key "q:spoilt" cannot be decoded: it is spoilt$/)
    }
    assert.equal(db.stats().iterators.activeCount, 0)
  }))

  it('or is code that does something else meanwhile breaks nothing', async () => {
    for (const act of ['close', 'return', 'put', 'next'] as const) {
      for (const size of [1, 70_000]) {
        await inMemory(async (db) => {
          let walk: Iterator<string> | AsyncIterator<string> | null = null
          let count = 0
          const meddling: Codec<string> = {
            encode: String,
            decode(bytes) {
              if (count++ === 1) {
                if (act === 'close') void db.close()
                else if (act === 'return') void walk?.return?.()
                else if (act === 'next') void Promise.resolve(walk?.next()).catch(() => undefined)
                else db.putSync('a', 'changed')
              }
              return Buffer.from(bytes).toString().slice(0, 1)
            },
          }
          const view = db.view({ key: 'utf8', value: meddling })
          for (const key of 'abcd') await view.put(key, key.repeat(size))
          await db.flush()
          const told: string[] = []
          walk = view.values()[Symbol.asyncIterator]()
          try {
            for (let step = await walk.next(); step.done !== true; step = await walk.next()) told.push(step.value)
          } catch (error) {
            assert.ok(VarveError.is(error) && error.code === 'CLOSED', String(error))
          }
          assert.ok('abcd'.startsWith(told.join('').replace('c', '').slice(0, 1)), told.join(''))
          count = 0
          if (act === 'close') return
          walk = view.valuesSync()
          assert.ok([...(walk as IterableIterator<string>)].length >= 1)
          count = 0
          assert.deepEqual((await view.getMany(['b', 'c', 'd'])).join(''), 'bcd')
        })
      }
    }
  })
})

test('a batch of a view reads each operation once, whole, before anything is written', () => inMemory(async (db) => {
  const users = usersOf(db)
  let reads = 0
  const trap = { type: 'put', get key() { return reads++ === 0 ? 'a' : 'other' }, value: { name: 'Ada' } } as const
  await users.batch([trap])
  assert.deepEqual([...users.keysSync()], ['a'])
  const operations: BatchOp[] = [users.putOp('b', { name: 'b' })]
  const broken = { get type(): never { throw new Error('no') } }
  await refusal(() => users.batch([{ type: 'put', key: 'c', value: { name: 'c' } }, broken]))
  await db.batch(operations)
  assert.deepEqual([...users.keysSync()], ['a', 'b'])
}))
