/**
 * What: reads one data block where it stands: in the cache or in a buffer of its own.
 * Owns: its own buffer, used when the cache does not take a block.
 * Does not own: the cache; a caller that keeps a reader open over the next read holds the block (table-blocks.ts).
 * Thread: one. One reader is used for many blocks: nothing is allocated for each.
 * Invariants: a block passes `checkBlock` once (block-check.ts), when it was read. It ensures that all parts lie inside
 * the block and that entries are in order, whatever the file said; the methods here rely on it.
 */
import { alignUp, equalsInParts, KiB, MiB } from '../../base/index.js'
import { BLOCK_HEADER_BYTES, KIND_SHIFT, START_MASK } from './block-format.js'
import { EntryParts, ROW_FRONT_BYTES, ROW_UNIT_SHIFT, ROWS_FLAG, seqNumBehind } from './row-format.js'

/** A larger own buffer than this is not kept for the next block. */
const OWN_BYTES_KEPT = MiB
/** A larger one than this is not kept by a reader that nobody uses. */
const FREE_BYTES_KEPT = 32 * KiB
const NO_BYTES = new Uint8Array(0)
const NO_WORDS = new Uint32Array(0)

export class BlockReader {
  /** The block starts at bytes[base]; `base` is a multiple of 8. */
  bytes: Uint8Array = NO_BYTES
  base = 0
  count = 0
  /** The prefix is bytes[prefixStart, prefixStart + prefixBytes). */
  prefixStart = 0
  prefixBytes = 0
  /** The memory of `bytes` as u32 words. */
  words: Uint32Array = NO_WORDS
  /** The block has rows (row-format.ts) instead of columns. */
  isRows = false
  /** Block flags; those that are not known are refused by the check. */
  flags = 0
  /** Index of the word that says where key suffix 0 starts; of rows, of the first head. */
  keyWord = 0
  /** Index of the word that says where value 0 starts; of rows, where row 0 and row 1 start. */
  valueWord = 0
  private seqWord = 0
  /** Bytes of a sequence number: 0, 4 or 8. */
  seqWidth = 0
  /** Some entries are value handles; known once the entries of the block were checked. */
  hasHandles = false
  /** Some values have fronts; known likewise. */
  hasFronts = false
  seqBase = 0
  private readonly entry = new EntryParts()
  private ownBytes: Uint8Array = NO_BYTES
  private ownWords: Uint32Array = NO_WORDS

  /** Sets `bytes` and `words` to room of its own for a block. A large one is not kept for long. */
  makeRoom(length: number): void {
    if (length <= this.ownBytes.length) {
      this.bytes = this.ownBytes
      this.words = this.ownWords
      return
    }
    this.bytes = new Uint8Array(alignUp(length, 4096))
    this.words = new Uint32Array(this.bytes.buffer)
    if (length > OWN_BYTES_KEPT) return
    this.ownBytes = this.bytes
    this.ownWords = this.words
  }

  /** Lets go of the memory of its block, and of a large buffer of its own. */
  forget(): void {
    if (this.ownBytes.length > FREE_BYTES_KEPT) {
      this.ownBytes = NO_BYTES
      this.ownWords = NO_WORDS
    }
    this.bytes = this.ownBytes
    this.words = this.ownWords
  }

  /**
   * Turns to the block at bytes[base]. `addedSeqNum` counts besides each number that stands in it (ING-4): whatever
   * reads entries here needs not know. Requires: it was checked, or `check` is called next.
   */
  open(bytes: Uint8Array, words: Uint32Array, base: number, addedSeqNum = 0): void {
    const word = base >>> 2
    const head = words[word]!
    const count = head & 0xffff
    const width = (head >>> 16) & 0xff
    this.bytes = bytes
    this.words = words
    this.base = base
    this.count = count
    this.seqWidth = width
    this.flags = head >>> 24
    this.isRows = head >>> 24 === ROWS_FLAG
    this.seqBase = words[word + 2]! + words[word + 3]! * 2 ** 32 + addedSeqNum
    this.keyWord = word + 4
    this.valueWord = word + 4 + count
    this.seqWord = word + 5 + 2 * count
    this.prefixBytes = this.isRows ? words[word + 1]! & 0xffff : words[word + 1]!
    const columnsBytes = this.isRows ? ROW_FRONT_BYTES * count : (2 * count + 1) * 4 + count * width
    this.prefixStart = base + BLOCK_HEADER_BYTES + columnsBytes
  }

  /** Gives where row i starts in `bytes`. Requires: the block has rows. */
  rowAt(i: number): number {
    const starts = this.words[this.valueWord + (i >>> 1)]!
    return this.base + (((starts >>> ((i & 1) << 4)) & 0xffff) << ROW_UNIT_SHIFT)
  }

  /** Gives the low bits of a place of entry i in a point hash whose places are those of rows, or not. */
  placeLowOf(i: number, isRows: boolean): number {
    if (!isRows) return i
    return this.isRows ? (this.rowAt(i) - this.base) >>> ROW_UNIT_SHIFT : 0
  }

  /** Gives the parts of entry i, good until an entry is looked at again. */
  entryAt(i: number): EntryParts {
    const { entry } = this
    if (this.isRows) {
      entry.findRow(this.bytes, this.rowAt(i))
      entry.seqNum = this.seqBase + seqNumBehind(this.bytes, entry.valueEnd, this.seqWidth)
      return entry
    }
    const { words, keyWord, valueWord, base } = this
    const word = words[keyWord + i]!
    entry.kind = word >>> KIND_SHIFT
    entry.suffixStart = base + (word & START_MASK)
    entry.suffixEnd = base + (words[keyWord + i + 1]! & START_MASK)
    entry.valueStart = base + words[valueWord + i]!
    entry.valueEnd = base + words[valueWord + i + 1]!
    entry.seqNum = this.seqNumInColumn(i)
    return entry
  }

  seqNumAt(i: number): number {
    if (this.seqWidth === 0) return this.seqBase
    return this.isRows ? this.entryAt(i).seqNum : this.seqNumInColumn(i)
  }

  private seqNumInColumn(i: number): number {
    if (this.seqWidth === 0) return this.seqBase
    if (this.seqWidth === 4) return this.seqBase + this.words[this.seqWord + i]!
    const word = this.seqWord + 2 * i
    return this.seqBase + this.words[word]! + this.words[word + 1]! * 2 ** 32
  }

  kindAt(i: number): number {
    return this.isRows ? this.bytes[this.rowAt(i) + 4]! : this.words[this.keyWord + i]! >>> KIND_SHIFT
  }

  /** Gives where key suffix i starts in `bytes`. */
  suffixStart(i: number): number {
    return this.isRows ? this.entryAt(i).suffixStart : this.base + (this.words[this.keyWord + i]! & START_MASK)
  }

  suffixEnd(i: number): number {
    return this.isRows ? this.entryAt(i).suffixEnd : this.base + (this.words[this.keyWord + i + 1]! & START_MASK)
  }

  valueStart(i: number): number {
    return this.isRows ? this.entryAt(i).valueStart : this.base + this.words[this.valueWord + i]!
  }

  valueEnd(i: number): number {
    return this.isRows ? this.entryAt(i).valueEnd : this.base + this.words[this.valueWord + i + 1]!
  }

  keyBytesAt(i: number): number {
    const { suffixStart, suffixEnd } = this.entryAt(i)
    return this.prefixBytes + suffixEnd - suffixStart
  }

  /** Copies key i to the start of `target`, which has room for any key; returns its length. */
  copyKey(i: number, target: Uint8Array): number {
    const { bytes, prefixStart, prefixBytes } = this
    const { suffixStart, suffixEnd } = this.entryAt(i)
    for (let k = 0; k < prefixBytes; k++) target[k] = bytes[prefixStart + k]!
    for (let k = suffixStart, at = prefixBytes; k < suffixEnd; k++) target[at++] = bytes[k]!
    return prefixBytes + suffixEnd - suffixStart
  }

  keyEquals(i: number, key: Uint8Array, start: number, end: number): boolean {
    const { bytes, prefixBytes } = this
    const { suffixStart: from, suffixEnd } = this.entryAt(i)
    const length = suffixEnd - from
    if (end - start !== prefixBytes + length) return false
    return equalsInParts(bytes, this.prefixStart, prefixBytes, bytes, from, length, key, start)
  }

  /** Gives the order of (key, seqNum) of entry i against the given one: negative, 0 or positive. */
  compareAt(i: number, key: Uint8Array, start: number, end: number, seqNum: number): number {
    let order = this.comparePrefix(key, start, end)
    if (order === 0) order = this.compareSuffix(i, key, start + this.prefixBytes, end)
    return order !== 0 ? order : seqNum - this.seqNumAt(i)
  }

  /** Finds the first entry at or behind (key[start, end), seqNum) in internal order; `count` when there is none. */
  lowerBound(key: Uint8Array, start: number, end: number, seqNum: number): number {
    const order = this.comparePrefix(key, start, end)
    if (order !== 0) return order > 0 ? 0 : this.count
    const suffix = start + this.prefixBytes
    let low = 0
    let high = this.count
    if (this.isRows) {
      const head = rowHeadOf(key, suffix, end)
      low = this.firstHead(head, 0)
      // Mostly no other row has that head.
      high = low
      if (this.hasHead(low, head)) high = this.hasHead(low + 1, head) ? this.firstHead(head + 1, low + 2) : low + 1
    }
    while (low < high) {
      const middle = (low + high) >>> 1
      const difference = this.compareSuffix(middle, key, suffix, end)
      const isBefore = difference === 0 ? this.seqNumAt(middle) > seqNum : difference < 0
      if (isBefore) low = middle + 1
      else high = middle
    }
    return low
  }

  private hasHead(i: number, head: number): boolean {
    return i < this.count && this.words[this.keyWord + i] === head
  }

  /** Finds the first head, from `low` on, that is not below `head`; `count` when there is none. */
  private firstHead(head: number, low: number): number {
    const { words, keyWord } = this
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (words[keyWord + middle]! < head) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Compares the block's prefix with a key: 0 when the key begins with it, else the order of all keys. */
  private comparePrefix(key: Uint8Array, start: number, end: number): number {
    const { bytes, prefixStart, prefixBytes } = this
    const length = prefixBytes < end - start ? prefixBytes : end - start
    for (let k = 0; k < length; k++) {
      const difference = bytes[prefixStart + k]! - key[start + k]!
      if (difference !== 0) return difference
    }
    return prefixBytes - length
  }

  private compareSuffix(i: number, key: Uint8Array, start: number, end: number): number {
    const { bytes } = this
    const { suffixStart: from, suffixEnd } = this.entryAt(i)
    const own = suffixEnd - from
    const length = own < end - start ? own : end - start
    for (let k = 0; k < length; k++) {
      const difference = bytes[from + k]! - key[start + k]!
      if (difference !== 0) return difference
    }
    return own - (end - start)
  }
}

/** Gives the head of key[start, end): its first four bytes as a number, zeros when it is shorter. */
export function rowHeadOf(key: Uint8Array, start: number, end: number): number {
  let head = 0
  for (let i = start; i < start + 4; i++) head = head * 256 + (i < end ? key[i]! : 0)
  return head
}
