/**
 * Iterators that stay open while writes, flushes and compactions go on: each sees the moment it was made, and none
 * keeps the memory of what was flushed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { Snapshot, Varve } from '../../src/index.js'
import { onEach, Place } from '../support/databases/databases.js'
import type { Platform } from '../support/databases/databases.js'
import { drawn, heavyTest } from '../support/harness/share.js'
import { latin1, MapModel, randomKey, randomRange } from '../support/model/range-model.js'

const value = new Uint8Array(10_000).fill(0x76)

interface OpenIterator {
  next(): Promise<IteratorResult<[Uint8Array, Uint8Array], undefined>>
  expected: string[]
}

/** A database, what it must hold, and iterators that were opened at some time. */
class Scene {
  readonly model = new MapModel()
  readonly open: OpenIterator[] = []
  readonly snapshots: { snapshot: Snapshot; model: MapModel }[] = []
  private readonly db: Varve
  private readonly random: SeededRandom

  constructor(db: Varve, random: SeededRandom) {
    this.db = db
    this.random = random
  }

  async write(): Promise<void> {
    const { db, random } = this
    const key = randomKey(random)
    if (random.chance(0.3)) {
      this.model.del(key)
      await db.del(key)
      return
    }
    const bytes = Uint8Array.from({ length: random.pick([1, 9, 5000]) }, () => random.below(256))
    this.model.put(key, bytes)
    await db.put(key, bytes)
  }

  iterate(): void {
    const { db, random } = this
    const held = this.snapshots.length > 0 && random.chance(0.4) ? random.pick(this.snapshots) : null
    const range = randomRange(random)
    const expected = (held?.model ?? this.model).range(range)
    const options = held === null ? range : { ...range, snapshot: held.snapshot }
    const sync = random.chance(0.5) ? db.entriesSync(options) : null
    const async_ = sync === null ? db.entries(options)[Symbol.asyncIterator]() : null
    this.open.push({ expected, next: async () => sync?.next() ?? async_!.next() })
  }

  async step(): Promise<void> {
    if (this.open.length === 0) return
    const at = this.random.below(this.open.length)
    const iterator = this.open[at]!
    const { done, value: entry } = await iterator.next()
    const expected = iterator.expected.shift()
    assert.equal(done === true ? undefined : `${latin1(entry![0])}=${latin1(entry![1])}`, expected)
    if (done === true) this.open.splice(at, 1)
  }

  holdOrRelease(): void {
    const { random } = this
    if (this.snapshots.length < 3) {
      this.snapshots.push({ snapshot: this.db.snapshot(), model: new MapModel(this.model) })
      return
    }
    // An iterator that was made with it goes on.
    this.snapshots.splice(random.below(3), 1)[0]!.snapshot.release()
  }

  async finish(): Promise<void> {
    while (this.open.length > 0) await this.step()
  }
}

for (const seed of drawn('open iterators', [1, 2, 3, 4])) {
  test(`READ-3, READ-6: iterators opened at any time give what was there then, seed ${seed}`, async () => {
    const random = new SeededRandom(seed, 'open iterators')
    const place = new Place((seed % 2 === 0 ? 'memory' : 'node') satisfies Platform)
    const db = await place.open({
      compaction: { style: 'leveled' }, manifestSync: seed < 3, immutablesMax: 2, workers: seed % 2,
    })
    const scene = new Scene(db, random)
    for (let i = 0; i < 1500; i++) {
      const action = random.below(100)
      if (action < 45) await scene.write()
      else if (action < 55) scene.iterate()
      else if (action < 94) await scene.step()
      else if (action < 96) scene.holdOrRelease()
      else if (action < 98) await db.flush()
      else await new Promise((resolve) => setImmediate(resolve))
      if (i % 500 === 499) await db.compact()
    }
    await db.compact()
    await scene.finish()
    await place.close()
  })
}

test('READ-3: an iterator over a snapshot sees it though the snapshot is released', () => onEach(async (place) => {
  const db = await place.open({ compaction: { style: 'leveled' } })
  await db.put('a', 'old')
  await db.flush()
  const snapshot = db.snapshot()
  await db.put('a', 'new')
  await db.flush()
  const iterator = db.valuesSync({ snapshot })
  snapshot.release()
  await db.compact() // nobody else sees the old value
  await db.put('b', 'flushed under the iterator')
  await db.flush()
  assert.deepEqual([...iterator].map(latin1), ['old'])
  await db.compact()
  assert.equal(db.stats().levels.reduce((sum, { entryCount }) => sum + entryCount, 0), 2)
}))

test('READ-3: a flush ends in the middle of a step that walks over many deleted keys', () => onEach(async (place) => {
  const db = await place.open({ writeBufferSize: 4 << 20, workers: 0 })
  const keys = Array.from({ length: 20_000 }, (_, i) => String(i).padStart(6, '0'))
  await db.batch(keys.map((key) => ({ type: 'del', key })))
  await db.batch([{ type: 'put', key: '', value: 'first' }, { type: 'put', key: 'z', value: 'last' }])
  for (const reverse of [false, true]) {
    const iterator = db.values({ reverse })[Symbol.asyncIterator]()
    const found = [(await iterator.next()).value]
    await db.put('', 'newer')
    const walk = iterator.next().then(({ value: next }) => found.push(next))
    await Promise.all([walk, db.flush()])
    assert.deepEqual(found.map((bytes) => latin1(bytes!)), reverse ? ['last', 'first'] : ['first', 'last'])
    await new Promise((resolve) => setTimeout(resolve, 1))
    assert.equal(db.stats().memory.slabBytes, 0)
    await db.batch([{ type: 'put', key: '', value: 'first' }, ...keys.map((key) => ({ type: 'del', key }) as const)])
  }
}))

heavyTest('READ-6: a hundred iterators hold no memory of what was flushed under them', () => onEach(async (place) => {
  const db = await place.open({ immutablesMax: 2, compaction: { style: 'leveled' } })
  const iterators: IterableIterator<[Uint8Array, Uint8Array]>[] = []
  const { writeBufferSize } = { writeBufferSize: 64 * 1024 }
  let highest = 0
  for (let i = 0; i < 100; i++) {
    for (let k = 0; k < 7; k++) await db.put(`${k}`, value)
    await db.put('round', String(i))
    const iterator = db.entriesSync({ reverse: i % 2 === 1 })
    if (i % 3 === 0) iterator.next()
    iterators.push(iterator)
    highest = Math.max(highest, db.stats().memory.slabBytes)
  }
  await db.flush()
  const { memory, iterators: { activeCount } } = db.stats()
  assert.ok(highest <= 4 * writeBufferSize, `${highest} bytes of slabs`)
  assert.deepEqual([memory.slabBytes, activeCount], [0, 100])
  for (const [i, iterator] of iterators.entries()) {
    const entries = [...iterator].map(([key, bytes]) => `${latin1(key)}=${bytes.length > 9 ? '' : latin1(bytes)}`)
    const expected = ['0=', '1=', '2=', '3=', '4=', '5=', '6=', `round=${i}`]
    if (i % 2 === 1) expected.reverse()
    assert.deepEqual(entries, expected.slice(i % 3 === 0 ? 1 : 0), `iterator ${i}`)
  }
  assert.deepEqual(db.stats().snapshots.activeCount, 0, 'their moments are released with them')
  await db.compact()
  assert.equal(db.stats().levels.reduce((sum, { entryCount }) => sum + entryCount, 0), 8)
}))
