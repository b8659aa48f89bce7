/**
 * What: a batch of operations as one frame. Every operation is checked as it is encoded; a bad one
 * throws before anything counts, since the frame is sealed last.
 * Thread: main. No state.
 */
import {
  BATCH_BYTES_MAX, BATCH_COUNT_MAX, bytesBound, bytesLength, ENTRY_HEADER_BYTES, EntryKind, FRAME_HEADER_BYTES,
  invalidArgument, VarveError,
} from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { checkKey, checkValue } from './check-input.js'
import { roomOf } from './write-buffer.js'
import type { BatchOperation, WriteBuffer } from './write-buffer.js'

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
  buffer: WriteBuffer, operations: readonly BatchOperation[], options: BatchOptions, firstSeqNum: SeqNum,
): boolean {
  const count = operations.length
  checkCount(count)
  const bodyStart = buffer.encodedEnd + FRAME_HEADER_BYTES
  const end = buffer.bytes.length - 16
  let at = bodyStart
  if (options.position !== null) {
    if (at + options.position.length + 8 > end) return false
    at = buffer.writePosition(at, options.position)
  }
  const extensionBytes = at - bodyStart
  for (let i = 0; i < count; i++) {
    const operation = operations[i]!
    const isPut = isPutOperation(operation, i)
    // Read everything, then check: a getter may change what was read before it.
    const { key } = operation
    const value = isPut ? operation.value! : NO_VALUE
    checkKey(key)
    if (isPut) checkValue(value)
    if (at + ENTRY_HEADER_BYTES + bytesBound(key) + bytesBound(value) + 4 > end) {
      const exact = at + ENTRY_HEADER_BYTES + bytesLength(key) + bytesLength(value) + 4
      if (exact > end) return false
    }
    at = buffer.writeEntry(at, isPut ? EntryKind.value : EntryKind.tombstone, key, value)
  }
  buffer.seal(bodyStart, at, extensionBytes, firstSeqNum, count)
  return true
}

/** Bytes that the batch's frame takes at most; checks every operation. */
export function batchBytesBound(operations: readonly BatchOperation[], options: BatchOptions): number {
  checkCount(operations.length)
  let bytes = FRAME_HEADER_BYTES + 32 + (options.position === null ? 0 : options.position.length + 8)
  for (let i = 0; i < operations.length; i++) {
    const isPut = isPutOperation(operations[i]!, i)
    const { key, value } = operations[i]!
    checkKey(key)
    if (isPut) checkValue(value)
    bytes += ENTRY_HEADER_BYTES + 4 + roomOf(key) + (isPut ? roomOf(value!) : 0)
  }
  if (bytes > BATCH_BYTES_MAX) {
    throw new VarveError('BATCH_TOO_LARGE', `the batch takes ${bytes} bytes, the limit is ${BATCH_BYTES_MAX}`)
  }
  return bytes
}

function checkCount(count: number): void {
  if (count > BATCH_COUNT_MAX) {
    throw new VarveError('BATCH_TOO_LARGE', `the batch has ${count} operations, the limit is ${BATCH_COUNT_MAX}`)
  }
}

function isPutOperation(operation: BatchOperation, index: number): boolean {
  const type: unknown = (operation as BatchOperation | null | undefined)?.type
  if (type === 'put') return true
  if (type === 'del') return false
  const given = typeof type === 'string' ? JSON.stringify(type.slice(0, 80)) : `a ${typeof type}`
  throw invalidArgument(`the type of operation ${index} must be 'put' or 'del', not ${given}`)
}
