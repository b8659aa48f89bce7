/**
 * What: the work of one process: opens one engine in one directory, runs the rows of one group in order, and gives the
 * rates. Then it checks, outside the timing, that the database holds what was written.
 */
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { KeySpace, shuffled } from './key-space.js'
import type { KeySpaceOptions } from './key-space.js'
import type { EngineAdapter, Key, Store } from './store.js'

/** A pause before each row, so that it does not pay for the last one's garbage and late answers. */
const PAUSE_MS = 100
const LOAD_BATCH = 1000
const CHECKED = 2000

export interface RunOptions extends KeySpaceOptions {
  num: number
  /** A row ends after this time, or when it has touched every entry once. */
  seconds: number
  /** The sustained fill ends after this time, in which a slow engine writes fewer entries. */
  fillSeconds: number
  /** Bytes of all large values together. */
  largeBytes: number
  dir: string
  /** Names of the rows to run; the others are left out, except those that a later row needs. */
  only: readonly string[]
}

export interface RowResult {
  row: string
  count: number
  ms: number
  /** Processor time of all threads. */
  cpuMs: number
  /**
   * The longest time between two looks at the clock: what a caller waited at worst for some operations, stalls counted.
   */
  longestMs: number
}

/** The state that the rows of one group share. */
export class Bench {
  readonly options: RunOptions
  readonly space: KeySpace
  /** Every key, or none in a long group. */
  readonly keys: readonly Key[]
  readonly results: RowResult[] = []
  private readonly engine: EngineAdapter
  private readonly isDurable: boolean
  /** How often each entry was written. */
  private readonly generations: Uint16Array
  private opened: Store | undefined
  private usedBytes = 0

  constructor(engine: EngineAdapter, options: RunOptions, group: { isDurable: boolean; isLong: boolean }) {
    this.engine = engine
    this.options = options
    this.isDurable = group.isDurable
    this.space = new KeySpace(options)
    this.keys = group.isLong ? [] : Array.from({ length: options.num }, (_, i) => this.space.key(i))
    this.generations = new Uint16Array(options.num)
  }

  get store(): Store {
    if (this.opened === undefined) throw new Error('the store is not open')
    return this.opened
  }

  async open(): Promise<void> {
    const { dir, stringKeys, num, largeBytes } = this.options
    const options = { dir, stringKeys, durable: this.isDurable, entryCount: num, cacheBytes: largeBytes }
    this.opened = await this.engine.open(options)
  }

  async close(): Promise<void> {
    await this.store.close()
    this.opened = undefined
  }

  /** Gives the value to write next for entry i. */
  nextValue(i: number): Buffer {
    return this.space.value(i, ++this.generations[i]!)
  }

  /** Looks at what was read, so that no engine gains by giving it unread. */
  use(value: Uint8Array | undefined | null): void {
    if (value !== undefined && value !== null) this.usedBytes += value.length + value[0]!
  }

  isWanted(row: string): boolean {
    const { only } = this.options
    return only.length === 0 || only.some((text) => row.includes(text))
  }

  /**
   * Times `step` until all `total` operations are done or the time is over. A step does some operations and gives how
   * many.
   */
  async row(
    row: string, total: number, step: (done: number) => Promise<number> | number, seconds = this.options.seconds,
  ): Promise<void> {
    if (!this.isWanted(row)) return
    await setTimeout(PAUSE_MS)
    const startCpu = process.cpuUsage()
    const startMs = performance.now()
    let [nowMs, count, longestMs] = [startMs, 0, 0]
    while (count < total && nowMs < startMs + 1000 * seconds) {
      const result = step(count)
      count += typeof result === 'number' ? result : await result
      const beforeMs = nowMs
      nowMs = performance.now()
      longestMs = Math.max(longestMs, nowMs - beforeMs)
    }
    const { user, system } = process.cpuUsage(startCpu)
    this.results.push({ row, count, ms: nowMs - startMs, cpuMs: (user + system) / 1000, longestMs })
  }

  /** Writes `count` entries of `order` from `done` on in one batch; gives how many there were. */
  async writeBatch(order: Uint32Array, done: number, count: number): Promise<number> {
    const { keys, values } = this.makeBatch(order, done, count)
    await this.store.batch(keys, values)
    return keys.length
  }

  /** Makes the next values of `count` entries of `order` from `done` on, which count as written. */
  makeBatch(order: Uint32Array, done: number, count: number): { keys: Key[]; values: Buffer[] } {
    const keys: Key[] = []
    const values: Buffer[] = []
    const to = Math.min(done + count, order.length)
    for (let at = done; at < to; at++) {
      const i = order[at]!
      keys.push(this.keys[i] ?? this.space.key(i))
      values.push(this.nextValue(i))
    }
    return { keys, values }
  }

  /** Fills the database in random order, untimed. */
  async load(): Promise<void> {
    const order = shuffled(this.options.num, 'load')
    for (let done = 0; done < order.length;) done += await this.writeBatch(order, done, LOAD_BATCH)
  }

  /** Reads a sample by every call, and scans; throws when anything differs from what was written. */
  async check(): Promise<void> {
    if (this.engine.role === 'ceiling') return
    const { store, space } = this
    const sample = [...shuffled(this.options.num, 'check').subarray(0, CHECKED)]
    const keys = sample.map((i) => space.key(i))
    const many = await store.getMany(keys)
    for (const [at, i] of sample.entries()) {
      const expected = this.generations[i] === 0 ? undefined : space.value(i, this.generations[i]!)
      assertSame(await store.get(keys[at]!), expected)
      assertSame(many[at], expected)
      if (store.getSync !== undefined) assertSame(store.getSync(keys[at]!), expected)
      assertSame(await store.get(space.absentKey(i)), undefined)
      if (expected !== undefined) assert.equal(await store.seek(keys[at]!, 1), 1, 'a seek finds a written key')
    }
    await this.checkScan()
  }

  private async checkScan(): Promise<void> {
    let count = 0
    let previous: Buffer | undefined
    await this.store.scan((key, value) => {
      const bytes = Buffer.from(key as Uint8Array)
      assert.ok(previous === undefined || Buffer.compare(previous, bytes) < 0, 'the scan is in order')
      assert.equal(value.length, this.options.valueBytes)
      previous = bytes
      count++
    })
    assert.equal(count, this.generations.filter((generation) => generation > 0).length, 'the scan gives every entry')
  }
}

function assertSame(actual: Uint8Array | undefined | null, expected: Buffer | undefined): void {
  if (expected === undefined) return assert.ok(actual === undefined || actual === null, 'an absent key has no value')
  assert.ok(actual !== undefined && actual !== null, 'a written key has a value')
  assert.equal(Buffer.compare(actual, expected), 0, 'the value is the one written last')
}
