/**
 * What: reads a varve stream (export-format.ts): pieces of any size in, the entries of whole frames out.
 * Owns: the frame that is not whole yet, and the parts of a value that goes over many. It takes the memory of a frame,
 * and twice what has come of one value: no length in the stream is believed before its bytes are there.
 * Thread: main. No I/O.
 * Invariants: EXP-2 what it gives counts only when `end` has returned: nothing else tells a stream that was cut off.
 */
import {
  BadBytes, corruption, crc32, decodeFileHeader, emptyFrameHeader, EXPORT_FRAMES, FILE_HEADER_BYTES, fileSeed,
  FRAME_HEADER_BYTES, frameBytes, FrameType, readFrame, readFrameHeader, unfilledBytes, unknownFrame,
  unsupportedFormat, VarveError,
} from '../base/index.js'
import type { FileHeader } from '../base/index.js'
import { END_BODY_BYTES, EXPORT_FRAME_BYTES_MAX, readEnd, readHead, UnknownPart } from './export-format.js'
import type { EntryFacts, EntryHead } from './export-format.js'
import type { ExportTotals } from './export-writer.js'

const CUT_HINT = 'the export did not get to its end, or what came behind was lost: export it anew'

/** The error for a stream that ended before its end. */
export function cutStream(file: string, offset: number, more = ''): VarveError {
  return corruption(file, offset, 'the stream is cut off here: it has no end', CUT_HINT + more)
}

export interface EntrySink {
  /** Takes the next entry from where it stands, in memory that nobody writes any more. */
  take(
    key: Uint8Array, keyStart: number, keyEnd: number,
    value: Uint8Array, valueStart: number, valueEnd: number, facts: EntryFacts,
  ): void
}

/** A value of which not all has come. */
interface LargeEntry {
  head: EntryHead
  /** The memory in which the key stands. */
  keyMemory: Uint8Array
  parts: Uint8Array[]
  bytes: number
}

export class ExportReader {
  private readonly file: string
  private readonly sink: EntrySink
  /** What the stream says of itself; null until its header was read. */
  header: FileHeader | null = null
  private seed = 0
  private readonly frame = emptyFrameHeader()
  /** What is being gathered: the file header, a frame's header, or a frame. */
  private buffer: Uint8Array = new Uint8Array(FILE_HEADER_BYTES)
  private filled = 0
  private hasFrameHeader = false
  /** Where in the stream the buffer begins. */
  private offset = 0
  private checksum = 0
  private count = 0
  private large: LargeEntry | null = null
  private isEnded = false

  /** `file` names the stream in errors. */
  constructor(file: string, sink: EntrySink) {
    this.file = file
    this.sink = sink
  }

  /**
   * Takes the next bytes, which are the caller's again when it returns; the sink has the entries that are whole now.
   * Throws CORRUPTION, or UNSUPPORTED_FORMAT.
   */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.isEnded) throw corruption(this.file, this.offset, 'bytes behind the end of the stream')
      const count = Math.min(bytes.length - at, this.buffer.length - this.filled)
      this.buffer.set(bytes.subarray(at, at + count), this.filled)
      this.filled += count
      at += count
      if (this.filled === this.buffer.length) this.onFilled()
    }
  }

  /** Says how much there was. Throws CORRUPTION when the stream was cut off. */
  end(): ExportTotals {
    if (!this.isEnded) throw cutStream(this.file, this.offset + this.filled)
    return { count: this.count, bytes: this.offset }
  }

  private onFilled(): void {
    if (this.header === null) {
      this.header = decodeFileHeader(this.buffer, 'varvexpt', this.file)
      this.seed = fileSeed(this.header)
      this.goOn()
    } else if (this.hasFrameHeader) {
      this.onFrame()
    } else {
      this.onFrameHeader()
    }
  }

  /** What was gathered is done: the next is a frame's header. */
  private goOn(): void {
    const { buffer } = this
    this.offset += buffer.length
    this.checksum = crc32(buffer, 0, buffer.length, this.checksum)
    this.buffer = new Uint8Array(FRAME_HEADER_BYTES)
    this.filled = 0
    this.hasFrameHeader = false
  }

  private onFrameHeader(): void {
    const { buffer, frame, file, offset } = this
    if (!readFrameHeader(buffer, 0, offset, this.seed, frame)) throw corruption(file, offset, 'no frame header')
    const { type, flags, bodyBytes, extensionBytes, firstSeqNum, count } = frame
    if (EXPORT_FRAMES[type] !== flags) throw unknownFrame(file, offset, frame, EXPORT_FRAMES)
    if (extensionBytes !== 0) throw unsupportedFormat(file, offset, 'a frame with extensions')
    const total = frameBytes(bodyBytes)
    if (total > EXPORT_FRAME_BYTES_MAX) throw corruption(file, offset, `a frame of ${total} bytes`)
    if (firstSeqNum !== this.count) {
      throw corruption(file, offset, `${firstSeqNum} entries should stand before it, not ${this.count}`)
    }
    if (type === FrameType.exportEnd) this.checkEnd(bodyBytes, count)
    else if ((count === 0) !== (this.large !== null)) throw corruption(file, offset, `a frame of ${count} entries`)
    this.hasFrameHeader = true
    this.buffer = unfilledBytes(total)
    this.buffer.set(buffer)
  }

  private checkEnd(bodyBytes: number, count: number): void {
    const { file, offset, large } = this
    if (bodyBytes !== END_BODY_BYTES || count !== 0) throw corruption(file, offset, 'an end of another form')
    if (large !== null) throw corruption(file, offset, 'the end stands in the middle of a value')
  }

  private onFrame(): void {
    const { buffer, frame, file, offset } = this
    if (readFrame(buffer, 0, buffer.length, offset, this.seed, EXPORT_FRAMES, frame) !== 'good') {
      throw corruption(file, offset, 'the body of the frame is not what its checksum says')
    }
    const start = FRAME_HEADER_BYTES
    const end = start + frame.bodyBytes
    if (frame.type === FrameType.exportEnd) this.onEnd(start)
    else if (this.large !== null) this.addPart(buffer.subarray(start, end))
    else this.readEntries(start, end)
    this.goOn()
  }

  private onEnd(at: number): void {
    const { file, offset, count, checksum } = this
    const end = readEnd(this.buffer, at)
    if (end.count !== count) throw corruption(file, offset, `it has ${count} entries, and should have ${end.count}`)
    if (end.bytes !== offset) throw corruption(file, offset, `the end should stand at ${end.bytes}`)
    if (end.checksum !== checksum) throw corruption(file, offset, 'the stream is not what its checksum says')
    this.isEnded = true
  }

  private readEntries(start: number, end: number): void {
    const { buffer, sink, frame: { count } } = this
    let at = start
    for (let i = 0; i < count; i++) {
      const head = this.readHead(at, end)
      const { valueStart, valueBytes } = head
      if (valueBytes > end - valueStart) {
        if (count > 1) throw this.badEntry(valueStart, `a value of ${valueBytes} bytes, ${end - valueStart} are left`)
        this.large = { head, keyMemory: buffer, parts: [buffer.subarray(valueStart, end)], bytes: end - valueStart }
        at = end
      } else {
        at = valueStart + valueBytes
        sink.take(buffer, head.keyStart, valueStart, buffer, valueStart, at, head.facts)
      }
    }
    if (at !== end) throw this.badEntry(at, `${end - at} bytes behind the last entry`)
    this.count += count
  }

  private readHead(at: number, end: number): EntryHead {
    try {
      return readHead(this.buffer, at, end)
    } catch (error) {
      if (!(error instanceof BadBytes)) throw error
      if (!(error instanceof UnknownPart)) throw this.badEntry(error.offset, error.message)
      throw unsupportedFormat(this.file, this.offset + error.offset, error.message)
    }
  }

  private badEntry(at: number, what: string): VarveError {
    return corruption(this.file, this.offset + at, what)
  }

  private addPart(part: Uint8Array): void {
    const large = this.large!
    large.parts.push(part)
    large.bytes += part.length
    const { head, keyMemory, parts, bytes } = large
    if (bytes > head.valueBytes || part.length === 0) {
      throw corruption(this.file, this.offset, `with this part ${bytes} of ${head.valueBytes} bytes are there`)
    }
    if (bytes < head.valueBytes) return
    this.large = null
    const value = unfilledBytes(bytes)
    let at = 0
    for (const each of parts) {
      value.set(each, at)
      at += each.length
    }
    this.sink.take(keyMemory, head.keyStart, head.valueStart, value, 0, bytes, head.facts)
  }
}
