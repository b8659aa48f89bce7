/**
 * What: one sorted run of a memtable as an internal iterator.
 * Its fields point straight into the slab. Thread: main.
 */
import { compareRanges, entryKeyEnd, entryKeyStart, entryKind, entryValueBytes, keyHead } from '../base/index.js'
import type { InternalIterator, SeqNum } from '../base/index.js'
import type { EntryTable } from './entry-table.js'
import { HEAD_STRIDE } from './order-jobs.js'
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
  private readonly heads: Float64Array
  private readonly sharedBytes: number
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
    this.heads = run.heads
    this.sharedBytes = run.sharedBytes
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
    return this.heads.length === 0 ? this.searchIn(0, this.count, key, start, end) : this.searchByHeads(key, start, end)
  }

  private searchByHeads(key: Uint8Array, start: number, end: number): number {
    const { keyBytes: bytes, offsets, heads, sharedBytes, count } = this
    const first = entryKeyStart(bytes, offsets[0]!)
    const length = sharedBytes < end - start ? sharedBytes : end - start
    for (let i = 0; i < length; i++) {
      const difference = bytes[first + i]! - key[start + i]!
      if (difference !== 0) return difference > 0 ? 0 : count
    }
    if (length < sharedBytes) return 0
    const head = keyHead(key, start + sharedBytes, end)
    const low = firstNotBelow(heads, 0, head)
    // Keys with this head may begin behind the last smaller head, and go on to the first greater one.
    const from = low === 0 ? 0 : (low - 1) * HEAD_STRIDE + 1
    const above = heads[low] === head ? firstNotBelow(heads, low, head + 1) : low
    return this.searchIn(from, Math.min(above * HEAD_STRIDE, count), key, start, end)
  }

  private searchIn(low: number, high: number, key: Uint8Array, start: number, end: number): number {
    const { keyBytes: bytes, offsets } = this
    while (low < high) {
      const middle = (low + high) >>> 1
      const offset = offsets[middle]!
      const order = compareRanges(bytes, entryKeyStart(bytes, offset), entryKeyEnd(bytes, offset), key, start, end)
      if (order < 0) low = middle + 1
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

/** Index of the first head from `low` on that is `head` or greater. Heads are whole numbers in ascending order. */
function firstNotBelow(heads: Float64Array, low: number, head: number): number {
  let high = heads.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (heads[middle]! < head) low = middle + 1
    else high = middle
  }
  return low
}
