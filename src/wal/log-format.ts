/**
 * What: what a log holds besides batches: its first frame, which names the log before it.
 *
 *   body of a predecessor frame (32 bytes)
 *   offset size
 *        0    8  number of the log before this one, 0 when there is none
 *        8    8  last sequence number given out before this log
 *       16    4  where the frames of that log end; bytes behind it are void
 *       20    4  zero
 *       24    8  salt of that log, zeros when there is none
 *
 * docs/format/log.md draws the whole file.
 */
import {
  FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameType, frameBytes, getU32, getU53, NAME_NUMBER_MAX, PREDECESSOR_BODY_BYTES,
  PREDECESSOR_ZEROS_AT, putU32, putU53, SALT_BYTES, SEQ_NUM_MAX, sealFrame,
} from '../base/index.js'
import type { FileNum, SeqNum } from '../base/index.js'

export interface Predecessor {
  fileNum: FileNum
  salt: Uint8Array
  lastSeqNum: SeqNum
  end: number
}

/** The predecessor of the first log after an open: none, since all entries before it are in tables. */
export function noPredecessor(lastSeqNum: SeqNum): Predecessor {
  return { fileNum: 0, salt: new Uint8Array(SALT_BYTES), lastSeqNum, end: 0 }
}

/** The offset of the first frame behind the predecessor frame. */
export const FIRST_BATCH_OFFSET = FILE_HEADER_BYTES + frameBytes(PREDECESSOR_BODY_BYTES)

/** Writes the first frame of a log at its fixed place in the slab; returns the offset behind it. */
export function encodePredecessor(
  bytes: Uint8Array, seed: number, generation: number, predecessor: Predecessor,
): number {
  const at = FILE_HEADER_BYTES
  const body = at + FRAME_HEADER_BYTES
  putU53(bytes, body, predecessor.fileNum)
  putU53(bytes, body + 8, predecessor.lastSeqNum)
  putU32(bytes, body + 16, predecessor.end)
  putU32(bytes, body + PREDECESSOR_ZEROS_AT, 0)
  bytes.set(predecessor.salt, body + 24)
  return at + sealFrame(bytes, at, at, seed, {
    type: FrameType.predecessor,
    bodyBytes: PREDECESSOR_BODY_BYTES,
    extensionBytes: 0,
    firstSeqNum: predecessor.lastSeqNum + 1,
    count: 0,
    generation: generation >>> 0,
    markDistance: 0,
    markBytes: 0,
  })
}

/** Reads the body of a predecessor frame; gives null when the numbers make no sense. */
export function decodePredecessor(bytes: Uint8Array, body: number): Predecessor | null {
  const fileNum = getU53(bytes, body)
  const lastSeqNum = getU53(bytes, body + 8)
  const end = getU32(bytes, body + 16)
  if (!(fileNum <= NAME_NUMBER_MAX && lastSeqNum <= SEQ_NUM_MAX)) return null
  return { fileNum, salt: bytes.slice(body + 24, body + PREDECESSOR_BODY_BYTES), lastSeqNum, end }
}
