/**
 * What: one sorted run of a memtable as an internal iterator.
 * Its fields point straight into the slab. Thread: main.
 */
import { compareRanges, entryKeyEnd, entryKeyStart, entryKind, entryValueBytes } from '../base/index.js'
import type { InternalIterator, SeqNum } from '../base/index.js'
import type { EntryTable } from './entry-table.js'
import type { ReadRun, RunHold } from './sorted-tail.js'

export class RunIterator implements InternalIterator {
  valid = false
  keyBytes: Uint8Array
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes: Uint8Array
  valueStart = 0
  valueEnd = 0
  private readonly entries: EntryTable
  private readonly ids: Uint32Array
  private readonly offsets: Uint32Array
  private readonly baseSeqNum: SeqNum
  private readonly count: number
  private hold: RunHold | null
  private at = 0

  constructor(bytes: Uint8Array, entries: EntryTable, baseSeqNum: SeqNum, run: ReadRun) {
    this.keyBytes = bytes
    this.valueBytes = bytes
    this.entries = entries
    this.ids = run.ids
    this.offsets = run.offsets
    this.baseSeqNum = baseSeqNum
    this.count = run.count
    this.hold = run.hold
  }

  first(): void {
    this.load(0)
  }

  last(): void {
    this.load(this.count - 1)
  }

  next(): void {
    this.load(this.at + 1)
  }

  prev(): void {
    this.load(this.at - 1)
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    this.load(this.lowerBound(bytes, start, end))
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    this.load(this.lowerBound(bytes, start, end) - 1)
  }

  close(): void {
    this.valid = false
    if (this.hold !== null) this.hold.readers--
    this.hold = null
  }

  /** Index of the first entry with key ≥ the given one. */
  private lowerBound(key: Uint8Array, start: number, end: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      const offset = this.offsets[middle]!
      const keyStart = entryKeyStart(this.keyBytes, offset)
      const keyEnd = entryKeyEnd(this.keyBytes, offset)
      if (compareRanges(this.keyBytes, keyStart, keyEnd, key, start, end) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  private load(at: number): void {
    this.at = at
    if (at < 0 || at >= this.count) {
      this.valid = false
      return
    }
    const bytes = this.keyBytes
    const offset = this.offsets[at]!
    this.seqNum = this.baseSeqNum + this.entries.seqDelta(this.ids[at]!)
    this.kind = entryKind(bytes, offset)
    this.keyStart = entryKeyStart(bytes, offset)
    this.keyEnd = entryKeyEnd(bytes, offset)
    this.valueStart = this.keyEnd
    this.valueEnd = this.keyEnd + entryValueBytes(bytes, offset)
    this.valid = true
  }
}
