/**
 * What: a position in one sorted run of a compaction: an entry of a block of a table.
 * Owns: the scan over the run's tables and the file that it reads. Thread: worker or main; reads block.
 * Invariants: tables are opened one at a time, in key order; with many runs, a run's file may be closed between two
 * of its reads (vfs/file-pool.ts).
 */
import type { TableFacts } from '../base/index.js'
import { compareTied, openListedTable, TableScan } from '../sstable/index.js'
import type { TableContext, TableScanOptions } from '../sstable/index.js'
import type { PooledFile } from '../vfs/index.js'

export class RunCursor {
  readonly scan: TableScan
  /** The index of the present entry among the `count` entries of the scan's block. */
  at = 0
  count = 0
  /** The high half of the present entry's head (sstable/block/key-heads.ts). */
  high = 0
  low = 0
  private readonly place: TableContext
  private readonly tables: readonly TableFacts[]
  private readonly headAt: number
  /** The number of tables that were opened so far. */
  private openedCount = 0
  private file: PooledFile | null = null

  constructor(place: TableContext, tables: readonly TableFacts[], options: TableScanOptions) {
    this.place = place
    this.tables = tables
    this.headAt = options.headAt
    this.scan = new TableScan(options)
  }

  /** Moves to the first entry of the next block; false at the end of the run. */
  nextBlock(): boolean {
    while (this.file === null || !this.scan.nextBlock()) {
      this.close()
      if (this.openedCount === this.tables.length) return false
      this.openTable(this.tables[this.openedCount++]!)
    }
    this.count = this.scan.block.count
    this.moveTo(0)
    return true
  }

  /** Moves to an entry of the block. Requires: the block has it. */
  moveTo(at: number): void {
    const { heads } = this.scan
    this.at = at
    this.high = heads.high[at]!
    this.low = heads.low[at]!
  }

  /** True when the entry of this run comes before that of the other run. */
  isBefore(other: RunCursor): boolean {
    if (this.high !== other.high) return this.high < other.high
    if (this.low !== other.low) return this.low < other.low
    const order = this.compareTied(other, other.at)
    return order !== 0 ? order < 0 : this.scan.block.seqNumAt(this.at) > other.scan.block.seqNumAt(other.at)
  }

  /** Compares the keys of this entry and of entry `at` of the other's block. Requires: their heads are equal. */
  compareTied(other: RunCursor, at: number): number {
    return compareTied(this.scan.block, this.at, other.scan.block, at, this.headAt)
  }

  close(): void {
    this.file?.closeSync()
    this.file = null
  }

  private openTable(facts: TableFacts): void {
    const { file, name } = openListedTable(this.place, facts)
    this.file = file
    this.scan.open({ file, name }, facts, this.place.databaseId)
  }
}
