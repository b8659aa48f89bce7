/**
 * What: the operations of a write that waits, as private copies in one piece of memory. A view for each key and
 * value would take more memory than most of them have bytes.
 * Thread: main.
 */
import type { Bytes, EntryKind } from '../base/index.js'
import { batchFrameBound, frontBytesOf } from './batch-encoder.js'
import type { BatchOptions } from './batch-encoder.js'
import { checkKey } from './check-input.js'
import { OperationList } from './operation-list.js'
import { checkContent } from './operations.js'
import { exactRoom, writeBytes } from './write-buffer.js'

export class PackedOperations {
  private readonly bytes: Uint8Array
  /** Two numbers for each operation: the length of its key and of its value. */
  private readonly lengths: readonly number[]
  /** The kinds of the operations' entries. */
  private readonly kinds: Uint8Array
  /** When the values expire; null when none does. */
  private readonly expiries: number[] | null

  private constructor(
    bytes: Uint8Array, lengths: readonly number[], kinds: Uint8Array, expiries: number[] | null,
  ) {
    this.bytes = bytes
    this.lengths = lengths
    this.kinds = kinds
    this.expiries = expiries
  }

  /** Checks and copies operations. Throws INVALID_ARGUMENT, KEY_TOO_LARGE or VALUE_TOO_LARGE. */
  static pack({ count, kinds, keys, values, expiries }: OperationList): PackedOperations {
    const lengths = new Array<number>(2 * count)
    let total = 0
    for (let i = 0; i < count; i++) {
      lengths[2 * i] = exactRoom(keys[i]!, checkKey(keys[i]))
      lengths[2 * i + 1] = exactRoom(values[i]!, checkContent(kinds[i]!, values[i]!))
      total += lengths[2 * i]! + lengths[2 * i + 1]!
    }
    const bytes = new Uint8Array(total)
    let at = 0
    const add = (data: Bytes, length: number): void => {
      writeBytes(bytes, at, data, length)
      at += length
    }
    for (let i = 0; i < count; i++) {
      add(keys[i]!, lengths[2 * i]!)
      add(values[i]!, lengths[2 * i + 1]!)
    }
    return new PackedOperations(bytes, lengths, Uint8Array.from(kinds), expiries)
  }

  /** Bytes that the frame of these operations takes at most. */
  frameBytesBound(options: BatchOptions): number {
    return batchFrameBound(this.lengths.length / 2, this.bytes.length + frontBytesOf(this.expiries), options)
  }

  /** Gives the operations as views into the packed memory. */
  unpack(): OperationList {
    const { bytes, lengths, kinds } = this
    const list = OperationList.ofCount(lengths.length / 2)
    let at = 0
    for (let i = 0; i < list.count; i++) {
      const key = bytes.subarray(at, (at += lengths[2 * i]!))
      const value = bytes.subarray(at, (at += lengths[2 * i + 1]!))
      list.set(i, kinds[i] as EntryKind, key, value)
    }
    list.expiries = this.expiries
    return list
  }

  /** Memory that these operations take. */
  get memoryBytes(): number {
    return this.bytes.length + 8 * this.lengths.length + this.kinds.length + 8 * (this.expiries?.length ?? 0)
  }
}
