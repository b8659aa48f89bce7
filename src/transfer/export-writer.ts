/**
 * What: writes a varve stream (export-format.ts): entries in, whole frames out.
 * Owns: the frame that is being filled. Whoever it gives bytes to owns them. Thread: main. No I/O.
 * Invariants: EXP-1 the end, with the count and the checksum of all, is the last that is given.
 */
import {
  crc32, encodeFileHeader, FILE_HEADER_BYTES, fileSeed, FRAME_HEADER_BYTES, frameBytes, FrameType, newFileHeader,
  sealFrame, unfilledBytes,
} from '../base/index.js'
import type { FileHeader, FileOrigin } from '../base/index.js'
import {
  encodeHead, END_BODY_BYTES, EXPORT_BODY_BYTES_MAX, EXPORT_FRAME_BYTES_MAX, plainHeadBytes, putEnd, putPlainHead,
} from './export-format.js'
import type { EntryFacts } from './export-format.js'

/** How much a stream has. */
export interface ExportTotals {
  /** Entries. */
  count: number
  /** Bytes of the whole stream. */
  bytes: number
}

/** What the header of a stream says of the database that it comes from. */
export type ExportOrigin = Pick<FileOrigin, 'databaseId' | 'lineage' | 'random'>

const NO_BYTES: Uint8Array = new Uint8Array(0)
/** Shorter ranges are copied faster by a loop than by a call. */
const LOOP_BYTES_MAX = 32

/** An entry where it stands: both ranges are only read inside the call that they are given to. */
export interface LentEntry {
  readonly keyBytes: Uint8Array
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueBytes: Uint8Array
  readonly valueStart: number
  readonly valueEnd: number
}

export class ExportWriter {
  private readonly give: (bytes: Uint8Array) => void
  private readonly header: FileHeader
  private readonly seed: number
  /** The frame that is being filled, behind its header; no memory while nothing is in it. */
  private frame = NO_BYTES
  private frameEnd = FRAME_HEADER_BYTES
  private frameCount = 0
  /** Entries, bytes and checksum of what was given. */
  private count = 0
  private bytes = 0
  private checksum = 0

  /** `give` is called with the next bytes of the stream, and may keep them. The first call is made at once. */
  constructor({ databaseId, lineage, random }: ExportOrigin, give: (bytes: Uint8Array) => void) {
    this.give = give
    this.header = newFileHeader('varvexpt', { databaseId, generation: 0, lineage, random }, 0)
    this.seed = fileSeed(this.header)
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    encodeFileHeader(this.header, bytes)
    this.pass(bytes)
  }

  /** Adds an entry. Keys may come in any order, and more than once. */
  add({ key, value, ...facts }: { key: Uint8Array; value: Uint8Array } & Partial<EntryFacts>): void {
    const head = encodeHead(key.length, value.length, facts)
    const fixed = head.length + key.length
    if (fixed + value.length > EXPORT_BODY_BYTES_MAX) {
      this.addLarge(head, key, value)
      return
    }
    this.reserve(fixed + value.length)
    this.put(head, 0, head.length)
    this.put(key, 0, key.length)
    this.put(value, 0, value.length)
    this.frameCount++
  }

  /** Adds an entry from where it stands. `expiryMs`: 0 for never. */
  addLent(entry: LentEntry, expiryMs: number): void {
    const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = entry
    const [keyLength, valueLength] = [keyEnd - keyStart, valueEnd - valueStart]
    const headLength = plainHeadBytes(expiryMs)
    const length = headLength + keyLength + valueLength
    if (length > EXPORT_BODY_BYTES_MAX) {
      const key = keyBytes.subarray(keyStart, keyEnd)
      this.addLarge(encodeHead(keyLength, valueLength, { expiryMs }), key, valueBytes.subarray(valueStart, valueEnd))
      return
    }
    this.reserve(length)
    putPlainHead(this.frame, this.frameEnd, keyLength, valueLength, expiryMs)
    this.frameEnd += headLength
    this.put(keyBytes, keyStart, keyEnd)
    this.put(valueBytes, valueStart, valueEnd)
    this.frameCount++
  }

  /** Writes the end; nothing is added any more. */
  end(): ExportTotals {
    this.seal()
    const { count, bytes, checksum } = this
    this.frame = new Uint8Array(frameBytes(END_BODY_BYTES))
    putEnd(this.frame, FRAME_HEADER_BYTES, { count, bytes, checksum })
    this.frameEnd = FRAME_HEADER_BYTES + END_BODY_BYTES
    this.sealAs(FrameType.exportEnd)
    return { count, bytes: this.bytes }
  }

  /** Writes an entry whose value goes on in the frames behind its own. */
  private addLarge(head: Uint8Array, key: Uint8Array, value: Uint8Array): void {
    this.seal()
    this.reserve(EXPORT_BODY_BYTES_MAX)
    this.put(head, 0, head.length)
    this.put(key, 0, key.length)
    this.frameCount = 1
    for (let at = 0; at < value.length;) {
      this.reserve(1)
      const end = Math.min(value.length, at + EXPORT_FRAME_BYTES_MAX - this.frameEnd)
      this.put(value, at, end)
      at = end
    }
    this.seal()
  }

  /** Makes room for so many bytes of the body. */
  private reserve(length: number): void {
    if (this.frameEnd + length > EXPORT_FRAME_BYTES_MAX) this.seal()
    if (this.frame.length === 0) this.frame = unfilledBytes(EXPORT_FRAME_BYTES_MAX)
  }

  private put(source: Uint8Array, start: number, end: number): void {
    const { frame, frameEnd } = this
    this.frameEnd = frameEnd + end - start
    if (end - start > LOOP_BYTES_MAX) frame.set(source.subarray(start, end), frameEnd)
    else for (let i = start, at = frameEnd; i < end; i++, at++) frame[at] = source[i]!
  }

  /** Gives the frame that is being filled, if anything is in it. */
  private seal(): void {
    if (this.frameEnd > FRAME_HEADER_BYTES) this.sealAs(FrameType.exportRecords)
  }

  private sealAs(type: number): void {
    const { frame, frameEnd, frameCount, bytes, seed } = this
    const total = sealFrame(frame, 0, bytes, seed, {
      type, bodyBytes: frameEnd - FRAME_HEADER_BYTES, extensionBytes: 0, firstSeqNum: this.count, count: frameCount,
      generation: 0, markDistance: 0, markBytes: 0,
    })
    this.count += frameCount
    this.frame = NO_BYTES
    this.frameEnd = FRAME_HEADER_BYTES
    this.frameCount = 0
    this.pass(total === frame.length ? frame : frame.subarray(0, total))
  }

  private pass(bytes: Uint8Array): void {
    this.bytes += bytes.length
    this.checksum = crc32(bytes, 0, bytes.length, this.checksum)
    this.give(bytes)
  }
}
