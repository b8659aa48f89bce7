/**
 * What: reads one data block where it stands: in the cache or in a buffer of its own.
 * Owns: its own buffer, used when the cache does not take a block.
 * Does not own: the cache; a caller that keeps a reader open over the next read holds the block (table-blocks.ts).
 * Thread: one. One reader is used for many blocks: nothing is allocated for each.
 * Invariants: a block passes `check` once, when it was read. It ensures that all columns lie inside the block and
 * that entries are in order, whatever the file said; the other methods rely on it.
 */
import {
  alignUp, BadBytes, contentProblem, EntryKind, getU53, KEY_BYTES_MAX, KiB, kindProblem, MiB, SEQ_NUM_MAX,
} from '../../base/index.js'
import { isApart, mayExpire } from '../../iterator/index.js'
import {
  BLOCK_ENTRIES_MAX, BLOCK_HEADER_BYTES, KIND_SHIFT, refusedEntry, refusedWidth, START_MASK,
} from './block-format.js'

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
  /** Index of the word that says where key suffix 0 starts. */
  keyWord = 0
  private valueWord = 0
  private seqWord = 0
  /** Bytes of a sequence number: 0, 4 or 8. */
  seqWidth = 0
  /** Some entries are value handles; known once the columns of the block were checked. */
  hasHandles = false
  /** Some values have fronts; known likewise. */
  hasFronts = false
  private seqBase = 0
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

  /** Turns to the block at bytes[base]. Requires: it was checked, or `check` is called next. */
  open(bytes: Uint8Array, words: Uint32Array, base: number): void {
    const word = base >>> 2
    const head = words[word]!
    const count = head & 0xffff
    const width = head >>> 16
    this.bytes = bytes
    this.words = words
    this.base = base
    this.count = count
    this.seqWidth = width
    this.prefixBytes = words[word + 1]!
    this.seqBase = words[word + 2]! + words[word + 3]! * 2 ** 32
    this.keyWord = word + 4
    this.valueWord = word + 4 + count
    this.seqWord = word + 5 + 2 * count
    this.prefixStart = base + BLOCK_HEADER_BYTES + (2 * count + 1) * 4 + count * width
  }

  seqNumAt(i: number): number {
    if (this.seqWidth === 0) return this.seqBase
    if (this.seqWidth === 4) return this.seqBase + this.words[this.seqWord + i]!
    const word = this.seqWord + 2 * i
    return this.seqBase + this.words[word]! + this.words[word + 1]! * 2 ** 32
  }

  kindAt(i: number): number {
    return this.words[this.keyWord + i]! >>> KIND_SHIFT
  }

  /** Gives where key suffix i starts in `bytes`. */
  suffixStart(i: number): number {
    return this.base + (this.words[this.keyWord + i]! & START_MASK)
  }

  suffixEnd(i: number): number {
    return this.base + (this.words[this.keyWord + i + 1]! & START_MASK)
  }

  valueStart(i: number): number {
    return this.base + this.words[this.valueWord + i]!
  }

  valueEnd(i: number): number {
    return this.base + this.words[this.valueWord + i + 1]!
  }

  keyBytesAt(i: number): number {
    return this.prefixBytes + this.suffixEnd(i) - this.suffixStart(i)
  }

  /** Copies key i to the start of `target`, which has room for any key; returns its length. */
  copyKey(i: number, target: Uint8Array): number {
    const { bytes, prefixStart, prefixBytes } = this
    const [start, end] = [this.suffixStart(i), this.suffixEnd(i)]
    for (let k = 0; k < prefixBytes; k++) target[k] = bytes[prefixStart + k]!
    for (let k = start, at = prefixBytes; k < end; k++) target[at++] = bytes[k]!
    return prefixBytes + end - start
  }

  keyEquals(i: number, key: Uint8Array, start: number, end: number): boolean {
    const { bytes, prefixBytes } = this
    const from = this.suffixStart(i)
    const length = this.suffixEnd(i) - from
    if (end - start !== prefixBytes + length) return false
    // From the end: keys that share a hash tag by chance differ there at once.
    const suffix = start + prefixBytes
    for (let k = length - 1; k >= 0; k--) if (bytes[from + k] !== key[suffix + k]) return false
    const prefix = this.prefixStart
    for (let k = prefixBytes - 1; k >= 0; k--) if (bytes[prefix + k] !== key[start + k]) return false
    return true
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
    while (low < high) {
      const middle = (low + high) >>> 1
      const difference = this.compareSuffix(middle, key, suffix, end)
      const isBefore = difference === 0 ? this.seqNumAt(middle) > seqNum : difference < 0
      if (isBefore) low = middle + 1
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
    const from = this.suffixStart(i)
    const own = this.suffixEnd(i) - from
    const length = own < end - start ? own : end - start
    for (let k = 0; k < length; k++) {
      const difference = bytes[from + k]! - key[start + k]!
      if (difference !== 0) return difference
    }
    return own - (end - start)
  }

  /** Checks the open block of `length` bytes (no trailer). Throws BadBytes, with the offset in the block. */
  check(length: number): void {
    this.checkColumns(length)
    this.checkOrder()
  }

  /** Checks the columns of the open block of `length` bytes, but not the order of its entries. */
  checkColumns(length: number): void {
    const { count, seqWidth, prefixBytes } = this
    if (length < BLOCK_HEADER_BYTES + 12) throw new BadBytes(0, 'block is too short')
    if (count === 0 || count > BLOCK_ENTRIES_MAX) throw new BadBytes(0, `block of ${count} entries`)
    if (seqWidth !== 0 && seqWidth !== 4 && seqWidth !== 8) throw refusedWidth(seqWidth)
    if (prefixBytes > KEY_BYTES_MAX) throw new BadBytes(4, 'prefix is longer than a key')
    const start = this.prefixStart - this.base + prefixBytes
    if (start > length) throw new BadBytes(4, 'columns do not fit')
    this.checkKeyStarts(start)
    this.checkValueStarts(length)
    if (this.hasHandles || this.hasFronts) this.checkContents()
    this.checkSeqNums()
  }

  private checkKeyStarts(first: number): void {
    const { words, keyWord, count } = this
    const suffixMax = KEY_BYTES_MAX - this.prefixBytes
    let previous = first
    let hasHandles = false
    let hasFronts = false
    for (let i = 0; i < count; i++) {
      const word = words[keyWord + i]!
      const start = word & START_MASK
      const kind = word >>> KIND_SHIFT
      const isBad = i === 0 ? start !== first : start < previous || start - previous > suffixMax
      if (isBad) throw new BadBytes(16 + 4 * i, 'key start out of order')
      if (kind !== EntryKind.value && kind !== EntryKind.tombstone) {
        const isKnown = kind === EntryKind.valueHandle || (mayExpire(kind) && kindProblem(kind) === null)
        if (!isKnown) throw refusedEntry(16 + 4 * i, kind)
        if (isApart(kind)) hasHandles = true
        if (mayExpire(kind)) hasFronts = true
      }
      previous = start
    }
    const end = words[keyWord + count]!
    if (end < previous || end - previous > suffixMax || end > START_MASK) {
      throw new BadBytes(16 + 4 * count, 'end of keys out of order')
    }
    this.hasHandles = hasHandles
    this.hasFronts = hasFronts
  }

  private checkValueStarts(length: number): void {
    const { words, valueWord, count, bytes, base } = this
    let previous = words[valueWord]!
    for (let i = 1; i <= count; i++) {
      const end = words[valueWord + i]!
      if (end < previous) throw new BadBytes(16 + 4 * (count + i), 'value start out of order')
      previous = end
    }
    if (previous > length || length - previous >= 8) throw new BadBytes(16 + 8 * count, 'bad end of values')
    for (; previous < length; previous++) {
      if (bytes[base + previous] !== 0) throw new BadBytes(previous, 'padding is not zero')
    }
  }

  private checkContents(): void {
    const { count, bytes, base } = this
    for (let i = 0; i < count; i++) {
      const kind = this.kindAt(i)
      if (kind === EntryKind.value || kind === EntryKind.tombstone) continue
      const start = this.valueStart(i)
      const problem = contentProblem(bytes, kind, start, this.valueEnd(i))
      if (problem !== null) throw new BadBytes(start - base, problem)
    }
  }

  private checkSeqNums(): void {
    const { count, seqWidth, bytes, base } = this
    const seqBase = getU53(bytes, base + 8)
    if (Number.isNaN(seqBase)) throw new BadBytes(8, 'sequence number above 2^51 - 1')
    if (seqWidth === 0 || (seqWidth === 4 && seqBase <= SEQ_NUM_MAX - 2 ** 32)) return
    for (let i = 0; i < count; i++) {
      if (this.seqNumAt(i) > SEQ_NUM_MAX) throw new BadBytes(8, `sequence number ${i} is above 2^51 - 1`)
    }
  }

  checkOrder(): void {
    for (let i = 1; i < this.count; i++) this.checkOrderAt(i)
  }

  /** Checks that entry i − 1 is before entry i; true when they have the same key. */
  checkOrderAt(i: number): boolean {
    const { bytes, words, keyWord, base } = this
    const last = base + (words[keyWord + i - 1]! & START_MASK)
    const start = base + (words[keyWord + i]! & START_MASK)
    const end = base + (words[keyWord + i + 1]! & START_MASK)
    let order = start - last - (end - start)
    for (let a = last, b = start; a < start && b < end; a++, b++) {
      if (bytes[a] === bytes[b]) continue
      order = bytes[a]! - bytes[b]!
      break
    }
    if (order > 0 || (order === 0 && this.seqNumAt(i - 1) <= this.seqNumAt(i))) {
      throw new BadBytes(16 + 4 * i, 'entries are out of order')
    }
    return order === 0
  }
}
