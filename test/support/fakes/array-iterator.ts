/**
 * What: an iterator over entries in memory, for tests. It lends from one buffer that holds one entry at a time, as a
 * table iterator does: a caller that keeps bytes after the next call reads wrong ones.
 */
import { compareBytes, compareRanges } from '../../../src/base/index.js'
import type { InternalIterator } from '../../../src/base/index.js'

export interface TestEntry {
  key: Uint8Array
  seqNum: number
  kind: number
  value: Uint8Array
}

export function compareEntries(a: TestEntry, b: TestEntry): number {
  return compareBytes(a.key, b.key) || b.seqNum - a.seqNum
}

export class ArrayIterator implements InternalIterator {
  valid = false
  keyBytes = new Uint8Array(64)
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes = new Uint8Array(64)
  valueStart = 0
  valueEnd = 0
  isClosed = false
  /** The number of calls so far. */
  callCount = 0
  /** The error that call number `failAt` throws. */
  failAt = Infinity
  failure: Error = new Error('read failed')
  private readonly entries: readonly TestEntry[]
  private index = -1

  /** Requires: entries in order. */
  constructor(entries: readonly TestEntry[]) {
    this.entries = entries
  }

  first(): void {
    this.goTo(0)
  }

  last(): void {
    this.goTo(this.entries.length - 1)
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    this.goTo(this.lowerBound(bytes, start, end))
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    this.goTo(this.lowerBound(bytes, start, end) - 1)
  }

  next(): void {
    this.requireValid()
    this.goTo(this.index + 1)
  }

  prev(): void {
    this.requireValid()
    this.goTo(this.index - 1)
  }

  close(): void {
    this.isClosed = true
    this.valid = false
  }

  private requireValid(): void {
    if (!this.valid) throw new Error('step on an iterator that is not valid')
  }

  private lowerBound(bytes: Uint8Array, start: number, end: number): number {
    let [low, high] = [0, this.entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const { key } = this.entries[middle]!
      if (compareRanges(key, 0, key.length, bytes, start, end) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  private goTo(index: number): void {
    if (this.isClosed) throw new Error('use after close')
    this.valid = false
    if (++this.callCount >= this.failAt) throw this.failure
    this.index = index
    const entry = this.entries[index]
    if (entry === undefined) return
    this.keyBytes = refill(this.keyBytes, entry.key)
    this.keyEnd = entry.key.length
    this.valueBytes = refill(this.valueBytes, entry.value)
    this.valueEnd = entry.value.length
    this.seqNum = entry.seqNum
    this.kind = entry.kind
    this.valid = true
  }
}

function refill(target: Uint8Array, source: Uint8Array): Uint8Array<ArrayBuffer> {
  const fits = target.length >= source.length
  const filled = fits ? (target as Uint8Array<ArrayBuffer>) : new Uint8Array(source.length * 2)
  filled.fill(0xdd)
  filled.set(source)
  return filled
}
