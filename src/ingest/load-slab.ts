/**
 * What: memory that a load fills with entries, for a thread to sort: entries as in a log, one behind the other, without
 * frames.
 * Owns: the memory, until it is given away. Thread: main.
 */
import {
  EntryKind, entryBytesMax, EXPIRY_BYTES, finishEntry, newKeyStart, putExpiry,
} from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { checkKey, checkValue, exactRoom, writeBytes } from '../commit/index.js'

export class LoadSlab {
  readonly memory: SharedArrayBuffer
  private readonly bytes: Uint8Array
  /** Where the next entry goes. */
  end = 0
  entryCount = 0

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.bytes = new Uint8Array(memory)
  }

  /**
   * Copies an entry. Returns 0, or how many bytes it needs when there is no room. Throws INVALID_ARGUMENT,
   * KEY_TOO_LARGE
   * or VALUE_TOO_LARGE.
   */
  put(key: Bytes, value: Bytes, expiryMs: number): number {
    const keyRoom = checkKey(key)
    const valueRoom = checkValue(value)
    const left = this.bytes.length - this.end
    if (entryBytesMax(keyRoom, valueRoom, expiryMs) > left) {
      const needed = entryBytesMax(exactRoom(key, keyRoom), exactRoom(value, valueRoom), expiryMs)
      // A string is written with room for its bound.
      if (needed > left) return entryBytesMax(keyRoom, valueRoom, expiryMs)
    }
    const { bytes, end: at } = this
    const keyStart = newKeyStart(at)
    const keyEnd = keyStart + writeBytes(bytes, keyStart, key, keyRoom)
    const kind = expiryMs === 0 ? EntryKind.value : putExpiry(bytes, keyEnd, EntryKind.value, expiryMs)
    const valueStart = expiryMs === 0 ? keyEnd : keyEnd + EXPIRY_BYTES
    const valueEnd = valueStart + writeBytes(bytes, valueStart, value, valueRoom)
    this.end = finishEntry(bytes, at, kind, keyEnd - keyStart, valueEnd - keyEnd)
    this.entryCount++
    return 0
  }
}
