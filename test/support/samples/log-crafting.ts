/**
 * Logs with any codes in them and right checksums, as a newer version might write them: frames of any type with any
 * flags and extensions, entries of any kind with any flags, values apart.
 */
import {
  ByteWriter, crc32, decodeFileHeader, emptyFrameHeader, EncodingFlag, encodeFileHeader, EntryKind, FILE_HEADER_BYTES,
  fileSeed, fileSeedOf, FRAME_HEADER_BYTES, FrameFlag, FrameType, frameBytes, KIND_MASK, LOG_FRAMES, putU32, readFrame,
  sealFrame, VersionFlag,
} from '../../../src/base/index.js'
import type { FileHeader, NewFrame } from '../../../src/base/index.js'
import { encodePredecessor } from '../../../src/wal/index.js'
import type { Predecessor } from '../../../src/wal/index.js'
import { bytesOf } from './manifest-samples.js'

export interface CraftedEntry {
  /** Kind and version flags; a value. */
  kind?: number
  encoding?: number
  key: string
  value?: string
  /** With the encoding flag. */
  keyspaceId?: number
  /** With the version flag: the front of the value. */
  expiry?: number
}

export interface CraftedExtension {
  type: number
  /** The byte behind the type, which is 0. */
  flags?: number
  content: string
}

export interface CraftedFrame extends Partial<NewFrame> {
  flags?: number
  extensions?: readonly CraftedExtension[]
  entries?: readonly CraftedEntry[]
}

/** A body, and the places in it of values that have a checksum of their own. */
interface Body {
  bytes: Uint8Array
  extensionBytes: number
  apart: { start: number; end: number; checksumAt: number }[]
}

function writeEntry(out: ByteWriter, entry: CraftedEntry): { start: number; end: number; checksumAt: number } {
  const { kind = EntryKind.value, encoding = 0, key, value = '', keyspaceId = 0, expiry = 0 } = entry
  const frontBytes = (kind & VersionFlag.expiry) === 0 || (kind & KIND_MASK) === EntryKind.tombstone ? 0 : 8
  const valueBytes = frontBytes + value.length
  out.u8(kind).u8(encoding).u8(key.length).u8(key.length >>> 8).u32(valueBytes)
  if (encoding & EncodingFlag.keyspace) for (const shift of [24, 16, 8, 0]) out.u8(keyspaceId >>> shift)
  out.raw(bytesOf(key))
  if (frontBytes > 0) out.u53(expiry)
  const start = out.length
  out.raw(bytesOf(value))
  const end = out.length
  out.align(4)
  const checksumAt = out.length
  if (encoding & EncodingFlag.checksum) out.u32(0)
  return { start, end, checksumAt }
}

function bodyOf({ extensions = [], entries = [] }: CraftedFrame): Body {
  const out = new ByteWriter()
  for (const { type, flags = 0, content } of extensions) {
    out.u8(type).u8(flags).u8(content.length).u8(content.length >>> 8).raw(bytesOf(content)).align(4)
  }
  const extensionBytes = out.length
  const places = entries.map((entry) => writeEntry(out, entry))
  const apart = places.filter((_, i) => ((entries[i]!.encoding ?? 0) & EncodingFlag.checksum) !== 0)
  return { bytes: out.finish(), extensionBytes, apart }
}

/** Writes frames at the end of a log. */
export class LogCraft {
  readonly bytes: Uint8Array
  end: number
  private readonly seed: number
  private readonly generation: number

  /** Goes on at `end` of a log with this header. */
  constructor(bytes: Uint8Array, end: number, { seed, generation }: { seed: number; generation: number }) {
    this.bytes = bytes
    this.end = end
    this.seed = seed
    this.generation = generation
  }

  /** A new log with its first frame. */
  static begin(header: FileHeader, predecessor: Predecessor, capacity = 8192): LogCraft {
    const bytes = new Uint8Array(capacity)
    encodeFileHeader(header, bytes)
    const seed = fileSeed(header)
    const end = encodePredecessor(bytes, seed, header.generation, predecessor)
    return new LogCraft(bytes, end, { seed, generation: header.generation })
  }

  /** Behind the last good frame of a log. */
  static behind(log: Uint8Array, capacity = log.length + 8192): { craft: LogCraft; nextSeqNum: number } {
    const bytes = new Uint8Array(capacity)
    bytes.set(log)
    const seed = fileSeedOf(bytes)
    const frame = emptyFrameHeader()
    let at = FILE_HEADER_BYTES
    let nextSeqNum = 0
    while (readFrame(bytes, at, log.length, at, seed, LOG_FRAMES, frame) === 'good') {
      nextSeqNum = frame.firstSeqNum + frame.count
      at += frameBytes(frame.bodyBytes)
    }
    const { generation } = decodeFileHeader(bytes, 'varvelog', 'log')
    return { craft: new LogCraft(bytes, at, { seed, generation }), nextSeqNum }
  }

  /** One frame; returns its offset. */
  frame(crafted: CraftedFrame): number {
    const { bytes, end: at, seed, generation } = this
    const { flags = 0, extensions, entries = [], ...more } = crafted
    const body = bodyOf(crafted)
    const bodyStart = at + FRAME_HEADER_BYTES
    bytes.set(body.bytes, bodyStart)
    const header = {
      ...emptyFrameHeader(), type: FrameType.batch, bodyBytes: body.bytes.length, extensionBytes: body.extensionBytes,
      count: entries.length, generation, ...more,
    }
    sealFrame(bytes, at, at, seed, header)
    for (const { start, end, checksumAt } of body.apart) {
      const offset = bodyStart + start
      putU32(bytes, bodyStart + checksumAt, crc32(bytes, offset, bodyStart + end, (seed ^ offset) >>> 0))
    }
    this.seal(at, flags, (flags & FrameFlag.valuesApart) === 0 ? [] : body.apart)
    this.end = at + frameBytes(body.bytes.length)
    return at
  }

  /** Sets the flags, and both checksums anew; the body's leaves these parts of the body out. */
  private seal(at: number, flags: number, apart: Body['apart']): void {
    const { bytes, seed } = this
    const start = (seed ^ at) >>> 0
    const bodyStart = at + FRAME_HEADER_BYTES
    const bodyEnd = bodyStart + (bytes[at + 4]! | (bytes[at + 5]! << 8))
    let crc = start
    let covered = bodyStart
    for (const part of apart) {
      crc = crc32(bytes, covered, bodyStart + part.start, crc)
      covered = bodyStart + part.end
    }
    bytes[at + 13] = flags
    putU32(bytes, at + 8, crc32(bytes, covered, bodyEnd, crc))
    putU32(bytes, at, crc32(bytes, at + 4, bodyStart, start))
  }

  /** The log with so many zeros behind it. */
  finish(zeros = 0): Uint8Array {
    return this.bytes.slice(0, Math.max(FILE_HEADER_BYTES, this.end) + zeros)
  }
}
