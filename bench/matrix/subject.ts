/**
 * What: one engine with one data set in it, as the rows of a session use it: which entries there are, how often each
 * was written, and a check that all of it is read back.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../src/base/index.js'
import type { EngineAdapter, Store } from '../store.js'
import { BLOCK_CACHE_BYTES, WRITE_BUFFER_BYTES } from './data-set.js'
import { drawOf } from './draws.js'
import type { Draw, Skew } from './draws.js'
import type { Entries } from './entries.js'

const BATCH = 1000
const CHECKED = 500
/** Entries that a session may add. */
const ADDED_MAX = 1_000_000
const SEED = 7

export class Subject {
  readonly entries: Entries
  /** The number of entries in the database. */
  entryCount: number
  private readonly engine: EngineAdapter
  private readonly dir: string
  /** How often each entry was written after it was loaded; counted to 255 and then from 0 again. */
  private readonly generations: Uint8Array
  /** True when puts of one entry may have been under way together: then any of them may have come last. */
  private hasRaces = false
  private opened: Store | undefined
  private usedBytes = 0

  constructor(engine: EngineAdapter, dir: string, entries: Entries, entryCount: number) {
    this.engine = engine
    this.dir = dir
    this.entries = entries
    this.entryCount = entryCount
    this.generations = new Uint8Array(entries.set.entryCount + ADDED_MAX)
  }

  get store(): Store {
    assert.ok(this.opened !== undefined, 'the store is open')
    return this.opened
  }

  async open(): Promise<void> {
    const { dir, entryCount } = this
    this.opened = await this.engine.open({
      dir, stringKeys: false, durable: false, entryCount, cacheBytes: 0,
      blockCacheBytes: BLOCK_CACHE_BYTES, writeBufferBytes: WRITE_BUFFER_BYTES,
    })
  }

  async close(): Promise<void> {
    await this.store.close()
    this.opened = undefined
  }

  random(stream: string): SeededRandom {
    return new SeededRandom(SEED, stream)
  }

  draw(skew: Skew, stream: string): Draw {
    return drawOf(skew, this.entryCount, this.random(stream))
  }

  /** Gives the value to write next for entry i, which then counts as written. */
  nextValue(i: number): Buffer {
    return this.entries.value(i, ++this.generations[i]!)
  }

  /** Gives the number of a new entry, which counts as written. */
  addEntry(): number {
    assert.ok(this.entryCount < this.generations.length, 'there is room for another entry')
    return this.entryCount++
  }

  /** From here on several puts may be under way for one entry. */
  allowRaces(): void {
    this.hasRaces = true
  }

  /** Looks at what was read, so that no engine gains by giving it unread. */
  use(value: Uint8Array | undefined | null): void {
    if (value !== undefined && value !== null) this.usedBytes += value.length + value[0]!
  }

  /** Writes new values of `count` entries that are drawn, in batches. */
  async overwrite(draw: Draw, count: number): Promise<void> {
    for (let done = 0; done < count; done += BATCH) {
      const numbers = Array.from({ length: Math.min(BATCH, count - done) }, draw)
      await this.store.batch(numbers.map((i) => this.entries.key(i)), numbers.map((i) => this.nextValue(i)))
    }
  }

  /** Reads a sample of all entries; throws when one is not as it was written last, or one is there that was not. */
  async check(): Promise<void> {
    const { store, entries } = this
    const draw = this.draw('uniform', 'check')
    for (let checked = 0; checked < CHECKED; checked++) {
      const i = draw()
      const key = entries.key(i)
      const found = await store.get(key)
      assert.ok(found !== undefined && found !== null, 'a written key has a value')
      assert.ok(this.mayBe(found, i), 'the value is the one written last')
      assert.equal(await store.seek(key, 1), 1, 'a seek finds a written key')
      assert.ok(((await store.get(entries.absentKey(i))) ?? undefined) === undefined, 'an absent key has no value')
    }
  }

  private mayBe(found: Uint8Array, i: number): boolean {
    const last = this.generations[i]!
    const earliest = this.hasRaces ? 0 : last
    for (let generation = last; generation >= earliest; generation--) {
      if (Buffer.compare(found, this.entries.value(i, generation)) === 0) return true
    }
    return false
  }
}
