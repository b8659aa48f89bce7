/**
 * What: the frame, the unit of writing in logs and manifests: 40 bytes of header, then the body, then
 * zeros up to the next multiple of 8. A frame is valid as a whole or not at all.
 *
 *   offset size
 *        0    4  CRC-32 of header bytes 4–39
 *        4    4  body bytes, without the padding
 *        8    4  CRC-32 of the body
 *       12    1  frame type
 *       13    1  flags: 1 values apart (values-apart.ts)
 *       14    2  bytes of extensions at the start of the body
 *       16    8  first sequence number (manifest: number of the edit group)
 *       24    4  count of entries (manifest: of edits)
 *       28    4  writer generation, low 32 bits
 *       32    4  sync mark: this file's number − the number of the file it speaks of
 *       36    4  sync mark: bytes of that file that were known synced when this frame was written
 *
 * Both checksums start from the file's seed XOR the frame's offset, so a frame copied to another file
 * or another offset does not pass. Forty zero bytes are the legal end. A sync mark of 0 bytes says
 * nothing. A frame whose sync mark stands above a bad place proves corruption there.
 *
 * A frame with a right header, but of a type or with flags that a reader does not know, is not the end of anything: the
 * file is refused. So a later version may change what the checksum of a body covers, as flag 1 does.
 *
 * Extensions are { u8 type, u8 0, u16 length, bytes, zeros up to a multiple of 4 }, each once, types ascending. A
 * reader skips unknown types from 128 on, and refuses unknown ones below. The known ones are:
 *   1 external position    0 to 4096 opaque bytes of the caller, stored atomically with the batch
 *   2 replication          epoch u64, index u64 (reserved)
 */
import { alignUp } from './bytes.js'
import { crc32 } from './checksum.js'
import { getU32, getU53, putU32, putU53 } from './coding.js'
import { apartChecksum, areValuesGood } from './values-apart.js'

export const FRAME_HEADER_BYTES = 40

/** Types of frames. They are on disk: do not change these numbers. */
export const FrameType = {
  batch: 1,
  predecessor: 2,
  editGroup: 3,
  mark: 4,
  /** One large value, in a value log. */
  values: 5,
  /** Names tables that came from outside, in a log (wal/ingest-note.ts). */
  ingestNote: 6,
  /** Entries of an export stream. */
  exportRecords: 7,
  /** The end of an export stream: how much there was. */
  exportEnd: 8,
} as const

/** Flags of frames. They are on disk: do not change these numbers. */
export const FrameFlag = { valuesApart: 1 } as const

/** The frames that a reader knows: for each known type, the mask of its known flags. */
export type KnownFrames = Readonly<Record<number, number>>

export const LOG_FRAMES: KnownFrames = {
  [FrameType.batch]: FrameFlag.valuesApart, [FrameType.predecessor]: 0, [FrameType.mark]: 0, [FrameType.ingestNote]: 0,
}
export const VALUE_LOG_FRAMES: KnownFrames = {
  [FrameType.values]: FrameFlag.valuesApart, [FrameType.mark]: 0,
}
export const MANIFEST_FRAMES: KnownFrames = { [FrameType.editGroup]: 0, [FrameType.mark]: 0 }
export const EXPORT_FRAMES: KnownFrames = { [FrameType.exportRecords]: 0, [FrameType.exportEnd]: 0 }

/** Types of extensions. They are on disk: do not change these numbers. */
export const ExtensionType = {
  position: 1,
  /** Where a replica is: epoch and index. Reserved. */
  replication: 2,
} as const
export const EXTENSION_HEADER_BYTES = 4

/** The fields of a frame's header that its writer chooses. */
export interface NewFrame {
  type: number
  bodyBytes: number
  extensionBytes: number
  firstSeqNum: number
  count: number
  generation: number
  /** The sync mark: this file's number minus the number of the file that `markBytes` speaks of. */
  markDistance: number
  markBytes: number
}

export interface FrameHeader extends NewFrame {
  flags: number
}

/** Length of a predecessor frame's body (wal/log-format.ts). It is fixed, so the first batch always has one place. */
export const PREDECESSOR_BODY_BYTES = 32
/** Where the first frame behind the predecessor frame begins: a batch, or an ingest note, which stands nowhere else. */
export const SECOND_FRAME_OFFSET = 128 + 40 + PREDECESSOR_BODY_BYTES
/** Where four zeros stand in the body of a predecessor frame. */
export const PREDECESSOR_ZEROS_AT = 20

/** Bytes that a frame takes in the file, padding included. */
export function frameBytes(bodyBytes: number): number {
  return alignUp(FRAME_HEADER_BYTES + bodyBytes, 8)
}

/**
 * Writes header, checksums and padding around a body that already stands at `at + 40`; the frame has no flags.
 * `offset` is the frame's offset in its file; `at` its place in `bytes`. Returns the frame's bytes.
 */
export function sealFrame(
  bytes: Uint8Array, at: number, offset: number, seed: number, header: NewFrame,
): number {
  const { bodyBytes } = header
  const bodyStart = at + FRAME_HEADER_BYTES
  const total = frameBytes(bodyBytes)
  for (let i = bodyStart + bodyBytes; i < at + total; i++) bytes[i] = 0
  const bodyChecksum = crc32(bytes, bodyStart, bodyStart + bodyBytes, (seed ^ offset) >>> 0)
  putFrameHeader(bytes, at, offset, seed, header, 0, bodyChecksum)
  return total
}

/** Seals a frame as `sealFrame` does that has entries whose values have checksums of their own: it gets the flag. */
export function sealApartFrame(
  bytes: Uint8Array, at: number, offset: number, seed: number, header: NewFrame,
): number {
  const { bodyBytes, extensionBytes, count } = header
  const start = at + FRAME_HEADER_BYTES
  const end = start + bodyBytes
  const total = frameBytes(bodyBytes)
  for (let i = end; i < at + total; i++) bytes[i] = 0
  const body = { bytes, start, entries: start + extensionBytes, end, count, shift: offset - at, seed }
  const bodyChecksum = apartChecksum(body, (seed ^ offset) >>> 0)
  putFrameHeader(bytes, at, offset, seed, header, FrameFlag.valuesApart, bodyChecksum)
  return total
}

/** Writes the header alone, at bytes[at, at + 40); the rest as in `sealFrame`. */
export function putFrameHeader(
  bytes: Uint8Array, at: number, offset: number, seed: number, header: NewFrame, flags: number, bodyChecksum: number,
): void {
  putU32(bytes, at + 4, header.bodyBytes)
  putU32(bytes, at + 8, bodyChecksum)
  bytes[at + 12] = header.type
  bytes[at + 13] = flags
  bytes[at + 14] = header.extensionBytes
  bytes[at + 15] = header.extensionBytes >>> 8
  putU53(bytes, at + 16, header.firstSeqNum)
  putU32(bytes, at + 24, header.count)
  putU32(bytes, at + 28, header.generation)
  putU32(bytes, at + 32, header.markDistance)
  putU32(bytes, at + 36, header.markBytes)
  putU32(bytes, at, crc32(bytes, at + 4, at + FRAME_HEADER_BYTES, (seed ^ offset) >>> 0))
}

/**
 * How a frame was found. 'end': zeros stand where a header would, or no byte is left. 'unknown': the header is right,
 * but the type or the flags are not known. 'bad': anything else that is not good.
 */
export type FrameState = 'good' | 'end' | 'unknown' | 'bad'

/**
 * Checks the frame at bytes[at…end); `offset` is its place in the file. Fills `out` when it is 'good' or 'unknown'.
 * No length is believed before the header's checksum and the bytes left agree with it.
 */
export function readFrame(
  bytes: Uint8Array, at: number, end: number, offset: number, seed: number, known: KnownFrames, out: FrameHeader,
): FrameState {
  if (end - at < FRAME_HEADER_BYTES) return allZero(bytes, at, end) ? 'end' : 'bad'
  if (!readFrameHeader(bytes, at, offset, seed, out)) {
    return allZero(bytes, at, at + FRAME_HEADER_BYTES) ? 'end' : 'bad'
  }
  if (!isKnownFrame(out, known)) return 'unknown'
  if (frameBytes(out.bodyBytes) > end - at || out.extensionBytes > out.bodyBytes) return 'bad'
  return isBodyGood(bytes, at, offset, seed, out) ? 'good' : 'bad'
}

/** True when type and flags of this frame are among the known ones. */
export function isKnownFrame({ type, flags }: FrameHeader, known: KnownFrames): boolean {
  const knownFlags = known[type]
  return knownFlags !== undefined && (flags & ~knownFlags) === 0
}

function isBodyGood(bytes: Uint8Array, at: number, offset: number, seed: number, frame: FrameHeader): boolean {
  const start = at + FRAME_HEADER_BYTES
  const end = start + frame.bodyBytes
  const first = (seed ^ offset) >>> 0
  const expected = getU32(bytes, at + 8)
  if (frame.flags === 0) return crc32(bytes, start, end, first) === expected
  const { count, extensionBytes } = frame
  const body = { bytes, start, entries: start + extensionBytes, end, count, shift: offset - at, seed }
  return apartChecksum(body, first) === expected && areValuesGood(body)
}

/** Reads the header alone: true when its checksum is right, whatever the body is. */
export function readFrameHeader(
  bytes: Uint8Array, at: number, offset: number, seed: number, out: FrameHeader,
): boolean {
  if (getU32(bytes, at) !== crc32(bytes, at + 4, at + FRAME_HEADER_BYTES, (seed ^ offset) >>> 0)) return false
  out.bodyBytes = getU32(bytes, at + 4)
  out.type = bytes[at + 12]!
  out.flags = bytes[at + 13]!
  out.extensionBytes = bytes[at + 14]! | (bytes[at + 15]! << 8)
  out.firstSeqNum = getU53(bytes, at + 16)
  out.count = getU32(bytes, at + 24)
  out.generation = getU32(bytes, at + 28)
  out.markDistance = getU32(bytes, at + 32)
  out.markBytes = getU32(bytes, at + 36)
  return !Number.isNaN(out.firstSeqNum)
}

/**
 * Gives where the padding behind the body of the frame at bytes[at] is not zero; -1 where it is. No checksum covers it,
 * and no reader needs it: a check of a whole file looks at it.
 */
export function dirtyPadding(bytes: Uint8Array, at: number, bodyBytes: number): number {
  const end = at + frameBytes(bodyBytes)
  for (let i = at + FRAME_HEADER_BYTES + bodyBytes; i < end; i++) if (bytes[i] !== 0) return i
  return -1
}

export function emptyFrameHeader(): FrameHeader {
  return {
    type: 0, flags: 0, bodyBytes: 0, extensionBytes: 0, firstSeqNum: 0, count: 0,
    generation: 0, markDistance: 0, markBytes: 0,
  }
}

function allZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}
