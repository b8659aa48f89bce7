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
 * Entries start at multiples of 4. The flags that readers take are expiry and checksum; a frame with another one is
 * refused by name (frame-check.ts).
 * Thread: any (pure). Nothing is allocated: most functions here run once an entry, or once a comparison.
 */
import { getU32, getU53, putU32, putU53 } from './coding.js'
import { VALUE_CHECKSUM_BYTES_MIN } from './limits.js'

/** Bits of byte 0 that are the kind. */
export const KIND_MASK = 0x0f

/** Flags in the upper half of byte 0. They are on disk: do not change these numbers. */
export const VersionFlag = {
  /** The value begins with its expiry. */
  expiry: 0x10,
  /** The value, behind its expiry, is packed by itself. Reserved. */
  packed: 0x20,
} as const

/** Flags in byte 1. They are on disk: do not change these numbers. */
export const EncodingFlag = {
  /** The entry has a keyspace id. Reserved. */
  keyspace: 1,
  checksum: 4,
  /** The entry repeats the value before it with a new expiry. Reserved. */
  touch: 8,
} as const

/** Bytes of the header before the key. No entry is shorter. */
export const ENTRY_BYTES_MIN = 8
/** Bytes of an expiry in front of a value. */
export const EXPIRY_BYTES = 8
const CHECKSUM_BYTES = 4

/** Bytes that a new entry takes at most, header, front and padding included. */
export function entryBytesMax(keyBytes: number, valueBytes: number, expiryMs = 0): number {
  const ownBytes = (expiryMs === 0 ? 0 : EXPIRY_BYTES) + (valueBytes < VALUE_CHECKSUM_BYTES_MIN ? 0 : CHECKSUM_BYTES)
  return ENTRY_BYTES_MIN + keyBytes + valueBytes + 4 + ownBytes
}

/** Gives where to write the key of a new entry at `at`. The value follows it directly. */
export function newKeyStart(at: number): number {
  return at + ENTRY_BYTES_MIN
}

/** Writes header and padding around a key and a value that stand in their place; returns the end of the entry. */
export function finishEntry(bytes: Uint8Array, at: number, kind: number, keyBytes: number, valueBytes: number): number {
  putEntryHeader(bytes, at, kind, 0, keyBytes, valueBytes)
  let end = at + ENTRY_BYTES_MIN + keyBytes + valueBytes
  while ((end & 3) !== 0) bytes[end++] = 0
  return end
}

/** Finishes an entry as `finishEntry` does, around a value that has a checksum of its own. */
export function finishApartEntry(
  bytes: Uint8Array, at: number, kind: number, keyBytes: number, valueBytes: number, checksum: number,
): number {
  const end = finishEntry(bytes, at, kind, keyBytes, valueBytes)
  bytes[at + 1] = EncodingFlag.checksum
  putU32(bytes, end, checksum)
  return end + CHECKSUM_BYTES
}

/** Writes the bytes before a key that needs no others before it. */
export function putEntryHeader(
  bytes: Uint8Array, at: number, kind: number, flags: number, keyBytes: number, valueBytes: number,
): void {
  bytes[at] = kind
  bytes[at + 1] = flags
  bytes[at + 2] = keyBytes
  bytes[at + 3] = keyBytes >>> 8
  bytes[at + 4] = valueBytes
  bytes[at + 5] = valueBytes >>> 8
  bytes[at + 6] = valueBytes >>> 16
  bytes[at + 7] = valueBytes >>> 24
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

/** Where the key ends and the value starts. */
export function entryKeyEnd(bytes: Uint8Array, at: number): number {
  return entryKeyStart(bytes, at) + entryKeyBytes(bytes, at)
}

export function entryValueEnd(bytes: Uint8Array, at: number): number {
  return entryKeyEnd(bytes, at) + entryValueBytes(bytes, at)
}

/** Where the entry ends and the next one starts. */
export function entryEnd(bytes: Uint8Array, at: number): number {
  return paddedEnd(bytes, at, entryValueEnd(bytes, at) - at)
}

/** Gives the end of an entry for a caller that knows where its value ends. */
export function entryEndBehind(bytes: Uint8Array, at: number, valueEnd: number): number {
  return paddedEnd(bytes, at, valueEnd - at)
}

/** Gives the end of an entry whose bytes are not checked yet, or -1 when it would reach over `limit`. */
export function entryEndWithin(bytes: Uint8Array, at: number, limit: number): number {
  if (limit - at < ENTRY_BYTES_MIN) return -1
  // An unchecked value may claim 2^32 - 1 bytes, so the sum is compared before it is used.
  const contentBytes = entryValueEnd(bytes, at) - at
  if (contentBytes > limit - at) return -1
  const end = paddedEnd(bytes, at, contentBytes)
  return end > limit ? -1 : end
}

/** The end of an entry with its padding. `contentBytes` counts header, key and value. */
function paddedEnd(bytes: Uint8Array, at: number, contentBytes: number): number {
  // The flag's number is the length of the checksum. The mask is right for any length: it takes the lowest bits only.
  return at + contentBytes + (-contentBytes & 3) + (bytes[at + 1]! & EncodingFlag.checksum)
}

/** True when the value has a checksum of its own behind it. */
export function hasValueChecksum(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + 1]! & EncodingFlag.checksum) !== 0
}

/** Where the user's bytes of the value start, behind the front. */
export function entryContentStart(bytes: Uint8Array, at: number): number {
  return entryKeyEnd(bytes, at) + frontBytes(bytes[at]!)
}

/** The bytes in front of a value whose entry has this kind byte. */
export function frontBytes(kindAndFlags: number): number {
  // Half of the flag's number is the length of an expiry.
  return (kindAndFlags & VersionFlag.expiry) >>> 1
}

/** Reads the front of a value at bytes[at]: when it expires, in milliseconds since 1970; 0 for never. */
export function expiryOf(kindAndFlags: number, bytes: Uint8Array, at: number): number {
  return (kindAndFlags & VersionFlag.expiry) === 0 ? 0 : getU53(bytes, at)
}

/** Writes the front of a value at bytes[at] for one that expires; returns the kind byte of its entry. */
export function putExpiry(bytes: Uint8Array, at: number, kind: number, expiryMs: number): number {
  putU53(bytes, at, expiryMs)
  return kind | VersionFlag.expiry
}

/** The kind without its flags. */
export function kindOf(kindAndFlags: number): number {
  return kindAndFlags & KIND_MASK
}

/** The checksum behind the value. Requires: the entry has one. */
export function valueChecksum(bytes: Uint8Array, at: number): number {
  return getU32(bytes, entryEnd(bytes, at) - CHECKSUM_BYTES)
}

/** The length of the key, read through a view; loops that read words of keys have one anyway. */
export function viewedKeyBytes(view: DataView, at: number): number {
  return view.getUint16(at + 2, true)
}

export function viewedKeyStart(view: DataView, at: number): number {
  return at + ENTRY_BYTES_MIN + ((view.getUint8(at + 1) & EncodingFlag.keyspace) << 2)
}
