/**
 * What: where in the order of keys writes fall, by the bounds of the tables that flushes made: known without a cost to
 * any operation. The entries of a table are taken to lie evenly between its bounds.
 * Owns: the bounds of the last flushes. Thread: main.
 */
import { compareBytes } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import { allTables } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import type { EngineEvent } from '../stats/index.js'
import { keyText } from './texts.js'

const FLUSHES_MAX = 1000
const COLUMNS = 48
const ROWS_MAX = 30

interface FlushedTable {
  t: number
  lower: Uint8Array
  upper: Uint8Array
  entries: number
}

export class FlushedKeys {
  private readonly engine: Engine
  private flushed: FlushedTable[] = []

  constructor(engine: Engine) {
    this.engine = engine
  }

  hear(event: EngineEvent, nowMs: number): void {
    if (event.type !== 'tableAdded' || event.level !== 0) return
    const facts = this.engine.versions.current.levels[0]!.tables.find(({ fileNum }) => fileNum === event.table)
    if (facts === undefined || facts.firstLog === 0) return // gone already, or made by a compaction
    const { smallestKey, largestKey, entryCount } = facts
    this.flushed.push({ t: nowMs, lower: smallestKey, upper: largestKey, entries: entryCount })
    if (this.flushed.length > FLUSHES_MAX) this.flushed.shift()
  }

  private text(bounds: readonly Uint8Array[]): string {
    if (this.flushed.length === 0) return 'No flush since the inspector began.'
    const [first, last] = [keyText(bounds[0]!), keyText(bounds.at(-1)!)]
    return `Entries of ${this.flushed.length} flushes from ${first} to ${last}, spread evenly between the first ` +
      'and the last key of each. Reads are not counted: each of them would pay for it.'
  }

  /** Entries by time and stretch of keys, the newest row first. */
  picture(version: Version, nowMs: number): object {
    const bounds = boundsOf(version, this.flushed)
    const firstMs = this.flushed[0]?.t ?? nowMs
    const lastMs = this.flushed.at(-1)?.t ?? firstMs
    const stepMs = Math.max(1000, (lastMs - firstMs) / (ROWS_MAX - 1))
    const count = this.flushed.length === 0 ? 0 : Math.floor((lastMs - firstMs) / stepMs) + 1
    const cells = Array.from({ length: count }, () => new Array<number>(Math.max(1, bounds.length)).fill(0))
    for (const { t, lower, upper, entries } of this.flushed) {
      const row = cells[Math.min(count - 1, Math.max(0, Math.floor((t - firstMs) / stepMs)))]!
      const [from, to] = [columnOf(bounds, lower), columnOf(bounds, upper)]
      for (let column = from; column <= to; column++) row[column]! += entries / (to - from + 1)
    }
    return {
      flushes: this.flushed.length, keys: bounds.map(keyText), text: this.text(bounds),
      rows: cells.map((row, i) => ({ t: firstMs + i * stepMs, cells: row.map(Math.round) })).reverse(),
    }
  }
}

/** Keys at which columns begin: bounds of tables, evenly chosen. */
function boundsOf(version: Version, flushed: readonly FlushedTable[]): Uint8Array[] {
  const keys = allTables(version).flatMap(({ smallestKey, largestKey }) => [smallestKey, largestKey])
  for (const { lower, upper } of flushed) keys.push(lower, upper)
  const sorted = keys.sort(compareBytes).filter((key, i, all) => i === 0 || compareBytes(key, all[i - 1]!) !== 0)
  if (sorted.length <= COLUMNS) return sorted
  return Array.from({ length: COLUMNS }, (_, i) => sorted[Math.floor((i * sorted.length) / COLUMNS)]!)
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
