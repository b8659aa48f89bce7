/**
 * What: the packed data block: the columns of a block (block-format.ts) as lengths, then through LZ4. On disk: do not
 * change.
 *
 *   offset size
 *        0    4  bytes of the column block it unpacks to, padding included: at most 65,536
 *        4    2  entries n
 *        6    1  width w of a sequence number here: 0–7 bytes
 *        7    1  flags: 1 front-coded suffixes; reserved: 2 a dictionary, 4 an expiry column
 *        8    4  bytes of the stream
 *       12    4  bytes of the LZ4 block
 *       16       LZ4 block, zeros up to a multiple of 8
 *
 * The LZ4 block unpacks to the stream:
 *
 *        0    8  base sequence number
 *        8    2  bytes p of the prefix
 *       10   2n  bytes of suffix i; with front coding n, then 2n: bytes that suffix i shares with the one before, and
 *                bytes of its rest
 *        …   2n  bytes of value i
 *        …    n  kind and version flags
 *        …   wn  sequence number minus base
 *        …    p  prefix
 *        …       suffixes, or their rests; values
 *
 * Lengths repeat where starts do not, so they pack better. Unpacking gives, byte for byte, the column block that the
 * builder laid out: whoever reads a block in memory never knows that it was packed.
 */
import { KiB } from '../../base/index.js'
import { LZ4_PLAIN_BYTES_MAX, LZ4_ROOM_AT } from '../../codec/index.js'
import { TRAILER_BYTES } from '../table-format.js'

export const PACKED_HEADER_BYTES = 16
/** Bytes of the stream before its columns. */
export const STREAM_HEAD_BYTES = 10
/** The flag of a block whose suffixes are front-coded. On disk: do not change this number. */
export const FRONT_CODED = 1
export const SHARED_BYTES_MAX = 255
export const SEQ_WIDTH_MAX = 7
/** The most bytes of a block in a file, trailer included, that may be packed. */
export const PACKED_FILE_BYTES_MAX = LZ4_PLAIN_BYTES_MAX
/** Room for an unpacked block, and for what is read behind it in whole words. */
export const UNPACKED_ROOM_BYTES = LZ4_PLAIN_BYTES_MAX + TRAILER_BYTES

/** Where a block stands in the memory of LZ4 as it is in a file. */
export const FILE_BLOCK_AT = LZ4_ROOM_AT
/** Where its stream stands. */
export const STREAM_AT = FILE_BLOCK_AT + PACKED_FILE_BYTES_MAX + KiB

/** The memory of a column block, as bytes and as words. */
export interface BlockMemory {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
}
