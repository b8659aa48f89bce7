/**
 * What: a log, its memtable and their slab, bound together for life. Batches are encoded here.
 * Owns: the encode position and the sequence number of the last encoded entry.
 * Does not own: what is written (wal/log-file.ts) or visible (commit/commit-pipeline.ts).
 * Thread: main.
 * States: empty (a log that waits for its first batch; takes no memory) → filled (has its slab).
 * Invariants: COM-1 a batch's bytes stand in one slab, one log and one memtable. COM-2 bytes behind
 * `encodedEnd` are scratch: an encoding that fails half-way changes nothing.
 */
import {
  assert, bytesBound, bytesLength, crc32, entryBytesMax, EXPIRY_BYTES, ExtensionType, FILE_HEADER_BYTES,
  finishApartEntry, finishEntry, FRAME_HEADER_BYTES, frameBytes, FrameType, getU32, newKeyStart, NUMBER_MAX,
  putExpiry, putU32, reseedCrc32,
  sealApartFrame, sealFrame,
  VALUE_CHECKSUM_BYTES_MIN, writeText, writeView,
} from '../base/index.js'
import type { Bytes, NewFrame, SeqNum } from '../base/index.js'
import type { Memtable } from '../memtable/index.js'
import type { Slab } from '../slab/index.js'
import { encodePredecessor, FIRST_BATCH_OFFSET, noPredecessor } from '../wal/index.js'
import type { LogFile, Predecessor } from '../wal/index.js'
import { checkKey } from './check-input.js'
import { checkContent } from './operations.js'

/** Bytes that a frame with one entry needs at most. */
export function frameBytesBound(keyBytes: number, valueBytes: number, expiryMs = 0): number {
  return FRAME_HEADER_BYTES + entryBytesMax(keyBytes, valueBytes, expiryMs) + 12
}

const NO_BYTES = new Uint8Array(0)
/** Bytes of the checksum at the end of an entry. */
const CHECKSUM_BYTES = 4

/** The body of a frame that was written into a slab while it had no log. */
export interface FilledBody {
  readonly bodyEnd: number
  readonly extensionBytes: number
  /** The ends of the entries whose values have checksums of their own, each begun with the value's offset alone. */
  readonly apartEnds: readonly number[]
  /** The lengths of those values. */
  readonly apartLengths: readonly number[]
}

export class WriteBuffer {
  readonly log: LogFile
  readonly memtable: Memtable
  /** The bytes of the slab. While the buffer is empty there are none, so that nothing has room. */
  bytes: Uint8Array = NO_BYTES
  /** True when its slab is larger than others, made for one batch. */
  isXl = false
  /** The end of the encoded bytes; [log.writtenEnd, encodedEnd) waits to be written. */
  encodedEnd = FILE_HEADER_BYTES
  encodedSeqNum: SeqNum = 0
  /** The size of the memtable's index above which the buffer is full, whatever room the slab has. */
  indexBytesMax = NUMBER_MAX
  /** A batch that may take more bytes is not encoded: the caller has no time for it. */
  batchBytesMax = NUMBER_MAX
  /** Where the log before this one ends. */
  predecessor: Predecessor = noPredecessor(0)
  /** The header that every frame reuses, so that nothing is allocated per batch. */
  private readonly frame: NewFrame
  /** True when a value of the frame that is being encoded has a checksum of its own. */
  private isApart = false

  /** Requires: the memtable is empty. */
  constructor(log: LogFile, memtable: Memtable, generation: number) {
    this.log = log
    this.memtable = memtable
    this.frame = {
      type: FrameType.batch, bodyBytes: 0, extensionBytes: 0, firstSeqNum: 0, count: 0,
      generation: generation >>> 0, markDistance: 0, markBytes: 0,
    }
  }

  /** Called when the buffer becomes the current one. Its first frame names the log before it. */
  begin(predecessor: Predecessor): void {
    this.predecessor = predecessor
    this.encodedSeqNum = predecessor.lastSeqNum
    if (this.isFilled) this.encodeStart()
  }

  /** Binds the buffer to a slab, before its first batch. `expectedKeys` means what it means for `Memtable.fill`. */
  fill(slab: Slab, expectedKeys = 0): void {
    this.memtable.fill(slab, expectedKeys)
    this.bytes = slab.bytes
    this.log.bytesMax = slab.capacity
    this.encodeStart()
  }

  private encodeStart(): void {
    const { bytes, log, frame, predecessor } = this
    bytes.set(log.headerBytes)
    this.encodedEnd = encodePredecessor(bytes, log.seed, frame.generation, predecessor)
  }

  /** What the log behind this one says of it; one that was never used hands on the one before. */
  asPredecessor(lastSeqNum: SeqNum): Predecessor {
    const { log: { fileNum, salt }, encodedEnd: end } = this
    return this.isUsed ? { fileNum, salt, lastSeqNum, end } : { ...this.predecessor, lastSeqNum }
  }

  get isFilled(): boolean {
    return this.bytes !== NO_BYTES
  }

  /** The slab in which batches are encoded. Requires: `isFilled`. */
  get slab(): Slab {
    return this.memtable.slab
  }

  /** True once a batch was encoded. */
  get isUsed(): boolean {
    return this.encodedEnd > FIRST_BATCH_OFFSET
  }

  get isWritten(): boolean {
    return this.encodedEnd === this.log.writtenEnd || (!this.isUsed && this.log.writtenEnd === FILE_HEADER_BYTES)
  }

  /** True when the index is larger than it may be and there is a batch to seal. */
  get isFull(): boolean {
    return this.memtable.indexBytes > this.indexBytesMax && this.isUsed
  }

  /** True when half of what the buffer may take is written, so that it is time to make the next log. */
  get isHalfFull(): boolean {
    return this.log.writtenEnd * 2 > this.bytes.length || this.memtable.indexBytes * 2 > this.indexBytesMax
  }

  /** Bytes that are left in the slab. The number is below 0 while the buffer is empty. */
  get roomBytes(): number {
    return this.bytes.length - this.encodedEnd
  }

  /** Sets what the sync marks of the next frames say. */
  setMark(log: number, bytes: number): void {
    this.frame.markDistance = this.log.fileNum - log
    this.frame.markBytes = log === 0 ? 0 : bytes
  }

  /**
   * Encodes one operation as a batch of its own. Returns false when it does not fit, or is too long. Throws
   * INVALID_ARGUMENT, KEY_TOO_LARGE or VALUE_TOO_LARGE.
   */
  encodeOne(kind: number, key: Bytes, value: Bytes, seqNum: number, expiryMs: number = 0): boolean {
    const keyRoom = checkKey(key)
    const valueRoom = checkContent(kind, value)
    if (valueRoom > this.batchBytesMax) return false
    if (frameBytesBound(keyRoom, valueRoom, expiryMs) > this.roomBytes) {
      if (frameBytesBound(exactRoom(key, keyRoom), exactRoom(value, valueRoom), expiryMs) > this.roomBytes) return false
    }
    const bodyStart = this.beginFrame()
    const end = this.writeEntry(bodyStart, kind, key, keyRoom, value, valueRoom, expiryMs)
    this.seal(bodyStart, end, 0, seqNum, 1)
    return true
  }

  /** Begins a frame behind the encoded ones; returns where its body goes. */
  beginFrame(): number {
    this.isApart = false
    return this.encodedEnd + FRAME_HEADER_BYTES
  }

  /**
   * Writes an entry at `at`; returns the offset behind its padding. Requires: there is the room that the checks of key
   * and value measured. Throws INVALID_ARGUMENT when another thread has made a view so much longer since then that it
   * does not fit.
   */
  writeEntry(
    at: number, kind: number, key: Bytes, keyRoom: number, value: Bytes, valueRoom: number, expiryMs = 0,
  ): number {
    const { bytes } = this
    const keyStart = newKeyStart(at)
    const keyBytes = writeBytes(bytes, keyStart, key, keyRoom)
    if (expiryMs !== 0) return this.writeExpiring(at, kind, keyBytes, value, valueRoom, expiryMs)
    const valueBytes = writeBytes(bytes, keyStart + keyBytes, value, valueRoom)
    if (valueBytes >= VALUE_CHECKSUM_BYTES_MIN) return this.finishApart(at, kind, keyBytes, 0, valueBytes)
    return finishEntry(bytes, at, kind, keyBytes, valueBytes)
  }

  /** Writes a value that expires behind its front, and the rest of its entry. */
  private writeExpiring(
    at: number, kind: number, keyBytes: number, value: Bytes, valueRoom: number, expiryMs: number,
  ): number {
    const { bytes } = this
    const keyEnd = newKeyStart(at) + keyBytes
    const flagged = putExpiry(bytes, keyEnd, kind, expiryMs)
    const valueBytes = writeBytes(bytes, keyEnd + EXPIRY_BYTES, value, valueRoom)
    if (valueBytes >= VALUE_CHECKSUM_BYTES_MIN) return this.finishApart(at, flagged, keyBytes, EXPIRY_BYTES, valueBytes)
    return finishEntry(bytes, at, flagged, keyBytes, EXPIRY_BYTES + valueBytes)
  }

  /** The one time that the bytes of a large value are summed up, until somebody reads them. */
  private finishApart(at: number, kind: number, keyBytes: number, ownFrontBytes: number, valueBytes: number): number {
    const { bytes } = this
    this.isApart = true
    const start = newKeyStart(at) + keyBytes + ownFrontBytes
    const checksum = crc32(bytes, start, start + valueBytes, (this.log.seed ^ start) >>> 0)
    return finishApartEntry(bytes, at, kind, keyBytes, ownFrontBytes + valueBytes, checksum)
  }

  /** Closes the frame whose body is [bodyStart, bodyEnd). From then on the batch counts as encoded. */
  seal(bodyStart: number, bodyEnd: number, extensionBytes: number, firstSeqNum: SeqNum, count: number): void {
    const { frame } = this
    const at = this.encodedEnd
    frame.bodyBytes = bodyEnd - bodyStart
    frame.extensionBytes = extensionBytes
    frame.firstSeqNum = firstSeqNum
    frame.count = count
    const seal = this.isApart ? sealApartFrame : sealFrame
    this.encodedEnd = at + seal(this.bytes, at, at, this.log.seed, frame)
    this.encodedSeqNum = firstSeqNum + count - 1
  }

  /** Closes a frame around a body that was written to its place in the slab, without the log's seed. */
  sealFilled(body: FilledBody, firstSeqNum: SeqNum, count: number): void {
    const { bytes, log: { seed } } = this
    const { bodyEnd, extensionBytes, apartEnds, apartLengths } = body
    let length = -1
    let shifted = 0
    for (let i = 0; i < apartEnds.length; i++) {
      if (apartLengths[i] !== length) {
        length = apartLengths[i]!
        shifted = reseedCrc32(0, 0, seed, length)
      }
      const at = apartEnds[i]! - CHECKSUM_BYTES
      putU32(bytes, at, getU32(bytes, at) ^ shifted)
    }
    const bodyStart = this.beginFrame()
    this.isApart = apartEnds.length > 0
    this.seal(bodyStart, bodyEnd, extensionBytes, firstSeqNum, count)
  }

  /** Encodes a note of tables from outside (wal/ingest-note.ts). Requires: the buffer is unused, and has room. */
  encodeNote(body: Uint8Array, seqNum: SeqNum, count: number): void {
    assert(!this.isUsed && this.roomBytes >= frameBytes(body.length), 'a note is the first in its log')
    const at = this.encodedEnd
    this.bytes.set(body, at + FRAME_HEADER_BYTES)
    const frame = {
      ...this.frame, type: FrameType.ingestNote, bodyBytes: body.length, extensionBytes: 0, firstSeqNum: seqNum, count,
    }
    this.encodedEnd = at + sealFrame(this.bytes, at, at, this.log.seed, frame)
    this.encodedSeqNum = seqNum
  }

  /** Makes encoded bytes that never reached the log void. */
  voidUnwritten(): void {
    this.encodedEnd = this.log.writtenEnd
    this.encodedSeqNum = this.log.writtenSeqNum
  }
}

/** The room that `data` needs. Short strings are not measured, since their upper bound is near enough. */
export function roomOf(data: Bytes): number {
  return typeof data === 'string' && data.length > 64 ? bytesLength(data) : bytesBound(data)
}

/** The exact room that `data` needs, for when `room` was too large. The room of a view is exact already. */
export function exactRoom(data: Bytes, room: number): number {
  return typeof data === 'string' ? bytesLength(data) : room
}

/** Writes `data`; returns its length. If a view got longer meanwhile, what follows overwrites the excess. */
export function writeBytes(bytes: Uint8Array, at: number, data: Bytes, room: number): number {
  if (typeof data === 'string') return writeText(data, bytes, at)
  writeView(data, bytes, at)
  return room
}

/** Writes the external position in front of the entries; returns the offset behind it. */
export function writePosition(bytes: Uint8Array, at: number, position: Uint8Array): number {
  bytes[at] = ExtensionType.position
  bytes[at + 1] = 0
  bytes[at + 2] = position.length
  bytes[at + 3] = position.length >>> 8
  bytes.set(position, at + 4)
  let end = at + 4 + position.length
  while ((end & 3) !== 0) bytes[end++] = 0
  return end
}
