/** Iterators of VarveLevel against a model: bounds, both directions, seeks, pages, formats, flushes between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, SeededRandom, systemClock } from '../../src/base/index.js'
import { VarveLevel } from '../../src/level.js'
import type { Iterator } from '../../src/level.js'
import { MemoryVfs } from '../../src/testing.js'
import { randomKey } from '../support/model/range-model.js'
import { steppingClock } from '../support/fakes/stepping-clock.js'

type Entry = [Uint8Array, Uint8Array]
interface Bounds {
  gt?: Uint8Array
  gte?: Uint8Array
  lt?: Uint8Array
  lte?: Uint8Array
}

/** Tells what is inside a range, as abstract-level defines it: `gte` goes before `gt`, `lte` before `lt`. */
function isInside({ gt, gte, lt, lte }: Bounds, key: Uint8Array): boolean {
  if (gte !== undefined ? compareBytes(key, gte) < 0 : gt !== undefined && compareBytes(key, gt) <= 0) return false
  return lte !== undefined ? compareBytes(key, lte) <= 0 : lt === undefined || compareBytes(key, lt) < 0
}

/** What an iterator must still give: it looks at the state of the moment it was made. */
class IteratorModel {
  private readonly inRange: Entry[]
  private readonly bounds: Bounds
  private readonly reverse: boolean
  private left: number
  private rest: Entry[]

  constructor(entries: Entry[], bounds: Bounds, reverse: boolean, limit: number) {
    this.inRange = entries.filter(([key]) => isInside(bounds, key)).sort(([a], [b]) => compareBytes(a, b))
    if (reverse) this.inRange.reverse()
    this.bounds = bounds
    this.reverse = reverse
    this.left = limit
    this.rest = this.inRange
  }

  /** Out of range is the end, as in ClassicLevel. */
  seek(target: Uint8Array): void {
    const sign = this.reverse ? -1 : 1
    const isReached = ([key]: Entry) => sign * compareBytes(key, target) >= 0
    this.rest = isInside(this.bounds, target) ? this.inRange.filter(isReached) : []
  }

  take(count: number): Entry[] {
    const page = this.rest.slice(0, Math.min(count, this.left))
    this.rest = this.rest.slice(page.length)
    this.left -= page.length
    return page
  }
}

function randomBounds(random: SeededRandom): Bounds {
  const bounds: Bounds = {}
  for (const name of ['gt', 'gte', 'lt', 'lte'] as const) if (random.chance(0.3)) bounds[name] = randomKey(random)
  return bounds
}

async function nextOf(iterator: Iterator<unknown, Uint8Array, Uint8Array>): Promise<Entry[]> {
  const entry = await iterator.next()
  return entry === undefined ? [] : [entry]
}

async function checkIterator(db: VarveLevel<Uint8Array, Uint8Array>, entries: Entry[], random: SeededRandom) {
  const bounds = randomBounds(random)
  const reverse = random.chance(0.5)
  const limit = random.pick([-1, -1, 0, 3, 1000])
  const model = new IteratorModel(entries, bounds, reverse, limit < 0 ? Infinity : limit)
  const options = { ...bounds, reverse, limit }
  const [iterator, keys, values] = [db.iterator(options), db.keys(options), db.values(options)]
  if (random.chance(0.5)) await db.put(randomKey(random), new Uint8Array([1])) // not to be seen
  if (random.chance(0.1)) await db.engine.flush()
  for (let step = 0; step < 6; step++) {
    if (random.chance(0.4)) {
      const target = randomKey(random)
      for (const walk of [model, iterator, keys, values]) walk.seek(target)
    }
    const count = random.pick([1, 2, 5, 1000])
    const expected = model.take(count)
    const text = JSON.stringify({ bounds, reverse, limit, step, count })
    const page = count === 1 ? await nextOf(iterator) : await iterator.nextv(count)
    assert.deepEqual(page, expected, text)
    assert.deepEqual(await keys.nextv(count), expected.map(([key]) => key), text)
    assert.deepEqual(await values.nextv(count), expected.map(([, value]) => value), text)
  }
  assert.deepEqual(await iterator.all(), model.take(Infinity))
  await Promise.all([iterator.close(), keys.close(), values.close()])
}

test('an iterator gives what its definition says, whatever is sought and written meanwhile', async () => {
  let promotedCount = 0
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed, 'level-ranges')
    const lengths = random.pick([[1], [1, 700, 20_000]])
    const db = new VarveLevel<Uint8Array, Uint8Array>('/db', {
      keyEncoding: 'view', valueEncoding: 'view', workers: 0, components: { vfs: new MemoryVfs() },
      valueThreshold: 512, writeBufferSize: 64 * 1024, blockCacheSize: random.pick([0, 256 * 1024, 8 * 1024 * 1024]),
    })
    for (let round = 0; round < 15; round++) {
      const operations = Array.from({ length: 5 }, () => (random.chance(0.7)
        ? { type: 'put' as const, key: randomKey(random), value: new Uint8Array(random.pick(lengths)).fill(round) }
        : { type: 'del' as const, key: randomKey(random) }))
      await db.batch(operations)
      if (random.chance(0.3)) await db.engine.flush()
      await checkIterator(db, [...db.engine.entriesSync()], random)
    }
    const { iterators, memory, valueLog } = db.engine.stats()
    assert.deepEqual([iterators.activeCount, memory.readAheadBytes], [0, 0], `seed ${seed}`)
    promotedCount += valueLog.promotedCount
    await db.close()
  }
  assert.ok(promotedCount > 100)
})

test('texts come right from memory and from many tables at once', async () => {
  const vfs = new MemoryVfs()
  const db = new VarveLevel('/db', { workers: 0, blockSize: 1024, compaction: { style: 'none' }, components: { vfs } })
  const entries = Array.from({ length: 600 }, (_, i) => [`ключ ${1000 + i}`, `${i} ä€😀`.repeat(i % 7)] as const)
  for (const part of [0, 1, 2, 3]) {
    const mine = entries.filter((_, i) => i % 4 === part)
    await db.batch(mine.map(([key, value]) => ({ type: 'put', key, value })))
    if (part < 3) await db.engine.flush()
  }
  assert.deepEqual(await db.iterator().all(), entries)
  assert.deepEqual(await db.iterator({ reverse: true }).all(), [...entries].reverse())
  assert.deepEqual(await db.getMany(entries.map(([key]) => key)), entries.map(([, value]) => value))
  await db.close()
})

test('closing the database ends what is open, and nothing stays pinned', async () => {
  const vfs = new MemoryVfs()
  const db = new VarveLevel('/db', { workers: 0, components: { vfs } })
  await db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'b', value: '2' }])
  const iterator = db.iterator()
  const snapshot = db.snapshot()
  const { engine } = db
  await iterator.next()
  await db.snapshot().close()
  assert.equal(engine.stats().snapshots.activeCount, 1)
  await db.close()
  await assert.rejects(iterator.next(), { code: 'LEVEL_ITERATOR_NOT_OPEN' })
  await db.open()
  await assert.rejects(db.get('a', { snapshot }), { code: 'LEVEL_SNAPSHOT_NOT_OPEN' })
  assert.equal(engine.stats().iterators.activeCount, 0)
  assert.equal(engine.stats().snapshots.activeCount, 0)
  await db.close()
})

test('long lists and loops let timers run', async () => {
  // Each look at this clock takes a while, so that any work of some looks is long.
  const clock = steppingClock(systemClock)
  const db = new VarveLevel('/db', { workers: 0, components: { vfs: new MemoryVfs(), clock } })
  const keys = Array.from({ length: 5000 }, (_, i) => `key ${i}`)
  await db.batch(keys.map((key) => ({ type: 'put', key, value: key })))
  const turnsDuring = async (work: () => Promise<unknown>) => {
    let [count, isDone] = [0, false]
    const tick = () => {
      count++
      if (!isDone) setImmediate(tick)
    }
    setImmediate(tick)
    await work()
    isDone = true
    return count
  }
  const loops: (() => Promise<unknown>)[] = [
    () => db.getMany(keys),
    () => db.hasMany(keys),
    () => db.iterator().all(),
    async () => {
      for await (const [key] of db.iterator()) assert.ok(key)
    },
    async () => {
      for (const key of keys) await db.get(key)
    },
  ]
  for (const loop of loops) assert.ok((await turnsDuring(loop)) > 0, String(loop))
  assert.deepEqual(await db.getMany(keys), keys)
  await db.close()
})
