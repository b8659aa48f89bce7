/**
 * What: the footer of a sealed segment: what stands where, so that an open need not read the records
 * (docs/format/blob-segment.md). Behind the last record:
 *
 *   entries of 40 bytes, one a record, in order of their offsets
 *        0    8  hash of the key
 *        8    8  sequence number
 *       16    4  offset of the record
 *       20    4  bytes of the record
 *       24    4  record number
 *       28    4  expires, seconds since 1970, rounded up, 0 = never
 *       32    4  namespace
 *       36    2  key bytes
 *       38    1  1: known dead when the segment was sealed
 *       39    1  visits, 0–3
 *   keys, one behind the other, zeros up to a multiple of 8
 *   tail of 64 bytes, at the end of the file
 *        0    4  entries
 *        4    4  offset of the footer
 *        8    4  bytes of all keys
 *       12    4  CRC-32 of entries, keys and zeros; from the file's seed XOR the offset of the footer
 *       16   16  smallest and largest sequence number, 0 and 0 without entries
 *       32    8  latest expiry in seconds, 0 = some entry never expires, or there is none
 *       40   12  zeros
 *       52    4  CRC-32 of bytes 0–51; from the file's seed XOR the offset of the tail
 *       56    8  'varveseg'
 *
 * What is dead stands in the catalog too, and there it counts; the footer's marks are for making a catalog anew.
 * Thread: any (pure).
 */
import { alignUp, crc32, FILE_HEADER_BYTES, getU32, getU53, putU32, putU53, SEQ_NUM_MAX } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { RECORD_HEADER_BYTES } from './segment-format.js'

const FOOTER_ENTRY_BYTES = 40
export const FOOTER_TAIL_BYTES = 64
const TAIL_CHECKED_BYTES = 52
const MAGIC = 'varveseg'
const FLAG_DEAD = 1

/** One record, as the footer tells it. */
export interface FooterEntry {
  low: number
  high: number
  seqNum: SeqNum
  offset: number
  /** The bytes of the whole record. */
  bytes: number
  recordNum: number
  /** Seconds since 1970, 0: never. */
  expires: number
  namespace: number
  key: Uint8Array
  isDead: boolean
  visits: number
}

export interface FooterTail {
  count: number
  /** Where the footer begins, which is where the records end. */
  offset: number
  keyBytes: number
  firstSeqNum: SeqNum
  lastSeqNum: SeqNum
  latestExpiry: number
}

/** The time at which the last of these blobs expires, in milliseconds; Infinity when one never does. */
export function lastExpiryMs(entries: readonly FooterEntry[]): number {
  if (entries.some(({ expires }) => expires === 0)) return Infinity
  return entries.reduce((max, { expires }) => Math.max(max, expires), 0) * 1000
}

/** The bytes of a footer. */
export function footerBytes(count: number, keyBytes: number): number {
  return count * FOOTER_ENTRY_BYTES + alignUp(keyBytes, 8) + FOOTER_TAIL_BYTES
}

/** Makes the footer of a segment whose records end at `offset`. Requires: entries are in order of their offsets. */
export function encodeFooter(entries: readonly FooterEntry[], offset: number, seed: number): Uint8Array {
  const keyBytes = entries.reduce((sum, { key }) => sum + key.length, 0)
  const bytes = new Uint8Array(footerBytes(entries.length, keyBytes))
  let [at, keyAt] = [0, entries.length * FOOTER_ENTRY_BYTES]
  for (const entry of entries) {
    putEntry(bytes, at, entry)
    bytes.set(entry.key, keyAt)
    at += FOOTER_ENTRY_BYTES
    keyAt += entry.key.length
  }
  const tail = bytes.length - FOOTER_TAIL_BYTES
  const seqNums = entries.map(({ seqNum }) => seqNum)
  const isForever = entries.some(({ expires }) => expires === 0)
  putU32(bytes, tail, entries.length)
  putU32(bytes, tail + 4, offset)
  putU32(bytes, tail + 8, keyBytes)
  putU32(bytes, tail + 12, crc32(bytes, 0, tail, (seed ^ offset) >>> 0))
  putU53(bytes, tail + 16, seqNums.reduce((a, b) => Math.min(a, b), seqNums[0] ?? 0))
  putU53(bytes, tail + 24, seqNums.reduce((a, b) => Math.max(a, b), 0))
  putU53(bytes, tail + 32, isForever ? 0 : entries.reduce((max, { expires }) => Math.max(max, expires), 0))
  putU32(bytes, tail + TAIL_CHECKED_BYTES, tailChecksum(bytes, tail, offset + tail, seed))
  for (let i = 0; i < MAGIC.length; i++) bytes[tail + 56 + i] = MAGIC.charCodeAt(i)
  return bytes
}

function putEntry(bytes: Uint8Array, at: number, entry: FooterEntry): void {
  putU32(bytes, at, entry.low)
  putU32(bytes, at + 4, entry.high)
  putU53(bytes, at + 8, entry.seqNum)
  putU32(bytes, at + 16, entry.offset)
  putU32(bytes, at + 20, entry.bytes)
  putU32(bytes, at + 24, entry.recordNum)
  putU32(bytes, at + 28, entry.expires)
  putU32(bytes, at + 32, entry.namespace)
  bytes[at + 36] = entry.key.length
  bytes[at + 37] = entry.key.length >>> 8
  bytes[at + 38] = entry.isDead ? FLAG_DEAD : 0
  bytes[at + 39] = entry.visits
}

function tailChecksum(bytes: Uint8Array, at: number, offset: number, seed: number): number {
  return crc32(bytes, at, at + TAIL_CHECKED_BYTES, (seed ^ offset) >>> 0)
}

/** Reads the last 64 bytes of a file of `fileBytes`. Null when no footer ends there whose lengths fit the file. */
export function readFooterTail(tail: Uint8Array, fileBytes: number, seed: number): FooterTail | null {
  if (tail.length !== FOOTER_TAIL_BYTES || fileBytes < FILE_HEADER_BYTES + FOOTER_TAIL_BYTES) return null
  for (let i = 0; i < MAGIC.length; i++) if (tail[56 + i] !== MAGIC.charCodeAt(i)) return null
  const place = fileBytes - FOOTER_TAIL_BYTES
  if (getU32(tail, TAIL_CHECKED_BYTES) !== tailChecksum(tail, 0, place, seed)) return null
  const found = {
    count: getU32(tail, 0), offset: getU32(tail, 4), keyBytes: getU32(tail, 8),
    firstSeqNum: getU53(tail, 16), lastSeqNum: getU53(tail, 24), latestExpiry: getU53(tail, 32),
  }
  const { count, offset, keyBytes } = found
  const fits = offset >= FILE_HEADER_BYTES && offset + footerBytes(count, keyBytes) === fileBytes
  return fits && found.lastSeqNum <= SEQ_NUM_MAX ? found : null
}

/** An entry whose fields, but for the key, are to be filled. */
export function emptyFooterEntry(key = new Uint8Array(0)): FooterEntry {
  return {
    low: 0, high: 0, seqNum: 0, offset: 0, bytes: 0, recordNum: 0, expires: 0, namespace: 0, key, isDead: false,
    visits: 0,
  }
}

/** A footer that is what was written. Its entries are read as they are asked for: an open makes no object for each. */
export class Footer {
  readonly tail: FooterTail
  private readonly bytes: Uint8Array

  private constructor(bytes: Uint8Array, tail: FooterTail) {
    this.bytes = bytes
    this.tail = tail
  }

  /** Makes a footer of the bytes between records and tail. Null when they are not what was written. */
  static of(bytes: Uint8Array, tail: FooterTail, tailBytes: Uint8Array, seed: number): Footer | null {
    const { count, offset, keyBytes } = tail
    if (bytes.length !== footerBytes(count, keyBytes) - FOOTER_TAIL_BYTES) return null
    if (getU32(tailBytes, 12) !== crc32(bytes, 0, bytes.length, (seed ^ offset) >>> 0)) return null
    const footer = new Footer(bytes, tail)
    return footer.isPlaced() ? footer : null
  }

  get count(): number {
    return this.tail.count
  }

  /** The largest record number, -1 without entries. */
  get lastRecordNum(): number {
    return this.count === 0 ? -1 : getU32(this.bytes, (this.count - 1) * FOOTER_ENTRY_BYTES + 24)
  }

  /** Reads what is said of a record, but for its key. */
  read(i: number, out: FooterEntry): void {
    const { bytes } = this
    const at = i * FOOTER_ENTRY_BYTES
    out.low = getU32(bytes, at)
    out.high = getU32(bytes, at + 4)
    out.seqNum = getU53(bytes, at + 8)
    out.offset = getU32(bytes, at + 16)
    out.bytes = getU32(bytes, at + 20)
    out.recordNum = getU32(bytes, at + 24)
    out.expires = getU32(bytes, at + 28)
    out.namespace = getU32(bytes, at + 32)
    out.isDead = (bytes[at + 38]! & FLAG_DEAD) !== 0
    out.visits = bytes[at + 39]!
  }

  /** Gives all entries with their keys. */
  entries(): FooterEntry[] {
    const keys = this.bytes.slice(this.count * FOOTER_ENTRY_BYTES)
    let keyAt = 0
    return Array.from({ length: this.count }, (_, i) => {
      const entry = emptyFooterEntry(keys.subarray(keyAt, keyAt + this.keyBytesAt(i)))
      this.read(i, entry)
      keyAt += entry.key.length
      return entry
    })
  }

  private keyBytesAt(i: number): number {
    const at = i * FOOTER_ENTRY_BYTES + 36
    return this.bytes[at]! + this.bytes[at + 1]! * 256
  }

  /** True when records stand one behind the other before the footer, and the keys are as many bytes as there are. */
  private isPlaced(): boolean {
    const { bytes, tail: { count, offset, keyBytes } } = this
    let [end, keysLeft] = [FILE_HEADER_BYTES, keyBytes]
    for (let i = 0; i < count; i++) {
      const at = i * FOOTER_ENTRY_BYTES
      const start = getU32(bytes, at + 16)
      const length = getU32(bytes, at + 20)
      const keyLength = this.keyBytesAt(i)
      if (start < end || start % 8 !== 0 || length < RECORD_HEADER_BYTES + keyLength) return false
      end = start + length
      keysLeft -= keyLength
      if (end > offset || keysLeft < 0 || !(getU53(bytes, at + 8) <= SEQ_NUM_MAX)) return false
    }
    return keysLeft === 0
  }
}
