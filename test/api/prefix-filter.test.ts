/** Walks over ranges give the same with prefix filters as without, whatever the rule, and open fewer tables. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { RangeOptions, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL, text } from '../support/databases/databases.js'
import { takeImage, vfsOf } from '../support/databases/vfs-image.js'
import { watchedVfs } from '../support/fakes/watched-vfs.js'
import { drawn } from '../support/harness/share.js'
import { craftIn, partsOf } from '../support/samples/table-crafting.js'
import { SectionSlot } from '../../src/sstable/table-format.js'

const DIR = '/db'
const RULES: VarveOptions['prefixFilter'][] = [
  undefined, { bytes: 1 }, { bytes: 3 }, { until: ':' }, { until: ':', count: 2 }, { until: 'r:' },
]

function drawKey(random: SeededRandom): string {
  const draw = (): string => random.pick(['', 'a', 'b', 'user', '\u00ff', String(random.below(20))])
  return Array.from({ length: 1 + random.below(4) }, draw).join(':')
}

function drawRange(random: SeededRandom): RangeOptions {
  const reverse = random.chance(0.3)
  const limit = random.chance(0.4) ? 1 + random.below(3) : -1
  const [a, b] = [drawKey(random), drawKey(random)]
  const bounds = random.pick<RangeOptions>([
    { prefix: a }, { prefix: `${a}:` }, { gte: a, lt: b }, { gt: a, lte: `${a}~` }, { gte: a }, {},
  ])
  return { ...bounds, reverse, ...(limit < 0 ? {} : { limit }) }
}

test('PRE-1: the same with the filter taken away, after a change of the rule, and beside range deletes', async () => {
  for (const seed of drawn('prefix lives', Array.from({ length: 12 }, (_, i) => i))) {
    const random = new SeededRandom(seed, 'prefix lives')
    const [with_, without] = [new MemoryVfs(), new MemoryVfs()]
    for (let life = 0; life < 4; life++) {
      const prefixFilter = random.pick(RULES)
      const style = random.pick(['none', 'leveled'] as const)
      const options = { ...SMALL, compaction: { style }, writeBufferSize: 64 * 1024 }
      const filtered = await Varve.open(DIR, {
        ...options, ...(prefixFilter === undefined ? {} : { prefixFilter }), components: { vfs: with_ },
      })
      const plain = await Varve.open(DIR, { ...options, components: { vfs: without } })
      const both = async (run: (db: Varve) => Promise<unknown>): Promise<void> => {
        for (const db of [filtered, plain]) await run(db)
      }
      for (let turn = 0; turn < 60; turn++) {
        const key = drawKey(random)
        const other = drawKey(random)
        const what = random.below(20)
        if (what < 12) await both((db) => db.put(key, `${life} ${turn}`))
        else if (what < 15) await both((db) => db.del(key))
        else if (what < 17) await both((db) => db.delRange({ prefix: key }))
        else if (what < 18) await both((db) => db.delRange({ gte: key, lt: other }))
        else if (what < 19) await both((db) => db.flush())
        else await both((db) => db.compact())
      }
      await both((db) => db.flush())
      for (let turn = 0; turn < 80; turn++) {
        const range = drawRange(random)
        const [a, b] = [filtered, plain].map((db) => [...db.entriesSync(range)].map((pair) => pair.map(text)))
        assert.deepEqual(a, b, `seed ${seed}, life ${life}: ${JSON.stringify(range)}`)
      }
      await both((db) => db.close())
    }
  }
})

/** A database of three tables without levels, each with other users, and how many reads of tables a walk takes. */
async function threeTables(): Promise<{ db: Varve; reads: (range: RangeOptions) => number }> {
  let count = 0
  const vfs = watchedVfs(new MemoryVfs(), {
    before: ({ name, file }) => {
      if (name === 'read' && file.endsWith('.table')) count++
    },
  })
  const db = await Varve.open(DIR, {
    ...SMALL, blockCacheSize: 0, prefixFilter: { until: ':', count: 2 }, components: { vfs },
  })
  for (let table = 0; table < 3; table++) {
    for (let i = 0; i < 90; i++) await db.put(`user:${3 * i + table}:name`, `value of ${i}`)
    await db.put('user', 'without a prefix')
    await db.put('user:zz:last', 'value')
    await db.flush()
  }
  const reads = (range: RangeOptions): number => {
    count = 0
    for (const _ of db.entriesSync(range));
    return count
  }
  return { db, reads }
}

test('a walk opens only the tables that have its prefix', async () => {
  const { db, reads } = await threeTables()
  let strange = 0
  for (let i = 0; i < 270; i++) {
    strange += reads({ prefix: `user:${i}:` }) - 1
    strange += reads({ prefix: `user:${i}x:` })
  }
  assert.ok(strange <= 30, `${strange} tables too many in 540 walks`)
  assert.equal(reads({ prefix: 'user:1' }), reads({ gte: 'user:1', lt: 'user:2' }), 'no whole prefix: all tables')
  assert.ok(reads({ prefix: 'user:1' }) >= 3)
  await db.close()
})

test('a table keeps its filter without the option, and gives it up with the memory of lookups', async () => {
  const vfs = new MemoryVfs()
  const options = { ...SMALL, components: { vfs } }
  let db = await Varve.open(DIR, { ...options, prefixFilter: { bytes: 2 } })
  for (const key of ['aa 1', 'cc 1', 'z']) await db.put(key, 'value')
  await db.close()
  const [, table] = [...takeImage(vfs, DIR)].find(([name]) => name.endsWith('.table'))!
  assert.equal(partsOf(table).properties.prefixExtractor, 'bytes:2')
  db = await Varve.open(DIR, options)
  const keys = (prefix: string): unknown[] => [...db.keysSync({ prefix })].map(text)
  assert.deepEqual([keys('aa'), keys('bb'), keys('z'), keys('')], [['aa 1'], [], ['z'], ['aa 1', 'cc 1', 'z']])
  await db.close()
})

test('a filter that misses a prefix is told by the check; one without its property is corruption', async () => {
  const vfs = new MemoryVfs()
  const db = await Varve.open(DIR, { ...SMALL, prefixFilter: { bytes: 2 }, components: { vfs } })
  for (const key of ['aa 1', 'cc 1']) await db.put(key, 'value')
  await db.close()
  const image = takeImage(vfs, DIR)
  const [name, table] = [...image].find(([each]) => each.endsWith('.table'))!
  const { footer } = partsOf(table)
  const open = (bytes: Uint8Array): Promise<Varve> => {
    const copy = vfsOf(new Map([...image, [name, bytes]]), DIR)
    return Varve.open(DIR, { ...SMALL, readOnly: true, components: { vfs: copy } })
  }
  const { offset } = footer.sections[SectionSlot.prefixFilter]!
  await (await open(table)).close()
  const damaged = table.slice()
  damaged[offset + 20]! ^= 1
  const walk = async (): Promise<unknown> => (await open(damaged)).keysSync({ prefix: 'aa' }).next()
  await assert.rejects(walk, { code: 'CORRUPTION', offset })
  const properties = footer.sections[SectionSlot.properties]!.offset
  const renamed = craftIn(table, properties, (content) => {
    const at = Buffer.from(content).indexOf('bytes:2')
    content.set(Buffer.from('bytes:9'), at)
  })
  await (await open(renamed)).close()
  const unknown = craftIn(table, properties, (content) => {
    content.set(Buffer.from('later:2'), Buffer.from(content).indexOf('bytes:2'))
  })
  const reader = await open(unknown)
  assert.deepEqual([...reader.keysSync({ prefix: 'aa' })].map(text), ['aa 1'], 'a rule of a later version is not used')
  await reader.close()
})
