/**
 * What: the tables below a compaction's output level: may a tombstone go, and how much would an output
 * overlap the level below its own.
 * Owns: a place in each run, which only moves forward. Thread: any, no sharing.
 * Invariants: keys are asked about in ascending order.
 */
import type { TableFacts } from '../base/index.js'
import { beginsBehind, endsBefore, SortedRun } from '../manifest/index.js'

interface RunWalk {
  readonly run: SortedRun<TableFacts>
  /** The tables before it end before the key asked about last. */
  at: number
}

export class BelowTables {
  private readonly walks: RunWalk[]

  /** The tables of each run in key order. */
  constructor(runs: readonly (readonly TableFacts[])[]) {
    this.walks = runs.filter((tables) => tables.length > 0).map((tables) => ({ run: SortedRun.of(tables), at: 0 }))
  }

  /** False when a table has this key in its range: then an older version may be there. */
  isWithoutKey(key: Uint8Array, start: number, end: number): boolean {
    for (const walk of this.walks) {
      const { extents } = walk.run
      while (walk.at < extents.length && endsBefore(extents[walk.at]!, key, start, end)) walk.at++
      if (walk.at < extents.length && !beginsBehind(extents[walk.at]!, key, start, end)) return false
    }
    return true
  }
}

/** Bytes of one run's tables that the output from its first key to the latest one overlaps. */
export class OverlapMeter {
  private readonly run: SortedRun<TableFacts>
  /** First table that begins behind the key given last. */
  private next = 0
  private bytes = 0

  constructor(tables: readonly TableFacts[]) {
    this.run = SortedRun.of(tables)
  }

  /**
   * The output's next key. False when it begins to overlap another table and so more than `bytesMax`:
   * then the key belongs to another output.
   */
  reaches(key: Uint8Array, start: number, end: number, bytesMax: number): boolean {
    const { run: { tables, extents }, next } = this
    while (this.next < tables.length && !beginsBehind(extents[this.next]!, key, start, end)) {
      this.bytes += tables[this.next++]!.bytes
    }
    return this.next === next || this.bytes <= bytesMax
  }

  /** A key below it changes nothing; null: no key does. */
  get nextBegin(): Uint8Array | null {
    return this.run.extents[this.next]?.lower ?? null
  }

  /** An output begins with the key given last. */
  begin(key: Uint8Array, start: number, end: number): void {
    const { tables, extents } = this.run
    const last = this.next - 1
    this.bytes = last >= 0 && !endsBefore(extents[last]!, key, start, end) ? tables[last]!.bytes : 0
  }
}
