/**
 * What: where in the order of keys writes and reads fall, without a cost to any operation. Writes: by the bounds of the
 * tables that flushes made. Reads: by what each open table counts anyway when a block of it is read. Both are taken to
 * lie evenly between the bounds of their table.
 * Owns: the bounds of the last flushes, and the reads of the last periods. Thread: main.
 */
import { compareBytes } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import { allTables } from '../manifest/index.js'
import type { EngineEvent } from '../stats/index.js'
import { keyText } from './texts.js'

const FLUSHES_MAX = 1000
const COLUMNS = 48
const ROWS_MAX = 30
/** Reads within so many milliseconds are counted together, for an hour. */
const PERIOD_MS = 10_000
const PERIODS_MAX = 360

/** An amount of writes or reads that happened at a time, somewhere from one key to another. */
interface Stretch {
  t: number
  lower: Uint8Array
  upper: Uint8Array
  amount: number
}

/** Reads of a period, by the column that begins at each of these keys. */
interface Period {
  t: number
  bounds: readonly Uint8Array[]
  counts: number[]
}

export class HeatBook {
  private readonly engine: Engine
  private flushed: Stretch[] = []
  private periods: Period[] = []
  /** What each table had counted at the last look. */
  private counted = new Map<FileNum, number>()

  constructor(engine: Engine) {
    this.engine = engine
    for (const [fileNum, count] of this.countsNow()) this.counted.set(fileNum, count)
  }

  hear(event: EngineEvent, nowMs: number): void {
    if (event.type !== 'tableAdded' || event.level !== 0) return
    const facts = this.engine.versions.current.levels[0]!.tables.find(({ fileNum }) => fileNum === event.table)
    if (facts === undefined || facts.firstLog === 0) return // gone already, or made by a compaction
    const { smallestKey, largestKey, entryCount } = facts
    this.flushed.push({ t: nowMs, lower: smallestKey, upper: largestKey, amount: entryCount })
    if (this.flushed.length > FLUSHES_MAX) this.flushed.shift()
  }

  /**
   * Adds what tables have counted since the last look. What a table counted that was merged away since then is lost.
   */
  noteReads(nowMs: number): void {
    const counted = new Map<FileNum, number>()
    for (const [fileNum, count] of this.countsNow()) {
      counted.set(fileNum, count)
      const fresh = count - (this.counted.get(fileNum) ?? 0)
      const facts = fresh > 0 ? this.engine.setup.tables.find(fileNum)!.facts : null
      if (facts !== null) {
        const { bounds, counts } = this.period(nowMs)
        spread({ t: nowMs, lower: facts.smallestKey, upper: facts.largestKey, amount: fresh }, bounds, counts)
      }
    }
    this.counted = counted
  }

  private *countsNow(): Generator<[FileNum, number]> {
    for (const [fileNum, { reads: { hits, misses } }] of this.engine.setup.tables.all()) yield [fileNum, hits + misses]
  }

  private period(nowMs: number): Period {
    const last = this.periods.at(-1)
    if (last !== undefined && Math.abs(nowMs - last.t) < PERIOD_MS) return last
    const bounds = this.columns([])
    const fresh: Period = { t: nowMs, bounds, counts: bounds.map(() => 0) }
    this.periods.push(fresh)
    if (this.periods.length > PERIODS_MAX) this.periods.shift()
    return fresh
  }

  /** Writes or reads by time and stretch of keys, the newest row first. */
  picture(what: 'writes' | 'reads'): object {
    const stretches = what === 'writes' ? this.flushed : this.periods.flatMap(stretchesOf)
    const bounds = this.columns(stretches)
    // Not those of the first and the last stretch: the clock may have been set back between them.
    const firstMs = stretches.reduce((first, { t }) => Math.min(first, t), Infinity)
    const lastMs = stretches.reduce((last, { t }) => Math.max(last, t), 0)
    const stepMs = Math.max(what === 'writes' ? 1000 : PERIOD_MS, (lastMs - firstMs) / (ROWS_MAX - 1))
    const count = stretches.length === 0 ? 0 : Math.floor((lastMs - firstMs) / stepMs) + 1
    const cells = Array.from({ length: count }, () => bounds.map(() => 0))
    for (const each of stretches) spread(each, bounds, cells[Math.floor((each.t - firstMs) / stepMs)]!)
    return {
      keys: bounds.map(keyText), text: TEXTS[what], none: NOTHING[what],
      rows: cells.map((row, i) => ({ t: firstMs + i * stepMs, cells: row.map(Math.round) })).reverse(),
    }
  }

  /** Keys at which columns begin: bounds of tables and of these stretches, evenly chosen. */
  private columns(stretches: readonly Stretch[]): Uint8Array[] {
    const keys = allTables(this.engine.versions.current).flatMap(({ smallestKey, largestKey }) =>
      [smallestKey, largestKey])
    for (const { lower, upper } of stretches) keys.push(lower, upper)
    const step = Math.max(1, keys.length >> 10) // some hundreds of keys say as much as all
    const chosen = keys.filter((_, i) => i % step === 0).sort(compareBytes)
    const sorted = chosen.filter((key, i) => i === 0 || compareBytes(key, chosen[i - 1]!) !== 0)
    if (sorted.length <= COLUMNS) return sorted
    return Array.from({ length: COLUMNS }, (_, i) => sorted[Math.floor((i * sorted.length) / COLUMNS)]!)
  }
}

const TEXTS = {
  writes: 'Entries of flushed memtables, spread evenly between the first and the last key of each.',
  reads: 'Reads of blocks, from the file or the cache, spread evenly between the first and the last key of their ' +
    'table. What a memtable answers, or a table knows without a block, does not show.',
}
const NOTHING = {
  writes: 'No flush since the inspector began.', reads: 'No block of a table was read since the inspector began.',
}

function stretchesOf({ t, bounds, counts }: Period): Stretch[] {
  return bounds.map((key, i) => ({ t, lower: key, upper: key, amount: counts[i]! })).filter(({ amount }) => amount > 0)
}

/** Adds a stretch to the columns that it meets. */
function spread({ lower, upper, amount }: Stretch, bounds: readonly Uint8Array[], counts: number[]): void {
  const [from, to] = [columnOf(bounds, lower), columnOf(bounds, upper)]
  for (let column = from; column <= to; column++) counts[column]! += amount / (to - from + 1)
}

/** The last column that begins at the key or before it. */
function columnOf(bounds: readonly Uint8Array[], key: Uint8Array): number {
  let [low, high] = [0, bounds.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes(bounds[middle]!, key) <= 0) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}
