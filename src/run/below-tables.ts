/**
 * What: looks at the tables below a compaction's output level, to tell whether a tombstone may go, and how many bytes
 * of the level below its own an output overlaps.
 * Owns: a position in each run, which only moves forward. Thread: any, no sharing.
 * Invariants: callers give keys in ascending order.
 */
import type { TableFacts } from '../base/index.js'
import { beginsBehind, endsBefore, SortedRun } from '../manifest/index.js'

interface RunWalk {
  readonly run: SortedRun<TableFacts>
  /** The index of the first table that does not end before the latest key. */
  at: number
}

export class BelowTables {
  private readonly walks: RunWalk[]

  /** Requires: the tables of each run are in key order. */
  constructor(runs: readonly (readonly TableFacts[])[]) {
    this.walks = runs.filter((tables) => tables.length > 0).map((tables) => ({ run: SortedRun.of(tables), at: 0 }))
  }

  /** False when the extent of a table has this key, so that an older version of it may be there. */
  isWithoutKey(key: Uint8Array, start: number, end: number): boolean {
    for (const walk of this.walks) {
      const { extents } = walk.run
      while (walk.at < extents.length && endsBefore(extents[walk.at]!, key, start, end)) walk.at++
      if (walk.at < extents.length && !beginsBehind(extents[walk.at]!, key, start, end)) return false
    }
    return true
  }
}

/** Counts the bytes of one run's tables that an output overlaps from its first key to the latest one. */
export class OverlapMeter {
  private readonly run: SortedRun<TableFacts>
  /** The index of the first table that begins behind the latest key. */
  private next = 0
  private bytes = 0

  constructor(tables: readonly TableFacts[]) {
    this.run = SortedRun.of(tables)
  }

  /**
   * Takes the output's next key. False when the output would begin to overlap another table and so more than
   * `bytesMax`: then the key belongs to another output.
   */
  reaches(key: Uint8Array, start: number, end: number, bytesMax: number): boolean {
    const { run: { tables, extents }, next } = this
    while (this.next < tables.length && !beginsBehind(extents[this.next]!, key, start, end)) {
      this.bytes += tables[this.next++]!.bytes
    }
    return this.next === next || this.bytes <= bytesMax
  }

  /** The first key of the next table, before which no key adds to the overlap; null when there is no such table. */
  get nextBegin(): Uint8Array | null {
    return this.run.extents[this.next]?.lower ?? null
  }

  /** Begins an output with the latest key. */
  begin(key: Uint8Array, start: number, end: number): void {
    const { tables, extents } = this.run
    const last = this.next - 1
    this.bytes = last >= 0 && !endsBefore(extents[last]!, key, start, end) ? tables[last]!.bytes : 0
  }
}
