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
const ROWS = 40

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

  /** Entries by time and stretch of keys: `cells[row][column]`, oldest row first. */
  picture(version: Version, nowMs: number): object {
    const bounds = boundsOf(version, this.flushed)
    const firstMs = this.flushed[0]?.t ?? nowMs
    const stepMs = Math.max(1000, (nowMs - firstMs) / ROWS)
    const cells = Array.from({ length: ROWS }, () => new Array<number>(Math.max(1, bounds.length)).fill(0))
    for (const { t, lower, upper, entries } of this.flushed) {
      const row = cells[Math.min(ROWS - 1, Math.floor((t - firstMs) / stepMs))]!
      const [from, to] = [columnOf(bounds, lower), columnOf(bounds, upper)]
      for (let column = from; column <= to; column++) row[column]! += entries / (to - from + 1)
    }
    return {
      firstMs, stepMs, flushes: this.flushed.length, keys: bounds.map(keyText),
      cells: cells.map((row) => row.map(Math.round)),
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
