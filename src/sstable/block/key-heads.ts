/**
 * What: the head of a key, eight bytes of it as two numbers: most comparisons of a merge end there.
 *
 * All keys that are compared share their first `headAt` bytes; a head is the eight behind them, zeros
 * behind a shorter key, as two signed words. A smaller head is a smaller key. Equal heads leave it open,
 * unless one of the keys ends inside its head: then the shorter one is the smaller, and two of one length
 * are equal.
 * Thread: any. Nothing is allocated per entry.
 */
import { isCarried } from '../../iterator/index.js'
import { checkOrder, checkOrderAt } from './block-check.js'
import { BLOCK_ENTRIES_MAX } from './block-format.js'
import type { BlockReader } from './block-reader.js'

const HEAD_BYTES = 8
/** Turns unsigned words into signed ones of the same order. */
const SIGN = 0x80000000 | 0
/** Masks of the bits of the first word that n bytes of a head fill; `MASKS_LOW` has those of the second word. */
const MASKS_HIGH = Int32Array.of(0, 0xff000000, 0xffff0000, 0xffffff00, -1, -1, -1, -1, -1)
const MASKS_LOW = Int32Array.of(0, 0, 0, 0, 0, 0xff000000, 0xffff0000, 0xffffff00, -1)

/** The first bytes of the keys of one block. */
export class KeyHeads {
  readonly high = new Int32Array(BLOCK_ENTRIES_MAX)
  readonly low = new Int32Array(BLOCK_ENTRIES_MAX)
  /** 1 for a value, or the handle of one, whose key the head alone tells from the one before in the block. */
  readonly isPlain = new Uint8Array(BLOCK_ENTRIES_MAX)
  private readonly headAt: number
  /** Count of the head's bytes that the block's prefix gives; `givenHigh` and `givenLow` are those bytes. */
  private given = 0
  private givenHigh = 0
  private givenLow = 0

  constructor(headAt: number) {
    this.headAt = headAt
  }

  /**
   * Reads the heads of a block whose entries were checked, and checks its order. `view` is over the
   * block's bytes. Throws BadBytes with the offset in the block.
   */
  read(block: BlockReader, view: DataView): void {
    // Otherwise a wrong byte before the head would be overlooked.
    if (block.prefixBytes < this.headAt) checkOrder(block)
    this.readPrefix(block)
    this.readSuffixes(block, view)
    this.compareNeighbours(block)
  }

  private readPrefix({ bytes, prefixStart, prefixBytes }: BlockReader): void {
    const { headAt } = this
    this.given = Math.max(0, Math.min(HEAD_BYTES, prefixBytes - headAt))
    this.givenHigh = 0
    this.givenLow = 0
    for (let k = 0; k < this.given; k++) {
      const byte = bytes[prefixStart + headAt + k]!
      if (k < 4) this.givenHigh |= byte << (24 - 8 * k)
      else this.givenLow |= byte << (56 - 8 * k)
    }
  }

  private readSuffixes(block: BlockReader, view: DataView): void {
    const { high, low, given, givenHigh, givenLow } = this
    const skipped = Math.max(0, this.headAt - block.prefixBytes)
    const own = HEAD_BYTES - given
    const shift = 8 * (given & 3)
    for (let i = 0; i < block.count; i++) {
      const { suffixStart, suffixEnd } = block.entryAt(i)
      const start = suffixStart + skipped
      let left = suffixEnd - start
      if (left > own) left = own
      let first = 0
      let second = 0
      if (left > 0) {
        first = view.getInt32(start) & MASKS_HIGH[left]!
        second = view.getInt32(start + 4) & MASKS_LOW[left]!
      }
      if (given === 0) {
        high[i] = first ^ SIGN
        low[i] = second ^ SIGN
      } else if (given < 4) {
        high[i] = (givenHigh | (first >>> shift)) ^ SIGN
        low[i] = ((first << (32 - shift)) | (second >>> shift)) ^ SIGN
      } else {
        high[i] = givenHigh ^ SIGN
        low[i] = (givenLow | (given === HEAD_BYTES ? 0 : first >>> shift)) ^ SIGN
      }
    }
  }

  private compareNeighbours(block: BlockReader): void {
    const { high, low, isPlain: plain } = this
    const { count } = block
    let lastHigh = SIGN
    let lastLow = SIGN
    for (let i = 0; i < count; i++) {
      const isAbove = high[i]! > lastHigh || (high[i] === lastHigh && low[i]! > lastLow)
      if (!isAbove && i > 0) checkOrderAt(block, i)
      plain[i] = (isAbove || i === 0) && isCarried(block.kindAt(i)) ? 1 : 0
      lastHigh = high[i]!
      lastLow = low[i]!
    }
  }
}

/** Gives the order of two keys with equal heads. */
export function compareTied(a: BlockReader, i: number, b: BlockReader, j: number, headAt: number): number {
  const aBytes = a.keyBytesAt(i)
  const bBytes = b.keyBytesAt(j)
  const length = aBytes < bBytes ? aBytes : bBytes
  const aSuffix = a.suffixStart(i) - a.prefixBytes
  const bSuffix = b.suffixStart(j) - b.prefixBytes
  for (let k = headAt + HEAD_BYTES; k < length; k++) {
    const aByte = a.bytes[k + (k < a.prefixBytes ? a.prefixStart : aSuffix)]!
    const bByte = b.bytes[k + (k < b.prefixBytes ? b.prefixStart : bSuffix)]!
    if (aByte !== bByte) return aByte - bByte
  }
  return aBytes - bBytes
}

/** Gives the head of a key that shares the first `headAt` bytes, as `high` and `low` of a block's heads. */
export function headOf(key: Uint8Array, headAt: number): { high: number; low: number } {
  const bytes = new Uint8Array(HEAD_BYTES)
  bytes.set(key.subarray(headAt, headAt + HEAD_BYTES))
  const view = new DataView(bytes.buffer)
  return { high: view.getInt32(0) ^ SIGN, low: view.getInt32(4) ^ SIGN }
}

/** The largest head there is. */
export const HEAD_MAX = { high: 0x7fffffff, low: 0x7fffffff }
/** The smallest head there is. */
export const HEAD_MIN = { high: SIGN, low: SIGN }
