/**
 * What: the bytes of a value log. On disk: do not change.
 *
 *   file header (base/file-header.ts, magic 'varvevlg')   128 bytes
 *   frames (base/frame.ts) of type values: flag values apart, no extensions, one entry each (base/entry.ts) with the
 *     sequence number of the frame, whose value has a checksum of its own
 *   last frame: a mark, whose count is that of the values before it; what has none was cut off
 *
 * A frame is head, value, tail. The tail begins with zeros up to a multiple of 4 from the entry's start, then the
 * checksum of the value, then zeros up to a multiple of 8. Where all of this stands is known before the value is read.
 * Thread: any (pure).
 */
import {
  crc32, EncodingFlag, ENTRY_BYTES_MIN, FRAME_HEADER_BYTES, frameBytes, FrameFlag, FrameType, newKeyStart,
  putEntryHeader, putFrameHeader, putU32, sealFrame,
} from '../base/index.js'
import type { NewFrame } from '../base/index.js'

/** The mark at the end. */
export const VALUE_LOG_END_BYTES = frameBytes(0)
/** Header and entry of a value, with what fills it up to a multiple of 8; at most. */
export const VALUE_FRAMING_BYTES_MAX = 80
/** No tail is longer. */
export const VALUE_TAIL_BYTES_MAX = 16

/** The sizes of one value and its key. */
export interface ValueSizes {
  keyBytes: number
  valueBytes: number
}

/** What a frame says. One serves all values of a file, one after the other. */
export interface ValueFrame extends ValueSizes, NewFrame {
  /** Offset in the file. */
  offset: number
  /** Kind and version flags, as the entry had them. */
  kind: number
  /** CRC-32 of the value, from the file's seed XOR the value's offset. */
  checksum: number
}

/** A frame of nothing yet. */
export function newValueFrame(generation: number): ValueFrame {
  return {
    type: FrameType.values, bodyBytes: 0, extensionBytes: 0, firstSeqNum: 0, count: 1, generation: generation >>> 0,
    markDistance: 0, markBytes: 0, keyBytes: 0, valueBytes: 0, offset: 0, kind: 0, checksum: 0,
  }
}

/** Bytes before the value. */
export function valueHeadBytes(keyBytes: number): number {
  return FRAME_HEADER_BYTES + ENTRY_BYTES_MIN + keyBytes
}

/** Bytes of the frame around such a value. */
export function valueFrameBytes({ keyBytes, valueBytes }: ValueSizes): number {
  return frameBytes(entryBytes(keyBytes, valueBytes))
}

function entryBytes(keyBytes: number, valueBytes: number): number {
  const contentBytes = ENTRY_BYTES_MIN + keyBytes + valueBytes
  return contentBytes + (-contentBytes & 3) + EncodingFlag.checksum
}

/** Where the key goes that belongs to the head at `at`. */
export function valueKeyStart(at: number): number {
  return newKeyStart(at + FRAME_HEADER_BYTES)
}

/**
 * Writes head and tail of a frame, whose value is not looked at. Requires: the key stands in its place in the head.
 * Returns the bytes of the tail.
 */
export function putValueFrame(
  bytes: Uint8Array, headAt: number, tailAt: number, seed: number, frame: ValueFrame,
): number {
  const { keyBytes, valueBytes, offset, kind, checksum } = frame
  const entryAt = headAt + FRAME_HEADER_BYTES
  const bodyBytes = frame.bodyBytes = entryBytes(keyBytes, valueBytes)
  const headBytes = valueHeadBytes(keyBytes)
  const tailBytes = frameBytes(bodyBytes) - headBytes - valueBytes
  const bodyTailBytes = FRAME_HEADER_BYTES + bodyBytes - headBytes - valueBytes
  putEntryHeader(bytes, entryAt, kind, EncodingFlag.checksum, keyBytes, valueBytes)
  for (let i = tailAt; i < tailAt + tailBytes; i++) bytes[i] = 0
  putU32(bytes, tailAt + bodyTailBytes - 4, checksum)
  const head = crc32(bytes, entryAt, headAt + headBytes, (seed ^ offset) >>> 0)
  const bodyChecksum = crc32(bytes, tailAt, tailAt + bodyTailBytes, head)
  putFrameHeader(bytes, headAt, offset, seed, frame, FrameFlag.valuesApart, bodyChecksum)
  return tailBytes
}

/** Writes the mark that ends a file of so many values. */
export function putValueLogEnd(
  bytes: Uint8Array, at: number, offset: number, seed: number,
  { count, generation }: Pick<NewFrame, 'count' | 'generation'>,
): void {
  sealFrame(bytes, at, offset, seed, {
    type: FrameType.mark, bodyBytes: 0, extensionBytes: 0, firstSeqNum: 0, count, generation,
    markDistance: 0, markBytes: 0,
  })
}
