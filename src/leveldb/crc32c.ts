/**
 * What: CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), and the masked form in which LevelDB stores it. The
 * checksums of Varve's own files have the other polynomial (base/checksum.ts), which the platform computes natively;
 * this one it does not have.
 * Thread: any.
 */
import { sliceCrc, sliceTables } from '../base/index.js'

const tables = sliceTables(0x82f63b78)

/** CRC-32C of bytes[start, end), continued from `seed` (0 to begin). */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  return sliceCrc(tables, bytes, start, end, seed)
}

const MASK_DELTA = 0xa282ead8

/** The checksum that stands behind its stored form: bytes with checksums in them would not check themselves well. */
export function unmaskedCrc(stored: number): number {
  const rotated = (stored - MASK_DELTA) | 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}
