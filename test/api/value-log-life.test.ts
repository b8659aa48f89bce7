/**
 * Random lives with values of 0 B to 300 KiB, which stand in memtables, in tables, in promoted logs and in value logs:
 * every reader agrees with a plain map, now, at snapshots, and in walks that stay open.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import type { Snapshot } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL } from '../support/databases/databases.js'
import { atLeast } from '../support/harness/share.js'
import { valueOf } from '../support/databases/value-databases.js'

const DIR = '/db'
const SIZES = [0, 10, 300, 511, 512, 4095, 4096, 9000, 40_000, 131_071, 131_072, 300_000]
const STEPS = 250

type Model = Map<string, Uint8Array>

interface Held {
  snapshot: Snapshot
  model: Model
}

interface Walk {
  iterator: AsyncIterator<[Uint8Array, Uint8Array]>
  rest: [string, Uint8Array][]
}

const sorted = (model: Model): [string, Uint8Array][] => [...model].sort(([a], [b]) => (a < b ? -1 : 1))

/** Enough of a value to tell it from all others. */
const mark = (value: Uint8Array | undefined): string =>
  (value === undefined ? 'none' : `${value.length} ${Buffer.from(value.subarray(-12)).toString('hex')}`)

class Life {
  private readonly random: SeededRandom
  private readonly vfs = new MemoryVfs()
  private db!: Varve
  private model: Model = new Map()
  private readonly held: Held[] = []
  private walks: Walk[] = []
  private count = 0
  /** The most value logs that there were at one time. */
  fileCount = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'value log life')
  }

  async run(): Promise<void> {
    await this.open()
    for (let i = 0; i < STEPS; i++) await this.step()
    await this.check()
    await this.db.close()
  }

  private async open(): Promise<void> {
    this.db = await Varve.open(DIR, { ...SMALL, valueThreshold: 512, components: { vfs: this.vfs } })
  }

  private get key(): string {
    return `key ${this.random.below(60)}`
  }

  private async step(): Promise<void> {
    const { random, db } = this
    const what = random.below(100)
    if (what < 60) await this.put()
    else if (what < 68) await this.del()
    else if (what < 76) await this.check()
    else if (what < 82) await db.flush()
    else if (what < 86) this.held.push({ snapshot: db.snapshot(), model: new Map(this.model) })
    else if (what < 90) this.held.splice(0, 1)[0]?.snapshot.release()
    else if (what < 94) this.walks.push({ iterator: db.entries()[Symbol.asyncIterator](), rest: sorted(this.model) })
    else if (what < 97) for (const walk of this.walks) await this.advance(walk, 5)
    else await this.reopen()
  }

  private async put(): Promise<void> {
    const value = valueOf(this.random.pick(SIZES), this.count++)
    const { key } = this
    await this.db.put(key, value)
    this.model.set(key, value)
  }

  private async del(): Promise<void> {
    const { key } = this
    await this.db.del(key)
    this.model.delete(key)
  }

  private async reopen(): Promise<void> {
    for (const walk of this.walks.splice(0)) await this.advance(walk, Infinity)
    for (const { snapshot } of this.held.splice(0)) snapshot.release()
    await this.db.close()
    await this.open()
  }

  private async advance(walk: Walk, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const { value, done } = await walk.iterator.next()
      const [key, expected] = walk.rest.shift() ?? ['none', undefined]
      if (done === true) return assert.equal(expected, undefined)
      assert.deepEqual([Buffer.from(value[0]).toString(), mark(value[1])], [key, mark(expected)])
    }
  }

  private async check(): Promise<void> {
    this.fileCount = Math.max(this.fileCount, this.db.stats().valueLog.fileCount)
    await this.checkAt(this.model)
    for (const { snapshot, model } of this.held) await this.checkAt(model, snapshot)
  }

  private async checkAt(model: Model, snapshot?: Snapshot): Promise<void> {
    const { db, random } = this
    const keys = Array.from({ length: 20 }, () => this.key)
    const expected = keys.map((key) => mark(model.get(key)))
    assert.deepEqual((await Promise.all(keys.map((key) => db.get(key, { snapshot })))).map(mark), expected)
    assert.deepEqual(keys.map((key) => mark(db.getSync(key, { snapshot }))), expected)
    assert.deepEqual((await db.getMany(keys, { snapshot })).map(mark), expected)
    assert.deepEqual(db.getManySync(keys, { snapshot }).map(mark), expected)
    const reverse = random.chance(0.5)
    const all = sorted(model).map(([key, value]) => `${key} ${mark(value)}`)
    if (reverse) all.reverse()
    const shown = ([key, value]: [Uint8Array, Uint8Array]): string => `${Buffer.from(key).toString()} ${mark(value)}`
    assert.deepEqual([...db.entriesSync({ reverse, snapshot })].map(shown), all)
    const later: string[] = []
    for await (const entry of db.entries({ reverse, snapshot })) later.push(shown(entry))
    assert.deepEqual(later, all)
  }
}

test('large values read back through every reader', async () => {
  for (let seed = 1; seed <= Math.max(2, atLeast(12)); seed++) {
    const life = new Life(seed)
    await life.run()
    assert.ok(life.fileCount > 5, `${life.fileCount} value logs`)
  }
})
