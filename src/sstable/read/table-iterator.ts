/**
 * What: iterates over one table (contract: base/internal-iterator.ts).
 * Owns: its position, a hold on its block, and a buffer for the key, put together from prefix and suffix.
 * Thread: that of its table; loads blocks blocking. Nothing is allocated per entry.
 * Invariants: while `valid`, all fields are those of entry `i` of block `number`.
 */
import type { InternalIterator } from '../../base/index.js'
import { MARK_SCAN } from '../../cache/index.js'
import { BlockReader } from '../block/block-reader.js'
import type { TableBlocks } from './table-blocks.js'

const KEY_BUFFER_BYTES = 64
const NO_BLOCK = -2

export class TableIterator implements InternalIterator {
  valid = false
  keyBytes: Uint8Array = new Uint8Array(KEY_BUFFER_BYTES)
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes: Uint8Array = this.keyBytes
  valueStart = 0
  valueEnd = 0
  private readonly blocks: TableBlocks
  private readonly reader = new BlockReader()
  private number = NO_BLOCK
  /** The frame of its block in the cache; 0 when the block stands in the reader's own buffer. */
  private held = 0
  private i = 0

  constructor(blocks: TableBlocks) {
    this.blocks = blocks
  }

  first(): void {
    this.enter(0)
    this.show(0)
  }

  last(): void {
    this.enter(this.blocks.count - 1)
    this.show(this.reader.count - 1)
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    this.valid = false
    const number = this.blocks.index.find(bytes, start, end, Infinity)
    if (number === this.blocks.count) return
    this.enter(number)
    const i = this.reader.lowerBound(bytes, start, end, Infinity)
    if (i < this.reader.count) this.show(i)
    else this.enterNext()
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    const number = this.blocks.index.find(bytes, start, end, Infinity)
    if (number === this.blocks.count) {
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
    this.leave()
    this.valueBytes = this.keyBytes
  }

  private enterNext(): void {
    this.valid = false
    if (this.number + 1 === this.blocks.count) return
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
    this.held = this.blocks.openHeld(reader, number, MARK_SCAN)
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
    this.blocks.release(this.held)
    this.held = 0
  }

  private show(i: number): void {
    const { reader } = this
    const { bytes, prefixBytes } = reader
    const from = reader.suffixStart(i)
    const length = reader.suffixEnd(i) - from
    const keyEnd = prefixBytes + length
    if (keyEnd > this.keyBytes.length) this.growKey(keyEnd, prefixBytes)
    const key = this.keyBytes
    for (let k = 0; k < length; k++) key[prefixBytes + k] = bytes[from + k]!
    this.keyEnd = keyEnd
    this.seqNum = reader.seqNumAt(i)
    this.kind = reader.kindAt(i)
    this.valueStart = reader.valueStart(i)
    this.valueEnd = reader.valueEnd(i)
    this.i = i
    this.valid = true
  }

  private growKey(needed: number, kept: number): void {
    const larger = new Uint8Array(needed * 2)
    larger.set(this.keyBytes.subarray(0, kept))
    this.keyBytes = larger
  }
}
