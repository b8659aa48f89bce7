/**
 * What: the point hash: from the hash of a user key to the place of its newest version. On disk: do not
 * change. A key that is not found in it is not in the table.
 *
 *   offset size
 *        0    4  slots
 *        4    4  keys
 *        8    1  e: low bits of a place that say where in its block the entry is
 *        9    1  b: bits of a place + 1
 *       10    1  place kind, what the low bits of a place are: 0 the number of the entry; 2 in a table with rows, where
 *                the row starts in the block, in units of 4 bytes, and 0 in a block of columns; 3 is reserved, in
 *                units of 8 bytes
 *       11    5  zero
 *       16    4  each slot: 0 = empty, else bits 0…b-1 the place + 1, bits b…31 the low bits of the hash
 *        …       zeros up to a multiple of 8
 *
 * A place is block << e | low bits. The slots are open addressing with linear probing from
 * floor((hash >>> 6) × slots / 2^26), with at least three empty slots in ten: 5.7 bytes a key. The home
 * slot uses the high bits of the hash and the slot keeps its low ones: a strange key passes for one of
 * the table about once in 2^(32-b) / 6 lookups. A table whose places need more than 26 bits has no point
 * hash.
 */
import { alignUp, BadBytes, getU32 } from '../../base/index.js'
import { BLOCK_ENTRIES_MAX } from '../block/block-format.js'
import { ROW_START_BITS } from '../block/row-format.js'
import { UnknownCode } from '../table-format.js'

const HEADER_BYTES = 16
const PLACE_KIND_OFFSET = 10
/** The kind of places that say where rows start. On disk: do not change this number. */
const PLACE_KIND_ROWS = 2
const PLACE_BITS_MAX = 26
const SLOTS_PER_KEY = 1 / 0.7
const KEYS_PER_PAUSE = 16_384

function homeSlot(hash: number, slotCount: number): number {
  return Math.floor(((hash >>> 6) * slotCount) / 2 ** 26)
}

/** Places while a table is written have room for the start of any row, and for 2^18 blocks; more get no point hash. */
export function placeOf(block: number, low: number): number {
  return ((block << ROW_START_BITS) | low) >>> 0
}

const LOW_MASK = (1 << ROW_START_BITS) - 1

function bitsFor(n: number): number {
  return 32 - Math.clz32(n)
}

/** False when `blockCount` blocks, with low bits up to `lowMax`, have too many places for a point hash. */
export function placesFit(blockCount: number, lowMax: number): boolean {
  const isCounted = blockCount <= 2 ** (32 - ROW_START_BITS)
  return isCounted && blockCount * 2 ** bitsFor(lowMax) < 2 ** PLACE_BITS_MAX
}

/** Gives the section for `keyCount` keys; pauses now and then. Places are those of `placeOf`. Requires: they fit. */
export function* encodePointHash(
  { hashes, places }: Record<'hashes' | 'places', Uint32Array>, keyCount: number, lowMax: number, isRows: boolean,
): Generator<undefined, Uint8Array, unknown> {
  const entryBits = bitsFor(lowMax)
  const blocksMax = places[keyCount - 1]! >>> ROW_START_BITS
  const placeBits = bitsFor((blocksMax + 1) * 2 ** entryBits)
  const slotCount = Math.ceil(keyCount * SLOTS_PER_KEY) + 1
  const content = new Uint8Array(alignUp(HEADER_BYTES + 4 * slotCount, 8))
  const words = new Uint32Array(content.buffer)
  words[0] = slotCount
  words[1] = keyCount
  words[2] = entryBits | (placeBits << 8) | ((isRows ? PLACE_KIND_ROWS : 0) << 16)
  const slots = words.subarray(4, 4 + slotCount)
  for (let from = 0; from < keyCount; from += KEYS_PER_PAUSE) {
    const end = Math.min(keyCount, from + KEYS_PER_PAUSE)
    for (let i = from; i < end; i++) {
      const place = ((places[i]! >>> ROW_START_BITS) << entryBits) | (places[i]! & LOW_MASK)
      putSlot(slots, hashes[i]!, (hashes[i]! << placeBits) | (place + 1))
    }
    yield
  }
  return content
}

function putSlot(slots: Uint32Array, hash: number, word: number): void {
  const slotCount = slots.length
  let slot = homeSlot(hash, slotCount)
  while (slots[slot] !== 0) if (++slot === slotCount) slot = 0
  slots[slot] = word
}

export class PointHash {
  readonly slots: Uint32Array
  readonly keyCount: number
  readonly entryBits: number
  readonly placeBits: number
  readonly placeMask: number
  /** The low bits of places say where rows start, in units. */
  readonly isRows: boolean
  readonly memoryBytes: number

  /** Reads a section. Throws BadBytes with the offset in `content`. What a slot names is checked when it is used. */
  constructor(content: Uint8Array) {
    if (content.length < HEADER_BYTES) throw new BadBytes(0, 'point hash is too short')
    const slotCount = getU32(content, 0)
    if (slotCount === 0 || alignUp(HEADER_BYTES + 4 * slotCount, 8) !== content.length) {
      throw new BadBytes(0, `point hash of ${slotCount} slots`)
    }
    const placeKind = content[PLACE_KIND_OFFSET]!
    this.isRows = placeKind === PLACE_KIND_ROWS
    if (placeKind !== 0 && !this.isRows) throw new UnknownCode(PLACE_KIND_OFFSET, `place kind ${placeKind}`)
    this.keyCount = getU32(content, 4)
    this.entryBits = content[8]!
    this.placeBits = content[9]!
    if (this.keyCount >= slotCount) throw new BadBytes(4, `${this.keyCount} keys in ${slotCount} slots`)
    const entryBitsMax = this.isRows ? ROW_START_BITS : bitsFor(BLOCK_ENTRIES_MAX - 1)
    if (this.entryBits > entryBitsMax || this.placeBits > PLACE_BITS_MAX || this.placeBits <= this.entryBits) {
      throw new BadBytes(8, 'bad width of a place')
    }
    for (let i = PLACE_KIND_OFFSET + 1; i < HEADER_BYTES; i++) if (content[i] !== 0) throw new BadBytes(i, 'not zero')
    for (let i = HEADER_BYTES + 4 * slotCount; i < content.length; i++) {
      if (content[i] !== 0) throw new BadBytes(i, 'padding is not zero')
    }
    this.slots = new Uint32Array(content.buffer, content.byteOffset + HEADER_BYTES, slotCount)
    this.placeMask = 2 ** this.placeBits - 1
    this.memoryBytes = content.length + 300
  }

  /** Gives the slot where the search for `hash` begins. */
  home(hash: number): number {
    return homeSlot(hash, this.slots.length)
  }

  /** True when a search for `hash` meets the place with these low bits in block `number`. */
  holds(hash: number, number: number, low: number): boolean {
    const { slots, placeBits, entryBits } = this
    const word = ((hash << placeBits) | ((number * 2 ** entryBits + low + 1) & this.placeMask)) >>> 0
    let slot = this.home(hash)
    for (let left = slots.length; left > 0 && slots[slot] !== 0; left--) {
      if (slots[slot] === word) return true
      if (++slot === slots.length) slot = 0
    }
    return false
  }

  /** False when no key with this hash has its newest version in the blocks [first, end). */
  leadsTo(hash: number, first: number, end: number): boolean {
    const { slots, placeBits, entryBits, placeMask } = this
    const tag = (hash << placeBits) >>> 0
    let slot = this.home(hash)
    for (let left = slots.length; left > 0 && slots[slot] !== 0; left--) {
      const word = slots[slot]!
      if ((word & ~placeMask) >>> 0 === tag) {
        const block = Math.floor(((word & placeMask) - 1) / 2 ** entryBits)
        if (block >= first && block < end) return true
      }
      if (++slot === slots.length) slot = 0
    }
    return false
  }

  /** Counts the slots in use. */
  usedCount(): number {
    let count = 0
    for (const slot of this.slots) if (slot !== 0) count++
    return count
  }
}
