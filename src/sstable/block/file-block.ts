/**
 * What: a block as it stands in a file, packed or not, on its way to where it is read. It is brought into the memory of
 * LZ4, looked at, and laid out as a column block at its place.
 * Thread: each has one; what is in it is good until the next block.
 * Invariants: whatever a packed block says, nothing outside of its own column block is written.
 */
import { alignUp, BadBytes, codeName } from '../../base/index.js'
import { LZ4_PLAIN_BYTES_MAX, lz4OfThread } from '../../codec/index.js'
import type { Lz4 } from '../../codec/index.js'
import { TRAILER_BYTES, UnknownCode } from '../table-format.js'
import { BLOCK_HEADER_BYTES, KIND_SHIFT, START_MASK } from './block-format.js'
import {
  FILE_BLOCK_AT, FRONT_CODED, PACKED_HEADER_BYTES, SEQ_WIDTH_MAX, STREAM_AT, STREAM_HEAD_BYTES,
} from './packed-format.js'
import type { BlockMemory } from './packed-format.js'

/** Reserved flags on disk: do not change these numbers. */
const ReservedFlag = { 'a dictionary': 2, 'an expiry column': 4 } as const

let made: FileBlock | null = null

/** Gives the one of this thread. */
export function fileBlockOfThread(): FileBlock {
  return made ??= new FileBlock(lz4OfThread())
}

export class FileBlock {
  private readonly lz4: Lz4
  /** Bytes of the column block: known after `begin`. */
  plainBytes = 0
  /** Bytes of the packed block; 0 for one that is not packed. */
  private packedBytes = 0

  constructor(lz4: Lz4) {
    this.lz4 = lz4
  }

  /** The memory into which the block comes with its trailer, at `FILE_BLOCK_AT`, before `begin`. */
  get bytes(): Uint8Array {
    return this.lz4.bytes
  }

  get isPacked(): boolean {
    return this.packedBytes > 0
  }

  /** Bytes of the column block with the trailer. */
  get roomBytes(): number {
    return this.plainBytes + TRAILER_BYTES
  }

  /** Looks at the block of `length` bytes, without trailer, that is there now. Throws BadBytes or UnknownCode. */
  begin(length: number, isPacked: boolean): void {
    this.packedBytes = isPacked ? length : 0
    this.plainBytes = isPacked ? this.checkHead(length) : length
  }

  /** Writes the column block to bytes[at], and the trailer behind it; `at` is a multiple of 8. Throws BadBytes. */
  unpackTo({ bytes, words }: BlockMemory, at: number): void {
    const { lz4, plainBytes, packedBytes } = this
    const end = FILE_BLOCK_AT + (packedBytes || plainBytes)
    if (packedBytes === 0) bytes.set(lz4.bytes.subarray(FILE_BLOCK_AT, end + TRAILER_BYTES), at)
    else {
      const streamBytes = lz4.view.getUint32(FILE_BLOCK_AT + 8, true)
      const packed = lz4.view.getUint32(FILE_BLOCK_AT + 12, true)
      const isGood = lz4.decompress(FILE_BLOCK_AT + PACKED_HEADER_BYTES, packed, STREAM_AT, streamBytes)
      if (!isGood) throw new BadBytes(PACKED_HEADER_BYTES, 'the LZ4 block does not unpack')
      this.unpackStream(bytes, words, at, streamBytes)
      bytes.set(lz4.bytes.subarray(end, end + TRAILER_BYTES), at + plainBytes)
    }
  }

  private checkHead(length: number): number {
    const { bytes, view } = this.lz4
    const plainBytes = view.getUint32(FILE_BLOCK_AT, true)
    const flags = bytes[FILE_BLOCK_AT + 7]!
    const streamBytes = view.getUint32(FILE_BLOCK_AT + 8, true)
    const end = PACKED_HEADER_BYTES + view.getUint32(FILE_BLOCK_AT + 12, true)
    if (flags > FRONT_CODED) throw refusedFlags(flags & ~FRONT_CODED)
    if (plainBytes > LZ4_PLAIN_BYTES_MAX) throw new BadBytes(0, `unpacks to ${plainBytes} bytes`)
    if (bytes[FILE_BLOCK_AT + 6]! > SEQ_WIDTH_MAX) throw new BadBytes(6, 'sequence numbers are too wide')
    if (streamBytes > plainBytes) throw new BadBytes(8, 'stream is longer than its block')
    if (end > length || length - end >= 8) throw new BadBytes(12, 'bad end of the LZ4 block')
    for (let i = end; i < length; i++) if (bytes[FILE_BLOCK_AT + i] !== 0) throw new BadBytes(i, 'padding is not zero')
    return plainBytes
  }

  /**
   * Lays the columns out. Whatever the stream says, only the bytes of the block are written. Lengths that go on behind
   * the stream are read from the memory there, and do not add up.
   */
  private unpackStream(bytes: Uint8Array, words: Uint32Array, at: number, streamBytes: number): void {
    const { lz4: { bytes: stream, view }, plainBytes } = this
    const count = view.getUint16(FILE_BLOCK_AT + 4, true)
    const width = stream[FILE_BLOCK_AT + 6]!
    const isFrontCoded = stream[FILE_BLOCK_AT + 7] === FRONT_CODED
    const prefixBytes = view.getUint16(STREAM_AT + 8, true)
    const columnWidth = width === 0 ? 0 : width <= 4 ? 4 : 8
    const prefixAt = BLOCK_HEADER_BYTES + (2 * count + 1) * 4 + count * columnWidth
    const lengthsAt = STREAM_AT + STREAM_HEAD_BYTES + (isFrontCoded ? count : 0)
    const kindsAt = lengthsAt + 4 * count
    const contentAt = kindsAt + count * (1 + width)
    const streamEnd = STREAM_AT + streamBytes
    if (prefixAt + prefixBytes > plainBytes) throw doesNotFit()
    const word = at >>> 2
    words[word] = count | (columnWidth << 16)
    words[word + 1] = prefixBytes
    words[word + 2] = view.getUint32(STREAM_AT, true)
    words[word + 3] = view.getUint32(STREAM_AT + 4, true)
    const suffixesAt = prefixAt + prefixBytes
    const valuesAt = this.unpackStarts(words, word + 4, count, suffixesAt, isFrontCoded)
    const end = this.unpackValueStarts(words, word + 4 + count, count, lengthsAt + 2 * count, valuesAt)
    if (alignUp(end, 8) !== plainBytes) throw doesNotFit()
    unpackSeqNums(stream, kindsAt + count, words, word + 5 + 2 * count, count, width)
    const valuesFrom = streamEnd - (end - valuesAt)
    if (isFrontCoded) {
      bytes.set(stream.subarray(contentAt, contentAt + prefixBytes), at + prefixAt)
      const from = this.joinSuffixes(bytes, words, at, contentAt + prefixBytes)
      if (from !== valuesFrom) throw doesNotFit()
      bytes.set(stream.subarray(valuesFrom, streamEnd), at + valuesAt)
    } else {
      if (streamEnd - contentAt !== end - prefixAt) throw doesNotFit()
      bytes.set(stream.subarray(contentAt, streamEnd), at + prefixAt)
    }
    for (let i = end; i < plainBytes; i++) bytes[at + i] = 0
  }

  /** Writes where each suffix starts, beside its kind; returns where the last one ends. */
  private unpackStarts(
    words: Uint32Array, keyWord: number, count: number, start: number, isFrontCoded: boolean,
  ): number {
    const { lz4: { bytes: stream, view } } = this
    const sharedAt = STREAM_AT + STREAM_HEAD_BYTES
    const lengthsAt = sharedAt + (isFrontCoded ? count : 0)
    const kindsAt = lengthsAt + 4 * count
    for (let i = 0; i < count; i++) {
      words[keyWord + i] = (start & START_MASK) | (stream[kindsAt + i]! << KIND_SHIFT)
      start += view.getUint16(lengthsAt + 2 * i, true)
      if (isFrontCoded) start += stream[sharedAt + i]!
    }
    return start
  }

  private unpackValueStarts(
    words: Uint32Array, valueWord: number, count: number, lengthsAt: number, start: number,
  ): number {
    const { view } = this.lz4
    for (let i = 0; i < count; i++) {
      words[valueWord + i] = start
      start += view.getUint16(lengthsAt + 2 * i, true)
    }
    words[valueWord + count] = start
    return start
  }

  /** Puts suffixes together from what they share and their rests, which begin at `from`; returns where these end. */
  private joinSuffixes(bytes: Uint8Array, words: Uint32Array, at: number, from: number): number {
    const { bytes: stream } = this.lz4
    const keyWord = (at >>> 2) + 4
    const count = words[at >>> 2]! & 0xffff
    let last = 0
    let lastBytes = 0
    for (let i = 0, start = at + (words[keyWord]! & START_MASK); i < count; i++) {
      const end = at + (words[keyWord + i + 1]! & START_MASK)
      const shared = stream[STREAM_AT + STREAM_HEAD_BYTES + i]!
      if (shared > lastBytes) throw doesNotFit()
      for (let k = 0; k < shared; k++) bytes[start + k] = bytes[last + k]!
      for (let k = start + shared; k < end; k++) bytes[k] = stream[from++]!
      last = start
      lastBytes = end - start
      start = end
    }
    return from
  }
}

function unpackSeqNums(
  stream: Uint8Array, from: number, words: Uint32Array, to: number, count: number, width: number,
): void {
  if (width === 0) return
  for (let i = 0; i < count; i++) {
    let low = 0
    let high = 0
    for (let k = 0; k < width; k++) {
      const byte = stream[from++]!
      if (k < 4) low |= byte << (8 * k)
      else high |= byte << (8 * k - 32)
    }
    words[to++] = low
    if (width > 4) words[to++] = high
  }
}

function doesNotFit(): BadBytes {
  return new BadBytes(PACKED_HEADER_BYTES, 'the unpacked columns do not fit')
}

function refusedFlags(flags: number): UnknownCode {
  const name = codeName(ReservedFlag, flags)
  return new UnknownCode(7, `flags ${flags} of a packed block${name === undefined ? '' : ` (${name})`}`)
}
