/** A view answers as a map does, for each codec and on drawn keys, also odd ones; its neighbours stay as they are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, SeededRandom, toHex } from '../../src/base/index.js'
import type { Codec, Varve, View } from '../../src/index.js'
import { inMemory, listOf } from '../support/databases/views.js'
import { drawnNumbers } from '../support/harness/share.js'

interface Kind<K> {
  key: Codec<K> | 'utf8' | 'json' | 'bytes'
  /** Keys near each other and at the ends, as pieces of which some are drawn. */
  keys: readonly K[]
  /** What is stored under a key: two keys of equal bytes are one. */
  bytes(key: K): Uint8Array
}

const name = 'charwise'
const { default: charwise } = await import(name) as { default: Codec<unknown> }
const { fromBufferKey, toBufferKey } = await import('ordered-binary')
const { pack, unpack } = await import('msgpackr')
const utf8 = (text: string): Uint8Array => Buffer.from(text)

const TEXTS = ['', 'a', 'ab', 'a\0', '\uffff', '😀', '😀a', '\ud800', '\udfff', 'é', 'e\u0301', '\ufeff', '\x7f']
const { MIN_VALUE: LEAST } = Number
const NUMBERS = [-Infinity, -1e300, -2, -1.5, -1, -LEAST, -0, 0, LEAST, 1, 255, 256, 2 ** 53, Infinity]
const BYTES = [[], [0], [0, 0], [1], [254], [255], [255, 0], [255, 255], [255, 255, 255]]
  .map((list) => Uint8Array.from(list))

const number: Codec<number> = {
  encode: (value) => {
    if (Number.isNaN(value)) throw new RangeError('NaN has no order')
    // Equal numbers are one key.
    return toBufferKey(value + 0 === 0 ? 0 : value)
  },
  decode: (bytes) => fromBufferKey(bytes as Buffer) as number,
}
type Tuple = (string | number)[]
const tuple: Codec<Tuple> = {
  encode: (value) => toBufferKey(value), decode: (bytes) => fromBufferKey(bytes as Buffer) as Tuple, format: 'buffer',
}
const TUPLES: Tuple[] = ['a', 'b', 'ab'].flatMap((text) => [-1, 0, 7].map((n): Tuple => [text, n]))

const KINDS: Record<string, (seed: number) => Promise<void>> = {
  utf8: (seed) => live<string>({ key: 'utf8', keys: TEXTS, bytes: utf8 }, seed),
  json: (seed) => live<unknown>({
    key: 'json', keys: [...TEXTS, 1, -1, 1.5, null, true, [1, 'a'], { a: 1 }],
    bytes: (key: unknown) => utf8(JSON.stringify(key)),
  }, seed),
  bytes: (seed) => live<Uint8Array>({ key: 'bytes', keys: BYTES, bytes: (key: Uint8Array) => key }, seed),
  numbers: (seed) => live<number>({
    key: number, keys: NUMBERS, bytes: (key: number) => number.encode(key) as Uint8Array,
  }, seed),
  tuples: (seed) => live<Tuple>({
    key: tuple, keys: TUPLES, bytes: (key: Tuple) => tuple.encode(key) as Uint8Array,
  }, seed),
  charwise: (seed) => live<unknown>({
    key: charwise, keys: [null, false, true, -1.5, 0, 2, 'a', 'b', ['a', 1], ['a', 2]],
    bytes: (key: unknown) => utf8(charwise.encode(key) as string),
  }, seed),
}

/** Prefixes that end where ranges are easily cut wrong. */
const PREFIXES = [[], [0], [97, 255], [255], [255, 255], [0xc3], [97, 58]].map((list) => Uint8Array.from(list))

interface Held<K> { key: K; bytes: Uint8Array; value: unknown }

const hexOf = (db: Varve): string[] => [...db.entriesSync()].map(([key, value]) => `${toHex(key)}=${toHex(value)}`)

/** One drawn life of a view beside a map. */
class Life<K> {
  private readonly held = new Map<string, Held<K>>()
  private readonly kind: Kind<K>
  private readonly db: Varve
  private readonly view: View<K, unknown>
  private readonly random: SeededRandom

  constructor(kind: Kind<K>, db: Varve, view: View<K, unknown>, random: SeededRandom) {
    this.kind = kind
    this.db = db
    this.view = view
    this.random = random
  }

  private draw(): K {
    return this.random.pick(this.kind.keys)
  }

  private note(key: K, value: unknown): void {
    const bytes = this.kind.bytes(key)
    this.held.set(toHex(bytes), { key, bytes, value })
  }

  private forget(key: K): void {
    this.held.delete(toHex(this.kind.bytes(key)))
  }

  private valueOf(key: K): unknown {
    return this.held.get(toHex(this.kind.bytes(key)))?.value
  }

  get sorted(): Held<K>[] {
    return [...this.held.values()].sort((a, b) => compareBytes(a.bytes, b.bytes))
  }

  /** A range by the bounds that were drawn, and what is in it. */
  private range(): { bounds: { gt: K | undefined; lte: K | undefined }; inside: Held<K>[] } {
    const [gt, lte] = [0, 0].map(() => (this.random.below(3) === 0 ? this.draw() : undefined))
    const isIn = ({ bytes }: Held<K>): boolean =>
      (gt === undefined || compareBytes(bytes, this.kind.bytes(gt)) > 0) &&
      (lte === undefined || compareBytes(bytes, this.kind.bytes(lte)) <= 0)
    return { bounds: { gt, lte }, inside: this.sorted.filter(isIn) }
  }

  async change(n: number): Promise<void> {
    const { view, random } = this
    const [key, other] = [this.draw(), this.draw()]
    const value = { n, text: random.pick(['', 'é', '😀', '\0']) }
    switch (random.below(8)) {
      case 0:
        await view.put(key, value)
        return this.note(key, value)
      case 1:
        view.putSync(key, value)
        return this.note(key, value)
      case 2:
        await view.del(key)
        return this.forget(key)
      case 3:
        await view.batch([{ type: 'del', key }, { type: 'put', key: other, value }])
        this.forget(key)
        return this.note(other, value)
      case 4: {
        const { bounds, inside } = this.range()
        await (random.below(2) === 0 ? view.delRange(bounds) : view.clear(bounds))
        return inside.forEach((entry) => this.forget(entry.key))
      }
      case 5: {
        const limit = random.below(4)
        await view.clear({ limit, reverse: true })
        return this.sorted.reverse().slice(0, limit).forEach((entry) => this.forget(entry.key))
      }
      case 6:
        return assert.equal(await view.touch(key, { ttl: null }), this.valueOf(key) !== undefined)
      default:
        return this.db.flush()
    }
  }

  async look(): Promise<void> {
    const { view, kind, random } = this
    const asked = [this.draw(), this.draw(), this.draw()]
    const [key] = asked as [K, K, K]
    const found = this.valueOf(key)
    assert.deepEqual([await view.get(key), view.getSync(key), view.entrySync(key)?.value], [found, found, found])
    assert.deepEqual([await view.has(key), view.hasSync(key)], [found !== undefined, found !== undefined])
    assert.deepEqual(await view.getMany(asked), asked.map((each) => this.valueOf(each)))
    const { bounds, inside } = this.range()
    const [reverse, limit] = [random.below(2) === 1, random.pick([-1, 0, 1, 3])]
    const wanted = (reverse ? inside.reverse() : inside).slice(0, limit === -1 ? Infinity : limit)
    const got = await listOf(view.entries({ ...bounds, reverse, limit }))
    assert.deepEqual(got.map(([, value]) => value), wanted.map(({ value }) => value))
    assert.deepEqual([...view.valuesSync({ ...bounds, reverse, limit })], got.map(([, value]) => value))
    assert.deepEqual(got.map(([each]) => toHex(kind.bytes(each))), wanted.map(({ bytes }) => toHex(bytes)))
  }
}

async function live<K>(kind: Kind<K>, seed: number): Promise<void> {
  await inMemory(async (db) => {
    const random = new SeededRandom(seed, 'view model')
    const [outer, inner] = [random.pick(PREFIXES), random.pick(PREFIXES)]
    const isNested = random.below(2) === 1
    const prefix = isNested ? Buffer.concat([outer, inner]) : outer
    const msgpack: Codec<unknown> = { encode: pack, decode: (bytes) => unpack(bytes) as unknown }
    const around = db.view<K, unknown>({
      key: kind.key as 'json', value: random.pick(['json', msgpack] as const), prefix: outer,
    })
    const view: View<K, unknown> = isNested ? around.view({ prefix: inner }) as View<K, unknown> : around
    // Keys of others: just outside of the prefix, on both sides.
    const neighbours = [Uint8Array.from([...prefix.subarray(0, -1), (prefix.at(-1) ?? 0) + 1]), prefix.subarray(0, -1)]
      .filter((key) => prefix.length > 0 && !Buffer.from(key).subarray(0, prefix.length).equals(prefix))
    for (const key of neighbours) await db.put(key, 'neighbour')
    const theirs = hexOf(db)
    const life = new Life(kind, db, view, random)
    try {
      for (let step = 0; step < 60; step++) {
        await life.change(step)
        await life.look()
      }
      const snapshot = db.snapshot()
      await view.clear()
      assert.deepEqual([...view.valuesSync({ snapshot })], life.sorted.map(({ value }) => value))
      snapshot.release()
      assert.deepEqual(hexOf(db), theirs, 'who is beside the view stays')
    } catch (error) {
      throw new Error(`seed ${seed}, prefix ${toHex(prefix)}`, { cause: error })
    }
  })
}

for (const [kind, live] of Object.entries(KINDS)) {
  test(`a view with keys of ${kind} answers as a map does`, async () => {
    for (const seed of drawnNumbers(`view model ${kind}`, 32)) await live(seed)
  })
}

test('a number that has no order is refused by its codec, by name; nothing has changed', () => inMemory(async (db) => {
  const view = db.view({ key: number, value: 'json' })
  await view.put(-0, 'zero')
  assert.equal(await view.get(0), 'zero')
  const message = /the key NaN cannot be encoded: NaN has no order/
  await assert.rejects(view.put(NaN, 1), { code: 'INVALID_ARGUMENT', message })
  assert.equal([...view.keysSync()].length, 1)
}))
