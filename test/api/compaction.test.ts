/** Compaction through the API: contents, files, snapshots, failures, giving up. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { EngineEvent, VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { onEach, Place, SMALL, text } from '../support/databases/databases.js'
import type { Platform } from '../support/databases/databases.js'

const LEVELED: VarveOptions = { compaction: { style: 'leveled' } }

const platforms: { platform: Platform; workers: number }[] = [
  { platform: 'memory', workers: 0 }, { platform: 'node', workers: 0 },
  { platform: 'node', workers: 1 }, { platform: 'node', workers: 2 },
]

/** A database and what it must hold. */
class Model {
  readonly db: Varve
  readonly entries = new Map<string, string>()
  private readonly random: SeededRandom

  constructor(db: Varve, seed: number) {
    this.db = db
    this.random = new SeededRandom(seed, 'compaction')
  }

  async write(count: number, keyCount = 400): Promise<void> {
    for (let i = 0; i < count; i++) {
      const key = `key ${String(this.random.below(keyCount)).padStart(5, '0')}`
      if (this.random.chance(0.3)) {
        this.entries.delete(key)
        await this.db.del(key)
      } else {
        const value = `${i} `.repeat(1 + this.random.below(200))
        this.entries.set(key, value)
        await this.db.put(key, value)
      }
    }
  }

  check(db: Varve = this.db): void {
    const found = [...db.entriesSync()].map(([key, value]) => [text(key), text(value)])
    assert.deepEqual(found, [...this.entries].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

function tableNames(place: Place): string[] {
  return (place.vfs === null ? [] : place.vfs.listSync(place.location)).filter((name) => name.endsWith('.table'))
}

for (const { platform, workers } of platforms) {
  for (const manifestSync of [true, false]) {
    const name = `${platform}, ${workers} workers, ${manifestSync ? 'strict' : 'fast'}`
    test(`what is written is there through compactions and a reopen: ${name}`, async () => {
      const place = new Place(platform)
      try {
        const options = { ...LEVELED, workers, manifestSync }
        const db = await place.open(options)
        const model = new Model(db, workers)
        await model.write(4000)
        for (let i = 0; db.stats().compaction.completed === 0; i++) {
          assert.ok(i < 1000, 'by itself')
          await setTimeout(10)
        }
        model.check()
        await db.compact()
        model.check()
        const { levels, compaction } = db.stats()
        assert.equal(levels[0]!.tableCount, 0)
        assert.equal(levels.reduce((sum, { entryCount }) => sum + entryCount, 0), model.entries.size)
        assert.equal(levels.reduce((sum, { tombstoneCount }) => sum + tombstoneCount, 0), 0)
        assert.ok(compaction.droppedVersionCount > 0 && compaction.droppedTombstoneCount > 0)
        assert.deepEqual([compaction.failed, compaction.active, compaction.debtBytes], [0, 0, 0])
        await db.close()
        model.check(await place.open(options))
      } finally {
        await place.close()
      }
    })
  }
}

test('a snapshot sees what it saw, however much is merged, and its versions go when it is released', async () => {
  const place = new Place('memory')
  const db = await place.open({ ...LEVELED, workers: 0 })
  const model = new Model(db, 7)
  await model.write(300)
  const snapshot = db.snapshot()
  const before = [...db.entriesSync()]
  for (const key of [...model.entries.keys()]) {
    await db.del(key)
    model.entries.delete(key)
  }
  await db.compact()
  assert.deepEqual([...db.entriesSync({ snapshot })], before)
  model.check()
  snapshot.release()
  await db.compact()
  assert.deepEqual(db.stats().levels.map(({ tableCount }) => tableCount), [0, 0, 0, 0, 0, 0, 0])
  await place.close()
})

test('what only a released snapshot saw gives its space back by itself, when quiet and while writes come', async () => {
  for (const isQuiet of [true, false]) {
    const place = new Place('memory')
    const db = await place.open({ ...LEVELED, workers: 0 })
    const writeAll = async (value: string) => {
      for (let i = 0; i < 300; i++) await db.put(`key ${String(i).padStart(4, '0')}`, value)
    }
    await writeAll('old'.repeat(300))
    const snapshot = db.snapshot()
    await writeAll('new'.repeat(300))
    await db.compact()
    const bytes = () => db.stats().levels.reduce((sum, { tableBytes }) => sum + tableBytes, 0)
    const before = bytes()
    assert.equal(db.getSync('key 0007', { snapshot })?.length, 900)
    snapshot.release()
    for (let i = 0; i < 100 && bytes() > before * 0.6; i++) {
      if (!isQuiet) await db.put('trickle', `${i}`)
      await setTimeout(100)
    }
    assert.ok(bytes() < before * 0.6, `${bytes()} of ${before} bytes, quiet: ${isQuiet}`)
    assert.equal(text(await db.get('key 0007')), 'new'.repeat(300))
    await place.close()
  }
})

test('COMP-4: inputs stay while an iterator reads them, and until their replacement is durable', async () => {
  for (const manifestSync of [true, false]) {
    const place = new Place('memory')
    const db = await place.open({ workers: 0, manifestSync })
    const model = new Model(db, 3)
    await model.write(600)
    await db.flush()
    const inputs = tableNames(place)
    const reading = db.entriesSync()
    const first = reading.next()
    await db.compact()
    assert.ok(inputs.every((name) => tableNames(place).includes(name)), 'they are still there')
    assert.equal([...reading].length + 1, model.entries.size)
    assert.equal(first.done, false)
    await db.flush()
    for (let i = 0; tableNames(place).some((name) => inputs.includes(name)); i++) {
      assert.ok(i < 100, 'they go')
      await setTimeout(10)
    }
    model.check()
    await place.close()
  }
})

test('a compaction can be given up; what it had done stays, the database goes on', () => onEach(async (place) => {
  const db = await place.open({ ...LEVELED, workers: place.vfs === null ? 2 : 0 })
  const model = new Model(db, 5)
  await model.write(1500, 20_000)
  const reason = new Error('enough')
  await assert.rejects(db.compact({}, { signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const compacting = db.compact({}, { signal: controller.signal, onProgress: () => controller.abort(reason) })
  await assert.rejects(compacting, reason)
  model.check()
  await model.write(20)
  const steps: number[] = []
  await db.compact(undefined, { onProgress: ({ stepCount }) => steps.push(stepCount) })
  assert.ok(steps.length > 0)
  model.check()
  await model.write(50)
  const closing = db.compact()
  const closed = assert.rejects(closing, { code: 'CLOSED' })
  await db.close()
  await closed.catch(() => closing)
}))

test('however a compaction ends, its signal has no listener of ours any more', async () => {
  const db = await new Place('memory').open({ workers: 0, flushOnClose: false })
  const controller = new AbortController()
  const { signal } = controller
  const listenerCount = () => getEventListeners(signal, 'abort').length
  const bad = { signal, other: 1 } as never
  await assert.rejects(db.compact({ prefix: 7 as never }, { signal }), { code: 'INVALID_ARGUMENT' })
  for (const options of [bad, { signal, onProgress: 7 as never }]) {
    await assert.rejects(db.compact({}, options), { code: 'INVALID_ARGUMENT' })
  }
  assert.equal(listenerCount(), 0)
  for (let i = 0; i < 20; i++) {
    await db.put(`k${i}`, 'x'.repeat(5000))
    await db.compact({}, { signal, onProgress: async () => { throw new Error('nobody hears it') } })
    assert.equal(listenerCount(), 0)
  }
  await db.put('k', 'x')
  const reason = new Error('enough')
  const given = db.compact({}, { signal })
  assert.equal(listenerCount(), 1)
  controller.abort(reason)
  await assert.rejects(given, reason) // in the flush that it begins with
  assert.equal(listenerCount(), 0)
  const other = new AbortController()
  await db.put('k', 'y')
  const cut = assert.rejects(db.compact({}, { signal: other.signal }), { code: 'CLOSED' })
  await db.close()
  await cut
  await assert.rejects(db.compact({}, { signal: other.signal }), { code: 'CLOSED' })
  assert.equal(getEventListeners(other.signal, 'abort').length, 0)
})

test('only the range that is asked for is merged', async () => {
  const place = new Place('memory')
  const db = await place.open({ workers: 0 })
  for (const prefix of ['a', 'b']) {
    for (let i = 0; i < 4; i++) await db.put(`${prefix}${i}`, 'x'.repeat(2000))
    await db.flush()
  }
  await db.compact({ prefix: 'a' })
  const { levels } = db.stats()
  assert.deepEqual([levels[0]!.tableCount, levels.at(-1)!.tableCount], [1, 1])
  await place.close()
})

test('bad arguments are refused', async () => {
  const place = new Place('memory')
  const db = await place.open()
  for (const call of [
    () => db.compact({ reverse: true } as never), () => db.compact('a' as never), () => db.compact({ gt: 7 } as never),
    () => db.compact({}, { signal: {} } as never), () => db.compact({}, { onProgress: 1 } as never),
    () => db.compact({}, { other: 1 } as never),
  ]) await assert.rejects(call, { code: 'INVALID_ARGUMENT' })
  const open = (compaction: unknown) => new Place('memory').open({ compaction } as VarveOptions)
  for (const wrong of [
    null, 'leveled', { style: 'best' }, { size: 1 }, [], { style: 'fifo' }, { style: 'fifo', maxBytes: 0 },
    { style: 'fifo', maxBytes: 1.5 }, { maxBytes: 100 }, { style: 'tiered', maxBytes: 100 },
  ]) {
    await assert.rejects(open(wrong), { code: 'INVALID_ARGUMENT' })
  }
  await place.close()
})

test('a corrupt table is left alone and told; what it does not touch goes on', async () => {
  const vfs = new MemoryVfs()
  const events: EngineEvent[] = []
  const options = { ...SMALL, components: { vfs, onEvent: (event: EngineEvent) => events.push(event) } }
  const filling = await Varve.open('/db', options)
  for (let i = 0; i < 20; i++) await filling.put(`a${i}`, 'x'.repeat(500))
  await filling.flush()
  await filling.put('a7', 'newer')
  await filling.flush()
  for (let i = 0; i < 20; i++) await filling.put(`b${i}`, 'x'.repeat(500))
  await filling.close()
  const name = vfs.listSync('/db').filter((each) => each.endsWith('.table')).sort()[0]!
  const file = vfs.openSync(`/db/${name}`, 'write')
  file.writeSync(new Uint8Array([0xff, 0xff]), 0, 2, 700)
  file.closeSync()
  const db = await Varve.open('/db', { ...options, ...LEVELED, workers: 0 })
  await db.compact().catch(() => undefined)
  const { compaction, backgroundError } = db.stats()
  assert.deepEqual(compaction.blockedTables, [Number.parseInt(name, 10)])
  assert.deepEqual([backgroundError?.code, backgroundError?.file], ['CORRUPTION', name])
  const failed = events.find((event) => event.type === 'compactionFailed')
  assert.equal(failed?.willRetry, false)
  assert.equal(text(db.getSync('b7')), 'x'.repeat(500))
  await db.put('c', 'still writable')
  await db.flush()
  assert.equal(db.stats().database.state, 'DEGRADED')
  await db.close().catch(() => undefined)
})
