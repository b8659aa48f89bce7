/**
 * What: an asynchronous write of more than 4 MiB. It is not copied when it is called: it waits for its turn as what the
 * caller gave, whose lengths are kept. Then it is copied and checksummed in steps, each in a turn of the event loop of
 * its own: to where the current buffer takes its next batch, or into a slab of its own when no buffer has the room.
 * Owns: how far it is, and the slab until a buffer has it. Does not own: its place among the calls
 * (waiting-writes.ts); its log and its sequence numbers, which it has from the moment when it is whole
 * (commit-pipeline.ts, docs/design/0032-value-log.md).
 * Thread: main.
 * States: measuring → measured → begun → whole → encoded or dropped.
 * Invariants: COM-8 a large write holds what the caller gave, or it is refused: memory that went away, or changed its
 * length, is seen before it is read.
 */
import {
  alignUp, BATCH_BYTES_MAX, bytesLength, bytesOfView, crc32, ENTRY_BYTES_MIN, finishApartEntry, finishEntry,
  FRAME_HEADER_BYTES, frontBytes, invalidArgument, isByteView, MiB, newKeyStart, putExpiry, VALUE_BYTES_MAX,
  VALUE_CHECKSUM_BYTES_MIN, VarveError, viewLength, writeText,
} from '../base/index.js'
import type { Bytes } from '../base/index.js'
import type { Slab } from '../slab/index.js'
import { FIRST_BATCH_OFFSET } from '../wal/index.js'
import { frontBytesOf } from './batch-encoder.js'
import type { BatchOptions } from './batch-encoder.js'
import { checkKey } from './check-input.js'
import type { OperationList } from './operation-list.js'
import { checkContent } from './operations.js'
import { writePosition } from './write-buffer.js'
import type { FilledBody, WriteBuffer } from './write-buffer.js'

/** A write of so many bytes is copied inside the call: the caller may change its memory as soon as it has called. */
export const COPIED_BYTES_MAX = 4 * MiB

/** Bytes that are copied and checksummed in one step: in fresh memory that takes less than a millisecond. */
const STEP_BYTES = MiB
/** Characters of a string that are measured or written in one step. */
const STEP_CHARS = 256 * 1024
/** What an operation costs besides its bytes, counted as bytes. */
const OPERATION_WORK = 64

type Work = Generator<undefined, void, unknown>

export class LargeWrite implements FilledBody {
  readonly operations: OperationList
  private readonly position: Uint8Array | null
  /** The bytes of each key and each value. */
  private readonly lengths: Float64Array
  /** Long strings are measured in steps. */
  private measuring: Work | null
  private bodyBytes = 0
  private filling: Work | null = null
  private slabNow: Slab | null = null
  /** Where its frame stands. */
  private place: { bytes: Uint8Array; at: number } | null = null
  private workDone = 0
  /** Where its body ends in the slab. */
  bodyEnd = 0
  extensionBytes = 0
  readonly apartEnds: number[] = []
  readonly apartLengths: number[] = []

  /** Throws as `batchBytesBound` does; what is too large only as a long string is seen by `step`. */
  constructor(operations: OperationList, { position }: BatchOptions) {
    this.operations = operations
    this.position = position
    this.lengths = new Float64Array(2 * operations.count)
    const hasLong = this.measureShort()
    this.measuring = hasLong ? this.measureLong() : null
    if (!hasLong) this.add()
  }

  /** False while there are strings whose length in bytes is not known. */
  get isMeasured(): boolean {
    return this.measuring === null
  }

  /** True while it has a slab of its own. */
  get hasSlab(): boolean {
    return this.slabNow !== null
  }

  /** True when all of it is copied and checksummed. */
  get isWhole(): boolean {
    return this.place !== null && this.filling === null
  }

  /** True when it stands, or begins to stand, where this buffer takes its next batch. */
  isIn({ bytes, encodedEnd }: WriteBuffer): boolean {
    return this.place !== null && this.place.bytes === bytes && this.place.at === encodedEnd
  }

  /** True for a write that is not copied when it is called. What is neither string nor view is refused elsewhere. */
  static isLarge({ keys, values }: OperationList): boolean {
    let bytes = 0
    for (let i = 0; i < keys.length; i++) bytes += givenLength(keys[i]) + givenLength(values[i])
    return bytes > COPIED_BYTES_MAX
  }

  /** Bytes that its frame takes at most. Requires: measured. */
  frameBytesBound(): number {
    return FRAME_HEADER_BYTES + this.bodyBytes + 8
  }

  /** Memory besides what the caller gave. */
  get memoryBytes(): number {
    return this.lengths.byteLength + 48 * this.operations.count
  }

  /**
   * It is copied to where this buffer takes its next batch; what is there counts for nothing. When another batch comes
   * to that place first, or the buffer is left, it begins again elsewhere. Requires: measured, and room.
   */
  beginIn({ bytes, encodedEnd }: WriteBuffer): void {
    this.beginAt(bytes, encodedEnd)
  }

  /** It is copied into a slab of its own, which it holds. Requires: measured, and room. */
  begin(slab: Slab): void {
    this.slabNow = slab
    this.beginAt(slab.bytes, FIRST_BATCH_OFFSET)
  }

  private beginAt(bytes: Uint8Array, at: number): void {
    this.place = { bytes, at }
    this.apartEnds.length = 0
    this.apartLengths.length = 0
    this.filling = this.fill(bytes, at + FRAME_HEADER_BYTES)
  }

  /** Goes on for about a millisecond. Throws INVALID_ARGUMENT, VALUE_TOO_LARGE or BATCH_TOO_LARGE: it is over. */
  step(): void {
    const work = this.measuring ?? this.filling
    if (work === null || work.next().done !== true) return
    if (this.measuring !== null) this.measuring = null
    else this.filling = null
  }

  /** Measures the rest. Throws as `step` does. */
  measureNow(): void {
    while (!this.isMeasured) this.step()
  }

  /** Copies the rest. Throws as `step` does. Requires: begun. */
  fillNow(): void {
    while (!this.isWhole) this.step()
  }

  /** Gives the slab away, for the caller to release. Requires: whole. */
  takeSlab(): Slab {
    const slab = this.slabNow!
    this.slabNow = null
    return slab
  }

  /** It is not written any more. */
  drop(): void {
    this.slabNow?.release()
    this.slabNow = null
    this.place = null
    this.filling = null
  }

  // ── Measuring ───────────────────────────────────────────────────────────────────────────────────

  /** Measures what takes no time; true when there is more. */
  private measureShort(): boolean {
    const { lengths, operations: { count, kinds, keys, values } } = this
    let hasLong = false
    for (let i = 0; i < count; i++) {
      const key = keys[i]!
      const value = values[i]!
      lengths[2 * i] = checkKey(key)
      if (typeof key === 'string') lengths[2 * i] = bytesLength(key)
      if (typeof value === 'string' && value.length > STEP_CHARS) {
        hasLong = true
        continue
      }
      lengths[2 * i + 1] = checkContent(kinds[i]!, value)
      if (typeof value === 'string') lengths[2 * i + 1] = bytesLength(value)
    }
    return hasLong
  }

  private* measureLong(): Work {
    const { lengths, operations: { count, values } } = this
    for (let i = 0; i < count; i++) {
      const value = values[i]!
      if (typeof value !== 'string' || value.length <= STEP_CHARS) continue
      let bytes = 0
      for (let from = 0; from < value.length;) {
        const to = stepEnd(value, from)
        bytes += bytesLength(value.substring(from, to))
        from = to
        yield
      }
      if (bytes > VALUE_BYTES_MAX) {
        throw new VarveError('VALUE_TOO_LARGE', `the value has ${bytes} bytes, the limit is ${VALUE_BYTES_MAX}`)
      }
      lengths[2 * i + 1] = bytes
    }
    this.add()
  }

  /** Adds the lengths up. Throws BATCH_TOO_LARGE. */
  private add(): void {
    const { lengths, position, operations: { expiries } } = this
    let bytes = (position === null ? 0 : position.length + 8) + frontBytesOf(expiries)
    for (let i = 0; i < lengths.length; i += 2) {
      const valueBytes = lengths[i + 1]!
      bytes += alignUp(ENTRY_BYTES_MIN + lengths[i]! + valueBytes, 4) + (valueBytes < VALUE_CHECKSUM_BYTES_MIN ? 0 : 4)
    }
    this.bodyBytes = bytes
    const frameBytes = this.frameBytesBound()
    if (frameBytes > BATCH_BYTES_MAX) {
      throw new VarveError('BATCH_TOO_LARGE', `the batch takes ${frameBytes} bytes, the limit is ${BATCH_BYTES_MAX}`)
    }
  }

  // ── Copying ─────────────────────────────────────────────────────────────────────────────────────

  private* fill(bytes: Uint8Array, bodyStart: number): Work {
    const { lengths, operations, apartEnds, apartLengths, position } = this
    const { count, kinds, keys, values } = operations
    let at = position === null ? bodyStart : writePosition(bytes, bodyStart, position)
    this.extensionBytes = at - bodyStart
    for (let i = 0; i < count; i++) {
      const [keyBytes, valueBytes] = [lengths[2 * i]!, lengths[2 * i + 1]!]
      const keyStart = newKeyStart(at)
      const keyEnd = keyStart + keyBytes
      copyWhole(bytes, keyStart, keys[i]!, keyBytes)
      const expiryMs = operations.expiryAt(i)
      const kind = expiryMs === 0 ? kinds[i]! : putExpiry(bytes, keyEnd, kinds[i]!, expiryMs)
      const ownFrontBytes = frontBytes(kind)
      const valueStart = keyEnd + ownFrontBytes
      if (valueBytes < VALUE_CHECKSUM_BYTES_MIN) {
        copyWhole(bytes, valueStart, values[i]!, valueBytes)
        at = finishEntry(bytes, at, kind, keyBytes, ownFrontBytes + valueBytes)
        if (this.isStepDone(keyBytes + valueBytes + OPERATION_WORK)) yield
        continue
      }
      const checksum = yield* this.copyValue(bytes, valueStart, values[i]!, valueBytes)
      at = finishApartEntry(bytes, at, kind, keyBytes, ownFrontBytes + valueBytes, checksum)
      apartEnds.push(at)
      apartLengths.push(valueBytes)
    }
    this.bodyEnd = at
  }

  /** Gives the checksum of the value, begun with its offset. */
  private* copyValue(bytes: Uint8Array, start: number, value: Bytes, length: number): Generator<undefined, number> {
    let checksum = start
    let at = start
    for (let from = 0; at < start + length;) {
      const isText = typeof value === 'string'
      const to = isText ? stepEnd(value, from) : Math.min(length, from + STEP_BYTES)
      const partBytes = isText
        ? writeText(value.substring(from, to), bytes, at)
        : copyView(bytes, at, value, from, to, length)
      checksum = crc32(bytes, at, at + partBytes, checksum)
      from = to
      at += partBytes
      if (this.isStepDone(partBytes + OPERATION_WORK)) yield
    }
    return checksum
  }

  private isStepDone(work: number): boolean {
    this.workDone += work
    if (this.workDone < STEP_BYTES) return false
    this.workDone = 0
    return true
  }
}

function copyWhole(bytes: Uint8Array, at: number, data: Bytes, promised: number): void {
  if (typeof data === 'string') writeText(data, bytes, at)
  else copyView(bytes, at, data, 0, promised, promised)
}

/** Copies view[from, to) to bytes[at…]; gives its length. Throws INVALID_ARGUMENT when the view is not what it was. */
function copyView(
  bytes: Uint8Array, at: number, given: Uint8Array, from: number, to: number, promised: number,
): number {
  const view = bytesOfView(given)
  if (view === null || view.length !== promised) throw changedMemory()
  bytes.set(new Uint8Array(view.buffer, view.byteOffset + from, to - from), at)
  return to - from
}

/** Gives the bytes that a key or a value takes at most; 0 for what is neither. */
function givenLength(data: unknown): number {
  if (typeof data === 'string') return 3 * data.length
  return isByteView(data) ? viewLength(data) : 0
}

function changedMemory(): VarveError {
  return invalidArgument('the memory of a key or value went away, or changed its length, before it was written')
}

/** Where a step over a string ends: never between the halves of a pair. */
function stepEnd(text: string, from: number): number {
  const to = Math.min(text.length, from + STEP_CHARS)
  return to < text.length && (text.charCodeAt(to - 1) & 0xfc00) === 0xd800 ? to + 1 : to
}
