/** Random use of everything that reads and writes, compared with a map after each step. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { BatchOp, RangeOptions, Snapshot, Varve, VarveOptions } from '../../src/index.js'
import { Place, SMALL } from '../support/databases/databases.js'
import type { Platform } from '../support/databases/databases.js'
import { latin1, MapModel, randomBounds, randomKey, randomRange } from '../support/model/range-model.js'

interface Held {
  snapshot: Snapshot
  model: MapModel
}

class Walk {
  private readonly random: SeededRandom
  private readonly place: Place
  private readonly options: VarveOptions
  private readonly model = new MapModel()
  private db!: Varve
  private held: Held[] = []
  private readonly pending: Promise<void>[] = []
  private step = 0

  constructor(seed: number, place: Place, options: VarveOptions) {
    this.random = new SeededRandom(seed, 'model')
    this.place = place
    this.options = options
  }

  async run(stepCount: number): Promise<void> {
    this.db = await this.place.open(this.options)
    for (this.step = 0; this.step < stepCount; this.step++) {
      await this.act()
      this.checkPoint()
      if (this.step % 10 === 0) await this.checkRange(this.model)
      const held = this.random.pick([null, ...this.held])
      if (held !== null) await this.checkRange(held.model, held.snapshot)
    }
    await this.reopen()
    await this.checkRange(this.model)
    await this.db.close()
  }

  private async act(): Promise<void> {
    const roll = this.random.below(100)
    if (roll < 70) this.write()
    else if (roll < 80) await Promise.all(this.pending.splice(0))
    else if (roll < 88) this.held.push({ snapshot: this.db.snapshot(), model: new MapModel(this.model) })
    else if (roll < 93) this.held.shift()?.snapshot.release()
    else if (roll < 97) await this.db.flush()
    else if (roll < 98) await this.reopen()
    else await this.db.sync()
  }

  private value(): Uint8Array {
    const value = new Uint8Array(this.random.pick([0, 1, 20, 100, 2000, 9000]))
    this.random.fill(value)
    return value
  }

  private write(): void {
    const { random, model, db } = this
    const operations = Array.from({ length: 1 + random.below(4) }, (): BatchOp => {
      if (random.chance(0.05)) return { type: 'delRange', ...randomBounds(random) }
      return random.chance(0.25)
        ? { type: 'del', key: randomKey(random) } : { type: 'put', key: randomKey(random), value: this.value() }
    })
    const sync = random.chance(0.03)
    const [first] = operations
    const isOne = random.chance(0.5)
    for (const operation of isOne ? [first!] : operations) {
      if (operation.type === 'put') model.put(operation.key as Uint8Array, operation.value as Uint8Array)
      else if (operation.type === 'del') model.del(operation.key as Uint8Array)
      else model.delRange(operation)
    }
    // A Sync call shows at once; what was only promised shows with the next one.
    if (!isOne) {
      if (random.chance(0.5)) db.batchSync(operations, { sync })
      else this.pending.push(db.batch(operations, { sync }))
    } else if (first!.type === 'delRange') {
      const { type, ...range } = first!
      if (random.chance(0.5)) db.delRangeSync(range, { sync })
      else this.pending.push(random.chance(0.5) ? db.delRange(range, { sync }) : db.clear(range, { sync }))
    } else if (first!.type === 'put') {
      if (random.chance(0.5)) db.putSync(first!.key, first!.value, { sync })
      else this.pending.push(db.put(first!.key, first!.value, { sync }))
    } else if (random.chance(0.5)) db.delSync(first!.key, { sync })
    else this.pending.push(db.del(first!.key, { sync }))
  }

  private checkPoint(): void {
    this.db.batchSync([{ type: 'del', key: 'never there' }]) // everything encoded before is visible now
    for (let i = 0; i < 5; i++) {
      const key = randomKey(this.random)
      const found = this.db.getSync(key)
      assert.equal(found === undefined ? undefined : latin1(found), this.model.get(key), `step ${this.step}`)
      assert.equal(this.db.hasSync(key), found !== undefined)
    }
  }

  private async checkRange(model: MapModel, snapshot?: Snapshot): Promise<void> {
    const { db, random } = this
    const range: RangeOptions = randomRange(random)
    const options: RangeOptions = snapshot === undefined ? range : { ...range, snapshot }
    const expected = model.range(range)
    const where = `step ${this.step}: ${JSON.stringify(range)}`
    const forms: [() => Promise<string[]>][] = [
      [async () => [...db.entriesSync(options)].map(([key, value]) => `${latin1(key)}=${latin1(value)}`)],
      [async () => {
        const entries: string[] = []
        for await (const [key, value] of db.entries(options)) entries.push(`${latin1(key)}=${latin1(value)}`)
        return entries
      }],
      [async () => {
        const values = db.valuesSync(options)
        return [...db.keysSync(options)].map((key) => `${latin1(key)}=${latin1(values.next().value as Uint8Array)}`)
      }],
    ]
    assert.deepEqual(await random.pick(forms)[0](), expected, where)
    const keys = Array.from({ length: 4 }, () => randomKey(random))
    const many = await db.getMany(keys, snapshot === undefined ? {} : { snapshot })
    assert.deepEqual(many.map((value) => value && latin1(value)), keys.map((key) => model.get(key)), where)
  }

  private async reopen(): Promise<void> {
    await Promise.all(this.pending.splice(0))
    this.held = []
    await this.db.close()
    this.db = await this.place.open({ ...this.options, flushOnClose: this.random.chance(0.5) })
  }
}

const runs: [string, Platform, VarveOptions, number][] = [
  ['in memory', 'memory', {}, 600],
  ['in memory, fast mode', 'memory', { manifestSync: false }, 400],
  ['in memory, large buffers', 'memory', { writeBufferSize: 1 << 20 }, 300],
  ['on disk, two workers', 'node', { workers: 2 }, 300],
  ['on disk, one worker, one immutable', 'node', { workers: 1, immutablesMax: 1 }, 200],
  ['on disk, no worker, no cache', 'node', { workers: 0, blockCacheSize: 0 }, 200],
  ['on disk, fast mode', 'node', { manifestSync: false }, 200],
]
for (const [name, platform, options, steps] of runs) {
  test(`random reads and writes: ${name}`, async () => {
    const seed = runs.findIndex((run) => run[0] === name) + 1
    await new Walk(seed, new Place(platform), { ...SMALL, ...options }).run(steps)
  })
}
