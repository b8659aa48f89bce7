/**
 * What: the operations of a write that waits, as private copies in one piece of memory. A view for each key and each
 * value would take more than most of them hold.
 * Thread: main.
 */
import type { Bytes } from '../base/index.js'
import { batchFrameBound } from './batch-encoder.js'
import type { BatchOptions } from './batch-encoder.js'
import { checkKey, checkValue } from './check-input.js'
import { OperationList } from './operation-list.js'
import { exactRoom, writeBytes } from './write-buffer.js'

/** In the place of a value's length: the key is deleted. */
const DELETED = -1

export class PackedOperations {
  private readonly bytes: Uint8Array
  /** For each operation the bytes of its key and of its value. */
  private readonly lengths: readonly number[]

  private constructor(bytes: Uint8Array, lengths: readonly number[]) {
    this.bytes = bytes
    this.lengths = lengths
  }

  /** Throws INVALID_ARGUMENT, KEY_TOO_LARGE or VALUE_TOO_LARGE. */
  static pack({ count, keys, values }: OperationList): PackedOperations {
    const lengths = new Array<number>(2 * count)
    let total = 0
    for (let i = 0; i < count; i++) {
      const value = values[i]
      lengths[2 * i] = exactRoom(keys[i]!, checkKey(keys[i]))
      lengths[2 * i + 1] = value === undefined ? DELETED : exactRoom(value, checkValue(value))
      total += lengths[2 * i]! + Math.max(lengths[2 * i + 1]!, 0)
    }
    const bytes = new Uint8Array(total)
    let at = 0
    const add = (data: Bytes, length: number): void => {
      writeBytes(bytes, at, data, length)
      at += length
    }
    for (let i = 0; i < count; i++) {
      const value = values[i]
      add(keys[i]!, lengths[2 * i]!)
      if (value !== undefined) add(value, lengths[2 * i + 1]!)
    }
    return new PackedOperations(bytes, lengths)
  }

  /** Bytes that the frame of these takes at most. */
  frameBytesBound(options: BatchOptions): number {
    return batchFrameBound(this.lengths.length / 2, this.bytes.length, options)
  }

  /** Views into the packed memory, to be encoded at once. */
  unpack(): OperationList {
    const { bytes, lengths } = this
    const list = OperationList.ofCount(lengths.length / 2)
    let at = 0
    for (let i = 0; i < list.count; i++) {
      const valueBytes = lengths[2 * i + 1]!
      list.keys[i] = bytes.subarray(at, (at += lengths[2 * i]!))
      list.values[i] = valueBytes === DELETED ? undefined : bytes.subarray(at, (at += valueBytes))
    }
    return list
  }

  /** Memory that these take. */
  get memoryBytes(): number {
    return this.bytes.length + 8 * this.lengths.length
  }
}
