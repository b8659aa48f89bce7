/**
 * What: a run of disjoint tables, in order, as one iterator. A table is opened when the iterator gets
 * there and closed when it leaves: one open table at a time.
 * Owns: the open table's iterator.
 * Thread: any.
 * Invariants: tables are sorted by key; one may begin with the key at which the one before it ends (then
 * the earlier one has the newer versions).
 */
import { compareRanges } from '../base/index.js'
import type { InternalIterator } from '../base/index.js'
import { NO_BYTES } from './empty-iterator.js'

/** What must be known of a table to skip it. */
export interface TableBounds {
  readonly smallestKey: Uint8Array
  readonly largestKey: Uint8Array
}

export class ConcatIterator<Table extends TableBounds> implements InternalIterator {
  valid = false
  keyBytes = NO_BYTES
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes = NO_BYTES
  valueStart = 0
  valueEnd = 0
  private readonly tables: readonly Table[]
  private readonly openTable: (table: Table) => InternalIterator
  private current: InternalIterator | null = null
  /** Position of `current` in `tables`. */
  private index = -1

  constructor(tables: readonly Table[], openTable: (table: Table) => InternalIterator) {
    this.tables = tables
    this.openTable = openTable
  }

  first(): void {
    this.valid = false
    const table = this.enter(0)
    if (table === null) return
    table.first()
    this.goForward(table)
  }

  last(): void {
    this.valid = false
    const table = this.enter(this.tables.length - 1)
    if (table === null) return
    table.last()
    this.goBackward(table)
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    this.valid = false
    const table = this.enter(this.firstEndingAtOrAfter(bytes, start, end))
    if (table === null) return
    table.seekGE(bytes, start, end)
    this.goForward(table)
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    this.valid = false
    const table = this.enter(this.lastBeginningBefore(bytes, start, end))
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

  close(): void {
    this.valid = false
    this.leave()
  }

  /** On to the next table while this one has no more. */
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

  /** The iterator of table `index`, or null, with nothing left open, when there is no such table. */
  private enter(index: number): InternalIterator | null {
    if (this.current !== null && index === this.index) return this.current
    this.leave()
    const table = this.tables[index]
    if (table === undefined) return null
    this.current = this.openTable(table)
    this.index = index
    return this.current
  }

  private leave(): void {
    const { current } = this
    this.current = null
    this.index = -1
    current?.close()
  }

  private firstEndingAtOrAfter(bytes: Uint8Array, start: number, end: number): number {
    let low = 0
    let high = this.tables.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { largestKey } = this.tables[middle]!
      if (compareRanges(largestKey, 0, largestKey.length, bytes, start, end) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  private lastBeginningBefore(bytes: Uint8Array, start: number, end: number): number {
    let low = 0
    let high = this.tables.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { smallestKey } = this.tables[middle]!
      if (compareRanges(smallestKey, 0, smallestKey.length, bytes, start, end) < 0) low = middle + 1
      else high = middle
    }
    return low - 1
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
