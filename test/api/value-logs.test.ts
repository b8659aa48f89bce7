/** Values that stand in value logs, as all who read a database see them. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { VarveLevel } from '../../src/level.js'
import { MemoryVfs } from '../../src/testing.js'
import { NodeVfs } from '../../src/vfs/index.js'
import type { Vfs } from '../../src/vfs/index.js'
import { bytes, newDirectory, SMALL, text } from '../support/databases/databases.js'
import { makeDatabase, sampleEntries, valueOf } from '../support/databases/value-databases.js'
import type { DatabasePlan, MadeDatabase, MadeEntry } from '../support/databases/value-databases.js'
import { recordCalls } from '../support/fakes/watched-vfs.js'

const DIR = '/db'
const opened: { close(): Promise<void> }[] = []
after(async () => {
  for (const db of opened) await db.close().catch(() => undefined)
})

function newVfs(plan: DatabasePlan): { vfs: MemoryVfs; made: MadeDatabase } {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  return { vfs, made: makeDatabase(vfs, DIR, plan) }
}

async function open(vfs: Vfs, options: VarveOptions = {}, dir = DIR): Promise<Varve> {
  const db = await Varve.open(dir, { ...SMALL, ...options, components: { vfs } })
  opened.push(db)
  return db
}

/** Gives a short text, which differs where the values do. */
const shown = (value: Uint8Array | undefined): string =>
  (value === undefined ? 'none' : `${value.length} ${Buffer.from(value).toString('base64').slice(-40)}`)

async function taken<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of iterable) items.push(item)
  return items
}

const readers: Record<string, (db: Varve, keys: string[]) => Promise<(Uint8Array | undefined)[]>> = {
  get: (db, keys) => Promise.all(keys.map((key) => db.get(key))),
  getSync: async (db, keys) => keys.map((key) => db.getSync(key)),
  getMany: (db, keys) => db.getMany(keys),
  getManySync: async (db, keys) => db.getManySync(keys),
  entries: async (db) => (await taken(db.entries())).map(([, value]) => value),
  entriesSync: async (db) => [...db.entriesSync()].map(([, value]) => value),
  'values backward': async (db) => (await taken(db.values({ reverse: true }))).reverse(),
  valuesSync: async (db) => [...db.valuesSync()],
  'get at a snapshot': async (db, keys) => {
    const snapshot = db.snapshot()
    const values = await Promise.all(keys.map((key) => db.get(key, { snapshot })))
    snapshot.release()
    return values
  },
}

for (const platform of ['memory', 'node']) {
  for (const readOnly of [false, true]) {
    test(`all readers give large values: ${platform}, readOnly ${readOnly}`, async () => {
      const entries = sampleEntries()
      const vfs = platform === 'memory' ? new MemoryVfs() : new NodeVfs()
      const dir = platform === 'memory' ? DIR : newDirectory()
      vfs.mkdirSync(dir)
      makeDatabase(vfs, dir, { entries })
      const db = await open(vfs, { readOnly }, dir)
      const keys = entries.map(({ key }) => key)
      const expected = entries.map(({ value }) => shown(value))
      for (const [name, read] of Object.entries(readers)) {
        assert.deepEqual((await read(db, keys)).map(shown), expected, name)
      }
      const twice = await db.getMany([keys[1]!, 'absent', keys[1]!])
      assert.deepEqual(twice.map(shown), [expected[1], 'none', expected[1]])
      await db.close()
    })
  }
}

test('a large value is memory of the caller alone, and never in the block cache', async () => {
  const entries = sampleEntries(30)
  const { vfs } = newVfs({ entries })
  const db = await open(vfs)
  for (const key of db.keysSync()) db.hasSync(key) // all blocks are in the cache
  const { usedBytes, missCount } = db.stats().cache
  const large = entries.filter(({ log }) => log !== undefined).map(({ key }) => key)
  for (const [name, read] of Object.entries(readers)) {
    const values = (await read(db, large)).filter((value) => value!.length >= 4096)
    for (const value of values) assert.equal(value!.buffer.byteLength, value!.length, name)
    assert.equal(new Set(values.map((value) => value!.buffer)).size, values.length)
  }
  assert.deepEqual([db.stats().cache.usedBytes, db.stats().cache.missCount], [usedBytes, missCount])
})

test('VLG-12: what asks for keys only opens no value log', async () => {
  const entries = sampleEntries(40)
  const { vfs } = newVfs({ entries })
  const calls: string[] = []
  const db = await open(recordCalls(vfs, calls))
  calls.length = 0 // the open looked at their sizes
  const keys = entries.map(({ key }) => key)
  assert.deepEqual(await Promise.all(keys.map((key) => db.has(key))), keys.map(() => true))
  assert.deepEqual((await taken(db.keys())).map(text), keys)
  assert.deepEqual([...db.keysSync({ reverse: true })].map(text).reverse(), keys)
  assert.equal(await db.get('absent'), undefined)
  await db.clear({ lt: 'key 0005' })
  const touched = () => calls.filter((call) => /\.vlog|000012\.wal/.test(call))
  assert.deepEqual(touched(), [])
  await db.get(keys[5]!)
  assert.deepEqual(touched()[0], 'open read 000014.vlog')
  await db.close()
})

test('A22: one look into the directory answers for all value logs of an open', async () => {
  const entries = Array.from({ length: 40 }, (_, i) => ({ key: `k${i + 10}`, value: valueOf(5000, i), log: 100 + i }))
  const counts = [1, 40].map(async (count) => {
    const calls: string[] = []
    const { vfs } = newVfs({ entries: entries.slice(0, count) })
    for (const readOnly of [true, false]) {
      const db = await open(recordCalls(vfs, calls), { readOnly })
      await db.close()
    }
    return [/^list/, /^stat/, /^open read/].map((pattern) => calls.filter((call) => pattern.test(call)).length)
  })
  const [one, many] = await Promise.all(counts) as [number[], number[]]
  assert.equal(many[0], one[0])
  assert.equal(many[1], one[1]! + 2 * 39, 'each open looks at their sizes')
  assert.equal(many[2], one[2]! + 39, 'only the reader opens them ahead')
})

test('A22: an open that misses a value log says so and changes nothing', async () => {
  for (const file of ['000014.vlog', '000012.wal']) {
    for (const readOnly of [true, false]) {
      const { vfs } = newVfs({ entries: sampleEntries(20) })
      vfs.unlinkSync(`${DIR}/${file}`)
      const names = vfs.listSync(DIR)
      await assert.rejects(open(vfs, { readOnly }), { code: 'MISSING_FILE', file })
      assert.deepEqual(vfs.listSync(DIR).filter((name) => !name.includes('lock')), names)
    }
  }
})

test('an open that finds a value log cut says so and changes nothing; bytes behind what counts are void', async () => {
  for (const file of ['000014.vlog', '000012.wal']) {
    for (const readOnly of [true, false]) {
      const { vfs } = newVfs({ entries: sampleEntries(20) })
      const handle = vfs.openSync(`${DIR}/${file}`, 'write')
      const size = handle.sizeSync()
      handle.truncateSync(size - 1)
      const names = vfs.listSync(DIR)
      await assert.rejects(open(vfs, { readOnly }), { code: 'CORRUPTION', file, offset: size - 1 })
      assert.deepEqual(vfs.listSync(DIR).filter((name) => !name.includes('lock')), names)
      handle.truncateSync(size + 100)
      handle.closeSync()
      if (file.endsWith('.wal')) await (await open(vfs, { readOnly })).close()
    }
  }
})

test('A21: the Level facade gives values, not handles', async () => {
  const inText = (value: Uint8Array): Uint8Array => bytes(Buffer.from(value).toString('base64'))
  const entries = sampleEntries(40).map((entry) => ({ ...entry, value: inText(entry.value) }))
  const dir = newDirectory()
  const vfs = new NodeVfs()
  vfs.mkdirSync(dir)
  makeDatabase(vfs, dir, { entries })
  const db = new VarveLevel<string, string>(dir)
  await db.open()
  opened.push(db)
  const keys = entries.map(({ key }) => key)
  const expected = entries.map(({ value }) => text(value)!)
  assert.deepEqual(await Promise.all(keys.map((key) => db.get(key))), expected)
  assert.deepEqual(keys.map((key) => db.getSync(key)), expected)
  assert.deepEqual(await db.getMany(keys), expected)
  assert.deepEqual((await db.iterator().all()).map(([, value]) => value), expected)
  assert.deepEqual(await db.values({ reverse: true }).all(), [...expected].reverse())
  const one: string[] = []
  for await (const value of db.values()) one.push(value)
  assert.deepEqual(one, expected)
  assert.deepEqual(await db.keys().all(), keys)
  assert.deepEqual((await db.iterator({ values: false }).all()).length, keys.length)
  for (const valueEncoding of ['view', 'buffer'] as const) {
    const all = await db.values<string, Uint8Array>({ valueEncoding }).all()
    assert.deepEqual(all.map((value) => Buffer.from(value).toString()), expected)
    assert.equal(Buffer.isBuffer(all[5]), valueEncoding === 'buffer')
    assert.equal(text(await db.get<string, Uint8Array>(keys[5]!, { valueEncoding })), expected[5])
  }
})

test('A21: a page of the Level facade counts values, not handles', async () => {
  const entries = Array.from({ length: 30 }, (_, i) => ({ key: `k${i + 10}`, value: valueOf(300_000 - i, i), log: 14 }))
  const dir = newDirectory()
  const vfs = new NodeVfs()
  vfs.mkdirSync(dir)
  makeDatabase(vfs, dir, { entries })
  const db = new VarveLevel<string, Uint8Array>(dir, { valueEncoding: 'view' })
  await db.open()
  opened.push(db)
  const iterator = db.iterator()
  const page = await iterator.nextv(1000)
  assert.ok(page.length >= 4 && page.length <= 5, `${page.length} values of 300 kB in a page of 1 MiB`)
  await iterator.close()
})

/** Replaces the database by a later state of it: its values are in file 30, file 14 is gone. */
function collect(vfs: MemoryVfs, entries: MadeEntry[]): MadeEntry[] {
  const moved = entries.map((entry) => (entry.log === 14 ? { ...entry, log: 30 } : entry))
  vfs.unlinkSync(`${DIR}/000012.wal`)
  makeDatabase(vfs, DIR, { entries: moved, tableNum: 40, manifestNum: 41, seed: 8 })
  vfs.unlinkSync(`${DIR}/000014.vlog`)
  return moved
}

test('A22, V06: a reader keeps value logs open that a writer removes beside it', async () => {
  const entries = sampleEntries(30)
  const { vfs } = newVfs({ entries })
  const db = await open(vfs, { readOnly: true })
  const snapshot = db.snapshot()
  const walk = db.valuesSync()
  collect(vfs, entries)
  for (const { key, value } of entries) assert.deepEqual(await db.get(key, { snapshot }), value)
  assert.deepEqual([...walk].map(shown), entries.map(({ value }) => shown(value)))
})

test('A22: with no room to keep them open, a read of now is made anew, and a walk must begin again', async () => {
  const entries = sampleEntries(30)
  const { key, value } = entries.find(({ log, value: { length } }) => log === 14 && length > 131072)!
  const reads: ((db: Varve) => Promise<unknown>)[] = [
    (db) => db.get(key), async (db) => db.getSync(key), async (db) => db.getManySync([key])[0],
  ]
  for (const read of reads) {
    const { vfs } = newVfs({ entries })
    const db = await open(vfs, { readOnly: true, maxOpenFiles: 1 })
    const walk = db.valuesSync({ gte: key })
    collect(vfs, entries)
    assert.deepEqual(await read(db), value)
    assert.throws(() => walk.next(), { code: 'MISSING_FILE', file: '000014.vlog' })
    assert.equal(walk.next().done, true)
    await db.close()
  }
})
