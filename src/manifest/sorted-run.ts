/**
 * What: a sorted run: tables in key order of which no two share a key, and what is asked of them:
 * which table has a key, and which tables overlap an extent. A level is a list of runs.
 * Owns: nothing; immutable. A run holds the facts of its tables, or their readers.
 * Does not own: the check that a run is sound (MAN-1 in version-check.ts).
 * Thread: any; crosses no threads (a worker makes runs of the facts that it gets).
 */
import type { TableFacts } from '../base/index.js'
import { beginsBefore, beginsBehind, endsBefore, extentOf } from './extent.js'
import type { Extent, TableKeys } from './extent.js'

export class SortedRun<T> {
  readonly tables: readonly T[]
  /** The extent of each table, at the index of the table. */
  readonly extents: readonly Extent[]

  /** Requires: one extent for each table, in ascending order. */
  constructor(tables: readonly T[], extents: readonly Extent[]) {
    this.tables = tables
    this.extents = extents
  }

  static of<T extends TableKeys>(tables: readonly T[]): SortedRun<T> {
    return new SortedRun(tables, tables.map(extentOf))
  }

  /** Makes a run with the same extents and something else for each table. */
  map<U>(make: (table: T) => U): SortedRun<U> {
    return new SortedRun(this.tables.map(make), this.extents)
  }

  /** The one table that may have key[start, end), or null. */
  tableFor(key: Uint8Array, start: number, end: number): T | null {
    const at = this.firstEndingAtOrAfter(key, start, end)
    if (at === this.tables.length || beginsBehind(this.extents[at]!, key, start, end)) return null
    return this.tables[at]!
  }

  /** Index of the first table with a key ≥ key[start, end); the number of tables when there is none. */
  firstEndingAtOrAfter(key: Uint8Array, start: number, end: number): number {
    const { extents } = this
    let low = 0
    let high = extents.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (endsBefore(extents[middle]!, key, start, end)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Index of the last table with a key before key[start, end); -1 when there is none. */
  lastBeginningBefore(key: Uint8Array, start: number, end: number): number {
    const { extents } = this
    let low = 0
    let high = extents.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (beginsBefore(extents[middle]!, key, start, end)) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** The tables that share keys with an extent. */
  overlapping(extent: Extent): readonly T[] {
    const start = this.firstIn(extent)
    const end = this.endIn(extent, start)
    return end - start === this.tables.length ? this.tables : this.tables.slice(start, end)
  }

  /** Index of the first table that shares keys with an extent, or lies behind it. */
  firstIn({ lower }: Extent): number {
    return this.firstEndingAtOrAfter(lower, 0, lower.length)
  }

  /** Index behind the last table that shares keys with an extent. Requires: `start` is what `firstIn` gives. */
  endIn(extent: Extent, start: number): number {
    const { extents } = this
    let low = start
    let high = extents.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { lower } = extents[middle]!
      if (endsBefore(extent, lower, 0, lower.length)) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** One level of a version. */
export class Level {
  /** Newest first. Level 0 has one run for each table. A deeper level has one run, or none while it is empty. */
  readonly runs: readonly SortedRun<TableFacts>[]
  /** The tables of all runs, in the order of the runs. */
  readonly tables: readonly TableFacts[]

  constructor(runs: readonly SortedRun<TableFacts>[]) {
    this.runs = runs
    this.tables = runs.flatMap((run) => run.tables)
  }

  /** The tables that share keys with an extent, run by run. */
  overlapping(extent: Extent): readonly TableFacts[] {
    const { runs } = this
    return runs.length === 1 ? runs[0]!.overlapping(extent) : runs.flatMap((run) => run.overlapping(extent))
  }
}
