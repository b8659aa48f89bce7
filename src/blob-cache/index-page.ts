/**
 * What: a part of the index of the blob cache: the items whose hashes begin with the same bits, in a table with open
 * addressing. A hash has its home where it stands among all hashes of the page, so items stand in the order of their
 * hashes: a search ends at the first larger one, and growing or splitting is one pass over the slots, front to back.
 * Owns: the slots. A slot has 24 bytes: hash, segment, offset with visits, bytes, record number.
 * Keeps true: an item stands at its home or behind it, with no empty slot between; the last slot is empty.
 */
import { assert, getU32, putU32 } from '../base/index.js'

const SLOT_WORDS = 6
/** Bytes of an item outside of a table. */
export const ITEM_BYTES = 24
const [HIGH, LOW, SEGMENT, PLACE, BYTES, RECORD_NUM] = [0, 1, 2, 3, 4, 5] as const

/** Records stand at multiples of eight, so the low bits of an offset have room for something else. */
export const VISITS_MAX = 3
const VISITS_MASK = 7

/** A table is at most this full; with more, searches get long. */
const LOAD_MAX = 0.9
/** How full a table is after it was made anew: a quarter more than its items need at most. */
const LOAD_NEW = LOAD_MAX / 1.25
/** Below this a table is made anew, smaller. */
const LOAD_MIN = 0.4
const CAPACITY_MIN = 64
/** Slots behind the last home, for the items that it pushes on; doubled when they do not do. */
const TAIL_SLOTS = 32
/** Turns the order of unsigned integers into that of signed ones. */
const SIGN = 0x80000000 | 0

export class IndexPage {
  /** How many leading bits the hashes of this page have in common. */
  depth: number
  count = 0
  /** Slots that were written when the table was made anew, in all its life. */
  copiedSlots = 0
  private capacity = CAPACITY_MIN
  private tailSlots = TAIL_SLOTS
  private words = new Int32Array((CAPACITY_MIN + TAIL_SLOTS) * SLOT_WORDS)

  constructor(depth: number) {
    this.depth = depth
  }

  get bytes(): number {
    return this.words.byteLength
  }

  get isFull(): boolean {
    return this.count >= Math.floor(this.capacity * LOAD_MAX)
  }

  /** The number of slots that the table would have after it grew. */
  get grownCapacity(): number {
    return capacityFor(this.count)
  }

  /** Gives the slot of a hash, or -1. */
  find(low: number, high: number): number {
    const at = this.placeOf(low, high)
    const { words } = this
    return words[at + SEGMENT] !== 0 && words[at + HIGH] === (high ^ SIGN) && words[at + LOW] === (low ^ SIGN)
      ? at / SLOT_WORDS
      : -1
  }

  /** Makes room for a hash that is not there, and gives its slot, which `write` must fill. Requires: not full. */
  insert(low: number, high: number): number {
    const at = this.placeOf(low, high)
    let end = at
    while (this.words[end + SEGMENT] !== 0) end += SLOT_WORDS
    if (end + SLOT_WORDS === this.words.length) {
      this.tailSlots *= 2
      this.makeAnew(this.capacity)
      return this.insert(low, high)
    }
    if (end > at) this.words.copyWithin(at + SLOT_WORDS, at, end)
    this.words[at + HIGH] = high ^ SIGN
    this.words[at + LOW] = low ^ SIGN
    this.count++
    return at / SLOT_WORDS
  }

  write(slot: number, segment: number, offset: number, bytes: number, recordNum: number, visits: number): void {
    const at = slot * SLOT_WORDS
    this.words[at + SEGMENT] = segment
    this.words[at + PLACE] = offset | visits
    this.words[at + BYTES] = bytes
    this.words[at + RECORD_NUM] = recordNum
  }

  remove(slot: number): void {
    const { words } = this
    const at = slot * SLOT_WORDS
    let end = at + SLOT_WORDS
    while (words[end + SEGMENT] !== 0 && this.homeOf(words[end + HIGH]! ^ SIGN) * SLOT_WORDS < end) end += SLOT_WORDS
    words.copyWithin(at, at + SLOT_WORDS, end)
    words[end - SLOT_WORDS + SEGMENT] = 0
    this.count--
    if (this.count < this.capacity * LOAD_MIN && this.capacity > CAPACITY_MIN) this.makeAnew(this.grownCapacity)
  }

  /** Makes the table a quarter larger than its items need. */
  grow(): void {
    this.makeAnew(this.grownCapacity)
  }

  /** Keeps the lower half of the hashes, and gives a page with the upper half. */
  split(): IndexPage {
    const upper = new IndexPage(this.depth + 1)
    const middle = this.firstOfUpperHalf()
    upper.takeFrom(this.words, middle, this.words.length)
    this.depth++
    this.count -= upper.count
    const lowerCount = this.count
    this.takeFrom(this.words, 0, middle)
    assert(this.count === lowerCount, 'a split loses no item')
    return upper
  }

  /**
   * Writes the items to bytes[at…], in the order of their hashes, 24 bytes each as docs/format/blob-index.md draws
   * them. Gives where they end.
   */
  pack(bytes: Uint8Array, at: number): number {
    const { words } = this
    let to = at
    for (let from = 0; from < words.length; from += SLOT_WORDS) {
      if (words[from + SEGMENT] === 0) continue
      putU32(bytes, to, words[from + LOW]! ^ SIGN)
      putU32(bytes, to + 4, words[from + HIGH]! ^ SIGN)
      putU32(bytes, to + 8, words[from + SEGMENT]!)
      putU32(bytes, to + 12, words[from + PLACE]!)
      putU32(bytes, to + 16, words[from + BYTES]!)
      putU32(bytes, to + 20, words[from + RECORD_NUM]!)
      to += ITEM_BYTES
    }
    return to
  }

  /**
   * Makes a page of the items at bytes[at…]. Requires: they are in the order of their hashes, each once, and these
   * begin with the same `depth` bits.
   */
  static unpack(depth: number, bytes: Uint8Array, at: number, count: number): IndexPage {
    const page = new IndexPage(depth)
    page.count = count
    page.capacity = capacityFor(count)
    while (!page.tryUnpack(bytes, at)) page.tailSlots *= 2
    return page
  }

  private tryUnpack(bytes: Uint8Array, at: number): boolean {
    const words = new Int32Array((this.capacity + this.tailSlots) * SLOT_WORDS)
    const last = words.length - SLOT_WORDS
    const end = at + this.count * ITEM_BYTES
    let next = 0
    for (let from = at; from < end; from += ITEM_BYTES) {
      const high = getU32(bytes, from + 4)
      const to = Math.max(next, this.homeOf(high) * SLOT_WORDS)
      if (to >= last) return false
      words[to + HIGH] = high ^ SIGN
      words[to + LOW] = getU32(bytes, from) ^ SIGN
      words[to + SEGMENT] = getU32(bytes, from + 8)
      words[to + PLACE] = getU32(bytes, from + 12)
      words[to + BYTES] = getU32(bytes, from + 16)
      words[to + RECORD_NUM] = getU32(bytes, from + 20)
      next = to + SLOT_WORDS
    }
    this.words = words
    return true
  }

  /** Calls for each item, in the order of their hashes. Requires: the calls change nothing but visits. */
  forEach(visit: (slot: number) => void): void {
    const { words } = this
    for (let at = 0; at < words.length; at += SLOT_WORDS) if (words[at + SEGMENT] !== 0) visit(at / SLOT_WORDS)
  }

  lowAt(slot: number): number {
    return (this.words[slot * SLOT_WORDS + LOW]! ^ SIGN) >>> 0
  }

  highAt(slot: number): number {
    return (this.words[slot * SLOT_WORDS + HIGH]! ^ SIGN) >>> 0
  }

  segmentAt(slot: number): number {
    return this.words[slot * SLOT_WORDS + SEGMENT]! >>> 0
  }

  offsetAt(slot: number): number {
    return (this.words[slot * SLOT_WORDS + PLACE]! & ~VISITS_MASK) >>> 0
  }

  bytesAt(slot: number): number {
    return this.words[slot * SLOT_WORDS + BYTES]! >>> 0
  }

  recordNumAt(slot: number): number {
    return this.words[slot * SLOT_WORDS + RECORD_NUM]! >>> 0
  }

  visitsAt(slot: number): number {
    return this.words[slot * SLOT_WORDS + PLACE]! & VISITS_MASK
  }

  visit(slot: number): void {
    if (this.visitsAt(slot) < VISITS_MAX) this.words[slot * SLOT_WORDS + PLACE]! += 1
  }

  /** Gives the place, in words, of the first item whose hash is not smaller, or of the empty slot before it. */
  private placeOf(low: number, high: number): number {
    const { words } = this
    const [highWord, lowWord] = [high ^ SIGN, low ^ SIGN]
    let at = this.homeOf(high) * SLOT_WORDS
    for (; words[at + SEGMENT] !== 0; at += SLOT_WORDS) {
      const word = words[at + HIGH]!
      if (word > highWord || (word === highWord && words[at + LOW]! >= lowWord)) break
    }
    return at
  }

  private homeOf(high: number): number {
    return Math.floor(((high << this.depth) >>> 0) * (this.capacity / 2 ** 32))
  }

  private firstOfUpperHalf(): number {
    const { words } = this
    let at = 0
    while (at < words.length && (words[at + SEGMENT] === 0 || isLower(words[at + HIGH]! ^ SIGN, this.depth))) {
      at += SLOT_WORDS
    }
    return at
  }

  private makeAnew(capacity: number): void {
    this.capacity = capacity
    const { words } = this
    this.fill(words, 0, words.length)
  }

  private takeFrom(words: Int32Array, start: number, end: number): void {
    let count = 0
    for (let at = start; at < end; at += SLOT_WORDS) if (words[at + SEGMENT] !== 0) count++
    this.count = count
    this.capacity = capacityFor(count)
    this.tailSlots = TAIL_SLOTS
    this.fill(words, start, end)
  }

  /** Makes new slots for what stands in words[start, end). */
  private fill(words: Int32Array, start: number, end: number): void {
    while (!this.tryFill(words, start, end)) this.tailSlots *= 2
  }

  private tryFill(words: Int32Array, start: number, end: number): boolean {
    const filled = new Int32Array((this.capacity + this.tailSlots) * SLOT_WORDS)
    const last = filled.length - SLOT_WORDS
    let next = 0
    for (let at = start; at < end; at += SLOT_WORDS) {
      if (words[at + SEGMENT] === 0) continue
      const to = Math.max(next, this.homeOf(words[at + HIGH]! ^ SIGN) * SLOT_WORDS)
      if (to >= last) return false
      for (let word = 0; word < SLOT_WORDS; word++) filled[to + word] = words[at + word]!
      next = to + SLOT_WORDS
    }
    this.copiedSlots += this.count
    this.words = filled
    return true
  }
}

function capacityFor(count: number): number {
  return Math.max(CAPACITY_MIN, Math.ceil((count + 1) / LOAD_NEW))
}

/** True when the bit of the hash behind the `depth` leading ones is not set. */
function isLower(high: number, depth: number): boolean {
  return ((high << depth) & SIGN) === 0
}
