/**
 * What: finds the records of a segment: by its footer, or, when there is no good one, by reading every record from the
 * first to the last good one. Behind the first bad record nothing counts: what stands there was never acknowledged, or
 * is damage, which a cache may forget.
 * Memory: a window of 1 MiB, and the entries. Thread: any; it only reads.
 */
import { crc32, decodeFileHeader, FILE_HEADER_BYTES, fileSeed, getU32, KiB, MiB } from '../base/index.js'
import type { FileHeader, Steps } from '../base/index.js'
import { readFully } from '../vfs/index.js'
import type { ReadableFile, VfsFile } from '../vfs/index.js'
import {
  CHUNK_BYTES, chunkCount, emptyRecordHeader, isKeyGood, isValueGood, readRecordHeader, RECORD_HEADER_BYTES,
  recordBytes, valueStart,
} from './segment-format.js'
import type { RecordHeader } from './segment-format.js'
import { Footer, FOOTER_TAIL_BYTES, readFooterTail } from './segment-footer.js'
import type { FooterEntry } from './segment-footer.js'

const WINDOW_BYTES = MiB
const KEY_BUFFER_BYTES = 64 * KiB

export interface SegmentContent {
  /** In order of their offsets. */
  entries: FooterEntry[]
  /** Where the records end. */
  end: number
  hasFooter: boolean
}

/** Reads and checks the file header of a segment. Throws CORRUPTION or UNSUPPORTED_FORMAT. */
export function* readSegmentHeader(file: ReadableFile, name: string): Steps<FileHeader> {
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  const count = yield* readFully(file, bytes, bytes.length)
  return decodeFileHeader(bytes.subarray(0, count), 'varveseg', name)
}

/**
 * Gives what a sealed segment holds: as its footer says, or, when that is bad, as a scan finds it. Records behind
 * `limit` do not count. Throws what the file system throws, and nothing about bad bytes.
 */
export function* readSegment(file: VfsFile, header: FileHeader, limit: number): Steps<SegmentContent> {
  const footer = yield* readFooter(file, header)
  if (footer === null) return yield* scanSegment(file, header, limit)
  return { entries: footer.entries(), end: footer.tail.offset, hasFooter: true }
}

/** Reads the footer of a sealed segment; null when there is no good one. */
export function* readFooter(file: VfsFile, header: FileHeader): Steps<Footer | null> {
  const [size, seed] = [file.sizeSync(), fileSeed(header)]
  if (size < FILE_HEADER_BYTES + FOOTER_TAIL_BYTES) return null
  const tailBytes = new Uint8Array(FOOTER_TAIL_BYTES)
  const count = yield* readFully(file, tailBytes, FOOTER_TAIL_BYTES, size - FOOTER_TAIL_BYTES)
  const tail = readFooterTail(tailBytes.subarray(0, count), size, seed)
  if (tail === null) return null
  const bytes = new Uint8Array(size - FOOTER_TAIL_BYTES - tail.offset)
  if ((yield* readFully(file, bytes, bytes.length, tail.offset)) < bytes.length) return null
  return Footer.of(bytes, tail, tailBytes, seed)
}

/**
 * Reads records from the first on, up to the first that is not good. A segment that the catalog does not call sealed is
 * always read so: its footer may have reached the disk before its records.
 */
export function* scanSegment(file: VfsFile, header: FileHeader, limit: number): Steps<SegmentContent> {
  const seed = fileSeed(header)
  const window = new Window(file, Math.min(file.sizeSync(), limit))
  const entries: FooterEntry[] = []
  const record = emptyRecordHeader()
  let end = FILE_HEADER_BYTES
  let lastNum = -1
  for (;;) {
    const key = readInWindow(window, end, seed, record) ?? (yield* readRecord(window, end, seed, record))
    if (key === null || record.recordNum <= lastNum) break
    lastNum = record.recordNum
    const bytes = recordBytes(record)
    entries.push(entryOf(record, end, bytes, key))
    end += bytes
  }
  return { entries, end, hasFooter: false }
}

/** The footer's entry of a record. */
export function entryOf(
  { low, high, seqNum, recordNum, expiresMs, namespace }: RecordHeader, offset: number, bytes: number, key: Uint8Array,
): FooterEntry {
  const expires = Math.min(Math.ceil(expiresMs / 1000), 2 ** 32 - 1)
  return { low, high, seqNum, offset, bytes, recordNum, expires, namespace, key, isDead: false, visits: 0 }
}

/** Reads a record that is in memory as a whole: most small ones. Null when it is not, or when it is not good. */
function readInWindow(window: Window, offset: number, seed: number, header: RecordHeader): Uint8Array | null {
  const at = window.placeOf(offset, RECORD_HEADER_BYTES)
  if (at < 0 || !readRecordHeader(window.bytes, at, window.end, offset, seed, header)) return null
  if (window.placeOf(offset, recordBytes(header)) < 0 || !isKeyGood(window.bytes, at, offset, seed, header)) return null
  return isValueGood(window.bytes, at, offset, seed, header) ? keyAt(window, at, header) : null
}

function keyAt(window: Window, at: number, { keyBytes }: RecordHeader): Uint8Array {
  return window.keys.copy(window.bytes, at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + keyBytes)
}

/** Reads and checks one record, and gives a copy of its key; null when it is not good. */
function* readRecord(window: Window, offset: number, seed: number, header: RecordHeader): Steps<Uint8Array | null> {
  let at = yield* window.at(offset, RECORD_HEADER_BYTES)
  if (at < 0 || !readRecordHeader(window.bytes, at, window.end, offset, seed, header)) return null
  if (offset + recordBytes(header) > window.size) return null
  const start = valueStart(header)
  at = yield* window.at(offset, start)
  if (at < 0 || !isKeyGood(window.bytes, at, offset, seed, header)) return null
  const key = keyAt(window, at, header)
  return (yield* isLongValueGood(window, offset + start, seed, header.storedBytes)) ? key : null
}

function* isLongValueGood(window: Window, start: number, seed: number, bytes: number): Steps<boolean> {
  const sums: number[] = []
  for (let done = 0; done < bytes; done += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, bytes - done)
    const at = yield* window.at(start + done, length)
    if (at < 0) return false
    sums.push(crc32(window.bytes, at, at + length, (seed ^ (start + done)) >>> 0))
  }
  const at = yield* window.at(start + bytes, 4 * chunkCount(bytes))
  return at >= 0 && sums.every((sum, i) => getU32(window.bytes, at + 4 * i) === sum)
}

/** Copies of keys. Many of them stand in one buffer, which is cheaper than a buffer for each. */
class KeyCopies {
  private buffer = new Uint8Array(0)
  private end = 0

  copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const at = this.end
    if (at + end - start > this.buffer.length) {
      this.buffer = new Uint8Array(Math.max(KEY_BUFFER_BYTES, end - start))
      this.end = 0
      return this.copy(bytes, start, end)
    }
    this.buffer.set(bytes.subarray(start, end), at)
    this.end += end - start
    return this.buffer.subarray(at, this.end)
  }
}

/** A part of the file in memory, which moves forward. */
export class Window {
  bytes = new Uint8Array(0)
  readonly keys = new KeyCopies()
  readonly size: number
  private readonly file: VfsFile
  private start = 0
  private length = 0

  constructor(file: VfsFile, size: number) {
    this.file = file
    this.size = size
  }

  /** The end of the good bytes in `bytes`. */
  get end(): number {
    return this.length
  }

  /** Gives the place of file bytes [offset, offset + length) in `bytes`; -1 when they are not all in memory. */
  placeOf(offset: number, length: number): number {
    const isThere = offset >= this.start && offset + length <= this.start + this.length
    return isThere ? offset - this.start : -1
  }

  /**
   * Brings file bytes [offset, offset + length) into memory and gives their place in `bytes`; -1 when there are fewer.
   */
  *at(offset: number, length: number): Steps<number> {
    if (offset + length > this.size) return -1
    const at = this.placeOf(offset, length)
    if (at >= 0) return at
    const bytes = Math.min(Math.max(length, WINDOW_BYTES), this.size - offset)
    if (bytes > this.bytes.length) this.bytes = new Uint8Array(bytes)
    this.start = offset
    this.length = 0
    this.length = yield* readFully(this.file, this.bytes, bytes, offset)
    return this.length < length ? -1 : 0
  }
}
