/** Typed views through codecs of libraries: their order, and what they get. None of them is a dependency. ENC-2. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { rawOf } from '../../src/api/view-codec.js'
import type { Codec } from '../../src/index.js'
import { inMemory, listOf } from '../support/databases/views.js'
import { expectError } from '../support/harness/expect-error.js'

type Tuple = (number | string | boolean)[]

describe('codecs of libraries', () => {
  const numbers = [-Infinity, -1e300, -5, -1.5, -1, 0, 0.1, 1, 1.5, 2, 10, 255, 256, 1e9, 2 ** 53, 1e300, Infinity]

  it('ordered-binary keeps numbers, dates and tuples in their order', () => inMemory(async (db) => {
    const { fromBufferKey, toBufferKey } = await import('ordered-binary')
    const decode = fromBufferKey as (bytes: Uint8Array) => Tuple
    const key: Codec<Tuple> = { encode: toBufferKey, decode, format: 'buffer' }
    const readings = db.view({ key, value: 'json', prefix: 'r:' })
    const keys: Tuple[] = numbers.flatMap((number): Tuple[] => [['a', number], ['b', number, true], ['ab', number]])
    const shuffled = keys.map((key, i) => [(i * 7919) % 101, key] as const).sort(([a], [b]) => a - b)
    await readings.batch(shuffled.map(([, key]) => ({ type: 'put', key, value: key.length })))
    const order = ([a, x]: Tuple, [b, y]: Tuple): number => (a === b ? (x! < y! ? -1 : 1) : a! < b! ? -1 : 1)
    assert.deepEqual([...readings.keysSync()], keys.toSorted(order))
    assert.deepEqual(await listOf(readings.keys({ gte: ['a', 1], lt: ['a', 256] })),
      numbers.filter((n) => n >= 1 && n < 256).map((n) => ['a', n]))
    const dateKey: Codec<Date> = {
      encode: (date) => toBufferKey(+date), decode: (bytes) => new Date(fromBufferKey(bytes as Buffer) as number),
    }
    const dates = db.view({ key: dateKey, value: 'utf8', prefix: 'd:' })
    const days = [-400, -1, 0, 1, 20_000].map((day) => new Date(day * 86_400_000))
    for (const day of days.toReversed()) await dates.put(day, day.toISOString())
    assert.deepEqual([...dates.entriesSync()], days.map((day) => [day, day.toISOString()]))
    assert.deepEqual([...dates.keysSync({ gt: new Date(0) })], days.slice(3))
  }))

  it('charwise does, as it is: it takes text', () => inMemory(async (db) => {
    const name = 'charwise'
    const { default: charwise } = await import(name) as { default: Codec<unknown> }
    const view = db.view<unknown, string>({ key: charwise, value: 'utf8', prefix: 'c:' })
    const tuples = [['a', 1], ['a', 2], ['a', 10], ['b', -1]]
    const keys: unknown[] = [null, false, true, ...numbers.filter(Number.isFinite), 'a', 'b', ...tuples]
    for (const key of keys.toReversed()) await view.put(key, JSON.stringify(key))
    assert.deepEqual([...view.keysSync()], keys)
    assert.deepEqual([...view.keysSync({ gte: ['a', 2], lt: ['b'] })], [['a', 2], ['a', 10]])
    assert.equal(await view.get(['a', 10]), '["a",10]')
  }))

  it('msgpackr gives what was put, and keeps nothing of the database', () => inMemory(async (db) => {
    const { Packr, pack, unpack } = await import('msgpackr')
    const value = { when: new Date(1e12), bytes: new Uint8Array([1, 2, 3]), deep: [{ big: 2n ** 60n }, null], text: '' }
    const packr = new Packr({ structuredClone: true })
    const codecs: Codec<typeof value>[] = [{ encode: pack, decode: (bytes) => unpack(bytes) as typeof value }, packr]
    for (const [i, codec] of codecs.entries()) {
      const view = db.view({ key: 'utf8', value: codec, prefix: `${i}:` })
      await db.batch(Array.from({ length: 300 }, (_, n) => view.putOp(`${n}`, { ...value, text: `${n}` })))
      for (const flushes of [false, true]) {
        if (flushes) await db.flush()
        const got = view.getSync('7')!
        assert.deepEqual({ ...got, bytes: [...got.bytes] }, { ...value, text: '7', bytes: [1, 2, 3] })
        got.bytes.fill(9)
        assert.deepEqual([...view.getSync('7')!.bytes], [1, 2, 3], 'what is given is a copy')
        for (const [key, { text }] of view.entriesSync()) assert.equal(text, key)
      }
    }
  }))

  it('with format ‘buffer’ get a Buffer, with ‘utf8’ text, otherwise a Uint8Array', () => inMemory(async (db) => {
    const seen: unknown[] = []
    const decode = (raw: unknown): string => {
      seen.push(typeof raw === 'string' ? 'text' : Buffer.isBuffer(raw) ? 'Buffer' : (raw as object).constructor.name)
      return String(raw)
    }
    const formats: [object, string][] = [
      [{ format: 'buffer' }, 'Buffer'], [{ format: 'utf8' }, 'text'], [{ format: 'view' }, 'Uint8Array'],
      [{}, 'Uint8Array'], [{ buffer: false }, 'text'], [{ buffer: true }, 'Uint8Array'],
    ]
    for (const [format, kind] of formats) {
      const codec = { encode: String, decode, ...format } as Codec<string>
      const view = db.view({ key: codec, value: codec })
      await view.put('k', 'v')
      seen.length = 0
      await view.get('k')
      for (const entry of view.entriesSync()) assert.equal(entry.length, 2)
      assert.deepEqual(seen, [kind, kind, kind])
    }
  }))
})

it('a text that is longer than any string is told apart from damage', () => {
  const longest = 2 ** 29 // nobody looks at these bytes: no memory is behind them
  assert.match(expectError(() => rawOf(null, new Uint8Array(longest), 0, longest), 'NOT_SUPPORTED').message, /string/)
})
