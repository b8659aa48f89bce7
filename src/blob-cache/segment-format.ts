/**
 * What: records, the parts of a segment (docs/format/blob-segment.md). Behind the file header (magic 'varveseg') they
 * stand at multiples of 8, one behind the other. Everything is little-endian.
 *
 *   offset size
 *        0    4  CRC-32 of bytes 4–71
 *        4    2  key bytes
 *        6    2  extension bytes
 *        8    2  codec: 0 none, 1 deflate-raw, 2 brotli, 3 zstd (blob-codec.ts); others are misses
 *       10    6  created, ms since 1970
 *       16    8  sequence number
 *       24    8  hash of the key, 64 bits, its key in the file header
 *       32    4  stored bytes: of the value, as it stands here
 *       36    4  plain bytes: of the value, as it was given
 *       40    4  record number: counts the records of this segment, lost ones included
 *       44    4  namespace: a hash of its name, 0 = none
 *       48    6  expires, ms since 1970, 0 = never
 *       54    6  stale from, ms since 1970, 0 = never
 *       60    4  CRC-32 of key and extensions
 *       64    8  purge marks up to this sequence number were applied: of a moved record the time of its move
 *       72       key, extensions, value
 *        …       CRC-32 of each 256 KiB of the value, then zeros up to a multiple of 8
 *
 * All checksums start from the file's seed XOR the offset at which the checked bytes begin in the file (the second one:
 * the record's offset + 72): a record quoted inside a value, or left over from an earlier life of the disk's blocks,
 * does not pass. Nothing is believed before the checksum of the header was right.
 * Thread: any (pure).
 */
import { alignUp, crc32, getU32, getU53, KiB, putU32, putU53, SEQ_NUM_MAX } from '../base/index.js'
import type { SeqNum } from '../base/index.js'

export const RECORD_HEADER_BYTES = 72
/** Each of these many bytes of a value has a checksum. */
export const CHUNK_BYTES = 256 * KiB
const CHUNK_CHECKSUM_BYTES = 4
const RECORD_ALIGNMENT = 8
const TIME_MAX = 2 ** 48 - 1

export interface RecordHeader {
  keyBytes: number
  extensionBytes: number
  codec: number
  createdMs: number
  seqNum: SeqNum
  /** The hash of the key; both halves are u32. */
  low: number
  high: number
  storedBytes: number
  plainBytes: number
  recordNum: number
  namespace: number
  /** 0: never. */
  expiresMs: number
  /** 0: never. */
  staleMs: number
  /** Purge marks up to this number were applied to the record. */
  checkedSeqNum: SeqNum
}

export function emptyRecordHeader(): RecordHeader {
  return {
    keyBytes: 0, extensionBytes: 0, codec: 0, createdMs: 0, seqNum: 0, low: 0, high: 0, storedBytes: 0, plainBytes: 0,
    recordNum: 0, namespace: 0, expiresMs: 0, staleMs: 0, checkedSeqNum: 0,
  }
}

/** Bytes from the start of a record to its value. */
export function valueStart({ keyBytes, extensionBytes }: Pick<RecordHeader, 'keyBytes' | 'extensionBytes'>): number {
  return RECORD_HEADER_BYTES + keyBytes + extensionBytes
}

/** The number of checksums behind a value. */
export function chunkCount(storedBytes: number): number {
  return Math.ceil(storedBytes / CHUNK_BYTES)
}

/** The bytes of a record, up to where the next one begins. */
export function recordBytes(
  header: Pick<RecordHeader, 'keyBytes' | 'extensionBytes' | 'storedBytes'>,
): number {
  const { storedBytes } = header
  return alignUp(valueStart(header) + storedBytes + CHUNK_CHECKSUM_BYTES * chunkCount(storedBytes), RECORD_ALIGNMENT)
}

function putU48(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, value >>> 0)
  const high = Math.floor(value / 2 ** 32)
  bytes[at + 4] = high
  bytes[at + 5] = high >>> 8
}

function getU48(bytes: Uint8Array, at: number): number {
  return (bytes[at + 4]! + bytes[at + 5]! * 256) * 2 ** 32 + getU32(bytes, at)
}

/** A time as a record keeps it: whole milliseconds, within what six bytes hold. */
export function recordTime(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms)), TIME_MAX)
}

/**
 * Makes a record around key, extensions and value that already stand in their places behind bytes[at]: writes the
 * header, the checksums of the value and the zeros. `offset` is the record's place in its file. Returns its bytes.
 */
export function sealRecord(bytes: Uint8Array, at: number, offset: number, seed: number, header: RecordHeader): number {
  writeRecordHeader(bytes, at, offset, seed, header)
  const { storedBytes } = header
  const start = valueStart(header)
  let out = at + start + storedBytes
  for (let done = 0; done < storedBytes; done += CHUNK_BYTES) {
    const end = Math.min(done + CHUNK_BYTES, storedBytes)
    putU32(bytes, out, chunkChecksum(bytes, at + start + done, at + start + end, offset + start + done, seed))
    out += CHUNK_CHECKSUM_BYTES
  }
  const total = recordBytes(header)
  bytes.fill(0, out, at + total)
  return total
}

/**
 * Writes the header of a record at bytes[at…]. Requires: key and extensions stand behind it; `offset` is the record's
 * place in its file.
 */
export function writeRecordHeader(
  bytes: Uint8Array, at: number, offset: number, seed: number, header: RecordHeader,
): void {
  putU16(bytes, at + 4, header.keyBytes)
  putU16(bytes, at + 6, header.extensionBytes)
  putU16(bytes, at + 8, header.codec)
  putU48(bytes, at + 10, header.createdMs)
  putU53(bytes, at + 16, header.seqNum)
  putU32(bytes, at + 24, header.low)
  putU32(bytes, at + 28, header.high)
  putU32(bytes, at + 32, header.storedBytes)
  putU32(bytes, at + 36, header.plainBytes)
  putU32(bytes, at + 40, header.recordNum)
  putU32(bytes, at + 44, header.namespace)
  putU48(bytes, at + 48, header.expiresMs)
  putU48(bytes, at + 54, header.staleMs)
  putU32(bytes, at + 60, keyChecksum(bytes, at, valueStart(header), offset, seed))
  putU53(bytes, at + 64, header.checkedSeqNum)
  putU32(bytes, at, crc32(bytes, at + 4, at + RECORD_HEADER_BYTES, (seed ^ offset) >>> 0))
}

function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

function getU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! + bytes[at + 1]! * 256
}

function keyChecksum(bytes: Uint8Array, at: number, start: number, offset: number, seed: number): number {
  return crc32(bytes, at + RECORD_HEADER_BYTES, at + start, (seed ^ (offset + RECORD_HEADER_BYTES)) >>> 0)
}

/** The checksum of a part of a value, bytes[start, end), which begins at `offset` in its file. */
export function chunkChecksum(bytes: Uint8Array, start: number, end: number, offset: number, seed: number): number {
  return crc32(bytes, start, end, (seed ^ offset) >>> 0)
}

/**
 * Reads the header of the record at bytes[at…end), which stands at `offset` in its file. False when it is none: bytes
 * are missing, the checksum is wrong, or a field has a value that no version writes.
 */
export function readRecordHeader(
  bytes: Uint8Array, at: number, end: number, offset: number, seed: number, out: RecordHeader,
): boolean {
  if (end - at < RECORD_HEADER_BYTES) return false
  if (getU32(bytes, at) !== crc32(bytes, at + 4, at + RECORD_HEADER_BYTES, (seed ^ offset) >>> 0)) return false
  readRecordFields(bytes, at, out)
  return out.seqNum <= SEQ_NUM_MAX && out.checkedSeqNum <= SEQ_NUM_MAX
}

/** Reads the fields of a header that is in memory since it was written. */
export function readRecordFields(bytes: Uint8Array, at: number, out: RecordHeader): void {
  out.keyBytes = getU16(bytes, at + 4)
  out.extensionBytes = getU16(bytes, at + 6)
  out.codec = getU16(bytes, at + 8)
  out.createdMs = getU48(bytes, at + 10)
  out.seqNum = getU53(bytes, at + 16)
  out.low = getU32(bytes, at + 24)
  out.high = getU32(bytes, at + 28)
  out.storedBytes = getU32(bytes, at + 32)
  out.plainBytes = getU32(bytes, at + 36)
  out.recordNum = getU32(bytes, at + 40)
  out.namespace = getU32(bytes, at + 44)
  out.expiresMs = getU48(bytes, at + 48)
  out.staleMs = getU48(bytes, at + 54)
  out.checkedSeqNum = getU53(bytes, at + 64)
}

/**
 * True when key and extensions are what was written. Requires: the header was read from the same place, and all of the
 * two is in `bytes`.
 */
export function isKeyGood(bytes: Uint8Array, at: number, offset: number, seed: number, header: RecordHeader): boolean {
  return getU32(bytes, at + 60) === keyChecksum(bytes, at, valueStart(header), offset, seed)
}

/** True when the value is what was written. Requires: all of the record is in `bytes`. */
export function isValueGood(
  bytes: Uint8Array, at: number, offset: number, seed: number, header: RecordHeader,
): boolean {
  const { storedBytes } = header
  const start = valueStart(header)
  let sums = at + start + storedBytes
  for (let done = 0; done < storedBytes; done += CHUNK_BYTES) {
    const end = Math.min(done + CHUNK_BYTES, storedBytes)
    const sum = chunkChecksum(bytes, at + start + done, at + start + end, offset + start + done, seed)
    if (getU32(bytes, sums) !== sum) return false
    sums += CHUNK_CHECKSUM_BYTES
  }
  return true
}
