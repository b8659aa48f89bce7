/**
 * What: one entry in a batch frame's body, and so in the slab. Entries start at multiples of 4.
 *
 *   offset size
 *        0    1  kind (EntryKind)
 *        1    1  flags: 1 keyspace id follows, 2 expiry follows
 *        2    2  key bytes
 *        4    4  value bytes
 *        8    4  keyspace id, if flagged (reserved: 0 is the default keyspace)
 *        …    8  expiry, milliseconds since 1970, if flagged (reserved)
 *        …       key, value, zeros up to the next multiple of 4
 */

export const ENTRY_HEADER_BYTES = 8

/** Bytes of an entry without optional fields, padding included. */
export function entryBytes(keyBytes: number, valueBytes: number): number {
  return (ENTRY_HEADER_BYTES + keyBytes + valueBytes + 3) & ~3
}

export function entryKeyBytes(bytes: Uint8Array, at: number): number {
  return bytes[at + 2]! | (bytes[at + 3]! << 8)
}

export function entryValueBytes(bytes: Uint8Array, at: number): number {
  return (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)) >>> 0
}
