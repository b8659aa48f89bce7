/**
 * What: memory that a load fills with entries, for a thread to sort: entries as in a log, one behind the other, without
 * frames.
 * Owns: the memory, until it is given away. Thread: main.
 */
import {
  compareBytes, EntryKind, entryBytesMax, entryKeyEnd, entryKeyStart, EXPIRY_BYTES, finishEntry, invalidArgument,
  KEY_BYTES_MAX, newKeyStart, putExpiry, VALUE_BYTES_MAX,
} from '../base/index.js'
import type { Bytes, VarveError } from '../base/index.js'
import { checkKey, checkValue, exactRoom, writeBytes } from '../commit/index.js'
import { printBytes } from '../dump/index.js'
import { compareEntryKeys } from '../memtable/index.js'
import type { LentEntries } from './lent-entries.js'

/** Up to this length a loop over words beats a view and a native copy into shared memory. */
const WORDS_COPY_BYTES_MAX = 256
const NO_BYTES = new Uint8Array(0)

export class LoadSlab {
  readonly memory: SharedArrayBuffer
  private readonly bytes: Uint8Array
  private readonly view: DataView
  /** The memory from which was copied last, and a view over it. */
  private source: Uint8Array = NO_BYTES
  private sourceView: DataView<ArrayBufferLike> = new DataView(NO_BYTES.buffer)
  /** Where the next entry goes. */
  end = 0
  entryCount = 0
  /** True while each key is behind the one before it. */
  isAscending = true
  /** Where the last entry stands; -1 for none. */
  private lastAt = -1
  /** The last key of the slab before this one, when keys must be sorted; else null. */
  private readonly keyBefore: Uint8Array | null
  private readonly isSorted: boolean

  /** `isSorted`: a key that is smaller than the one before it is an error; `keyBefore` is the one before the first. */
  constructor(memory: SharedArrayBuffer, isSorted = false, keyBefore: Uint8Array | null = null) {
    this.memory = memory
    this.isSorted = isSorted
    this.keyBefore = keyBefore
    this.bytes = new Uint8Array(memory)
    this.view = new DataView(memory)
  }

  /**
   * Copies an entry. Returns 0, or how many bytes it needs when there is no room. Throws INVALID_ARGUMENT,
   * KEY_TOO_LARGE
   * or VALUE_TOO_LARGE, and INVALID_ARGUMENT for a key that does not come where keys must be sorted.
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
    this.note(at, finishEntry(bytes, at, kind, keyEnd - keyStart, valueEnd - keyEnd))
    return 0
  }

  /** Copies an entry of these, as `put` does. */
  putLent(lent: LentEntries, i: number, expiryMs: number): number {
    const [keyFrom, valueFrom] = [lent.keyStart(i), lent.valueStart(i)]
    const keyBytes = lent.keyEnd(i) - keyFrom
    const valueBytes = lent.valueEnd(i) - valueFrom
    if (keyBytes > KEY_BYTES_MAX) checkKey(lent.keyMemory(i).subarray(keyFrom, lent.keyEnd(i)))
    if (valueBytes > VALUE_BYTES_MAX) checkValue(lent.valueMemory(i).subarray(valueFrom, lent.valueEnd(i)))
    const needed = entryBytesMax(keyBytes, valueBytes, expiryMs)
    const { bytes, end: at } = this
    if (needed > bytes.length - at) return needed
    const keyStart = newKeyStart(at)
    const keyEnd = keyStart + keyBytes
    this.copy(lent.keyMemory(i), keyFrom, keyBytes, keyStart)
    const kind = expiryMs === 0 ? EntryKind.value : putExpiry(bytes, keyEnd, EntryKind.value, expiryMs)
    const ownBytes = expiryMs === 0 ? 0 : EXPIRY_BYTES
    this.copy(lent.valueMemory(i), valueFrom, valueBytes, keyEnd + ownBytes)
    this.note(at, finishEntry(bytes, at, kind, keyBytes, ownBytes + valueBytes))
    return 0
  }

  /** Takes the entry that was written, and looks at it beside the one before, which the processor still has. */
  private note(at: number, end: number): void {
    const { lastAt, isSorted } = this
    if (lastAt < 0) this.checkFirst(at)
    else if (this.isAscending || isSorted) {
      const order = compareEntryKeys(this.bytes, lastAt, at)
      if (order >= 0) this.isAscending = false
      if (order > 0 && isSorted) throw notSorted(this.keyAt(at), this.keyAt(lastAt))
    }
    this.lastAt = at
    this.end = end
    this.entryCount++
  }

  private checkFirst(at: number): void {
    const { keyBefore } = this
    if (keyBefore === null) return
    const key = this.keyAt(at)
    if (compareBytes(keyBefore, key) > 0) throw notSorted(key, keyBefore)
  }

  /** A copy of the key of the last entry. Requires: there is one. */
  lastKey(): Uint8Array {
    return this.keyAt(this.lastAt)
  }

  private keyAt(at: number): Uint8Array {
    const { bytes } = this
    return bytes.slice(entryKeyStart(bytes, at), entryKeyEnd(bytes, at))
  }

  private copy(from: Uint8Array, start: number, length: number, at: number): void {
    if (length > WORDS_COPY_BYTES_MAX) {
      this.bytes.set(new Uint8Array(from.buffer, from.byteOffset + start, length), at)
      return
    }
    if (from !== this.source) {
      this.source = from
      this.sourceView = new DataView(from.buffer, from.byteOffset, from.length)
    }
    const { sourceView, view } = this
    let i = 0
    for (const stop = length - 3; i < stop; i += 4) view.setInt32(at + i, sourceView.getInt32(start + i))
    for (; i < length; i++) view.setInt8(at + i, sourceView.getInt8(start + i))
  }
}

function notSorted(key: Uint8Array, before: Uint8Array): VarveError {
  const what = `key ${printBytes(key, 64)} came behind ${printBytes(before, 64)}`
  return invalidArgument(`the entries are not sorted: ${what}`)
}
