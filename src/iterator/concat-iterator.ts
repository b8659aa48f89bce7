/**
 * What: a run of disjoint tables, or a stretch of one, in order, as one iterator. A table is opened when the
 * iterator gets there and closed when it leaves, so that one table is open at a time.
 * Owns: the open table's iterator. Does not own: the search for a key among the tables (the run does).
 * Thread: any.
 * Invariants: tables are sorted by key; one may begin with the key at which the one before it ends (then
 * the earlier one has the newer versions).
 */
import type { InternalIterator, SeqNum } from '../base/index.js'
import { NO_BYTES } from './empty-iterator.js'

/** What is known of a table without a look into it. */
export interface AgedTable {
  readonly facts: { readonly largestSeqNum: SeqNum }
}

/** Tables in key order, with a search for a key among them. A sorted run is one. */
export interface TableRun<Table> {
  readonly tables: readonly Table[]
  /** Place of the first table with a key at or behind key[start, end); the count of tables when there is none. */
  firstEndingAtOrAfter(key: Uint8Array, start: number, end: number): number
  /** Place of the last table with a key before key[start, end); -1 when there is none. */
  lastBeginningBefore(key: Uint8Array, start: number, end: number): number
}

export class ConcatIterator<Table extends AgedTable> implements InternalIterator {
  valid = false
  keyBytes = NO_BYTES
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes = NO_BYTES
  valueStart = 0
  valueEnd = 0
  private readonly run: TableRun<Table>
  private readonly openTable: (table: Table) => InternalIterator
  /** The tables at the places [start, end) of the run are walked over. */
  private readonly start: number
  private readonly end: number
  private current: InternalIterator | null = null
  /** Place of `current` in the run. */
  private index = -1


  constructor(
    run: TableRun<Table>, openTable: (table: Table) => InternalIterator, start = 0, end = run.tables.length,
  ) {
    this.run = run
    this.openTable = openTable
    this.start = start
    this.end = end
  }

  first(): void {
    this.valid = false
    const table = this.enter(this.start)
    if (table === null) return
    table.first()
    this.goForward(table)
  }

  last(): void {
    this.valid = false
    const table = this.enter(this.end - 1)
    if (table === null) return
    table.last()
    this.goBackward(table)
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    this.valid = false
    const table = this.enter(Math.max(this.start, this.run.firstEndingAtOrAfter(bytes, start, end)))
    if (table === null) return
    table.seekGE(bytes, start, end)
    this.goForward(table)
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    this.valid = false
    const table = this.enter(Math.min(this.end - 1, this.run.lastBeginningBefore(bytes, start, end)))
    if (table === null) return
    table.seekLT(bytes, start, end)
    this.goBackward(table)
  }

  next(): void {
    this.valid = false
    const table = this.current!
    table.next()
    this.goForward(table)
  }

  prev(): void {
    this.valid = false
    const table = this.current!
    table.prev()
    this.goBackward(table)
  }

  /** Tables with older entries alone are passed unread. */
  passOlder(seqNum: SeqNum, bound: Uint8Array | null, isForward: boolean): void {
    this.valid = false
    const { index } = this
    const last = this.lastToPass(bound, isForward)
    let at = index
    while (at !== last && this.isOlder(at, seqNum)) at += isForward ? 1 : -1
    const table = this.enter(at)
    if (table === null) return
    const isBoundIn = bound !== null && this.isOlder(at, seqNum)
    if (isForward) {
      if (isBoundIn) table.seekGE(bound, 0, bound.length)
      else if (at !== index) table.first()
      this.goForward(table)
    } else {
      if (isBoundIn) table.seekLT(bound, 0, bound.length)
      else if (at !== index) table.last()
      this.goBackward(table)
    }
  }

  private isOlder(index: number, seqNum: SeqNum): boolean {
    return this.run.tables[index]!.facts.largestSeqNum < seqNum
  }

  /** The place of the table that has the bound, or lies behind it. */
  private lastToPass(bound: Uint8Array | null, isForward: boolean): number {
    if (bound === null) return isForward ? this.end : this.start - 1
    if (isForward) return Math.min(this.end, this.run.firstEndingAtOrAfter(bound, 0, bound.length))
    return Math.max(this.start - 1, this.run.lastBeginningBefore(bound, 0, bound.length))
  }

  close(): void {
    this.valid = false
    this.leave()
  }

  /** Moves on to the next table while this one has no more entries. */
  private goForward(from: InternalIterator): void {
    let table: InternalIterator | null = from
    while (!table.valid) {
      table = this.enter(this.index + 1)
      if (table === null) return
      table.first()
    }
    this.load(table)
  }

  private goBackward(from: InternalIterator): void {
    let table: InternalIterator | null = from
    while (!table.valid) {
      table = this.enter(this.index - 1)
      if (table === null) return
      table.last()
    }
    this.load(table)
  }

  /** Opens the iterator of table `index`. Gives null and leaves nothing open outside of the stretch. */
  private enter(index: number): InternalIterator | null {
    if (this.current !== null && index === this.index) return this.current
    this.leave()
    if (index < this.start || index >= this.end) return null
    this.current = this.openTable(this.run.tables[index]!)
    this.index = index
    return this.current
  }

  private leave(): void {
    const { current } = this
    this.current = null
    this.index = -1
    current?.close()
  }

  private load(table: InternalIterator): void {
    this.keyBytes = table.keyBytes
    this.keyStart = table.keyStart
    this.keyEnd = table.keyEnd
    this.seqNum = table.seqNum
    this.kind = table.kind
    this.valueBytes = table.valueBytes
    this.valueStart = table.valueStart
    this.valueEnd = table.valueEnd
    this.valid = true
  }
}
