/**
 * What: the tables below a compaction's output level: may a tombstone go, and how much would an output
 * overlap the level below its own.
 * Owns: a cursor on each level, which only moves forward. Thread: any, no sharing.
 * Invariants: keys are asked about in ascending order.
 */
import { compareRanges } from '../base/index.js'
import type { TableFacts } from '../base/index.js'

interface LevelCursor {
  readonly tables: readonly TableFacts[]
  /** The tables before it end before the key asked about last. */
  at: number
}

export class BelowTables {
  private readonly levels: LevelCursor[]

  /** Each level's tables in key order, disjoint. */
  constructor(levels: readonly (readonly TableFacts[])[]) {
    this.levels = levels.filter((tables) => tables.length > 0).map((tables) => ({ tables, at: 0 }))
  }

  /** False when a table has this key in its range: then an older version may be there. */
  isWithoutKey(key: Uint8Array, start: number, end: number): boolean {
    for (const level of this.levels) {
      const { tables } = level
      while (level.at < tables.length && compareTo(tables[level.at]!.largestKey, key, start, end) < 0) level.at++
      if (level.at < tables.length && compareTo(tables[level.at]!.smallestKey, key, start, end) <= 0) return false
    }
    return true
  }
}

/** Bytes of one level's tables that the output from its first key to the latest one overlaps. */
export class OverlapMeter {
  private readonly tables: readonly TableFacts[]
  /** First table that begins behind the key given last. */
  private next = 0
  private bytes = 0

  constructor(tables: readonly TableFacts[]) {
    this.tables = tables
  }

  /**
   * The output's next key. False when it begins to overlap another table and so more than `bytesMax`:
   * then the key belongs to another output.
   */
  reaches(key: Uint8Array, start: number, end: number, bytesMax: number): boolean {
    const { tables, next } = this
    while (this.next < tables.length && compareTo(tables[this.next]!.smallestKey, key, start, end) <= 0) {
      this.bytes += tables[this.next++]!.bytes
    }
    return this.next === next || this.bytes <= bytesMax
  }

  /** A key below it changes nothing; null: no key does. */
  get nextBegin(): Uint8Array | null {
    return this.tables[this.next]?.smallestKey ?? null
  }

  /** An output begins with the key given last. */
  begin(key: Uint8Array, start: number, end: number): void {
    const table = this.tables[this.next - 1]
    const isInside = table !== undefined && compareTo(table.largestKey, key, start, end) >= 0
    this.bytes = isInside ? table.bytes : 0
  }
}

function compareTo(bound: Uint8Array, key: Uint8Array, start: number, end: number): number {
  return compareRanges(bound, 0, bound.length, key, start, end)
}
