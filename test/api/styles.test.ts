/**
 * What: the compaction styles as users meet them: the same answers in each, what `fifo` lets go of and for whom (C2,
 * C3, C4, T11), and databases that change their style at every open, against a map that is the definition.
 */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { SeededRandom } from '../../src/base/index.js'
import type { EngineEvent, Snapshot, Varve, VarveOptions } from '../../src/index.js'
import { onEach, Place, text } from '../support/databases/databases.js'
import { SetClock } from '../support/fakes/set-clock.js'
import { drawn, heavyTest } from '../support/harness/share.js'

type Compaction = NonNullable<VarveOptions['compaction']>

const KiB = 1024
/** More than any test writes. */
const ENDLESS = 2 ** 40
const STYLES: readonly Compaction[] = [
  { style: 'leveled' }, { style: 'tiered' }, { style: 'lazy' }, { style: 'simple' },
  { style: 'fifo', maxBytes: ENDLESS }, { style: 'none' },
]

const tableCount = (db: Varve): number => db.stats().levels.reduce((sum, level) => sum + level.tableCount, 0)
const tableBytes = (db: Varve): number => db.stats().levels.reduce((sum, level) => sum + level.tableBytes, 0)
const keysOf = (db: Varve): string[] => [...db.keysSync()].map((key) => text(key)!)

async function atRest(db: Varve): Promise<void> {
  await db.flush()
  for (let quiet = 0, last = ''; quiet < 5;) {
    await setTimeout(5)
    const { levels, compaction } = db.stats()
    const now = JSON.stringify([levels, compaction.completed, compaction.moved, compaction.aged])
    quiet = now === last && compaction.active === 0 ? quiet + 1 : 0
    last = now
  }
}

/** Writes keys `prefix 0000` and on, with values of 1 KiB, a flush for each table of `perTable`. */
async function writeTables(db: Varve, prefix: string, count: number, perTable = 20): Promise<void> {
  for (let table = 0; table < count; table++) {
    for (let i = 0; i < perTable; i++) {
      await db.put(`${prefix} ${String(table * perTable + i).padStart(4, '0')}`, 'v'.repeat(KiB))
    }
    await db.flush()
  }
}

describe('fifo', () => {
  it('keeps no more than maxBytes, and what is left is the newest', () => onEach(async (place) => {
    const maxBytes = 200 * KiB
    const db = await place.open({ compaction: { style: 'fifo', maxBytes } })
    await writeTables(db, 'k', 40)
    await atRest(db)
    assert.ok(tableBytes(db) <= maxBytes && tableBytes(db) > maxBytes / 2, `${tableBytes(db)} bytes`)
    const all = Array.from({ length: 800 }, (_, i) => `k ${String(i).padStart(4, '0')}`)
    const left = keysOf(db)
    assert.deepEqual(left, all.slice(-left.length))
    const { compaction, writeStall } = db.stats()
    assert.ok(compaction.aged > 0)
    assert.equal(writeStall.stallCount, 0, 'C1: nothing stops writers')
    await db.close()
    const again = await place.open({ compaction: { style: 'fifo', maxBytes } })
    assert.deepEqual(keysOf(again), left, 'what left does not come back')
  }))

  it('C1: hundreds of tables stop nobody', async () => {
    const place = new Place('memory')
    const reasons = new Set<string>()
    const onEvent = (event: EngineEvent): void => {
      if (event.type === 'stallBegin') reasons.add(event.reason)
    }
    const compaction = { style: 'fifo', maxBytes: ENDLESS } as const
    // A table of more than half a MiB is not small.
    const options = { writeBufferSize: 1024 * KiB, valueThreshold: 0, components: { onEvent } }
    const db = await place.open({ compaction, ...options })
    for (let i = 0; i < 100; i++) await db.put(`key ${i}`, Buffer.alloc(700 * KiB, i), { sync: false })
    await db.flush()
    assert.ok(tableCount(db) >= 50, `${tableCount(db)} tables`)
    assert.deepEqual([...reasons].filter((reason) => reason !== 'sealed memtables'), [])
    assert.equal(keysOf(db).length, 100)
    await place.close()
  })

  it('C2, T11: a newer version that expires first does not bring the older one back', async () => {
    const place = new Place('memory')
    const clock = new SetClock()
    const options = {
      compaction: { style: 'fifo', maxBytes: ENDLESS }, ttlGraceMs: 0, components: { clock },
    } as const
    const db = await place.open(options)
    await db.put('k', 'old', { ttl: 10 ** 8 })
    await db.flush()
    await db.put('k', 'new', { ttl: 1000 })
    await db.flush()
    clock.pass(2000)
    await db.put('other', 'x')
    await atRest(db)
    assert.equal(db.getSync('k'), undefined)
    await db.compact()
    assert.equal(db.getSync('k'), undefined)
    clock.pass(10 ** 8)
    await db.compact()
    assert.deepEqual(keysOf(db), ['other'])
    await place.close()
  })

  it('COMP-8, C3: what a snapshot saw has left: that is told, by every read', () => onEach(async (place) => {
    const db = await place.open({ compaction: { style: 'fifo', maxBytes: 100 * KiB } })
    await writeTables(db, 'a', 2)
    const snapshot = db.snapshot()
    assert.ok(db.getSync('a 0001', { snapshot }) !== undefined)
    await writeTables(db, 'b', 10)
    await atRest(db)
    assert.equal(db.getSync('a 0001'), undefined)
    const gone = { code: 'SNAPSHOT_GONE' }
    assert.throws(() => db.getSync('a 0001', { snapshot }), gone)
    await assert.rejects(db.get('a 0001', { snapshot }), gone)
    await assert.rejects(db.getMany(['a 0001'], { snapshot }), gone)
    assert.throws(() => db.keysSync({ snapshot }), gone)
    snapshot.release()
    const later = db.snapshot()
    assert.equal([...db.keysSync({ snapshot: later })].length, keysOf(db).length)
    later.release()
  }))

  it('COMP-8, C3: a walk goes on in the files that it holds, and never passes over what has left', async () => {
    const place = new Place('memory')
    const db = await place.open({ compaction: { style: 'fifo', maxBytes: 100 * KiB }, immutablesMax: 2 })
    await writeTables(db, 'a', 3)
    const held = db.keysSync()
    const left = db.keysSync()
    assert.equal(text(held.next().value as Uint8Array), 'a 0000')
    assert.equal(text(left.next().value as Uint8Array), 'a 0000')
    const rest = [...held].length
    assert.equal(rest, 59)
    await writeTables(db, 'b', 10) // the walk must leave its memtable, and the tables that it would go on in are gone
    await atRest(db)
    assert.throws(() => left.next(), { code: 'SNAPSHOT_GONE' })
    await place.close()
  })

  it('C4: many short sessions leave few tables', async () => {
    const place = new Place('memory')
    for (let session = 0; session < 60; session++) {
      const db = await place.open({ compaction: { style: 'fifo', maxBytes: ENDLESS } })
      await db.put(`key ${String(session).padStart(3, '0')}`, 'v')
      await db.close()
    }
    const db = await place.open({ compaction: { style: 'fifo', maxBytes: ENDLESS } })
    assert.equal(keysOf(db).length, 60)
    assert.ok(tableCount(db) < 12, `${tableCount(db)} tables`)
    await place.close()
  })

  it('C4: values in value logs count, and their files go with the tables', () => onEach(async (place) => {
    const maxBytes = 512 * KiB
    const db = await place.open({ compaction: { style: 'fifo', maxBytes }, valueThreshold: 512 })
    for (let i = 0; i < 120; i++) await db.put(`key ${String(i).padStart(3, '0')}`, 'v'.repeat(20 * KiB))
    await atRest(db)
    const { valueLog } = db.stats()
    assert.ok(valueLog.fileBytes <= 2 * maxBytes, `${valueLog.fileBytes} bytes of value logs`)
    for (const [key, value] of db.entriesSync()) assert.equal(value.length, 20 * KiB, text(key))
    assert.ok(keysOf(db).length >= 15 && keysOf(db).length <= 30, `${keysOf(db).length} keys`)
  }))
})

describe('space comes back by itself in every style but none', () => {
  for (const compaction of STYLES.filter(({ style }) => style !== 'none')) {
    it(`${compaction.style}: after a clear, unread`, async () => {
      const place = new Place('memory')
      const db = await place.open({ compaction })
      await writeTables(db, 'k', 12)
      await db.clear()
      await db.put('last', 'x')
      await atRest(db)
      assert.ok(tableBytes(db) < 20 * KiB, `${tableBytes(db)} bytes`)
      assert.ok(db.stats().compaction.covered > 0)
      assert.deepEqual(keysOf(db), ['last'])
      await place.close()
    })

    it(`${compaction.style}: of what has expired, whole tables unread and others in part`, async () => {
      const place = new Place('memory')
      const clock = new SetClock()
      const db = await place.open({ compaction, ttlGraceMs: 0, components: { clock } })
      for (let i = 0; i < 200; i++) {
        await db.put(`a ${String(i).padStart(3, '0')}`, 'v'.repeat(KiB), { ttl: 1000 })
        await db.put(`b ${String(i).padStart(3, '0')}`, 'v'.repeat(KiB), { ttl: i % 2 === 0 ? 1000 : null })
        if (i % 50 === 49) await db.flush()
      }
      clock.pass(2000)
      await db.put('last', 'x')
      await atRest(db)
      const before = tableBytes(db)
      assert.ok(before < 150 * KiB, `${before} bytes`)
      assert.equal(keysOf(db).length, 101)
      await place.close()
    })

    it(`${compaction.style}: of large values that were put again`, async () => {
      const place = new Place('memory')
      const db = await place.open({ compaction, valueThreshold: 512, garbageRatio: 0.05 })
      for (let round = 0; round < 12; round++) {
        for (let i = 0; i < 20; i++) await db.put(`key ${i}`, Buffer.alloc(8 * KiB, round))
      }
      await atRest(db)
      await db.collectGarbage()
      const { fileBytes } = db.stats().valueLog
      // With fifo no two tables meet, so what is dead in them is not known before it leaves.
      if (compaction.style !== 'fifo') assert.ok(fileBytes < 400 * KiB, `${fileBytes} bytes for 160 KiB`)
      for (const value of db.valuesSync()) assert.equal(value[0], 11)
      await place.close()
    })
  }
})

heavyTest('many short sessions leave few tables and few runs in every style that merges by itself', async () => {
  for (const style of ['leveled', 'tiered', 'lazy', 'simple'] as const) {
    const place = new Place('memory')
    for (let session = 0; session < 120; session++) {
      const db = await place.open({ compaction: { style } })
      await db.batch([session % 7, session].map((key) => ({ type: 'put', key: `key ${key}`, value: `${session}` })))
      await db.close()
    }
    const db = await place.open({ compaction: { style } })
    const used = db.stats().levels.filter((level) => level.tableCount > 0).length
    assert.ok(used <= 8 && tableCount(db) <= 20, `${style}: ${tableCount(db)} tables in ${used} levels`)
    assert.equal(keysOf(db).length, 120)
    await place.close()
  }
})

/** What one key was at each time that somebody still looks at. */
interface Held {
  readonly snapshot: Snapshot
  readonly content: ReadonlyMap<string, string>
}

/** A life of random calls, with a style drawn at each open. */
class Life {
  private readonly random: SeededRandom
  private readonly place = new Place('memory')
  private readonly content = new Map<string, string>()
  private readonly held: Held[] = []
  private readonly options: VarveOptions
  private db!: Varve
  readonly changes = new Set<string>()
  private last = ''

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'styles')
    this.options = {
      workers: 0, ttlGraceMs: 0, valueThreshold: this.random.pick([0, 512]), garbageRatio: 0.05,
      manifestSync: this.random.chance(0.5), compression: this.random.pick(['none', 'lz4'] as const),
    }
  }

  async run(steps: number): Promise<void> {
    await this.open()
    for (let i = 0; i < steps; i++) {
      await this.step()
      if (i % 100 === 99) await this.reopen()
    }
    await atRest(this.db)
    this.check()
    await this.db.compact()
    this.check()
    await this.place.close()
  }

  private async open(): Promise<void> {
    const compaction = this.random.pick(STYLES)
    this.db = await this.place.open({ ...this.options, compaction })
    if (this.last !== '' && this.last !== compaction.style) this.changes.add(`${this.last} → ${compaction.style}`)
    this.last = compaction.style!
  }

  private async reopen(): Promise<void> {
    for (const { snapshot } of this.held.splice(0)) snapshot.release()
    if (this.random.chance(0.5)) await atRest(this.db)
    await this.db.close()
    await this.open()
    this.check()
  }

  private key(): string {
    return `key ${String(this.random.below(300)).padStart(3, '0')}`
  }

  private async step(): Promise<void> {
    const { db, random, content, held } = this
    const roll = random.below(100)
    if (roll < 70) {
      const key = this.key()
      if (random.chance(0.2)) {
        content.delete(key)
        await db.del(key)
        return
      }
      const value = `${random.below(1000)} `.repeat(1 + random.below(500))
      content.set(key, value)
      await db.put(key, value, { ttl: random.chance(0.2) ? 10 ** 9 : null })
    } else if (roll < 75) {
      const [gte, lt] = [this.key(), this.key()].sort() as [string, string]
      for (const key of [...content.keys()]) if (key >= gte && key < lt) content.delete(key)
      await db.delRange({ gte, lt })
    } else if (roll < 90) await db.flush()
    else if (roll < 93) held.push({ snapshot: db.snapshot(), content: new Map(content) })
    else if (roll < 95) held.shift()?.snapshot.release()
    else if (roll < 96) await db.compact({ gte: this.key() })
    else if (roll < 97) await db.collectGarbage()
    else this.check()
  }

  private check(): void {
    this.compare([...this.db.entriesSync()], this.content)
    for (const { snapshot, content } of this.held) this.compare([...this.db.entriesSync({ snapshot })], content)
  }

  private compare(found: [Uint8Array, Uint8Array][], content: ReadonlyMap<string, string>): void {
    const expected = [...content].sort(([a], [b]) => (a < b ? -1 : 1))
    assert.deepEqual(found.map(([key, value]) => [text(key), text(value)]), expected)
  }
}

test('C9: a style drawn at each open: the same answers, for snapshots too', async (t) => {
  const changes = new Set<string>()
  for (const seed of drawn('styles', [1, 2, 3, 4, 5, 6])) {
    const life = new Life(seed)
    await life.run(1000)
    for (const change of life.changes) changes.add(change)
  }
  t.diagnostic(`${changes.size} changes of style: ${[...changes].sort().join(', ')}`)
})

heavyTest('C9: every pair of styles, both ways, with compact() in each', async () => {
  for (const from of STYLES) {
    for (const to of STYLES) {
      const place = new Place('memory')
      const first = await place.open({ compaction: from, workers: 0 })
      await writeTables(first, 'a', 10, 10)
      await first.close()
      const second = await place.open({ compaction: to, workers: 0 })
      await writeTables(second, 'b', 10, 10)
      await atRest(second)
      const name = `${from.style} → ${to.style}`
      assert.equal(keysOf(second).length, 200, name)
      await second.compact()
      assert.equal(keysOf(second).length, 200, name)
      assert.equal(second.stats().compaction.debtBytes, 0, name)
      await place.close()
    }
  }
})

test('a database that used fifo opens as every other, and what has left stays away', async () => {
  const place = new Place('memory')
  const db = await place.open({ compaction: { style: 'fifo', maxBytes: 100 * KiB } })
  await writeTables(db, 'k', 20)
  await atRest(db)
  const left = keysOf(db)
  await db.close()
  for (const compaction of STYLES) {
    const again = await place.open({ compaction })
    assert.deepEqual(keysOf(again), left, compaction.style)
    await again.compact()
    assert.deepEqual(keysOf(again), left, compaction.style)
    await again.close()
  }
})
