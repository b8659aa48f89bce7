/**
 * What: iterates over one table (contract: base/internal-iterator.ts).
 * Owns: its position, a hold on its block, and a buffer for the key, put together from prefix and suffix.
 * Thread: that of its table; loads blocks blocking. Nothing is allocated per entry.
 * States: turned to a table → closed, which is free to be turned to any table again (`TableIterators`).
 * Invariants: while `valid`, all fields are those of entry `i` of block `number`. A closed one keeps nothing of its
 * table, nor of the cache.
 */
import type { InternalIterator } from '../../base/index.js'
import { MARK_SCAN } from '../../cache/index.js'
import { BlockReader } from '../block/block-reader.js'
import type { TableBlocks } from './table-blocks.js'

const KEY_BUFFER_BYTES = 64
/** A larger key buffer than this is not kept by a closed iterator. */
const KEY_BYTES_KEPT = 1024
const NO_BLOCK = -2
/** The most closed iterators that are kept for the next walks: one for each table of a few walks at once. */
const FREE_MAX = 32

/** Gives the iterators over the tables of a database, and takes closed ones back: a short range costs no new memory. */
export class TableIterators {
  private readonly free: TableIterator[] = []
  /** Reads for gets, which let go of what is lent before the next one, of whatever table. */
  readonly pointReader = new BlockReader()

  /** Gives an iterator over the table whose blocks these are. */
  over(blocks: TableBlocks): TableIterator {
    const iterator = this.free.pop() ?? new TableIterator(this)
    iterator.turnTo(blocks)
    return iterator
  }

  /** Takes an iterator back. Requires: it was closed just now, and nobody uses it any more. */
  takeBack(iterator: TableIterator): void {
    if (this.free.length < FREE_MAX) this.free.push(iterator)
  }
}

class TableIterator implements InternalIterator {
  valid = false
  keyBytes: Uint8Array = new Uint8Array(KEY_BUFFER_BYTES)
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes: Uint8Array = this.keyBytes
  valueStart = 0
  valueEnd = 0
  private readonly owner: TableIterators
  /** The blocks of its table; null when it is closed. */
  private blocks: TableBlocks | null = null
  private readonly reader = new BlockReader()
  private number = NO_BLOCK
  /** The frame of its block in the cache; 0 when the block stands in the reader's own buffer. */
  private held = 0
  private i = 0

  constructor(owner: TableIterators) {
    this.owner = owner
  }

  /** Begins over a table. Requires: it is new, or closed. */
  turnTo(blocks: TableBlocks): void {
    this.blocks = blocks
  }

  first(): void {
    this.enter(0)
    this.show(0)
  }

  last(): void {
    this.enter(this.blocks!.count - 1)
    this.show(this.reader.count - 1)
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    this.valid = false
    const blocks = this.blocks!
    const number = blocks.index.find(bytes, start, end, Infinity)
    if (number === blocks.count) return
    this.enter(number)
    const i = this.reader.lowerBound(bytes, start, end, Infinity)
    if (i < this.reader.count) this.show(i)
    else this.enterNext()
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    const blocks = this.blocks!
    const number = blocks.index.find(bytes, start, end, Infinity)
    if (number === blocks.count) {
      this.last()
      return
    }
    this.enter(number)
    const i = this.reader.lowerBound(bytes, start, end, Infinity)
    if (i > 0) this.show(i - 1)
    else this.enterPrevious()
  }

  next(): void {
    const i = this.i + 1
    if (i < this.reader.count) this.show(i)
    else this.enterNext()
  }

  prev(): void {
    if (this.i > 0) this.show(this.i - 1)
    else this.enterPrevious()
  }

  close(): void {
    if (this.blocks === null) return
    this.leave()
    this.blocks = null
    this.reader.forget()
    if (this.keyBytes.length > KEY_BYTES_KEPT) this.keyBytes = new Uint8Array(KEY_BUFFER_BYTES)
    this.valueBytes = this.keyBytes
    this.owner.takeBack(this)
  }

  private enterNext(): void {
    this.valid = false
    if (this.number + 1 === this.blocks!.count) return
    this.enter(this.number + 1)
    this.show(0)
  }

  private enterPrevious(): void {
    this.valid = false
    if (this.number === 0) return
    this.enter(this.number - 1)
    this.show(this.reader.count - 1)
  }

  /** Makes block `number` the current one, and the block's prefix the start of the key. */
  private enter(number: number): void {
    if (number === this.number) return
    const { reader } = this
    this.leave()
    this.held = this.blocks!.openHeld(reader, number, MARK_SCAN)
    this.number = number
    const { bytes, prefixStart, prefixBytes } = reader
    if (prefixBytes > this.keyBytes.length) this.keyBytes = new Uint8Array(prefixBytes + KEY_BUFFER_BYTES)
    const key = this.keyBytes
    for (let k = 0; k < prefixBytes; k++) key[k] = bytes[prefixStart + k]!
    this.valueBytes = bytes
  }

  private leave(): void {
    this.valid = false
    this.number = NO_BLOCK
    const { held } = this
    this.held = 0
    this.blocks!.release(held)
  }

  private show(i: number): void {
    const { reader } = this
    const { bytes, prefixBytes } = reader
    const entry = reader.entryAt(i)
    const from = entry.suffixStart
    const length = entry.suffixEnd - from
    const keyEnd = prefixBytes + length
    if (keyEnd > this.keyBytes.length) this.growKey(keyEnd, prefixBytes)
    const key = this.keyBytes
    for (let k = 0; k < length; k++) key[prefixBytes + k] = bytes[from + k]!
    this.keyEnd = keyEnd
    this.seqNum = entry.seqNum
    this.kind = entry.kind
    this.valueStart = entry.valueStart
    this.valueEnd = entry.valueEnd
    this.i = i
    this.valid = true
  }

  private growKey(needed: number, kept: number): void {
    const larger = new Uint8Array(needed * 2)
    larger.set(this.keyBytes.subarray(0, kept))
    this.keyBytes = larger
  }
}
