/**
 * What: reads entry i of a checked block where it stands, for point reads: is it this key, and what does it hold?
 * It gives the answers of BlockReader, without turning a reader to the block.
 * Owns: of each block that was read, what its entries have in common (its shape).
 * Thread: one. Nothing is allocated for a read.
 *
 * A random read waits for memory, so it must know where to look before it has seen any of it. The shape tells the
 * entry count: header and columns are loaded side by side. In a block whose keys have one length a suffix is found
 * by arithmetic, and if its values have one length too, neither header nor columns are waited for. Figures:
 * docs/design/0006-table-block.md.
 */
import { equalsInParts } from '../../base/index.js'
import type { PointResult, SeqNum } from '../../base/index.js'
import { isPlain, PLAIN_KIND } from '../../iterator/index.js'
import { BLOCK_HEADER_BYTES, KIND_SHIFT, START_MASK } from './block-format.js'
import type { BlockReader } from './block-reader.js'

const HEADER_WORDS = BLOCK_HEADER_BYTES / 4

/**
 * Words of a shape: the count of entries, with flags and the width of the sequence column above it; then the bytes
 * of the prefix, of each suffix and of each value.
 */
const SHAPE_WORDS = 4
const NO_SHAPES = new Uint32Array(0)
const COUNT_MASK = 0xffff
const WIDTH_SHIFT = 16
const WIDTH_MASK = 15
const KEYS_ALIKE = 1 << 20
/** The flag of a shape whose entries are all plain values of one length. */
const VALUES_ALIKE = 1 << 21
const ALL_ALIKE = KEYS_ALIKE | VALUES_ALIKE

/** One memory as bytes and as u32: a chunk of the cache, or a reader's own buffer. */
interface Memory {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
}

/** The answer of `read` when the block has fewer entries. */
export const NO_ENTRY = 0
export const OTHER_KEY = 1
export const FOUND = 2
/** The answer when the key is there, in a version above the snapshot. */
export const TOO_NEW = 3

export class PointEntries {
  private readonly largestSeqNum: SeqNum
  private readonly blockCount: number
  /** The shapes by block number: zeros where none is known, empty while none are kept. */
  private shapes = NO_SHAPES

  /** Begins without shapes. No entry of the table is above `largestSeqNum`. */
  constructor(blockCount: number, largestSeqNum: SeqNum) {
    this.blockCount = blockCount
    this.largestSeqNum = largestSeqNum
  }

  /** Gives the memory that the shapes of `blockCount` blocks take. */
  static memoryBytes(blockCount: number): number {
    return 4 * SHAPE_WORDS * blockCount
  }

  /** Begins to keep shapes, or forgets them. */
  keepShapes(isWanted: boolean): void {
    if (!isWanted) this.shapes = NO_SHAPES
    else if (this.shapes === NO_SHAPES) this.shapes = new Uint32Array(SHAPE_WORDS * this.blockCount)
  }

  isNoted(number: number): boolean {
    return this.shapes[SHAPE_WORDS * number]! > 0
  }

  /** Keeps the shape of a checked block, if shapes are kept. */
  note(block: BlockReader, number: number): void {
    if (this.shapes === NO_SHAPES) return
    const { count, prefixBytes } = block
    const suffixBytes = block.suffixEnd(0) - block.suffixStart(0)
    const valueBytes = block.valueEnd(0) - block.valueStart(0)
    let flags = ALL_ALIKE
    for (let i = 0; i < count; i++) {
      if (block.suffixEnd(i) - block.suffixStart(i) !== suffixBytes) flags &= ~KEYS_ALIKE
      const isAlike = isPlain(block.kindAt(i)) && block.valueEnd(i) - block.valueStart(i) === valueBytes
      if (!isAlike) flags &= ~VALUES_ALIKE
    }
    const at = SHAPE_WORDS * number
    this.shapes[at] = flags | (block.seqWidth << WIDTH_SHIFT) | count
    this.shapes[at + 1] = prefixBytes
    this.shapes[at + 2] = suffixBytes
    this.shapes[at + 3] = valueBytes
  }

  /** Compares entry i of block `number`, which stands at `base`, with key[0, end). Requires: the block was noted. */
  read(
    memory: Memory, base: number, number: number, i: number,
    key: Uint8Array, end: number, snapshot: SeqNum, out: PointResult,
  ): number {
    const { bytes, words } = memory
    const { shapes } = this
    const shape = SHAPE_WORDS * number
    const flags = shapes[shape]!
    const count = flags & COUNT_MASK
    if (i >= count) return NO_ENTRY
    const head = base >>> 2
    const column = head + HEADER_WORDS + i
    const prefixBytes = shapes[shape + 1]!
    const prefix = base + BLOCK_HEADER_BYTES + 8 * count + 4 + count * ((flags >>> WIDTH_SHIFT) & WIDTH_MASK)
    let suffix = prefix + prefixBytes
    let suffixBytes = shapes[shape + 2]!
    if ((flags & KEYS_ALIKE) !== 0) suffix += i * suffixBytes
    else {
      suffix = base + (words[column]! & START_MASK)
      suffixBytes = base + (words[column + 1]! & START_MASK) - suffix
    }
    if (end !== prefixBytes + suffixBytes) return OTHER_KEY
    if (!equalsInParts(bytes, prefix, prefixBytes, bytes, suffix, suffixBytes, key, 0)) return OTHER_KEY
    if (snapshot < this.largestSeqNum && seqNumOf(words, head, count, i) > snapshot) return TOO_NEW
    out.valueBytes = bytes
    if ((flags & ALL_ALIKE) === ALL_ALIKE) {
      const valueBytes = shapes[shape + 3]!
      out.kind = PLAIN_KIND
      out.valueStart = prefix + prefixBytes + count * suffixBytes + i * valueBytes
      out.valueEnd = out.valueStart + valueBytes
    } else {
      out.kind = words[column]! >>> KIND_SHIFT
      out.valueStart = base + words[column + count]!
      out.valueEnd = base + words[column + count + 1]!
    }
    return FOUND
  }
}

function seqNumOf(words: Uint32Array, head: number, count: number, i: number): number {
  const first = words[head + 2]! + words[head + 3]! * 2 ** 32
  const width = words[head]! >>> 16
  const column = head + HEADER_WORDS + 2 * count + 1
  if (width === 0) return first
  if (width === 4) return first + words[column + i]!
  return first + words[column + 2 * i]! + words[column + 2 * i + 1]! * 2 ** 32
}
