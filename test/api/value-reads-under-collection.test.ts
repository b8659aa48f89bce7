/**
 * Reads of large values while values are overwritten, collections delete their files, few files may be open and many
 * walks are: each read sees its moment.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../src/base/index.js'
import { Varve } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SlowReads } from '../support/fakes/watched-vfs.js'
import { heavyTest } from '../support/harness/share.js'

const DIR = '/db'
const KiB = 1024
const KEYS = 24
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

const shown = (value: Uint8Array | undefined): string =>
  (value === undefined ? 'none' : `${value.length} ${Buffer.from(value.subarray(0, 8)).toString('hex')}`)

class Life {
  readonly random: SeededRandom
  private readonly slow = new SlowReads(/\.(vlog|wal)$/)
  private readonly now = new Map<string, Uint8Array>()
  private writes = 0
  db!: Varve
  /** What was asked for and is not answered yet. */
  private readonly pending = new Set<Promise<void>>()
  private readonly walks: { next(): Promise<string>; expected: string[] }[] = []

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  async run(steps: number): Promise<number> {
    this.db = await Varve.open(DIR, {
      workers: 0, valueThreshold: 512, garbageRatio: 0.05, writeBufferSize: 64 * KiB, maxOpenFiles: 3,
      blockCacheSize: this.random.pick([0, 2048 * KiB]), components: { vfs: this.slow.around(new MemoryVfs()) },
    })
    for (let step = 0; step < steps; step++) await this.act()
    this.slow.open()
    await Promise.all(this.pending)
    for (const walk of [...this.walks]) while (walk.expected.length > 0) await this.step(walk)
    const { valueLog: { removedCount, movedCount }, files, iterators } = this.db.stats()
    assert.ok(removedCount > 0 && movedCount > 0 && files.reopenedCount > 0 && files.openCount <= 4)
    assert.equal(iterators.activeCount, 0)
    await this.db.close()
    return removedCount
  }

  private async act(): Promise<void> {
    const { db, random } = this
    const roll = random.below(100)
    if (roll < 40) await this.write()
    else if (roll < 60) this.read()
    else if (roll < 68) this.walk()
    else if (roll < 82) {
      if (this.walks.length > 0) this.remember(this.step(random.pick(this.walks)))
    } else if (roll < 88) {
      // Reads that wait are held by their states: a collection must not wait for them.
      await db.collectGarbage({ ratio: 0.05 })
    } else if (roll < 92) await db.flush()
    else for (let i = 0; i < 5; i++) await this.letGo()
  }

  private key(): string {
    return `k${this.random.below(KEYS) + 10}`
  }

  private async write(): Promise<void> {
    const { db, random, now } = this
    for (let i = 0; i < 4; i++) {
      const key = this.key()
      const value = new Uint8Array(random.pick([20, 900, 9000, 9000, 20_000, 140_000]))
      new DataView(value.buffer).setUint32(0, ++this.writes)
      if (random.chance(0.1)) {
        now.delete(key)
        await db.del(key)
      } else {
        now.set(key, value)
        await db.put(key, value)
      }
    }
  }

  private read(): void {
    const { db, random, now } = this
    const keys = Array.from({ length: random.pick([1, 1, 8]) }, () => this.key())
    const expected = keys.map((key) => shown(now.get(key)))
    const read = keys.length === 1 ? db.get(keys[0]!).then((value) => [value]) : db.getMany(keys)
    this.remember(read.then((values) => assert.deepEqual(values.map(shown), expected)))
    if (random.chance(0.3)) assert.deepEqual(db.getManySync(keys).map(shown), expected)
  }

  private remember(work: Promise<void>): void {
    const done = work.finally(() => this.pending.delete(done))
    this.pending.add(done)
  }

  private walk(): void {
    const { db, random, now } = this
    const reverse = random.chance(0.3)
    const expected = [...now].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key} ${shown(value)}`)
    if (reverse) expected.reverse()
    expected.push('end')
    const ended = (result: IteratorResult<[Uint8Array, Uint8Array], unknown>): string =>
      (result.done === true ? 'end' : `${Buffer.from(result.value[0]).toString()} ${shown(result.value[1])}`)
    if (random.chance(0.5)) {
      const walk = db.entriesSync({ reverse })[Symbol.iterator]()
      this.walks.push({ next: async () => ended(walk.next()), expected })
    } else {
      const walk = db.entries({ reverse })[Symbol.asyncIterator]()
      this.walks.push({ next: () => walk.next().then(ended), expected })
    }
  }

  private async step(walk: { next(): Promise<string>; expected: string[] }): Promise<void> {
    const expected = walk.expected.shift()
    if (expected === undefined) return
    assert.equal(await walk.next(), expected)
    if (expected === 'end') this.walks.splice(this.walks.indexOf(walk), 1)
  }

  private async letGo(): Promise<void> {
    this.slow.go()
    await turn()
  }
}

heavyTest('each read sees its moment, whatever collections delete meanwhile', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const life = new Life(seed)
    try {
      await life.run(250)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
})
