/**
 * What: the data block: sorted entries as columns. On disk: do not change.
 *
 *   offset size
 *        0    2  entries n, 1–1024
 *        2    1  width w of the sequence column: 0, 4 or 8
 *        3    1  block flags, 0; with 2 the block has rows instead of columns (row-format.ts)
 *        4    2  bytes p of the prefix that all keys of the block share
 *        6    2  zero
 *        8    8  base sequence number: the smallest of the block
 *       16   4n  word i: bits 0–23 where key suffix i starts, 24–27 kind, 28–31 version flags; of the kinds all but
 *                value, tombstone and value handle are reserved, of the version flags all but expiry
 *        …   4n  where value i starts
 *        …    4  where the last value ends
 *        …   wn  sequence number minus base: 0 bytes (all equal), u32 or u64
 *        …    p  prefix
 *        …       key suffixes, one behind the other
 *        …       values, one behind the other
 *        …       zeros up to a multiple of 8
 *
 * All starts count from the first byte of the block. A suffix ends where the next starts, the last one
 * where value 0 starts. Entry i is read without its neighbours: no restart points. Key suffixes stand
 * together, so that a search touches few cache lines, and values are moved as one piece when a block is
 * built. Why so: docs/design/0006-table-block.md.
 */
import { BadBytes, kindProblem, KiB, MiB, VALUE_BYTES_MAX } from '../../base/index.js'
import { UnknownCode } from '../table-format.js'

export const BLOCK_HEADER_BYTES = 16
export const BLOCK_ENTRIES_MAX = 1024
/** A block's number has 22 bits in a place. */
export const BLOCK_COUNT_MAX = 2 ** 22

/** Bits of a column word that say where a suffix starts. */
export const START_MASK = 0xffffff
export const KIND_SHIFT = 24
/** The most bytes of a block in a file: one value, its key, and what stands around them. */
export const BLOCK_FILE_BYTES_MAX = VALUE_BYTES_MAX + 128 * KiB

/** Bounds and default of the size at which a block is closed. */
export const BLOCK_BYTES_MIN = KiB
export const BLOCK_BYTES_MAX = MiB
export const BLOCK_BYTES_DEFAULT = 8 * KiB
/** A value from this length on is written from where it stands, in a block of its own. */
export const OWN_BLOCK_BYTES_MIN = 64 * KiB

/** What to throw for the kind and version flags of an entry that is no plain value, tombstone or value handle. */
export function refusedEntry(at: number, kindAndFlags: number): BadBytes {
  const { isCorrupt, what } = kindProblem(kindAndFlags)!
  return isCorrupt ? new BadBytes(at, what) : new UnknownCode(at, what)
}
