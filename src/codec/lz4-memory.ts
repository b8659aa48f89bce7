/**
 * What: the memory in which LZ4 works: a table of what was seen, and room for what goes in and what comes out.
 * Where the parts are: first the table of `compress`; from `LZ4_ROOM_AT` on, the caller's own places.
 * Both implementations (lz4-script.ts, lz4-wasm.ts) work in such a memory, so a caller fills and empties it the same
 * way whichever it has.
 * Thread: one.
 */
import { KiB } from '../base/index.js'

/** Slots of the table: each has two bytes, the place where the four bytes of its hash were seen last. */
export const LZ4_TABLE_SLOTS = 4096
/** From here on the memory is the caller's. */
export const LZ4_ROOM_AT = 2 * LZ4_TABLE_SLOTS
/** The most bytes that can be packed at once: a place in the table has 16 bits. */
export const LZ4_PLAIN_BYTES_MAX = 64 * KiB
/** Bytes of the memory, whole pages of WebAssembly: the table, two pieces of the largest size, and some more. */
export const LZ4_MEMORY_BYTES = 192 * KiB

/** LZ4 blocks, as the format's own page defines them (lz4_Block_format.md), without a frame. */
export interface Lz4 {
  /** The memory, `LZ4_MEMORY_BYTES` long. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView
  /**
   * Packs the `length` bytes at `from` into at most `max` bytes at `to`. Returns their count; 0 when they do not fit.
   * Equal bytes give an equal block, whichever implementation it is. Requires: length ≤ `LZ4_PLAIN_BYTES_MAX`; the two
   * places lie in the caller's room and do not overlap.
   */
  compress(from: number, length: number, to: number, max: number): number
  /**
   * Unpacks the block of `length` bytes at `from` into `size` bytes at `to`. False when the block is not one of just
   * this size: then what stands at `to` is of no use. Whatever the block says, nothing else is read or written.
   * Requires: the two places lie in the caller's room and do not overlap.
   */
  decompress(from: number, length: number, to: number, size: number): boolean
}
