/**
 * What: encodes a batch of operations as one frame. Every operation is checked as it is encoded; a bad one
 * throws before anything counts, since the frame is sealed last. No code of the caller runs here.
 * Thread: main. No state.
 */
import {
  BATCH_BYTES_MAX, entryBytesMax, EXPIRY_BYTES, FRAME_HEADER_BYTES, VALUE_CHECKSUM_BYTES_MIN, VarveError,
} from '../base/index.js'
import type { Bytes, EntryKind, SeqNum } from '../base/index.js'
import { checkKey } from './check-input.js'
import type { OperationList } from './operation-list.js'
import { checkContent } from './operations.js'
import { exactRoom, frameBytesBound, roomOf, writePosition } from './write-buffer.js'
import type { WriteBuffer } from './write-buffer.js'

export interface BatchOptions {
  sync: boolean
  /** Opaque bytes of the caller, stored atomically with the batch; null for none. */
  position: Uint8Array | null
}

/**
 * Encodes the whole batch or nothing. Returns false when it does not fit into the buffer's room, or is too long.
 * Throws INVALID_ARGUMENT, KEY_TOO_LARGE, VALUE_TOO_LARGE or BATCH_TOO_LARGE.
 */
export function encodeBatch(
  buffer: WriteBuffer, operations: OperationList, options: BatchOptions, firstSeqNum: SeqNum,
): boolean {
  const { count, kinds, keys, values, expiries } = operations
  const bodyStart = buffer.beginFrame()
  const end = Math.min(buffer.bytes.length - 16, bodyStart + buffer.batchBytesMax)
  let at = bodyStart
  if (options.position !== null) {
    if (at + options.position.length + 8 > end) return false
    at = writePosition(buffer.bytes, at, options.position)
  }
  const extensionBytes = at - bodyStart
  for (let i = 0; i < count; i++) {
    const key = keys[i]!
    const value = values[i]!
    const kind = kinds[i]!
    const keyRoom = checkKey(key)
    const valueRoom = checkContent(kind, value)
    const expiryMs = expiries === null ? 0 : operations.expiryAt(i)
    if (valueRoom > buffer.batchBytesMax) return false
    if (at + entryBytesMax(keyRoom, valueRoom, expiryMs) > end) {
      if (at + entryBytesMax(exactRoom(key, keyRoom), exactRoom(value, valueRoom), expiryMs) > end) return false
    }
    at = buffer.writeEntry(at, kind, key, keyRoom, value, valueRoom, expiryMs)
  }
  buffer.seal(bodyStart, at, extensionBytes, firstSeqNum, count)
  return true
}

/** Bytes that the frame of a batch with one entry takes at most; checks key and value. */
export function entryBytesBound(kind: EntryKind, key: Bytes, value: Bytes, expiryMs = 0): number {
  checkKey(key)
  checkContent(kind, value)
  return frameBytesBound(roomOf(key), roomOf(value), expiryMs)
}

/** Bytes of the fronts of values that expire. */
export function frontBytesOf(expiries: readonly number[] | null): number {
  return expiries === null ? 0 : EXPIRY_BYTES * expiries.length
}

/** Bytes that a frame of `count` entries takes at most when keys, values and fronts have `dataBytes` together. */
export function batchFrameBound(count: number, dataBytes: number, { position }: BatchOptions): number {
  const extensionBytes = position === null ? 0 : position.length + 8
  const checksumBytes = 4 * Math.min(count, Math.floor(dataBytes / VALUE_CHECKSUM_BYTES_MIN))
  return FRAME_HEADER_BYTES + 32 + extensionBytes + count * entryBytesMax(0, 0, 0) + checksumBytes + dataBytes
}

/** Bytes that the batch's frame takes at most; checks every operation. */
export function batchBytesBound(
  { count, kinds, keys, values, expiries }: OperationList, options: BatchOptions,
): number {
  let dataBytes = frontBytesOf(expiries)
  for (let i = 0; i < count; i++) {
    const key = keys[i]!
    const value = values[i]!
    checkKey(key)
    checkContent(kinds[i]!, value)
    dataBytes += roomOf(key) + roomOf(value)
  }
  const bytes = batchFrameBound(count, dataBytes, options)
  if (bytes > BATCH_BYTES_MAX) {
    throw new VarveError('BATCH_TOO_LARGE', `the batch takes ${bytes} bytes, the limit is ${BATCH_BYTES_MAX}`)
  }
  return bytes
}
