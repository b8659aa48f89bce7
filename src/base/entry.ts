/**
 * What: one entry in the body of a batch frame, and so in the slab. This file alone knows its layout.
 *
 *   offset size
 *        0    1  kind (EntryKind) | version flags (VersionFlag): what the entry says; tables keep this byte
 *        1    1  encoding flags (EncodingFlag): how it stands here; they stay in the log
 *        2    2  key bytes
 *        4    4  value bytes: everything between key and padding, the front of the value included
 *        8    4  keyspace id, big-endian, never 0: only with the flag keyspace
 *        …       key
 *        …    8  front of the value: the expiry in milliseconds since 1970, only with the version flag expiry
 *        …       value
 *        …       zeros up to a multiple of 4 from the entry's start
 *        …    4  CRC-32 of the value behind its front, from the file's seed XOR the value's offset in the file:
 *                only with the flag checksum
 *
 * Entries start at multiples of 4. Of the flags, readers take the checksum; a frame with any other is refused by name
 * (frame-check.ts).
 * Thread: any (pure). Nothing is allocated: most of this runs once an entry, or once a comparison.
 */
import { getU32 } from './coding.js'

/** Bits of byte 0 that are the kind. */
export const KIND_MASK = 0x0f

/** Upper half of byte 0. On disk: do not change these numbers. */
export const VersionFlag = {
  /** The value begins with its expiry. Reserved. */
  expiry: 0x10,
  /** The value, behind its expiry, is packed by itself. Reserved. */
  packed: 0x20,
} as const

/** Byte 1. On disk: do not change these numbers. */
export const EncodingFlag = {
  /** Reserved. */
  keyspace: 1,
  checksum: 4,
  /** The value is the old one, given a new expiry. Reserved. */
  touch: 8,
} as const

/** The header before the key: no entry is shorter. */
export const ENTRY_BYTES_MIN = 8
const EXPIRY_BYTES = 8
const CHECKSUM_BYTES = 4

/** What a new entry takes at most: header, padding, and so many bytes of key and value. */
export function entryBytesMax(keyBytes: number, valueBytes: number): number {
  return ENTRY_BYTES_MIN + keyBytes + valueBytes + 4
}

/** Where the key of a new entry at `at` is to be written; its value follows at once. */
export function newKeyStart(at: number): number {
  return at + ENTRY_BYTES_MIN
}

/** Header and padding around a key and a value that stand there; returns the end of the entry. */
export function finishEntry(bytes: Uint8Array, at: number, kind: number, keyBytes: number, valueBytes: number): number {
  bytes[at] = kind
  bytes[at + 1] = 0
  bytes[at + 2] = keyBytes
  bytes[at + 3] = keyBytes >>> 8
  bytes[at + 4] = valueBytes
  bytes[at + 5] = valueBytes >>> 8
  bytes[at + 6] = valueBytes >>> 16
  bytes[at + 7] = valueBytes >>> 24
  let end = at + ENTRY_BYTES_MIN + keyBytes + valueBytes
  while ((end & 3) !== 0) bytes[end++] = 0
  return end
}

/** Byte 0: the kind with its version flags, as tables and iterators carry it. */
export function entryKind(bytes: Uint8Array, at: number): number {
  return bytes[at]!
}

export function encodingFlags(bytes: Uint8Array, at: number): number {
  return bytes[at + 1]!
}

export function entryKeyBytes(bytes: Uint8Array, at: number): number {
  return bytes[at + 2]! | (bytes[at + 3]! << 8)
}

export function entryValueBytes(bytes: Uint8Array, at: number): number {
  return (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)) >>> 0
}

export function entryKeyStart(bytes: Uint8Array, at: number): number {
  return at + ENTRY_BYTES_MIN + ((bytes[at + 1]! & EncodingFlag.keyspace) << 2)
}

/** Where the value starts, too. */
export function entryKeyEnd(bytes: Uint8Array, at: number): number {
  return entryKeyStart(bytes, at) + entryKeyBytes(bytes, at)
}

export function entryValueEnd(bytes: Uint8Array, at: number): number {
  return entryKeyEnd(bytes, at) + entryValueBytes(bytes, at)
}

/** Where the next entry starts. */
export function entryEnd(bytes: Uint8Array, at: number): number {
  return paddedEnd(bytes, at, entryValueEnd(bytes, at) - at)
}

/** The same as `entryEnd`, for a caller that knows where the value ends. */
export function entryEndBehind(bytes: Uint8Array, at: number, valueEnd: number): number {
  return paddedEnd(bytes, at, valueEnd - at)
}

/** The same for bytes that nobody has vouched for: -1 when the entry reaches over `limit`. */
export function entryEndWithin(bytes: Uint8Array, at: number, limit: number): number {
  if (limit - at < ENTRY_BYTES_MIN) return -1
  // A value may claim 2^32 - 1 bytes: only what is compared next depends on it.
  const contentBytes = entryValueEnd(bytes, at) - at
  if (contentBytes > limit - at) return -1
  const end = paddedEnd(bytes, at, contentBytes)
  return end > limit ? -1 : end
}

/** `contentBytes`: header, key and value. */
function paddedEnd(bytes: Uint8Array, at: number, contentBytes: number): number {
  // The number of the flag is the length of the checksum. Right for any length: the mask takes the lowest bits only.
  return at + contentBytes + (-contentBytes & 3) + (bytes[at + 1]! & EncodingFlag.checksum)
}

/** True when a checksum of its own stands behind the value. */
export function hasValueChecksum(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + 1]! & EncodingFlag.checksum) !== 0
}

/** Where the value starts behind its front. */
export function entryContentStart(bytes: Uint8Array, at: number): number {
  return entryKeyEnd(bytes, at) + ((bytes[at]! & VersionFlag.expiry) === 0 ? 0 : EXPIRY_BYTES)
}

/** The checksum behind the value. Requires: the entry has one. */
export function valueChecksum(bytes: Uint8Array, at: number): number {
  return getU32(bytes, entryEnd(bytes, at) - CHECKSUM_BYTES)
}

/** Bytes of the key, read through a view: for loops that read words of keys, too. */
export function viewedKeyBytes(view: DataView, at: number): number {
  return view.getUint16(at + 2, true)
}

export function viewedKeyStart(view: DataView, at: number): number {
  return at + ENTRY_BYTES_MIN + ((view.getUint8(at + 1) & EncodingFlag.keyspace) << 2)
}
