/**
 * VLG-6: a large value that is not what was written is told with file, offset and key, and all other keys stay
 * readable.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve, VarveError } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import type { Vfs } from '../../src/vfs/index.js'
import { SMALL } from '../support/databases/databases.js'
import { Draw, isWholeRun } from '../support/harness/share.js'
import { makeDatabase, sampleEntries, valueOf } from '../support/databases/value-databases.js'
import type { DatabasePlan, MadeDatabase, MadeEntry } from '../support/databases/value-databases.js'
import { eio, watchedVfs } from '../support/fakes/watched-vfs.js'
import { takeImage, vfsOf, withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'

const DIR = '/db'

function newDatabase(plan: DatabasePlan): { vfs: MemoryVfs; made: MadeDatabase } {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  return { vfs, made: makeDatabase(vfs, DIR, plan) }
}

const openReader = (vfs: Vfs): Promise<Varve> =>
  Varve.open(DIR, { ...SMALL, readOnly: true, components: { vfs } })

/** Every way to read one key. */
const ways: Record<string, (db: Varve, key: string) => Promise<unknown>> = {
  get: (db, key) => db.get(key),
  getSync: async (db, key) => db.getSync(key),
  getMany: (db, key) => db.getMany(['key 0000', key]),
  getManySync: async (db, key) => db.getManySync([key, 'absent']),
  entriesSync: async (db, key) => [...db.entriesSync({ gte: key, limit: 1 })],
  entries: async (db, key) => {
    for await (const entry of db.entries({ gte: key })) return entry
  },
  values: async (db, key) => {
    for await (const value of db.values({ lte: key, reverse: true })) return value
  },
}

/** Reads many keys together, of which one is bad. */
const waysOfMany: Record<string, (db: Varve, keys: string[]) => Promise<unknown>> = {
  getMany: (db, keys) => db.getMany(keys),
  getManySync: async (db, keys) => db.getManySync(keys),
  entriesSync: async (db) => [...db.entriesSync()],
  values: async (db) => {
    for await (const value of db.values()) assert.ok(value)
  },
}

async function checkOthers(db: Varve, entries: MadeEntry[], bad: string): Promise<void> {
  for (const { key, value } of entries) {
    if (key !== bad) assert.deepEqual(await db.get(key), value, key)
  }
}

function flip(bytes: Uint8Array, offset: number): Uint8Array {
  const changed = bytes.slice()
  changed[offset]! ^= 0x10
  return changed
}

test('a wrong byte of a value is told by every reader, with file, offset and key', async () => {
  const entries = sampleEntries(24)
  const { vfs, made } = newDatabase({ entries })
  const image = takeImage(vfs, DIR)
  for (const { key, log } of entries) {
    if (log === undefined) continue
    const file = log === 12 ? '000012.wal' : '000014.vlog'
    const { offset, length } = made.places.get(key)!
    for (const at of [offset, offset + length - 1]) {
      const db = await openReader(vfsOf(withFile(image, file, flip(image.get(file)!, at)), DIR))
      for (const [way, read] of Object.entries(ways)) {
        await assert.rejects(read(db, key), (error) => {
          assert.ok(VarveError.is(error), way)
          assert.deepEqual([error.code, error.file, error.offset], ['CORRUPTION', file, offset], way)
          return error.message.includes(`"${key}"`)
        }, way)
      }
      for (const [way, read] of Object.entries(waysOfMany)) {
        await assert.rejects(read(db, entries.map((entry) => entry.key)), { code: 'CORRUPTION', file, offset }, way)
      }
      assert.equal(await db.has(key), true)
      await checkOthers(db, entries, key)
      await db.close()
    }
  }
})

test('an error names the key of the call, whatever the caller does with its bytes meanwhile', async () => {
  const entries = [{ key: 'abc', value: valueOf(200_000, 1), log: 14 }]
  const { vfs, made } = newDatabase({ entries })
  const image = takeImage(vfs, DIR)
  const file = '000014.vlog'
  const db = await openReader(vfsOf(withFile(image, file, flip(image.get(file)!, made.places.get('abc')!.offset)), DIR))
  const key = Buffer.from('abc')
  const read = db.get(key)
  key.fill('z')
  await assert.rejects(read, { code: 'CORRUPTION', message: /key "abc"/ })
  await db.close()
})

test('whatever byte of a value log is wrong: the right value, or an error that says so', async () => {
  const entries: MadeEntry[] = [
    { key: 'a', value: valueOf(700, 1), log: 12 }, { key: 'b', value: valueOf(600, 2), log: 12 },
    { key: 'c', value: valueOf(700, 3), log: 14 }, { key: 'd', value: valueOf(600, 4), log: 14 },
    { key: 'e', value: valueOf(20, 5) },
  ]
  const { vfs, made } = newDatabase({ entries })
  const image = takeImage(vfs, DIR)
  const draw = new Draw('value log damage')
  for (const [file, log] of [['000012.wal', 12], ['000014.vlog', 14]] as const) {
    const bytes = image.get(file)!
    for (let at = 0; at < bytes.length; at++) {
      if (at >= 128 && !draw.takes()) continue
      const db = await openReader(vfsOf(withFile(image, file, flip(bytes, at)), DIR))
      for (const { key, value, log: own } of entries) {
        const place = made.places.get(key)
        const isHit = own === log && (at < 128 || (at >= place!.offset && at < place!.offset + place!.length))
        if (isHit) {
          await assert.rejects(db.get(key), (error) =>
            VarveError.is(error) && ['CORRUPTION', 'UNSUPPORTED_FORMAT'].includes(error.code) && error.file === file)
        } else assert.deepEqual(await db.get(key), value, `${key} with byte ${at} of ${file} wrong`)
      }
      await db.close()
    }
  }
})

test('what goes wrong once is read a second time; what stays wrong is told', async () => {
  const entries = sampleEntries(24)
  const { vfs } = newDatabase({ entries })
  let failures = 0
  const failing = watchedVfs(vfs, {
    before: (call) => {
      if (call.name === 'read' && call.file === '000014.vlog' && failures-- > 0) throw eio(call)
    },
  })
  const db = await openReader(failing)
  const large = entries.filter(({ log }) => log === 14)
  for (const { key } of large) await db.get(key)
  for (const { key, value } of large) {
    for (const [way, read] of Object.entries(ways)) {
      failures = 1
      await read(db, key)
      assert.ok(failures <= 0, way)
    }
    failures = 1
    assert.deepEqual(await db.get(key), value)
    for (const read of [ways.get!, ways.getSync!]) {
      failures = 100
      await assert.rejects(read(db, key), { code: 'IO_ERROR', file: '000014.vlog' })
    }
    failures = 0
  }
  await db.close()
})

test('V16: a handle is believed only within the bytes that count', async () => {
  const plans: Record<string, DatabasePlan> = {
    'it points behind the end': {
      entries: [{ key: 'b', value: valueOf(5000, 2), log: 14, lies: { offset: 2 ** 31 } }],
    },
    'the manifest counts one byte less than the value needs': {
      entries: [{ key: 'b', value: valueOf(5000, 2), log: 14 }], promoted: [14],
      facts: (facts) => ({ ...facts, bytes: facts.bytes - 1 }),
    },
  }
  for (const [name, plan] of Object.entries(plans)) {
    const good = { key: 'a', value: valueOf(5000, 1), log: 14 }
    const { vfs } = newDatabase({ promoted: [], ...plan, entries: [good, ...plan.entries] })
    const db = await openReader(vfs)
    assert.deepEqual(await db.get('a'), good.value)
    for (const [way, read] of Object.entries(ways)) {
      await assert.rejects(read(db, 'b'), { code: 'CORRUPTION' }, `${name}: ${way}`)
    }
    assert.equal(await db.has('b'), true)
    await db.close()
  }
})

test('a value log that was cut while the database is open is told where it ends', async () => {
  const entries = sampleEntries(24)
  const { vfs, made } = newDatabase({ entries })
  const db = await openReader(vfs)
  const [first, last] = [entries.find(({ log }) => log === 14)!, entries.findLast(({ log }) => log === 14)!]
  await db.get(first.key)
  const { offset, length } = made.places.get(last.key)!
  const file = vfs.openSync(`${DIR}/000014.vlog`, 'write')
  file.truncateSync(offset + length - 1)
  for (const read of [ways.get!, ways.getSync!, ways.getMany!]) {
    await assert.rejects(read(db, last.key), { code: 'CORRUPTION', file: '000014.vlog', offset: offset + length - 1 })
  }
  assert.deepEqual(await db.get(first.key), first.value)
  await db.close()
})

test('damage of a value does not stop a database that is open for writing', async () => {
  const entries = sampleEntries(12)
  const { vfs, made } = newDatabase({ entries })
  const image = takeImage(vfs, DIR)
  const { key } = entries.find(({ log }) => log === 14)!
  const file = '000014.vlog'
  const damaged = vfsOf(withFile(image, file, flip(image.get(file)!, made.places.get(key)!.offset)), DIR)
  const db = await Varve.open(DIR, { ...SMALL, components: { vfs: damaged } })
  await assert.rejects(db.get(key), { code: 'CORRUPTION', file })
  assert.equal(db.stats().database.state, 'OPEN')
  await db.put(key, 'new')
  assert.equal(Buffer.from((await db.get(key))!).toString(), 'new')
  await checkOthers(db, entries, key)
  await db.close()
})

/** A database that was written as programs do: a promoted log, which has small values too, and a value log. */
async function writtenDatabase(): Promise<{ image: Image; values: Map<string, Uint8Array> }> {
  const vfs = new MemoryVfs()
  const values = new Map<string, Uint8Array>()
  const options = { workers: 0, valueThreshold: 512, writeBufferSize: 4 * 1024 * 1024, components: { vfs } } as const
  const db = await Varve.open(DIR, { ...options, compaction: { style: 'none' } })
  const put = async (key: string, length: number): Promise<void> => {
    const value = valueOf(length, values.size)
    values.set(key, value)
    await db.put(key, value)
  }
  for (let i = 0; i < 4; i++) await put(`copied ${i}`, 300_000)
  for (let i = 0; i < 1500; i++) await put(`small ${i}`, 400)
  await db.flush()
  await db.close()
  const again = await Varve.open(DIR, { ...options, writeBufferSize: 65_536, compaction: { style: 'none' } })
  for (let i = 0; i < 40; i++) await again.put(`promoted ${i}`, valueOf(1000 + i, i))
  for (let i = 0; i < 40; i++) values.set(`promoted ${i}`, valueOf(1000 + i, i))
  await again.put('beside', 'v')
  values.set('beside', Buffer.from('v'))
  await again.flush()
  const files = again.stats().valueLog.files
  assert.deepEqual(files.map(({ isLog }) => isLog).sort(), [false, true])
  await again.close()
  return { image: takeImage(vfs, DIR), values }
}

/** Every key has its value, or an error that names the file; gives how many keys had an error. */
async function checkDamaged(
  image: Image, file: string, values: Map<string, Uint8Array>, what: string,
): Promise<number> {
  let db: Varve
  try {
    db = await openReader(vfsOf(image, DIR))
  } catch (error) {
    assert.ok(VarveError.is(error) && ['CORRUPTION', 'UNSUPPORTED_FORMAT'].includes(error.code), `${what}: ${error}`)
    return values.size
  }
  let failed = 0
  for (const [key, value] of values) {
    if (key.startsWith('small') && !key.endsWith('77')) continue
    const found = await db.get(key).catch((error: unknown) => {
      assert.ok(VarveError.is(error) && ['CORRUPTION', 'UNSUPPORTED_FORMAT'].includes(error.code), `${what}: ${error}`)
      assert.equal(error.file, file, what)
      failed++
      return null
    })
    if (found !== null) assert.ok(found !== undefined && Buffer.compare(found, value) === 0, `${what}: ${key}`)
  }
  await db.close()
  return failed
}

test('one wrong byte of a promoted log or a value log costs one value, of a table what is in its block', async () => {
  const { image, values } = await writtenDatabase()
  const draw = new Draw('damage of written value logs')
  const random = new SeededRandom(5)
  const hits: Record<string, number> = {}
  for (const [file, bytes] of image) {
    const kind = file.slice(file.lastIndexOf('.'))
    if (!['.wal', '.vlog', '.table'].includes(kind) || bytes.length < 200) continue
    // All of the header and of the ends, and some of what lies between.
    const places = new Set(Array.from({ length: 60 }, () => random.below(bytes.length)))
    for (let at = 0; at < 128; at += 5) places.add(at).add(bytes.length - 1 - at)
    for (const at of places) {
      if (!draw.takes()) continue
      const damaged = withFile(image, file, flip(bytes, at))
      const failed = await checkDamaged(damaged, file, values, `byte ${at} of ${file}`)
      if (kind !== '.table' && at >= 128) assert.ok(failed <= 1, `byte ${at} of ${file}: ${failed} values`)
      if (failed > 0) hits[kind] = (hits[kind] ?? 0) + 1
    }
  }
  if (isWholeRun) assert.deepEqual(Object.keys(hits).sort(), ['.table', '.vlog', '.wal'])
})
