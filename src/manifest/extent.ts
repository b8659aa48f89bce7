/**
 * What: extents: which keys a table, a range or a job may hold, as one half-open stretch of the order of keys.
 * Owns: every comparison of extents with keys and with one another; nothing else in the database compares them.
 * Does not own: searching among the tables of a run (sorted-run.ts).
 * Thread: any (pure).
 */
import { compareBytes, compareRanges } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { KeyRange } from '../iterator/index.js'

export interface Extent {
  /** The first key that may be inside. */
  readonly lower: Uint8Array
  /** The bound at which the extent ends; null when it has no end. */
  readonly upper: Uint8Array | null
  /**
   * True when `upper` itself is the last key that may be inside, and false when `upper` is outside. The flag saves
   * making the successor of a key.
   */
  readonly isUpperInside: boolean
}

/** The table facts that say which keys a table has. */
export type TableKeys = Pick<TableFacts, 'smallestKey' | 'largestKey' | 'spans'>

const FIRST_KEY = new Uint8Array(0)

/** The extent of a table: around its entries and its range tombstones. */
export function extentOf({ smallestKey, largestKey, spans }: TableKeys): Extent {
  const entries = { lower: smallestKey, upper: largestKey, isUpperInside: true }
  return spans === null ? entries : joinExtents(entries, extentOfRange(spans))
}

export function extentOfRange({ lower, upper }: KeyRange): Extent {
  return { lower: lower ?? FIRST_KEY, upper, isUpperInside: false }
}

/** The extent from the smallest to the largest key of the tables. Requires: at least one table. */
export function extentOfTables(tables: readonly TableKeys[]): Extent {
  let extent = extentOf(tables[0]!)
  for (let i = 1; i < tables.length; i++) extent = joinExtents(extent, extentOf(tables[i]!))
  return extent
}

/** The smallest extent around both extents. */
export function joinExtents(a: Extent, b: Extent): Extent {
  const { lower } = compareLowers(a, b) <= 0 ? a : b
  const { upper, isUpperInside } = compareUppers(a, b) >= 0 ? a : b
  return { lower, upper, isUpperInside }
}

/** True when no key of the extent is at or behind key[start, end). */
export function endsBefore(extent: Extent, key: Uint8Array, start: number, end: number): boolean {
  const { upper } = extent
  if (upper === null) return false
  const order = compareRanges(upper, 0, upper.length, key, start, end)
  return extent.isUpperInside ? order < 0 : order <= 0
}

/** True when key[start, end) lies before the extent. */
export function beginsBehind({ lower }: Extent, key: Uint8Array, start: number, end: number): boolean {
  return compareRanges(lower, 0, lower.length, key, start, end) > 0
}

/** True when a key smaller than key[start, end) may be inside. */
export function beginsBefore({ lower }: Extent, key: Uint8Array, start: number, end: number): boolean {
  return compareRanges(lower, 0, lower.length, key, start, end) < 0
}

/** True when some key may be in both extents. */
export function extentsOverlap(a: Extent, b: Extent): boolean {
  return !endsBefore(a, b.lower, 0, b.lower.length) && !endsBefore(b, a.lower, 0, a.lower.length)
}

/** True when every key that may be inside the second may be inside the first. */
export function extentCovers(outer: Extent, inner: Extent): boolean {
  return compareLowers(outer, inner) <= 0 && compareUppers(outer, inner) >= 0
}

/** True when some key may be in both tables. */
export function tablesOverlap(a: TableKeys, b: TableKeys): boolean {
  return extentsOverlap(extentOf(a), extentOf(b))
}

/** Orders extents by their lower bounds. */
export function compareLowers(a: Extent, b: Extent): number {
  return compareBytes(a.lower, b.lower)
}

function compareUppers(a: Extent, b: Extent): number {
  if (a.upper === null || b.upper === null) return Number(a.upper === null) - Number(b.upper === null)
  return compareBytes(a.upper, b.upper) || Number(a.isUpperInside) - Number(b.isUpperInside)
}
