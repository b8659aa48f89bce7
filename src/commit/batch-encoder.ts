/**
 * What: a batch of operations as one frame. Every operation is checked as it is encoded; a bad one
 * throws before anything counts, since the frame is sealed last. No code of the caller runs here.
 * Thread: main. No state.
 */
import {
  BATCH_BYTES_MAX, ENTRY_HEADER_BYTES, EntryKind, FRAME_HEADER_BYTES, VarveError,
} from '../base/index.js'
import type { Bytes, SeqNum } from '../base/index.js'
import { checkKey, checkValue } from './check-input.js'
import type { OperationList } from './operation-list.js'
import { exactRoom, frameBytesBound, roomOf } from './write-buffer.js'
import type { WriteBuffer } from './write-buffer.js'

export interface BatchOptions {
  sync: boolean
  /** Opaque bytes of the caller, stored atomically with the batch; null for none. */
  position: Uint8Array | null
}

const NO_VALUE = new Uint8Array(0)

/**
 * Encodes the whole batch or nothing. Returns false when it does not fit into the buffer's room.
 * Throws INVALID_ARGUMENT, KEY_TOO_LARGE, VALUE_TOO_LARGE or BATCH_TOO_LARGE.
 */
export function encodeBatch(
  buffer: WriteBuffer, operations: OperationList, options: BatchOptions, firstSeqNum: SeqNum,
): boolean {
  const { count, keys, values } = operations
  const bodyStart = buffer.encodedEnd + FRAME_HEADER_BYTES
  const end = buffer.bytes.length - 16
  let at = bodyStart
  if (options.position !== null) {
    if (at + options.position.length + 8 > end) return false
    at = buffer.writePosition(at, options.position)
  }
  const extensionBytes = at - bodyStart
  for (let i = 0; i < count; i++) {
    const key = keys[i]!
    const given = values[i]
    const isPut = given !== undefined
    const value = isPut ? given : NO_VALUE
    const keyRoom = checkKey(key)
    const valueRoom = isPut ? checkValue(given) : 0
    if (at + ENTRY_HEADER_BYTES + keyRoom + valueRoom + 4 > end) {
      if (at + ENTRY_HEADER_BYTES + exactRoom(key, keyRoom) + exactRoom(value, valueRoom) + 4 > end) return false
    }
    at = buffer.writeEntry(at, isPut ? EntryKind.value : EntryKind.tombstone, key, keyRoom, value, valueRoom)
  }
  buffer.seal(bodyStart, at, extensionBytes, firstSeqNum, count)
  return true
}

/** Bytes that the frame of a batch with one entry takes at most; checks key and value. */
export function entryBytesBound(kind: EntryKind, key: Bytes, value: Bytes): number {
  checkKey(key)
  if (kind === EntryKind.value) checkValue(value)
  return frameBytesBound(roomOf(key), roomOf(value))
}

/** Bytes that a frame of `count` entries takes at most, whose keys and values have `dataBytes` together. */
export function batchFrameBound(count: number, dataBytes: number, { position }: BatchOptions): number {
  const extensionBytes = position === null ? 0 : position.length + 8
  return FRAME_HEADER_BYTES + 32 + extensionBytes + count * (ENTRY_HEADER_BYTES + 4) + dataBytes
}

/** Bytes that the batch's frame takes at most; checks every operation. */
export function batchBytesBound({ count, keys, values }: OperationList, options: BatchOptions): number {
  let dataBytes = 0
  for (let i = 0; i < count; i++) {
    const key = keys[i]!
    const value = values[i]
    checkKey(key)
    if (value !== undefined) checkValue(value)
    dataBytes += roomOf(key) + (value === undefined ? 0 : roomOf(value))
  }
  const bytes = batchFrameBound(count, dataBytes, options)
  if (bytes > BATCH_BYTES_MAX) {
    throw new VarveError('BATCH_TOO_LARGE', `the batch takes ${bytes} bytes, the limit is ${BATCH_BYTES_MAX}`)
  }
  return bytes
}
