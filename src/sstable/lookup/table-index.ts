/**
 * What: the index: for each data block its place, its entry count and a bound of its entries. On disk: do
 * not change. Read flat into typed arrays.
 *
 *   offset size
 *        0    4  blocks n
 *        4    4  bytes of all bound keys
 *        8 4n+4  where block i starts; the last: where the data part ends
 *        …   4n  entries of block i
 *        …   2n  of a table with rows: prefix bytes of block i, 0 for one with columns; zeros up to a multiple of 4
 *        … 4n+4  where bound key i starts, from the first key byte; the last: where they end
 *        …       zeros up to a multiple of 8
 *        …   8n  bound sequence number
 *        …       bound keys
 *        …       zeros up to a multiple of 8
 *
 * The bound (key, sequence number) of a block is at or behind its last entry and before the first entry
 * of the next block. When a shorter key than the last one separates the blocks, it is taken, with
 * sequence number 0. So versions of one key may span blocks, and any (key, sequence number) is found by
 * one search. In a table with rows a bound key begins with the prefix of its block: a row that is read alone has the
 * rest of its key.
 */
import {
  alignUp, BadBytes, ByteWriter, compareRanges, FILE_HEADER_BYTES, getU32, getU53, KEY_BYTES_MAX, keyHead,
  sharedPrefixLength,
} from '../../base/index.js'
import { BLOCK_ENTRIES_MAX, BLOCK_FILE_BYTES_MAX } from '../block/block-format.js'

const HEADER_BYTES = 8
/** The fewest bytes of a block: header, one entry with empty key and value, padding, trailer. */
const BLOCK_FILE_BYTES_MIN = 40

export class IndexBuilder {
  private readonly offsets: number[] = []
  private readonly counts: number[] = []
  private readonly prefixes: number[] = []
  private readonly seqNums: number[] = []
  private readonly keyStarts: number[] = [0]
  private readonly keys = new ByteWriter(4096)

  get blockCount(): number {
    return this.offsets.length
  }

  /** Bytes that the section will take. */
  get bytes(): number {
    return this.offsets.length * 22 + this.keys.length + 32
  }

  /** `prefixBytes` are those of a block with rows, or 0. */
  addBlock(offset: number, count: number, prefixBytes: number): void {
    this.offsets.push(offset)
    this.counts.push(count)
    this.prefixes.push(prefixBytes)
  }

  /** Adds the bound of the block added last. */
  addBound(bytes: Uint8Array, start: number, end: number, seqNum: number): void {
    this.keys.raw(bytes.subarray(start, end))
    this.keyStarts.push(this.keys.length)
    this.seqNums.push(seqNum)
  }

  /**
   * Adds the bound of the block added last when the first key of the next block is known, which may shorten it, but
   * not below `prefixBytes`.
   */
  addSeparator(
    last: Uint8Array, lastStart: number, lastEnd: number, seqNum: number,
    next: Uint8Array, nextStart: number, nextEnd: number, prefixBytes: number,
  ): void {
    const shared = sharedPrefixLength(last, lastStart, lastEnd, next, nextStart, nextEnd)
    const isShorter = shared < nextEnd - nextStart - 1 && shared < lastEnd - lastStart - 1
    if (isShorter && shared >= prefixBytes) this.addBound(next, nextStart, nextStart + shared + 1, 0)
    else this.addBound(last, lastStart, lastEnd, seqNum)
  }

  /** Gives the section; `dataEnd` is where the data part ends in the file. `isRows`: some blocks have rows. */
  finish(dataEnd: number, isRows: boolean): Uint8Array {
    const writer = new ByteWriter(this.bytes)
    writer.u32(this.offsets.length).u32(this.keys.length)
    for (const offset of this.offsets) writer.u32(offset)
    writer.u32(dataEnd)
    for (const count of this.counts) writer.u32(count)
    if (isRows) for (const prefixBytes of this.prefixes) writer.u16(prefixBytes)
    writer.align(4)
    for (const start of this.keyStarts) writer.u32(start)
    writer.align(8)
    for (const seqNum of this.seqNums) writer.u53(seqNum)
    return writer.raw(this.keys.finish()).align(8).finish()
  }
}

export class TableIndex {
  readonly blockCount: number
  /** Starts of the blocks in the file, and the end of the last one: n + 1 places. */
  private readonly offsets: Uint32Array
  readonly counts: Uint32Array
  /** Prefix bytes of each block, 0 for one with columns; empty when no block has rows. */
  readonly prefixes: Uint16Array
  /** Bound key i is keyBytes[keyStarts[i], keyStarts[i + 1]). */
  readonly keyBytes: Uint8Array
  readonly keyStarts: Uint32Array
  readonly seqNums: Float64Array
  readonly memoryBytes: number
  /** Count of the bytes that all bound keys share; `heads` has what follows them (base/key-head.ts). */
  private readonly sharedBytes: number
  private readonly heads: Float64Array

  /** `blockCount`, `dataEnd` and `isRows` are what the footer says. Throws BadBytes with the offset in `content`. */
  constructor(content: Uint8Array, blockCount: number, dataEnd: number, isRows: boolean) {
    const n = content.length < HEADER_BYTES ? 0 : getU32(content, 0)
    if (n === 0 || n !== blockCount) throw new BadBytes(0, `index of ${n} blocks, footer says ${blockCount}`)
    const prefixesEnd = HEADER_BYTES + (2 * n + 1) * 4 + (isRows ? 2 * n : 0)
    const startsAt = alignUp(prefixesEnd, 4)
    const startsEnd = startsAt + 4 * (n + 1)
    const seqStart = alignUp(startsEnd, 8)
    const keyStart = seqStart + 8 * n
    const keysBytes = getU32(content, 4)
    const end = keyStart + keysBytes
    if (alignUp(end, 8) !== content.length) throw new BadBytes(4, 'index length differs')
    const words = new Uint32Array(content.buffer, content.byteOffset, content.length >>> 2)
    this.blockCount = n
    this.offsets = words.subarray(2, 3 + n)
    this.counts = words.subarray(3 + n, 3 + 2 * n)
    this.keyStarts = words.subarray(startsAt >>> 2, startsEnd >>> 2)
    this.prefixes = new Uint16Array(content.buffer, content.byteOffset + HEADER_BYTES + (2 * n + 1) * 4, isRows ? n : 0)
    this.keyBytes = content.subarray(keyStart, end)
    this.seqNums = new Float64Array(n)
    for (let i = 0; i < n; i++) this.seqNums[i] = getU53(content, seqStart + 8 * i)
    checkZeros(content, prefixesEnd, startsAt)
    checkZeros(content, startsEnd, seqStart)
    checkZeros(content, end, content.length)
    this.checkBlocks(dataEnd)
    this.checkKeys(keysBytes, startsAt)
    const last = n - 1
    const starts = this.keyStarts
    this.sharedBytes = sharedPrefixLength(
      this.keyBytes, 0, starts[1]!, this.keyBytes, starts[last]!, starts[n]!,
    )
    this.heads = new Float64Array(n)
    for (let i = 0; i < n; i++) {
      this.heads[i] = keyHead(this.keyBytes, starts[i]! + this.sharedBytes, starts[i + 1]!)
    }
    this.memoryBytes = content.length + 16 * n + 600
  }

  /** Gives where block i starts in the file; for `blockCount`, where the data part ends. */
  offset(i: number): number {
    return this.offsets[i]!
  }

  /** Gives the bytes that block i takes in the file, or blocks `i` to `end` - 1 together. */
  bytes(i: number, end = i + 1): number {
    return this.offsets[end]! - this.offsets[i]!
  }

  /** Gives the key of the bound of block i: no entry of the block has a larger key. */
  boundKey(i: number): Uint8Array {
    return this.keyBytes.slice(this.keyStarts[i], this.keyStarts[i + 1])
  }

  /** Finds the first block whose bound is at or behind (key[start, end), seqNum); `blockCount` when there is none. */
  find(key: Uint8Array, start: number, end: number, seqNum: number): number {
    const { keyBytes, sharedBytes, heads, blockCount } = this
    const length = sharedBytes < end - start ? sharedBytes : end - start
    for (let i = 0; i < length; i++) {
      const difference = keyBytes[i]! - key[start + i]!
      if (difference !== 0) return difference > 0 ? 0 : blockCount
    }
    if (length < sharedBytes) return 0
    const head = keyHead(key, start + sharedBytes, end)
    let low = 0
    let high = blockCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = heads[middle]!
      const isBefore =
        other === head ? this.compareBound(middle, key, start, end, seqNum) < 0 : other < head
      if (isBefore) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Gives the order of the bound of block i against (key[start, end), seqNum): negative, 0 or positive. */
  compareBound(i: number, key: Uint8Array, start: number, end: number, seqNum: number): number {
    const order = compareRanges(this.keyBytes, this.keyStarts[i]!, this.keyStarts[i + 1]!, key, start, end)
    return order !== 0 ? order : seqNum - this.seqNums[i]!
  }

  private checkBlocks(dataEnd: number): void {
    const { offsets, counts, blockCount } = this
    if (offsets[0] !== FILE_HEADER_BYTES || offsets[blockCount] !== dataEnd) {
      throw new BadBytes(HEADER_BYTES, 'blocks do not fill the data part')
    }
    for (let i = 0; i < blockCount; i++) {
      const bytes = this.bytes(i)
      const isSized = bytes >= BLOCK_FILE_BYTES_MIN && bytes <= BLOCK_FILE_BYTES_MAX && bytes % 8 === 0
      if (!isSized) throw new BadBytes(HEADER_BYTES + 4 * i, 'bad place of a block')
      if (counts[i] === 0 || counts[i]! > BLOCK_ENTRIES_MAX) {
        throw new BadBytes(HEADER_BYTES + 4 * (blockCount + 1 + i), 'bad entry count of a block')
      }
    }
  }

  /** `at` is where the starts of the keys stand in the section. */
  private checkKeys(keysBytes: number, at: number): void {
    const { keyStarts, keyBytes, seqNums, blockCount, prefixes } = this
    const isFull = keyStarts[0] === 0 && keyStarts[blockCount] === keysBytes
    if (!isFull) throw new BadBytes(at, 'bad ends of bound keys')
    for (let i = 0; i < blockCount; i++) {
      const start = keyStarts[i]!
      const end = keyStarts[i + 1]!
      const isKey = start <= end && end <= keysBytes && end - start <= KEY_BYTES_MAX
      if (!isKey || Number.isNaN(seqNums[i])) throw new BadBytes(at + 4 * i, 'bad bound')
      if (i < prefixes.length && prefixes[i]! > end - start) {
        throw new BadBytes(at + 4 * i, 'a bound is shorter than the prefix of its block')
      }
      if (i > 0 && this.compareBound(i - 1, keyBytes, start, end, seqNums[i]!) >= 0) {
        throw new BadBytes(at + 4 * i, 'bounds are out of order')
      }
    }
  }
}

function checkZeros(bytes: Uint8Array, start: number, end: number): void {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) throw new BadBytes(i, 'padding is not zero')
}
