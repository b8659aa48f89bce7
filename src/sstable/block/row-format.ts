/**
 * What: the data block with rows: sorted entries, each in one piece with a check of its own, so that a get may read its
 * row alone. On disk: do not change.
 *
 *   offset size
 *        0    2  entries n, 1–1024
 *        2    1  width w of a sequence number: 0, 4 or 8
 *        3    1  block flags: 2
 *        4    2  bytes p of the prefix that the keys of the block share, at most 4,096
 *        6    1  unit: 2, rows start at multiples of 4 bytes; 3 is reserved: of 8 bytes
 *        7    1  bits 0–3 bytes of a head: 4; bits 4–7 kind of the checks: 1
 *        8    8  base sequence number: the smallest of the block
 *       16   4n  heads: the four key bytes behind the prefix as a number, the first byte highest, zeros when shorter
 *        …   2n  where row i starts, in units
 *        …    p  prefix
 *        …       zeros up to the unit, then rows:
 *
 *        0    4  check: CRC-32 of u32 bytes of the value, u16 bytes of the whole key, byte 4, a zero, the whole key,
 *                and the value, from file seed XOR the row's offset in the file
 *        4    1  kind, and version flags above it
 *        5  1–3  bytes of the key suffix, a varint
 *        …  1–5  bytes of the value, a varint
 *        …       suffix; value; w bytes of sequence number minus base; zeros up to the unit
 *
 *        …       zeros up to a multiple of 8
 *
 * A search looks at the heads, which stand together, and at the rows whose heads are alike. A block with one value of
 * 64 KiB or more has columns also in a table with rows (block-format.ts). Why so: docs/design/0045-rows.md.
 */
import { crc32, getU32, putU32 } from '../../base/index.js'

/** The flag of a block with rows. On disk: do not change this number. */
export const ROWS_FLAG = 2
/** Rows start at multiples of 1 << 2 bytes. On disk: do not change this number. */
export const ROW_UNIT_SHIFT = 2
/** Low four bits: bytes of a head. High four bits: kind of the checks. On disk: do not change this number. */
export const HEADS_AND_CHECKS = 0x14
/** What keys share beyond this stands in each row. On disk: do not change this number. */
export const ROWS_PREFIX_BYTES_MAX = 4096
/** Offset in a row of its two lengths. */
export const ROW_LENGTHS_AT = 5
/** Bytes that each row takes in front of all rows: its head and its start. */
export const ROW_FRONT_BYTES = 6
/** The most bytes of a row besides suffix and value, when its sequence number takes 8 bytes. */
export const ROW_EXTRA_BYTES_MAX = ROW_LENGTHS_AT + 3 + 5 + 8 + 3
/** Rows start in the first 64 KiB of a block: blocks of several entries that may be larger have columns. */
export const ROWS_BLOCK_BYTES_MAX = 64 * 1024
/** Bits of a row's start in units. */
export const ROW_START_BITS = 14

/** Where the parts of an entry stand, of a row or of columns. */
export class EntryParts {
  kind = 0
  seqNum = 0
  suffixStart = 0
  suffixEnd = 0
  valueStart = 0
  valueEnd = 0
  private varintEnd = 0

  /**
   * Finds the parts of the row at bytes[at], but not its sequence number. They may lie anywhere unless the block was
   * checked.
   */
  findRow(bytes: Uint8Array, at: number): void {
    let next = at + ROW_LENGTHS_AT
    let suffixBytes = bytes[next++]!
    if (suffixBytes > 127) {
      suffixBytes = this.varint(bytes, next - 1)
      next = this.varintEnd
    }
    let valueBytes = bytes[next++]!
    if (valueBytes > 127) {
      valueBytes = this.varint(bytes, next - 1)
      next = this.varintEnd
    }
    this.kind = bytes[at + 4]!
    this.suffixStart = next
    next += suffixBytes
    this.suffixEnd = next
    this.valueStart = next
    this.valueEnd = next + valueBytes
  }

  private varint(bytes: Uint8Array, at: number): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 5; i++) {
      const byte = bytes[at++]!
      value += (byte & 127) * scale
      if (byte < 128) break
      scale *= 128
    }
    this.varintEnd = at
    return value
  }
}

/** Gives the sequence number, beside the base of its block, of the row whose value ends at bytes[at]. */
export function seqNumBehind(bytes: Uint8Array, at: number, width: number): number {
  if (width === 0) return 0
  return getU32(bytes, at) + (width === 8 ? getU32(bytes, at + 4) * 2 ** 32 : 0)
}

/** Bytes of a varint: seven bits in each, the low ones first. */
export function varintBytes(value: number): number {
  return value < 128 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 21 ? 3 : value < 2 ** 28 ? 4 : 5
}

/** Writes a varint; returns where it ends. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  for (; value > 127; value = Math.floor(value / 128)) bytes[at++] = 128 + (value % 128)
  bytes[at++] = value
  return at
}

/** The check of the row at bytes[at], whose key begins with prefix[start, end). `seed` is that of its place. */
export function checkOfRow(
  bytes: Uint8Array, at: number, parts: EntryParts, prefix: Uint8Array, start: number, end: number, seed: number,
): number {
  const { suffixStart, suffixEnd, valueStart, valueEnd } = parts
  const head = beginCheck(seed, bytes[at + 4]!, end - start + suffixEnd - suffixStart, valueEnd - valueStart)
  const key = crc32(bytes, suffixStart, suffixEnd, crc32(prefix, start, end, head))
  return crc32(bytes, valueStart, valueEnd, key)
}

/** Bytes that a check covers before key and value. */
export const CHECK_HEAD_BYTES = 8
const checkHead = new Uint8Array(CHECK_HEAD_BYTES)

/**
 * Begins the check of a row with its kind and lengths: else a key that ends elsewhere, in front of the same value,
 * would have the same check.
 */
export function beginCheck(seed: number, kind: number, keyBytes: number, valueBytes: number): number {
  putU32(checkHead, 0, valueBytes)
  checkHead[4] = keyBytes
  checkHead[5] = keyBytes >>> 8
  checkHead[6] = kind
  return crc32(checkHead, 0, CHECK_HEAD_BYTES, seed)
}

/** What the checks of rows of a file begin with, for a row at this offset in it. */
export function seedOfRow(fileSeed: number, offset: number): number {
  return (fileSeed ^ offset) >>> 0
}
