/**
 * What: entries of LevelDB one after the other, with their sequence numbers: what tables, logs and sorted logs have in
 * common. Keys and values are ranges of larger arrays, so that passing an entry makes no object. After `loadNow` or
 * `load` the next call is `next` again, which may find nothing in what was loaded.
 * Thread: one.
 */
import { compareRanges, getU32 } from '../base/index.js'

/** Kinds of entries, the lowest byte of a tag. */
const DELETION = 0
export const VALUE = 1

const TURNED_BIT = 1 << 31

export abstract class LevelCursor {
  /** The user's key: key[keyStart, keyEnd). Valid until the next call. */
  key: Uint8Array = new Uint8Array()
  keyStart = 0
  keyEnd = 0
  /** The upper half of the tag: the sequence number without its lowest 24 bits. */
  tagHigh = 0
  /** The lower half: these 24 bits and the kind. Its highest bit is turned, so that this is a small integer. */
  tagLow = 0
  /** True when the entry before had the same key: this one is older. */
  isRepeat = false
  /** The value: bytes[valueStart, valueEnd). */
  bytes: Uint8Array = new Uint8Array()
  valueStart = 0
  valueEnd = 0
  /** Bytes of what was loaded last, unpacked. */
  loadedBytes = 0
  /** The lowest rank counts, of entries with equal key and number. */
  rank = 0

  get isDeletion(): boolean {
    return (this.tagLow & 0xff) === DELETION
  }

  protected setTag(seqHigh: number, seqLow: number, kind: number): void {
    this.tagHigh = seqHigh
    this.tagLow = ((seqLow << 8) | kind) ^ TURNED_BIT
  }

  /** Takes the tag that stands at a place. */
  protected takeTag(bytes: Uint8Array, at: number): void {
    const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    this.tagLow = low ^ TURNED_BIT
    this.tagHigh = getU32(bytes, at + 4)
  }

  /** Goes to the next entry of what is loaded; gives false when it has no more. Throws CORRUPTION. */
  abstract next(): boolean
  /** Loads more entries when that needs no waiting; false when it does, or when all is read. */
  abstract loadNow(): boolean
  /** Loads more entries; false when all is read. */
  abstract load(): Promise<boolean>
  /** Lets files go. */
  abstract close(): Promise<void>
}

/** Order of keys. */
export function compareKeys(a: LevelCursor, b: LevelCursor): number {
  return compareRanges(a.key, a.keyStart, a.keyEnd, b.key, b.keyStart, b.keyEnd)
}

/** Order of entries with one key: the newest first. */
export function compareAges(a: LevelCursor, b: LevelCursor): number {
  return b.tagHigh - a.tagHigh || b.tagLow - a.tagLow || a.rank - b.rank
}
