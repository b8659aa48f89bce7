/**
 * Random lives with ingests and loads between all else that a database does, compared with a map: whatever the style of
 * compaction, the flush mode, snapshots, open walks, reopens and crashes.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { Snapshot, Varve, VarveOptions } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import { makeFile, USER_DIR } from '../support/databases/outside-files.js'
import { openSim, textOf } from '../support/databases/simulated.js'
import { drawnNumbers } from '../support/harness/share.js'

const STYLES = ['leveled', 'tiered', 'lazy', 'simple', 'fifo', 'none'] as const
const KEY_COUNT = 60

type Model = Map<string, string>

interface Held {
  snapshot: Snapshot
  model: Model
}

class Life {
  private readonly random: SeededRandom
  private vfs: SimVfs
  private db!: Varve
  private model: Model = new Map()
  private held: Held[] = []
  private walks: { walk: AsyncIterator<[Uint8Array, Uint8Array]>; wanted: [string, string][] }[] = []
  private fileCount = 0
  private readonly options: VarveOptions

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'ingest life')
    this.vfs = new SimVfs({ seed })
    const style = this.random.pick([...STYLES])
    this.options = {
      compaction: style === 'fifo' ? { style, maxBytes: 2 ** 40 } : { style },
      manifestSync: this.random.chance(0.6), valueThreshold: this.random.pick([0, 512]),
      compression: this.random.pick(['none', 'lz4'] as const), blockSize: 1024,
    }
  }

  async run(): Promise<void> {
    this.db = await openSim(this.vfs, this.options)
    for (let i = 0; i < 45; i++) await this.step()
    await this.compare()
    await this.let()
    await this.db.compact()
    await this.compare()
    await this.db.close()
  }

  private key(): string {
    return `k${String(this.random.below(KEY_COUNT)).padStart(3, '0')}`
  }

  private value(): string {
    const length = this.random.pick([0, 3, 20, 400, 3000])
    return `${this.random.u32()} ${'x'.repeat(length)}`
  }

  private async step(): Promise<void> {
    const { random } = this
    const what = random.below(100)
    if (what < 25) await this.put()
    else if (what < 32) await this.del()
    else if (what < 38) await this.delRange()
    else if (what < 62) await this.ingest()
    else if (what < 68) await this.load()
    else if (what < 75) await this.db.flush()
    else if (what < 79) await this.db.compact()
    else if (what < 85) this.held.push({ snapshot: this.db.snapshot(), model: new Map(this.model) })
    else if (what < 88) await this.openWalk()
    else if (what < 91) await this.let()
    else if (what < 95) await this.compare()
    else if (what < 98) await this.reopen()
    else await this.crash()
  }

  private async put(): Promise<void> {
    const [key, value] = [this.key(), this.value()]
    await this.db.put(key, value)
    this.model.set(key, value)
  }

  private async del(): Promise<void> {
    const key = this.key()
    await this.db.del(key)
    this.model.delete(key)
  }

  private range(): { gte: string; lt: string } {
    const [a, b] = [this.key(), this.key()]
    return a < b ? { gte: a, lt: b } : { gte: b, lt: `${a}x` }
  }

  private cut(range: { gte: string; lt: string }): void {
    for (const key of this.model.keys()) if (key >= range.gte && key < range.lt) this.model.delete(key)
  }

  private async delRange(): Promise<void> {
    const range = this.range()
    await this.db.delRange(range)
    this.cut(range)
  }

  private sample(): [string, string][] {
    const chance = this.random.pick([0.02, 0.2, 0.7])
    const entries: [string, string][] = []
    for (let i = 0; i < KEY_COUNT; i++) {
      if (this.random.chance(chance)) entries.push([`k${String(i).padStart(3, '0')}`, this.value()])
    }
    return entries
  }

  /** One file, or several that are cut from one another. */
  private async ingest(): Promise<void> {
    const { random } = this
    const entries = this.sample()
    const files: string[] = []
    const parts = random.pick([1, 1, 3])
    for (let i = 0; i < parts; i++) {
      const place = (at: number): number => Math.floor((at * entries.length) / parts)
      const part = entries.slice(place(i), place(i + 1))
      const ranges = parts === 1 && random.chance(0.3) ? [this.range()] : []
      if (part.length + ranges.length === 0) continue
      for (const range of ranges) this.cut(range)
      const compression = random.pick(['none', 'lz4'] as const)
      files.push(await makeFile(this.vfs, `f${this.fileCount++}`, { entries: part, ranges, compression }))
    }
    const mode = random.pick(['link', 'copy', 'move'] as const)
    const writes: Promise<void>[] = []
    const ingest = this.db.ingest(files.reverse(), { mode })
    if (random.chance(0.3)) writes.push(this.db.put('zz', 'beside'))
    await Promise.all([ingest, ...writes])
    for (const [key, value] of entries) this.model.set(key, value)
    if (writes.length > 0) this.model.set('zz', 'beside')
  }

  private async load(): Promise<void> {
    const entries = [...this.sample(), ...this.sample()]
    for (let i = entries.length - 1; i > 0; i--) {
      const j = this.random.below(i + 1)
      ;[entries[i], entries[j]] = [entries[j]!, entries[i]!]
    }
    const { entryCount, duplicateCount } = await this.db.load(entries)
    assert.equal(entryCount + duplicateCount, entries.length)
    for (const [key, value] of entries) this.model.set(key, value)
  }

  private async openWalk(): Promise<void> {
    const walk = this.db.entries()[Symbol.asyncIterator]() as AsyncIterator<[Uint8Array, Uint8Array]>
    const wanted = sorted(this.model)
    const first = await walk.next()
    if (first.done === true) return
    this.walks.push({ walk, wanted })
    wanted.shift()
  }

  private async compare(): Promise<void> {
    check(this.db.entriesSync(), this.model)
    check([...this.db.entriesSync({ reverse: true })].reverse(), this.model)
    for (const { snapshot, model } of this.held) check(this.db.entriesSync({ snapshot }), model)
    for (let i = 0; i < 10; i++) {
      const key = this.key()
      assert.equal(textOf(await this.db.get(key)), String(this.model.get(key)))
      for (const { snapshot, model } of this.held) {
        assert.equal(textOf(this.db.getSync(key, { snapshot })), String(model.get(key)), 'ING-3')
      }
    }
  }

  /** Ends snapshots and walks, which saw what they began with. */
  private async let(): Promise<void> {
    for (const { snapshot, model } of this.held.splice(0)) {
      check(this.db.entriesSync({ snapshot }), model)
      snapshot.release()
    }
    for (const { walk, wanted } of this.walks.splice(0)) {
      for (let next = await walk.next(); next.done !== true; next = await walk.next()) {
        assert.deepEqual([textOf(next.value[0]), textOf(next.value[1])], wanted.shift())
      }
      assert.deepEqual(wanted, [])
    }
  }

  private async reopen(): Promise<void> {
    await this.let()
    await this.db.close()
    this.db = await openSim(this.vfs, this.options)
    check(this.db.entriesSync(), this.model)
  }

  private async crash(): Promise<void> {
    await this.let()
    await this.db.sync()
    const isPower = this.random.chance(0.5)
    const image = isPower ? this.vfs.clone(this.random.pick(['none', 'all', 'reverse']), 1) : this.vfs.cloneKilled(1)
    await this.db.close()
    this.vfs = image
    if (image.statSync(USER_DIR) === null) image.mkdirSync(USER_DIR)
    this.db = await openSim(image, this.options)
    check(this.db.entriesSync(), this.model)
  }
}

function sorted(model: Model): [string, string][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1))
}

function check(entries: Iterable<[Uint8Array, Uint8Array]>, model: Model): void {
  const short = (value: string): string => `${value.slice(0, 12)} of ${value.length}`
  const seen = [...entries].map(([key, value]) => `${textOf(key)} ${short(textOf(value))}`)
  assert.deepEqual(seen, sorted(model).map(([key, value]) => `${key} ${short(value)}`))
}

it('random lives with what comes from outside are those of a map', { timeout: 240_000 }, async () => {
  for (const seed of drawnNumbers('lives with ingests', 120)) {
    try {
      await new Life(seed).run()
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).stack}`, { cause: error })
    }
  }
})
