/**
 * What: entries side by side in one piece of memory, with the places of their keys and values in arrays of numbers.
 * Owns: that memory. Thread: one.
 */
import { compareRanges, equalRanges } from '../base/index.js'
import type { LevelCursor } from './level-cursor.js'

/** What the arrays take for an entry, and sorting it. */
const ENTRY_COST_BYTES = 36
const COUNT_MIN = 1024

export class StoredEntries {
  count = 0
  bytes: Uint8Array = new Uint8Array()
  keyAt = new Uint32Array(COUNT_MIN)
  keyBytes = new Uint32Array(COUNT_MIN)
  valueBytes = new Uint32Array(COUNT_MIN)
  tagHigh = new Uint32Array(COUNT_MIN)
  tagLow = new Int32Array(COUNT_MIN)
  private used = 0
  private readonly expectedBytes: number
  private readonly limitBytes: number

  /** If the expected bytes come, memory is taken once. At most one entry comes beyond the limit. */
  constructor(expectedBytes: number, limitBytes: number) {
    this.expectedBytes = Math.min(expectedBytes, limitBytes)
    this.limitBytes = limitBytes
  }

  /** Memory that all entries take. */
  get cost(): number {
    return this.used + this.count * ENTRY_COST_BYTES
  }

  /** Memory that one entry takes. */
  costOf(index: number): number {
    return this.keyBytes[index]! + this.valueBytes[index]! + ENTRY_COST_BYTES
  }

  /** Memory that an entry would take. */
  costOfCursor({ keyStart, keyEnd, valueStart, valueEnd }: LevelCursor): number {
    return keyEnd - keyStart + valueEnd - valueStart + ENTRY_COST_BYTES
  }

  add(cursor: LevelCursor): void {
    const { key, keyStart, keyEnd, bytes, valueStart, valueEnd } = cursor
    const index = this.count++
    if (index === this.keyAt.length) this.growArrays()
    const at = this.used
    this.used += keyEnd - keyStart + valueEnd - valueStart
    if (this.used > this.bytes.length) this.growBytes()
    this.keyAt[index] = at
    this.keyBytes[index] = keyEnd - keyStart
    this.valueBytes[index] = valueEnd - valueStart
    this.tagHigh[index] = cursor.tagHigh
    this.tagLow[index] = cursor.tagLow
    copyRange(key, keyStart, keyEnd, this.bytes, at)
    copyRange(bytes, valueStart, valueEnd, this.bytes, at + keyEnd - keyStart)
  }

  private growArrays(): void {
    const grow = <T extends Uint32Array | Int32Array>(from: T, to: T): T => (to.set(from), to)
    const length = 2 * this.keyAt.length
    this.keyAt = grow(this.keyAt, new Uint32Array(length))
    this.keyBytes = grow(this.keyBytes, new Uint32Array(length))
    this.valueBytes = grow(this.valueBytes, new Uint32Array(length))
    this.tagHigh = grow(this.tagHigh, new Uint32Array(length))
    this.tagLow = grow(this.tagLow, new Int32Array(length))
  }

  private growBytes(): void {
    const doubled = Math.min(2 * this.bytes.length, this.limitBytes)
    const grown = new Uint8Array(Math.max(this.used, this.expectedBytes, doubled))
    grown.set(this.bytes)
    this.bytes = grown
  }

  /** Order of two entries: ascending keys, of one key the newest first. */
  compare(a: number, b: number): number {
    const { bytes, keyAt, keyBytes } = this
    const [aAt, bAt] = [keyAt[a]!, keyAt[b]!]
    const keys = compareRanges(bytes, aAt, aAt + keyBytes[a]!, bytes, bAt, bAt + keyBytes[b]!)
    return keys || this.tagHigh[b]! - this.tagHigh[a]! || this.tagLow[b]! - this.tagLow[a]!
  }

  hasEqualKeys(a: number, b: number): boolean {
    const { bytes, keyAt, keyBytes } = this
    const [aAt, bAt] = [keyAt[a]!, keyAt[b]!]
    return equalRanges(bytes, aAt, aAt + keyBytes[a]!, bytes, bAt, bAt + keyBytes[b]!)
  }

  keyCopy(index: number): Uint8Array {
    const at = this.keyAt[index]!
    return this.bytes.slice(at, at + this.keyBytes[index]!)
  }

  /** Removes all entries but those that are marked, and closes the gaps between them. */
  * keepMarked(marks: Uint8Array): Generator<undefined, void, unknown> {
    const { count } = this
    let [kept, used, moved] = [0, 0, 0]
    for (let i = 0; i < count; i++) {
      if (marks[i] === 0) continue
      const at = this.keyAt[i]!
      const length = this.keyBytes[i]! + this.valueBytes[i]!
      this.bytes.copyWithin(used, at, at + length)
      this.keyAt[kept] = used
      this.keyBytes[kept] = this.keyBytes[i]!
      this.valueBytes[kept] = this.valueBytes[i]!
      this.tagHigh[kept] = this.tagHigh[i]!
      this.tagLow[kept] = this.tagLow[i]!
      kept++
      used += length
      moved += length + ENTRY_COST_BYTES
      if (moved < 512 * 1024) continue
      moved = 0
      yield
    }
    this.count = kept
    this.used = used
  }

  /** Forgets all entries. What they stood in stays as it is, for others. */
  clear(): void {
    this.count = this.used = 0
    this.bytes = new Uint8Array()
  }
}

/** From so many bytes on a call of the platform copies faster than a loop. */
const SET_BYTES_MIN = 96

/** Copies from[start, end) to to[at…). */
export function copyRange(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start >= SET_BYTES_MIN) {
    to.set(new Uint8Array(from.buffer, from.byteOffset + start, end - start), at)
    return
  }
  for (let i = start; i < end; i++) to[at++] = from[i]!
}
