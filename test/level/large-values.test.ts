/** Values that stand in value logs, through the facade: encodings, sublevels, snapshots, iterators, keys alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveLevel } from '../../src/level.js'
import { MemoryVfs } from '../../src/testing.js'
import { recordCalls } from '../support/fakes/watched-vfs.js'

type Encoding = 'buffer' | 'view' | 'utf8' | 'json'

const ENCODINGS: readonly Encoding[] = ['buffer', 'view', 'utf8', 'json']
const COUNT = 40
const keyOf = (i: number): string => `key ${100 + i}`
/** Every fourth value is small, some are read in the thread pool. */
const lengthOf = (i: number): number => (i % 4 === 0 ? 20 : i % 7 === 0 ? 140_000 : 5000 + i)
const textOf = (i: number): string => `${i} ä😀 `.repeat(Math.ceil(lengthOf(i) / 10))

function valueOf(encoding: Encoding, i: number): unknown {
  switch (encoding) {
    case 'buffer': return Buffer.from(textOf(i))
    case 'view': return new TextEncoder().encode(textOf(i))
    case 'utf8': return textOf(i)
    case 'json': return { i, text: textOf(i) }
  }
}

function newLevel(calls: string[] = []): VarveLevel {
  return new VarveLevel('/db', {
    workers: 0, valueThreshold: 512, writeBufferSize: 256 * 1024,
    components: { vfs: recordCalls(new MemoryVfs(), calls) },
  })
}

/** What is used of a level or a sublevel, with values in any encoding. */
interface AnyLevel {
  put(key: string, value: unknown, options: object): Promise<void>
  get(key: string, options: object): Promise<unknown>
  getSync(key: string, options: object): unknown
  getMany(keys: string[], options: object): Promise<unknown[]>
  values(options: object): { all(): Promise<unknown[]> }
  iterator(options: object): AnyIterator
  snapshot(): { close(): Promise<void> }
  sublevel(name: string, options: object): AnyLevel
}

interface AnyIterator {
  next(): Promise<[string, unknown] | undefined>
  nextv(size: number): Promise<[string, unknown][]>
  all(): Promise<[string, unknown][]>
  seek(key: string): void
  close(): Promise<void>
}

/** A short text, which differs where type or bytes do. */
function brief(value: unknown): string {
  const type = Buffer.isBuffer(value) ? 'Buffer' : typeof value === 'object' ? value!.constructor.name : typeof value
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : JSON.stringify(value)
  return `${type} ${text.length} ${text.slice(0, 10)} ${text.slice(-20)}`
}

for (const encoding of ENCODINGS) {
  test(`large values in ${encoding}, in a sublevel and beside it`, async () => {
    const root = newLevel()
    const level = root as unknown as AnyLevel
    const sub = level.sublevel('sub', {})
    const as = { valueEncoding: encoding }
    const all = { gte: 'key', lt: 'kez' } // a level has the keys of its sublevels, too
    const keys = Array.from({ length: COUNT }, (_, i) => keyOf(i))
    const expected = keys.map((_, i) => brief(valueOf(encoding, i)))
    const levels = [level, sub, sub.sublevel('deeper', {})]
    for (const one of levels) for (const [i, key] of keys.entries()) await one.put(key, valueOf(encoding, i), as)
    await root.engine.flush()
    assert.ok(root.engine.stats().valueLog.promotedCount > COUNT)
    for (const one of levels) {
      const snapshot = one.snapshot()
      await one.put(keyOf(1), 'small', { valueEncoding: 'utf8' })
      const options = { ...as, ...all, snapshot }
      assert.deepEqual((await one.getMany(keys, { ...as, snapshot })).map(brief), expected)
      for (const i of [1, 7, 12]) {
        assert.equal(brief(await one.get(keyOf(i), { ...as, snapshot })), expected[i])
        assert.equal(brief(one.getSync(keyOf(i), { ...as, snapshot })), expected[i])
      }
      assert.deepEqual((await one.values(options).all()).map(brief), expected)
      const fromLast = keys.map((key, i) => `${key}: ${expected[i]}`).reverse()
      const shown = ([key, value]: [string, unknown]): string => `${key}: ${brief(value)}`
      const iterator = one.iterator({ ...options, reverse: true, limit: 25 })
      const pages: string[] = []
      for (let page = await iterator.nextv(6); page.length > 0; page = await iterator.nextv(6)) {
        pages.push(...page.map(shown))
      }
      await iterator.close()
      assert.deepEqual(pages, fromLast.slice(0, 25))
      const sought = one.iterator({ ...options, reverse: true })
      for (let i = 0; i < 5; i++) await sought.next() // more was read ahead
      sought.seek(keyOf(20))
      assert.deepEqual([(await sought.next())!, ...await sought.all()].map(shown), fromLast.slice(COUNT - 21))
      await snapshot.close()
    }
    await root.close()
  })
}

test('a value that is given is memory of the caller alone', async () => {
  const db = newLevel()
  for (let i = 0; i < COUNT; i++) await db.put(keyOf(i), textOf(i))
  await db.engine.flush()
  for (const valueEncoding of ['buffer', 'view'] as const) {
    const get = async (): Promise<Uint8Array> => (await db.get<string, Uint8Array>(keyOf(3), { valueEncoding }))!
    const value = await get()
    value.fill(0)
    assert.equal(Buffer.from(await get()).toString(), textOf(3))
    const all = await db.values<string, Uint8Array>({ valueEncoding }).all()
    for (const one of all) one.fill(1)
    assert.equal(Buffer.from(await get()).toString(), textOf(3))
  }
  await db.close()
})

test('VLG-12: what asks for keys only reads no value log', async () => {
  const calls: string[] = []
  const db = newLevel(calls)
  for (let i = 0; i < COUNT; i++) await db.put(keyOf(i), textOf(i))
  await db.engine.flush()
  const files = db.engine.stats().valueLog.files.map(({ fileNum }) => `${fileNum}`.padStart(6, '0'))
  calls.length = 0
  const keys = Array.from({ length: COUNT }, (_, i) => keyOf(i))
  assert.equal(await db.has(keyOf(3)), true)
  assert.deepEqual(await db.hasMany([...keys, 'absent']), [...keys.map(() => true), false])
  assert.deepEqual(await db.keys().all(), keys)
  assert.deepEqual(await db.keys({ reverse: true, limit: 3 }).all(), keys.slice(-3).reverse())
  assert.equal((await db.iterator({ values: false }).all()).length, COUNT)
  for await (const key of db.keys({ gt: keyOf(5) })) assert.ok(key > keyOf(5))
  assert.ok((await db.approximateSize(keyOf(0), keyOf(COUNT))) > 100_000)
  await db.clear({ lt: keyOf(10) })
  assert.equal(db.engine.stats().valueLog.readCount, 0)
  const touched = (): string[] => calls.filter((call) => files.some((file) => call.includes(file)))
  assert.deepEqual(touched(), [])
  await db.get(keyOf(13))
  assert.ok(touched().length > 0)
  await db.close()
})
