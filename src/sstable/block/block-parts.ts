/**
 * What: lets a get read a block only from its start to the end of one value, and know that what it has read is good.
 * Owns: for blocks that gets missed again, how far into the block each value may reach, and of each entry a checksum of
 * all that a get of it looks at.
 * Does not own: the bytes.
 * Thread: one. Nothing is allocated for a read.
 *
 * The checksum of a block is that of all its bytes, so a part cannot be checked by it. These are taken when the block
 * was read and checked as a whole: a part passes when it has the same bytes as then. One that does not pass says
 * nothing; the block is read as a whole, which decides. Figures: docs/design/0039-gets-beyond-the-cache.md.
 */
import { crc32, KEY_BYTES_MAX } from '../../base/index.js'
import { BLOCK_HEADER_BYTES } from './block-format.js'
import type { BlockReader } from './block-reader.js'

const NO_NUMBERS = new Uint32Array(0)
/** Numbers of a line: values end below the first + i times the second, from the start of the block on. */
const LINE_NUMBERS = 2

export class BlockParts {
  /** The number in the table of the first entry of each block; empty before a block was noted. */
  private firsts = NO_NUMBERS
  /** The line of each block; zeros where none is known. */
  private lines = NO_NUMBERS
  private checks = NO_NUMBERS

  /** Gives the memory that a table of so many blocks and entries takes from the first block on that is noted. */
  static memoryBytes(blockCount: number, entryCount: number): number {
    return 4 * ((1 + LINE_NUMBERS) * blockCount + 1 + entryCount)
  }

  /** True when no block was noted, and nothing is allocated. */
  get isEmpty(): boolean {
    return this.firsts === NO_NUMBERS
  }

  get memoryBytes(): number {
    return 4 * (this.firsts.length + this.lines.length + this.checks.length)
  }

  /** Forgets everything. */
  forget(): void {
    this.firsts = NO_NUMBERS
    this.lines = NO_NUMBERS
    this.checks = NO_NUMBERS
  }

  isNoted(number: number): boolean {
    return !this.isEmpty && this.lines[LINE_NUMBERS * number + 1]! > 0
  }

  /**
   * Gives the bytes that a get of entry i of block `number` needs, from its start on; 0 when it is not known. They may
   * be more than the block has.
   */
  bytesFor(number: number, i: number): number {
    if (!this.isNoted(number) || i >= this.firsts[number + 1]! - this.firsts[number]!) return 0
    const line = LINE_NUMBERS * number
    return this.lines[line]! + i * this.lines[line + 1]!
  }

  /** Notes a block that was checked. `counts` are the entries of each block of the table. */
  note(block: BlockReader, number: number, counts: Uint32Array): void {
    if (this.isEmpty) this.begin(counts)
    const { count, base } = block
    const first = this.firsts[number]!
    const least = block.valueEnd(0) - base
    const slope = Math.max(1, Math.ceil((block.valueEnd(count - 1) - base - least) / Math.max(1, count - 1)))
    let line = 0
    for (let i = 0; i < count; i++) {
      line = Math.max(line, block.valueEnd(i) - base - i * slope)
      this.checks[first + i] = checkOf(block, i)
    }
    this.lines[LINE_NUMBERS * number] = line
    this.lines[LINE_NUMBERS * number + 1] = slope
  }

  private begin(counts: Uint32Array): void {
    this.firsts = new Uint32Array(counts.length + 1)
    for (let i = 0; i < counts.length; i++) this.firsts[i + 1] = this.firsts[i]! + counts[i]!
    this.lines = new Uint32Array(LINE_NUMBERS * counts.length)
    this.checks = new Uint32Array(this.firsts[counts.length]!)
  }

  /** Says whether entry i of a block of which `bytes` were read is what it was when it was noted. */
  holds(part: BlockReader, number: number, i: number, bytes: number): boolean {
    return isInside(part, i, bytes) && checkOf(part, i) === this.checks[this.firsts[number]! + i]!
  }
}

/** Says whether all that a get of entry i looks at lies in the first `bytes` of a block, whatever they say. */
function isInside(part: BlockReader, i: number, bytes: number): boolean {
  const { base, count, prefixStart, prefixBytes } = part
  const prefix = prefixStart - base
  const suffix = part.suffixStart(i) - base
  const suffixEnd = part.suffixEnd(i) - base
  const value = part.valueStart(i) - base
  const valueEnd = part.valueEnd(i) - base
  return i < count && prefixBytes <= KEY_BYTES_MAX && prefix + prefixBytes <= suffix && suffix <= suffixEnd &&
    suffixEnd - suffix <= KEY_BYTES_MAX && suffixEnd <= value && value <= valueEnd && valueEnd <= bytes
}

/** CRC-32 of all that a get of entry i looks at. Requires: it lies inside the block. */
function checkOf(block: BlockReader, i: number): number {
  const { bytes, base, count, seqWidth, prefixStart, prefixBytes } = block
  const key = base + BLOCK_HEADER_BYTES + 4 * i
  const value = key + 4 * count
  const seqNum = base + BLOCK_HEADER_BYTES + 8 * count + 4 + seqWidth * i
  let check = crc32(bytes, base, base + BLOCK_HEADER_BYTES)
  check = crc32(bytes, key, key + 8, check)
  check = crc32(bytes, value, value + 8, check)
  check = crc32(bytes, seqNum, seqNum + seqWidth, check)
  check = crc32(bytes, prefixStart, prefixStart + prefixBytes, check)
  check = crc32(bytes, block.suffixStart(i), block.suffixEnd(i), check)
  return crc32(bytes, block.valueStart(i), block.valueEnd(i), check)
}
