/**
 * What: writes one large blob into a segment that it has borrowed: its value piece by piece, then the checksums, and
 * when it is bound, the header.
 * Memory: two buffers of 128 KiB: one is filled while the other is written. Larger pieces are written as they come.
 * Thread: main.
 * Invariants: BC-3 bytes are reserved, in steps, before they are written. BC-1 the header is written when all else is.
 */
import { alignUp, crc32, KiB, MiB, putU32 } from '../base/index.js'
import { PutRefused } from './byte-input.js'
import type { HashedKey } from './blob-hash.js'
import type { LargeSegment } from './large-segment.js'
import type { LargeSegments } from './large-segments.js'
import type { FooterEntry } from './segment-footer.js'
import { CHUNK_BYTES, emptyRecordHeader, RECORD_HEADER_BYTES, valueStart, writeRecordHeader } from './segment-format.js'
import type { RecordHeader } from './segment-format.js'
import { entryOf } from './segment-scan.js'

const BUFFER_BYTES = 128 * KiB
const STEP_BYTES = 4 * MiB
/** Bytes of memory that a writer takes. */
export const WRITER_BYTES = 2 * BUFFER_BYTES

export interface LargeWriterOptions {
  large: LargeSegments
  file: LargeSegment
  key: HashedKey
  extensions: Uint8Array
  /** Bytes that are reserved at once, if the value may become that long. */
  stepBytes: number
}

export class LargeWriter {
  readonly file: LargeSegment
  /** Where the record begins in the file. */
  readonly offset: number
  /** Bytes of the value so far. */
  storedBytes = 0
  /** Bytes of the whole record; known when `finish` has resolved. */
  recordBytes = 0
  private readonly options: LargeWriterOptions
  private readonly head: Uint8Array
  private readonly valueAt: number
  private readonly sums: number[] = []
  private reserved = 0
  private buffer: Uint8Array
  private other: Uint8Array
  private used = 0
  /** Where the buffer goes in the file. */
  private position: number
  private writing: Promise<unknown> | null = null
  private isGivenBack = false

  constructor(options: LargeWriterOptions) {
    const { file, key, extensions, stepBytes } = options
    this.options = options
    this.file = file
    this.offset = file.reservedEnd
    this.head = new Uint8Array(RECORD_HEADER_BYTES + key.bytes.length + extensions.length)
    this.head.set(key.bytes, RECORD_HEADER_BYTES)
    this.head.set(extensions, RECORD_HEADER_BYTES + key.bytes.length)
    this.valueAt = this.offset + this.head.length
    const bufferBytes = Math.min(BUFFER_BYTES, stepBytes)
    this.buffer = new Uint8Array(bufferBytes)
    this.other = new Uint8Array(bufferBytes)
    this.position = this.offset + RECORD_HEADER_BYTES
  }

  /** Writes what stands before the value. */
  async begin(): Promise<void> {
    await this.append(this.head.subarray(RECORD_HEADER_BYTES))
  }

  /** Adds bytes to the value; they may change when this has resolved. */
  async write(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length;) {
      const left = CHUNK_BYTES - (this.storedBytes % CHUNK_BYTES)
      const end = Math.min(at + left, piece.length)
      if (left === CHUNK_BYTES) this.sums.push((this.file.seed ^ (this.valueAt + this.storedBytes)) >>> 0)
      const last = this.sums.length - 1
      this.sums[last] = crc32(piece, at, end, this.sums[last])
      this.storedBytes += end - at
      at = end
    }
    await this.append(piece)
  }

  private async append(bytes: Uint8Array): Promise<void> {
    if (bytes.length >= this.buffer.length) {
      if (this.used > 0) await this.flush()
      await this.submit(bytes, bytes.length)
      await this.writing
      return
    }
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(this.buffer.length - this.used, bytes.length - at)
      this.buffer.set(bytes.subarray(at, at + length), this.used)
      this.used += length
      at += length
      if (this.used === this.buffer.length) await this.flush()
    }
  }

  private async flush(): Promise<void> {
    const { buffer, other, used } = this
    await this.submit(buffer, used)
    this.buffer = other
    this.other = buffer
    this.used = 0
  }

  /** Begins to write bytes behind all before, when those are written. */
  private async submit(bytes: Uint8Array, length: number): Promise<void> {
    const { position, options: { file } } = this
    await this.writing
    await this.reserveUpTo(position + length)
    this.writing = file.write(bytes, length, position)
    // It is awaited later, and its failure is told there.
    this.writing.catch(() => undefined)
    this.position += length
  }

  /** Reserves room up to this place in the file, with what the footer becomes longer. */
  private async reserveUpTo(end: number): Promise<void> {
    const { large, file, key, stepBytes } = this.options
    const wanted = file.bytesFor(end - this.offset, key.bytes.length)
    if (wanted <= this.reserved) return
    const bytes = Math.max(wanted - this.reserved, Math.min(stepBytes, STEP_BYTES))
    if (!(await large.reserve(bytes))) throw new PutRefused('busy')
    this.reserved += bytes
  }

  /** Writes all but the header. */
  async finish(): Promise<void> {
    const bytes = this.head.length + this.storedBytes + 4 * this.sums.length
    this.recordBytes = alignUp(bytes, 8)
    const sums = new Uint8Array(4 * this.sums.length + this.recordBytes - bytes)
    this.sums.forEach((sum, i) => putU32(sums, 4 * i, sum))
    await this.append(sums)
    if (this.used > 0) await this.flush()
    await this.writing
    await this.reserveUpTo(this.offset + this.recordBytes)
  }

  /**
   * Makes the record one of the segment's, in one step, and gives its entry. When its header is written too the segment
   * is given back. Requires: `finish` has resolved.
   */
  bind(fields: Partial<RecordHeader>): FooterEntry {
    const { file, options: { large, key }, offset, recordBytes, storedBytes } = this
    const header: RecordHeader = {
      ...emptyRecordHeader(), keyBytes: key.bytes.length, low: key.low, high: key.high, storedBytes,
      recordNum: file.nextRecordNum, ...fields,
    }
    header.extensionBytes = this.head.length - valueStart({ keyBytes: key.bytes.length, extensionBytes: 0 })
    writeRecordHeader(this.head, 0, offset, file.seed, header)
    const entry = entryOf(header, offset, recordBytes, key.bytes)
    large.keep(file, file.bytesFor(recordBytes, key.bytes.length), this.reserved)
    this.isGivenBack = true
    void file.bind(entry, this.head.subarray(0, RECORD_HEADER_BYTES)).then(() => large.giveBack(file))
    return entry
  }

  /** Gives the blob up, unless it is bound: nothing of it stays. */
  async giveUp(): Promise<void> {
    if (this.isGivenBack) return
    this.isGivenBack = true
    await this.writing?.catch(() => undefined)
    await this.options.large.giveUp(this.file, this.reserved)
  }
}
