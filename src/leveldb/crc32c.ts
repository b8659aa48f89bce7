/**
 * What: CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), and the masked form in which LevelDB stores it. The
 * checksums of Varve's own files have the other polynomial (base/checksum.ts), which the platform computes natively;
 * this one it does not have.
 * Thread: any.
 */

/** Slice-by-8, as in base/checksum.ts. */
const tables = makeTables()

function makeTables(): Int32Array {
  const table = new Int32Array(8 * 256)
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    table[i] = crc
  }
  for (let i = 256; i < 8 * 256; i++) {
    const previous = table[i - 256]!
    table[i] = (previous >>> 8) ^ table[previous & 0xff]!
  }
  return table
}

/** CRC-32C of bytes[start, end), continued from `seed` (0 to begin). */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  const t = tables
  let crc = ~seed
  let i = start
  for (const stop = end - 7; i < stop; i += 8) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    crc =
      t[0x700 + (crc & 0xff)]! ^ t[0x600 + ((crc >>> 8) & 0xff)]! ^
      t[0x500 + ((crc >>> 16) & 0xff)]! ^ t[0x400 + (crc >>> 24)]! ^
      t[0x300 + bytes[i + 4]!]! ^ t[0x200 + bytes[i + 5]!]! ^
      t[0x100 + bytes[i + 6]!]! ^ t[bytes[i + 7]!]!
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 0xff]!
  return ~crc >>> 0
}

const MASK_DELTA = 0xa282ead8

/** The checksum that stands behind its stored form: bytes with checksums in them would not check themselves well. */
export function unmaskedCrc(stored: number): number {
  const rotated = (stored - MASK_DELTA) | 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}
