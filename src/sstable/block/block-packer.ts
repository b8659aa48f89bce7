/**
 * What: packs a column block (packed-format.ts) where it stands.
 * Owns: a column of its own; what it packs goes through the memory of LZ4, which is the thread's.
 * Thread: one. Nothing is allocated per entry.
 */
import { alignUp, putU32 } from '../../base/index.js'
import { LZ4_PLAIN_BYTES_MAX, lz4OfThread } from '../../codec/index.js'
import { BLOCK_ENTRIES_MAX, KIND_SHIFT, START_MASK } from './block-format.js'
import {
  FILE_BLOCK_AT, FRONT_CODED, PACKED_HEADER_BYTES, SHARED_BYTES_MAX, STREAM_AT, STREAM_HEAD_BYTES,
} from './packed-format.js'
import type { BlockMemory } from './packed-format.js'

/** A block that saves less than this part stays as it is: unpacking it would cost more than reading the rest. */
const SAVED_PART_MIN = 1 / 8

export class BlockPacker {
  private readonly lz4 = lz4OfThread()
  private readonly shared = new Uint8Array(BLOCK_ENTRIES_MAX)

  /**
   * Packs the column block of `length` bytes that stands at `at` of the memory, in place. Returns its bytes then, with
   * padding; 0 when it stays as it is.
   */
  pack({ bytes, words }: BlockMemory, at: number, length: number): number {
    if (length > LZ4_PLAIN_BYTES_MAX) return 0
    const { lz4 } = this
    const head = words[at >>> 2]!
    const count = head & 0xffff
    const savedMin = Math.ceil(length * SAVED_PART_MIN)
    const width = seqBytes(words, at, count, head >>> 16)
    const isFrontCoded = this.measureShared(bytes, words, at, count)
    const streamEnd = this.putStream(bytes, words, at, width, isFrontCoded)
    const room = length - savedMin - PACKED_HEADER_BYTES - 8
    const packed = room <= 0 ? 0 : lz4.compress(STREAM_AT, streamEnd - STREAM_AT, FILE_BLOCK_AT, room)
    if (packed === 0) return 0
    putU32(bytes, at, length)
    putU32(bytes, at + 4, count | (width << 16) | ((isFrontCoded ? FRONT_CODED : 0) << 24))
    putU32(bytes, at + 8, streamEnd - STREAM_AT)
    putU32(bytes, at + 12, packed)
    bytes.set(lz4.bytes.subarray(FILE_BLOCK_AT, FILE_BLOCK_AT + packed), at + PACKED_HEADER_BYTES)
    const end = PACKED_HEADER_BYTES + packed
    const padded = alignUp(end, 8)
    for (let i = end; i < padded; i++) bytes[at + i] = 0
    return padded
  }

  /** Finds what each suffix shares with the one before. True when front coding saves more than it takes. */
  private measureShared(bytes: Uint8Array, words: Uint32Array, at: number, count: number): boolean {
    const { shared } = this
    const keyWord = (at >>> 2) + 4
    let last = at + (words[keyWord]! & START_MASK)
    let saved = -count
    shared[0] = 0
    for (let i = 1, start = at + (words[keyWord + 1]! & START_MASK); i < count; i++) {
      const end = at + (words[keyWord + i + 1]! & START_MASK)
      const lastBytes = start - last
      let most = end - start < lastBytes ? end - start : lastBytes
      if (most > SHARED_BYTES_MAX) most = SHARED_BYTES_MAX
      let k = 0
      while (k < most && bytes[last + k] === bytes[start + k]) k++
      shared[i] = k
      saved += k
      last = start
      start = end
    }
    return saved > 0
  }

  /** Writes the stream of a column block; returns where it ends. */
  private putStream(
    bytes: Uint8Array, words: Uint32Array, at: number, width: number, isFrontCoded: boolean,
  ): number {
    const { lz4: { bytes: stream, view }, shared } = this
    const word = at >>> 2
    const keyWord = word + 4
    const count = words[word]! & 0xffff
    const valueWord = keyWord + count
    const prefixBytes = words[word + 1]!
    let to = STREAM_AT
    view.setUint32(to, words[word + 2]!, true)
    view.setUint32(to + 4, words[word + 3]!, true)
    view.setUint16(to + 8, prefixBytes, true)
    to += STREAM_HEAD_BYTES
    if (isFrontCoded) for (let i = 0; i < count; i++) stream[to++] = shared[i]!
    for (let i = 0; i < count; i++, to += 2) {
      const suffixBytes = (words[keyWord + i + 1]! & START_MASK) - (words[keyWord + i]! & START_MASK)
      view.setUint16(to, isFrontCoded ? suffixBytes - shared[i]! : suffixBytes, true)
    }
    for (let i = 0; i < count; i++, to += 2) view.setUint16(to, words[valueWord + i + 1]! - words[valueWord + i]!, true)
    for (let i = 0; i < count; i++) stream[to++] = words[keyWord + i]! >>> KIND_SHIFT
    to = putSeqNums(stream, to, words, valueWord + count + 1, count, width)
    const suffixesAt = at + (words[keyWord]! & START_MASK)
    const valuesEnd = at + words[valueWord + count]!
    if (!isFrontCoded) return append(stream, to, bytes, suffixesAt - prefixBytes, valuesEnd)
    to = append(stream, to, bytes, suffixesAt - prefixBytes, suffixesAt)
    for (let i = 0; i < count; i++) {
      const end = at + (words[keyWord + i + 1]! & START_MASK)
      for (let k = at + (words[keyWord + i]! & START_MASK) + shared[i]!; k < end; k++) stream[to++] = bytes[k]!
    }
    return append(stream, to, bytes, at + words[valueWord]!, valuesEnd)
  }
}

/** The whole bytes that the largest difference of a sequence column needs. `columnWidth` is that of the column. */
function seqBytes(words: Uint32Array, at: number, count: number, columnWidth: number): number {
  if (columnWidth === 0) return 0
  const step = columnWidth >>> 2
  const first = (at >>> 2) + 5 + 2 * count
  let [low, high] = [0, 0]
  for (let i = 0; i < count; i++) {
    low |= words[first + i * step]!
    if (step === 2) high |= words[first + 2 * i + 1]!
  }
  return high === 0 ? bytesOf(low) : 4 + bytesOf(high)
}

function bytesOf(word: number): number {
  return (39 - Math.clz32(word)) >>> 3
}

function putSeqNums(
  stream: Uint8Array, to: number, words: Uint32Array, first: number, count: number, width: number,
): number {
  const step = width > 4 ? 2 : 1
  if (width > 0) {
    for (let i = 0; i < count; i++) {
      let rest = words[first + i * step]!
      for (let k = 0; k < width; k++) {
        if (k === 4) rest = words[first + 2 * i + 1]!
        stream[to++] = rest
        rest >>>= 8
      }
    }
  }
  return to
}

function append(stream: Uint8Array, to: number, bytes: Uint8Array, start: number, end: number): number {
  stream.set(bytes.subarray(start, end), to)
  return to + end - start
}
