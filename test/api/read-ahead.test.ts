/** Walks that read the values of their next entries together: the same answers, fewer calls, bounded memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { RangeOptions, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL } from '../support/databases/databases.js'
import { makeDatabase, valueOf } from '../support/databases/value-databases.js'
import type { MadeEntry } from '../support/databases/value-databases.js'
import { SlowReads } from '../support/fakes/watched-vfs.js'

const DIR = '/db'
const KiB = 1024
const MiB = 1024 * KiB
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

type Walk = AsyncIterator<[Uint8Array, Uint8Array], undefined>

async function newDatabase(entries: MadeEntry[], options: VarveOptions = {}): Promise<{ db: Varve; slow: SlowReads }> {
  const vfs = new MemoryVfs()
  vfs.mkdirSync(DIR)
  makeDatabase(vfs, DIR, { entries })
  const slow = new SlowReads(/\.vlog$/)
  slow.isOpen = true
  const components = { vfs: slow.around(vfs) }
  const db = await Varve.open(DIR, { ...SMALL, blockCacheSize: 8 * MiB, ...options, components })
  return { db, slow }
}

function manyEntries(random: SeededRandom, count: number): MadeEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const key = `k${i + 1000}`
    const length = random.pick([600, 4096, 20_000, 140_000])
    if (random.chance(0.3)) return { key, value: valueOf(300, i) }
    return { key, value: valueOf(length, i), log: random.pick([12, 14]) }
  })
}

const walkOf = (db: Varve, range?: RangeOptions): Walk => db.entries(range)[Symbol.asyncIterator]() as Walk
const shown = ([key, value]: [Uint8Array, Uint8Array]): string =>
  `${Buffer.from(key).toString()} ${value.length} ${Buffer.from(value.subarray(-20)).toString('hex')}`

test('READ-7: whatever else goes on, asynchronous walks give what synchronous ones do', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const random = new SeededRandom(seed)
    const cacheBytes = random.pick([0, 64 * KiB, MiB, 8 * MiB])
    const { db } = await newDatabase(manyEntries(random, 120), { blockCacheSize: cacheBytes })
    // Stretches of deleted keys, in which a walk pauses.
    for (let i = 0; i < 2500; i++) db.putSync(`k1050 ${i}`, 'x')
    for (let i = 0; i < 2500; i++) db.delSync(`k1050 ${i}`)
    const walks: { walk: Walk; expected: string[]; at: number }[] = []
    for (let step = 0; step < 60; step++) {
      if (random.chance(0.3)) {
        const limit = random.pick([undefined, 1, 7, 40])
        const range = { gte: `k${1000 + random.below(120)}`, reverse: random.chance(0.3), limit }
        const whole = random.chance(0.5) ? { ...range, gte: undefined } : range
        walks.push({ walk: walkOf(db, whole), expected: [...db.entriesSync(whole)].map(shown), at: 0 })
      } else if (random.chance(0.15)) {
        db.putSync(`k${1000 + random.below(120)}`, new Uint8Array(random.pick([10, 5000])))
        if (random.chance(0.5)) await db.flush()
      } else if (walks.length > 0) {
        const one = random.pick(walks)
        const count = random.pick([1, 3, 20])
        const results = await Promise.all(Array.from({ length: count }, () => one.walk.next()))
        for (const { done, value } of results) {
          assert.equal(done === true ? undefined : shown(value!), one.expected[one.at++])
        }
      }
      const { readAheadBytes } = db.stats().memory
      assert.ok(readAheadBytes <= cacheBytes / 2, `${readAheadBytes} of a cache of ${cacheBytes}`)
    }
    for (const { walk, expected, at } of walks) {
      const rest: string[] = []
      for (let next = await walk.next(); next.done !== true; next = await walk.next()) rest.push(shown(next.value))
      assert.deepEqual(rest, expected.slice(at), `seed ${seed}`)
    }
    assert.deepEqual([db.stats().memory.readAheadBytes, db.stats().iterators.activeCount], [0, 0])
    await db.close()
  }
})

test('READ-7: thousands of open walks hold no more than one may, and each goes on where it was', async () => {
  const entries = Array.from({ length: 60 }, (_, i) => ({ key: `k${i + 10}`, value: valueOf(20_000 + i, i), log: 14 }))
  const { db } = await newDatabase(entries)
  const walks: Walk[] = []
  let most = 0
  for (let i = 0; i < 1500; i++) {
    const walk = walkOf(db)
    for (let k = 0; k < 1 + i % 8; k++) assert.equal((await walk.next()).value![1].length, 20_000 + k)
    walks.push(walk)
    most = Math.max(most, db.stats().memory.readAheadBytes)
  }
  assert.ok(most > 0 && most <= 512 * KiB, `${most}`)
  for (const [i, walk] of walks.entries()) {
    const { value } = await walk.next()
    assert.deepEqual(value![1], entries[1 + i % 8]!.value)
  }
  for (const walk of walks) await walk.return!()
  assert.equal(db.stats().memory.readAheadBytes, 0)
  // So do synchronous walks, whose bytes read ahead are dropped.
  const small = Array.from({ length: 40 }, (_, i) => ({ key: `k${i + 10}`, value: valueOf(5000 + i, i), log: 14 }))
  const { db: other } = await newDatabase(small)
  const open = Array.from({ length: 300 }, () => other.valuesSync()[Symbol.iterator]())
  for (let k = 0; k < 5; k++) for (const walk of open) assert.deepEqual(walk.next().value, small[k]!.value)
  assert.ok(other.stats().memory.readAheadBytes <= 512 * KiB)
  await db.close()
  await other.close()
})

test('a walk reads few entries at first, then more; neighbours with one call, large values two at a time', async () => {
  const lengthOf = { near: 8 * KiB, large: 200 * KiB }
  const entries = (length: number): MadeEntry[] =>
    Array.from({ length: 127 }, (_, i) => ({ key: `k${i + 1000}`, value: valueOf(length, i), log: 14 }))
  const { db: near } = await newDatabase(entries(lengthOf.near))
  const walk = walkOf(near)
  await walk.next()
  assert.equal(near.stats().valueLog.readBytes, lengthOf.near)
  for (let i = 1; i < 127; i++) await walk.next()
  const { readCount, poolReadCount, readBytes } = near.stats().valueLog
  assert.equal(readCount, 7, '1, 2, 4, 8, 16, 32 and 64 entries')
  assert.ok(poolReadCount === 3 && readBytes < 127 * lengthOf.near * 1.02)
  await near.close()

  const { db: large, slow } = await newDatabase(entries(lengthOf.large), { blockCacheSize: 64 * MiB })
  slow.isOpen = false
  let count = 0
  const all = (async () => { for await (const value of large.values()) count += value.length / lengthOf.large })()
  for (let i = 0; i < 2000 && count < 127; i++) {
    slow.go()
    await turn()
  }
  await all
  assert.deepEqual([count, slow.most], [127, 2])
  await large.close()
})

test('a value that cannot be read ends the walk in its place: what comes before it is given', async () => {
  const entries = Array.from({ length: 40 }, (_, i) => ({
    key: `k${i + 10}`, value: valueOf(5000, i), log: 14, ...(i === 20 ? { lies: { checksum: 1 } } : {}),
  }))
  const { db } = await newDatabase(entries)
  for (const reverse of [false, true]) {
    const walk = walkOf(db, { reverse })
    const before = reverse ? 19 : 20
    for (let i = 0; i < before; i++) assert.equal((await walk.next()).done, false)
    await assert.rejects(walk.next(), { code: 'CORRUPTION', message: /"k30"/ })
    assert.deepEqual(await walk.next(), { done: true, value: undefined })
  }
  assert.deepEqual([db.stats().memory.readAheadBytes, db.stats().iterators.activeCount], [0, 0])
  await db.close()
})

test('a walk that is ended while it reads gives what was asked for, and nothing more', async () => {
  const entries = Array.from({ length: 40 }, (_, i) => ({ key: `k${i + 10}`, value: valueOf(150_000, i), log: 14 }))
  for (const isClosed of [false, true]) {
    const { db, slow } = await newDatabase(entries)
    const walk = walkOf(db)
    for (let i = 0; i < 3; i++) await walk.next()
    slow.isOpen = false
    const asked = walk.next()
    const later = walk.next()
    const end = isClosed ? db.close() : walk.return!()
    for (let i = 0; i < 20; i++) await turn()
    slow.open()
    assert.deepEqual((await asked).value![1], entries[3]!.value)
    if (isClosed) await assert.rejects(later, { code: 'CLOSED' })
    else assert.equal((await later).done, true)
    await end
    assert.deepEqual([db.stats().memory.readAheadBytes, db.stats().iterators.activeCount], [0, 0])
    if (!isClosed) await db.close()
  }
})

test('READ-6: a walk that met a deleted stretch ahead keeps no memtable that is in a table', async () => {
  const entries = Array.from({ length: 9 }, (_, i) => ({ key: `k${i + 10}`, value: valueOf(5000, i), log: 14 }))
  const { db } = await newDatabase(entries)
  const makeStretch = async (): Promise<void> => {
    const keys = Array.from({ length: 3000 }, (_, i) => `k12 ${i + 1000}`)
    await db.batch(keys.map((key) => ({ type: 'put', key, value: 'x' })))
    await db.batch(keys.map((key) => ({ type: 'del', key })))
  }
  for (const reverse of [false, true]) {
    await makeStretch()
    const walk = walkOf(db, { reverse })
    const order = reverse ? [...entries].reverse() : entries
    // The third window begins at the fourth entry: forward the second one meets the stretch, backward the third.
    const asked = reverse ? 4 : 2
    for (const { value } of order.slice(0, asked)) assert.deepEqual((await walk.next()).value![1], value)
    await db.flush()
    for (let i = 0; i < 20; i++) await turn()
    assert.equal(db.stats().memory.slabBytes, 0, `reverse ${reverse}`)
    for (const { value } of order.slice(asked)) assert.deepEqual((await walk.next()).value![1], value)
    assert.equal((await walk.next()).done, true)
  }
  await db.close()
})
