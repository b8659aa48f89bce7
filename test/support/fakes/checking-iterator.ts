/**
 * What: wraps an iterator: throws INTERNAL on a call that the contract forbids and on entries out of order, and
 * overwrites what it lent at the next call, so that a borrower that keeps bytes too long is found.
 * Owns: its child; the copies it lends.
 * Thread: any.
 */
import { assert, compareBytes, compareRanges } from '../../../src/base/index.js'
import type { InternalIterator } from '../../../src/base/index.js'
import { NO_BYTES } from '../../../src/iterator/index.js'

/** A byte that overwrites what was lent: easy to recognise in a dump, and no legal start of most keys. */
const TAKEN_BACK = 0xdd

export class CheckingIterator implements InternalIterator {
  valid = false
  keyBytes = NO_BYTES
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes = NO_BYTES
  valueStart = 0
  valueEnd = 0
  private readonly child: InternalIterator
  private closed = false
  /** The entry before the last call, to check its order against the next. */
  private fromKey = NO_BYTES
  private fromSeqNum = 0

  constructor(child: InternalIterator) {
    this.child = child
  }

  first(): void {
    this.begin('first')
    this.child.first()
    this.lend()
  }

  last(): void {
    this.begin('last')
    this.child.last()
    this.lend()
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    const target = bytes.slice(start, end)
    this.begin('seekGE')
    this.child.seekGE(bytes, start, end)
    this.lend()
    if (this.valid) assert(compareBytes(this.keyBytes, target) >= 0, 'seekGE went below its target')
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    const target = bytes.slice(start, end)
    this.begin('seekLT')
    this.child.seekLT(bytes, start, end)
    this.lend()
    if (this.valid) assert(compareBytes(this.keyBytes, target) < 0, 'seekLT went to its target or above')
  }

  next(): void {
    assert(this.valid, 'next on an iterator that is not valid')
    this.begin('next')
    this.child.next()
    this.lend()
    if (this.valid) assert(this.orderFrom() > 0, 'next did not go forward')
  }

  prev(): void {
    assert(this.valid, 'prev on an iterator that is not valid')
    this.begin('prev')
    this.child.prev()
    this.lend()
    if (this.valid) assert(this.orderFrom() < 0, 'prev did not go backward')
  }

  close(): void {
    if (!this.closed) this.takeBack()
    this.closed = true
    this.valid = false
    this.child.close()
  }

  private begin(call: string): void {
    assert(!this.closed, `${call} after close`)
    this.takeBack()
    this.valid = false
  }

  private takeBack(): void {
    this.fromKey = this.keyBytes.slice()
    this.fromSeqNum = this.seqNum
    this.keyBytes.fill(TAKEN_BACK)
    this.valueBytes.fill(TAKEN_BACK)
  }

  private lend(): void {
    const { child } = this
    if (!child.valid) return
    assert(rangeFits(child.keyBytes, child.keyStart, child.keyEnd), 'the key lies outside its bytes')
    assert(rangeFits(child.valueBytes, child.valueStart, child.valueEnd), 'the value lies outside its bytes')
    this.keyBytes = child.keyBytes.slice(child.keyStart, child.keyEnd)
    this.keyEnd = this.keyBytes.length
    this.valueBytes = child.valueBytes.slice(child.valueStart, child.valueEnd)
    this.valueEnd = this.valueBytes.length
    this.seqNum = child.seqNum
    this.kind = child.kind
    this.valid = true
  }

  /** Compares the entry with the one before: key ascending, sequence number descending. */
  private orderFrom(): number {
    const { keyBytes, keyEnd, fromKey } = this
    const order = compareRanges(keyBytes, 0, keyEnd, fromKey, 0, fromKey.length)
    return order !== 0 ? order : this.fromSeqNum - this.seqNum
  }
}

function rangeFits(bytes: Uint8Array, start: number, end: number): boolean {
  return start >= 0 && start <= end && end <= bytes.length
}
