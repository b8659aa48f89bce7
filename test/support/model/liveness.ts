/**
 * What: one life of a database under a pattern of keys, sizes and sessions, judged for liveness: writers progress, a
 * stop has work under way, and at rest files and bytes are bounded by what is live.
 */
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { SeededRandom } from '../../../src/base/index.js'
import { Varve } from '../../../src/index.js'
import type { EngineEvent, VarveOptions } from '../../../src/index.js'
import { COMPACTION_STYLES, defaultCompactionSettings } from '../../../src/pick/index.js'
import type { CompactionStyle } from '../../../src/pick/index.js'
import { MemoryVfs, simExecutor } from '../../../src/testing.js'
import { hastyClock } from '../fakes/hasty-clock.js'

const DIR = '/db'
const KiB = 1024
/** The clock runs this many times faster, so that pauses and quiet seconds are short. */
const TIMES = 40
const QUIET_MS = 1000
/** The number of quiet seconds until everything must be at rest. */
const REST_SECONDS_MAX = 2000
/** Small value logs that are left alone, and those of the last writes. */
const VALUE_LOGS_MAX = 64 + 16
/** Milliseconds of real time between two looks at a database whose writers may be waiting. */
const LOOK_MS = 25

// ── What there is to combine ────────────────────────────────────────────────────────────────────────

const padded = (n: number): string => String(n).padStart(9, '0')

/** The key of write `i` of `count`. */
const KEY_ORDERS = {
  ordered: (i) => `k${padded(i)}`,
  /** Unpadded numbers: new keys lie between old ones. */
  counter: (i) => `k${i}`,
  reverse: (i) => `k${padded(999_999_999 - i)}`,
  /** Keys in order, again and again: each walk updates the one before. */
  walk: (i, count) => `k${padded(i % Math.ceil(count / 3))}`,
  uuid: (i) => new SeededRandom(i, 'uuid').u32().toString(16).padStart(8, '0').repeat(2),
  /** A few writers of series, in turn. */
  series: (i) => `host${i % 4}/${padded(i)}`,
  /** Many users, one after the other for a while each, over what they have. */
  users: (i, count) => `user${padded(Math.floor(i / 20) % 60)}/${padded((i * 7) % Math.ceil(count / 60))}`,
} satisfies Record<string, (i: number, count: number) => string>
type KeyOrder = keyof typeof KEY_ORDERS

const VALUE_SIZES = [10, 200, 2000, 20_000] as const

/** From this length on values stand in value logs; 0: never. */
const THRESHOLDS = [0, 512, 4096] as const

/** Settings that decide when memtables are full. */
const BUFFERS = {
  '64 KiB': { writeBufferSize: 64 * KiB },
  '256 KiB': { writeBufferSize: 256 * KiB },
  'a budget of 1 MiB': { memoryBudget: 1024 * KiB },
  '64 KiB, one may wait': { writeBufferSize: 64 * KiB, immutablesMax: 1 },
  '64 KiB, fast': { writeBufferSize: 64 * KiB, manifestSync: false },
} satisfies Record<string, VarveOptions>
type Buffers = keyof typeof BUFFERS

/** How the writes are spread: one session, with flushes, or opened and closed again and again. */
const SESSIONS = ['one', 'flushes', 'closes'] as const
/** How a write is called: one after the other, many at once, or blocking. */
const CALLS = ['awaited', 'together', 'sync'] as const

export interface Pattern {
  order: KeyOrder
  valueBytes: (typeof VALUE_SIZES)[number]
  threshold: (typeof THRESHOLDS)[number]
  buffers: Buffers
  session: (typeof SESSIONS)[number]
  calls: (typeof CALLS)[number]
  style: CompactionStyle
  seed: number
}

/** The most space at rest, in bytes of what is live. With `fifo` what was overwritten stays. */
const SPACE_MAX: Readonly<Record<CompactionStyle, number>> = {
  leveled: 1.6, simple: 2.2, lazy: 1.8, tiered: 2.6, fifo: Infinity, none: Infinity,
}
/** More than any life writes, so that nothing leaves. */
const ENDLESS = 2 ** 40

/** The lengths of values, each with the thresholds that make a difference. */
const VALUES = VALUE_SIZES.flatMap((valueBytes) =>
  THRESHOLDS.filter((threshold) => threshold <= valueBytes).map((threshold) => ({ valueBytes, threshold })))

/** Gives all patterns, in a fixed order. */
export function allPatterns(): Pattern[] {
  const patterns: Pattern[] = []
  for (const style of COMPACTION_STYLES) {
    for (const order of Object.keys(KEY_ORDERS) as KeyOrder[]) {
      for (const value of VALUES) {
        for (const buffers of Object.keys(BUFFERS) as Buffers[]) {
          for (const session of SESSIONS) {
            for (const calls of CALLS) {
              patterns.push({ order, ...value, buffers, session, calls, style, seed: patterns.length + 1 })
            }
          }
        }
      }
    }
  }
  return patterns
}

/** Large values, and all of their bytes in value logs: one pattern of each order of keys and each threshold. */
export function largePatterns(): Pattern[] {
  const patterns: Pattern[] = []
  for (const order of Object.keys(KEY_ORDERS) as KeyOrder[]) {
    for (const threshold of [512, 4096] as const) {
      const i = patterns.length
      patterns.push({
        order, valueBytes: 20_000, threshold, buffers: (Object.keys(BUFFERS) as Buffers[])[i % 5]!,
        session: SESSIONS[i % 3]!, calls: CALLS[(i + 1) % 3]!, style: 'leveled', seed: i + 1,
      })
    }
  }
  return patterns
}

export const nameOf = (pattern: Pattern): string => Object.values(pattern).join(', ')

// ── One life ────────────────────────────────────────────────────────────────────────────────────────

export interface LivenessReport {
  writeCount: number
  stallCount: number
  flushCount: number
  tableCount: number
  valueLogCount: number
}

/** Writes about this many bytes; throws when something is not as it must be. */
export async function checkLiveness(pattern: Pattern, totalBytes: number): Promise<LivenessReport> {
  const life = new Life(pattern, totalBytes)
  let timer: ReturnType<typeof setInterval> | undefined
  const stuck = new Promise<never>((_, reject) => {
    timer = setInterval(() => life.look() && reject(new Error(life.told())), LOOK_MS)
  })
  try {
    return await Promise.race([life.run(), stuck])
  } catch (error) {
    throw new Error(`${nameOf(pattern)}: ${(error as Error).message}`, { cause: error })
  } finally {
    clearInterval(timer)
  }
}

class Life {
  private readonly pattern: Pattern
  private readonly vfs = new MemoryVfs()
  private readonly clock = hastyClock(TIMES)
  private readonly writeCount: number
  private readonly live = new Map<string, number>()
  private readonly problems = new Set<string>()
  private readonly report: LivenessReport = {
    writeCount: 0, stallCount: 0, flushCount: 0, tableCount: 0, valueLogCount: 0,
  }
  private database: Varve | null = null

  constructor(pattern: Pattern, totalBytes: number) {
    this.pattern = pattern
    // Short sessions have few writes each, so there are fewer writes in all.
    const most = pattern.session === 'one' ? Infinity : 6000
    this.writeCount = Math.min(most, Math.ceil(totalBytes / (pattern.valueBytes + 40)))
  }

  async run(): Promise<LivenessReport> {
    const { session } = this.pattern
    await this.open()
    const sessions = session === 'one' ? 1 : session === 'flushes' ? 120 : 60
    const length = Math.ceil(this.writeCount / sessions)
    for (let from = 0; from < this.writeCount; from += length) {
      await this.write(from, Math.min(this.writeCount, from + length))
      if (session === 'flushes') await this.db.flush()
      if (session === 'closes') {
        await this.close()
        await this.open()
      }
    }
    if (session === 'closes') this.checkFiles('after the last session')
    await this.rest()
    this.checkFiles('at rest')
    this.checkContents()
    await this.close()
    this.checkTold()
    return { ...this.report, writeCount: this.writeCount }
  }

  private async open(): Promise<void> {
    const { buffers, style, threshold, seed } = this.pattern
    const onEvent = (event: EngineEvent): void => this.hear(event)
    this.database = await Varve.open(DIR, {
      ...BUFFERS[buffers], compaction: style === 'fifo' ? { style, maxBytes: ENDLESS } : { style },
      blockSize: 1024, valueThreshold: threshold,
      components: { vfs: this.vfs, clock: this.clock, executor: simExecutor({ seed }), onEvent },
    })
  }

  private async close(): Promise<void> {
    const { db } = this
    this.look()
    await db.close()
    const { writeStall, flush } = db.stats()
    this.report.stallCount += writeStall.stallCount
    this.report.flushCount += flush.completed
  }

  private get db(): Varve {
    assert.ok(this.database !== null)
    return this.database
  }

  private hear(event: EngineEvent): void {
    if (event.type === 'stateChanged' && event.state !== 'CLOSED') this.problems.add(`${event.state}: ${event.error}`)
    if (event.type === 'stallBegin') this.look()
  }

  /** Looks whether a stop has work under way, as it is now, since events come late. True when something is wrong. */
  look(): boolean {
    if (this.database === null) return false
    const { writeStall, compaction, flush, database } = this.database.stats()
    const isWaiting = database.state === 'OPEN' && writeStall.state !== 'none'
    if (isWaiting && compaction.active + flush.pending === 0) {
      this.problems.add(`${writeStall.state}, since ${writeStall.reason}, and nothing is under way`)
    }
    return this.problems.size > 0
  }

  told(): string {
    return [...this.problems].join('; ')
  }

  // ── Writes ──────────────────────────────────────────────────────────────────────────────────────

  private async write(from: number, to: number): Promise<void> {
    const { calls, order, valueBytes } = this.pattern
    const keyOf = KEY_ORDERS[order]
    let pending: Promise<void>[] = []
    for (let i = from; i < to; i++) {
      const key = keyOf(i, this.writeCount)
      this.live.set(key, i)
      const value = valueOf(i, valueBytes)
      if (calls === 'sync') await this.putSync(key, value)
      else if (calls === 'awaited') await this.db.put(key, value)
      else pending.push(this.db.put(key, value))
      if (i % 64 !== 0) continue
      await Promise.all(pending)
      pending = []
      this.look()
      this.checkTold()
    }
    await Promise.all(pending)
  }

  /** Writes with a blocking call, which may give up when nothing ends while it waits; then the loop turns. */
  private async putSync(key: string, value: Uint8Array): Promise<void> {
    for (;;) {
      try {
        return this.db.putSync(key, value)
      } catch (error) {
        if ((error as { code?: string }).code !== 'BUSY') throw error
        this.look()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  private checkTold(): void {
    if (this.problems.size > 0) assert.fail(this.told())
  }

  // ── At rest ─────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when a quiet second has passed in which nothing was under way or changed. */
  private async rest(): Promise<void> {
    await this.db.flush()
    let last = ''
    for (let second = 0; second < REST_SECONDS_MAX; second++) {
      await setTimeout(2 * QUIET_MS / TIMES)
      const { compaction, flush, levels, valueLog } = this.db.stats()
      const now = JSON.stringify([levels, valueLog.files, compaction.completed, this.vfs.listSync(DIR)])
      if (compaction.active + flush.pending === 0 && now === last) return
      last = now
    }
    assert.fail('it does not come to rest')
  }

  private checkFiles(when: string): void {
    const { style, buffers } = this.pattern
    if (style === 'none') return
    const names = this.vfs.listSync(DIR)
    const files = names.map((name) => this.vfs.statSync(`${DIR}/${name}`)!.size)
    const { levels, valueLog } = this.db.stats()
    const { writeBufferSize = 256 * KiB } = BUFFERS[buffers] as VarveOptions
    const { tableBytes } = defaultCompactionSettings(writeBufferSize)
    // These are level 0, and what a quiet time leaves of small tables in each level that is used.
    // With `fifo` these are full tables, which may be as small as a quarter, and small ones between two of them.
    const ofFifo = 9 + Math.ceil((8 * bytesOf(levels)) / tableBytes)
    const needed = style === 'fifo' ? ofFifo : levels.slice(1).reduce((sum, it) =>
      (it.tableCount === 0 ? sum : sum + 7 + Math.ceil((3 * it.tableBytes) / tableBytes)), 9)
    const tables = levels.reduce((sum, { tableCount }) => sum + tableCount, 0)
    this.report.tableCount = Math.max(this.report.tableCount, tables)
    assert.ok(tables <= needed, `${when}: ${tables} tables, ${needed} are enough: ${JSON.stringify(levels)}`)
    const listed = tables + valueLog.fileCount
    assert.ok(names.length <= listed + 12, `${when}: ${names.length} files, ${listed} are listed: ${names.join(' ')}`)
    this.report.valueLogCount = Math.max(this.report.valueLogCount, valueLog.fileCount)
    assert.ok(valueLog.fileCount <= VALUE_LOGS_MAX, `${when}: ${valueLog.fileCount} value logs`)
    const liveBytes = this.live.size * (this.pattern.valueBytes + 40)
    const bytes = files.reduce((sum, size) => sum + size, 0)
    const most = SPACE_MAX[style] * liveBytes + 6 * writeBufferSize
    if (when === 'at rest') assert.ok(bytes <= most, `${when}: ${bytes} bytes for ${liveBytes} live ones`)
  }

  private checkContents(): void {
    const { db, live, pattern: { valueBytes } } = this
    let at = 0
    for (const key of db.keysSync()) assert.ok(live.has(Buffer.from(key).toString()), `key ${at++} was never put`)
    const step = Math.ceil(live.size / 200)
    for (const [key, i] of live) {
      if (at++ % step !== 0) continue
      assert.deepEqual(db.getSync(key), valueOf(i, valueBytes), `${key} is as it was put last`)
    }
  }
}

function bytesOf(levels: readonly { tableBytes: number }[]): number {
  return levels.reduce((sum, { tableBytes }) => sum + tableBytes, 0)
}

function valueOf(i: number, length: number): Uint8Array {
  const value = new Uint8Array(length).fill(i)
  new DataView(value.buffer).setUint32(0, i)
  return value
}
