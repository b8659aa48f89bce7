/**
 * What: the entries of several iterators as one sequence, in both directions.
 * Owns: its children; `close` closes them.
 * Thread: any.
 * Invariants: `live` holds the children that have an entry, in the order of the direction; the first one
 * stands on the current entry. Forward, every child stands on its first entry at or behind the current one;
 * backward, on its last entry at or before it. So a change of direction takes one step of each child and no seek.
 * No two children have an entry of the same key and sequence number.
 *
 * A sorted array beats a heap here: staying on the same child, the usual case (most entries are in one
 * level), costs one comparison, and moving to another costs 1 + log2(k), which is near the least possible;
 * moving a few references is nothing beside comparing keys. Figures: docs/design/0012-merging.md.
 */
import { compareRanges } from '../base/index.js'
import type { InternalIterator, SeqNum } from '../base/index.js'
import { EmptyIterator, NO_BYTES } from './empty-iterator.js'

/** Where a child stands. Its key is copied to fields here, so that comparisons never meet different classes. */
class Cursor {
  readonly source: InternalIterator
  /** No entry of the source has a higher number. */
  readonly largestSeqNum: SeqNum
  keyBytes = NO_BYTES
  keyStart = 0
  keyEnd = 0
  seqNum = 0

  constructor(source: InternalIterator, largestSeqNum: SeqNum) {
    this.source = source
    this.largestSeqNum = largestSeqNum
  }

  isBefore(bound: Uint8Array): boolean {
    return compareRanges(this.keyBytes, this.keyStart, this.keyEnd, bound, 0, bound.length) < 0
  }

  /** Takes over where the source stands; false when it stands on no entry. */
  read(): boolean {
    const source = this.source
    if (!source.valid) return false
    this.keyBytes = source.keyBytes
    this.keyStart = source.keyStart
    this.keyEnd = source.keyEnd
    this.seqNum = source.seqNum
    return true
  }
}

function compareCursors(a: Cursor, b: Cursor): number {
  const order = compareRanges(a.keyBytes, a.keyStart, a.keyEnd, b.keyBytes, b.keyStart, b.keyEnd)
  return order !== 0 ? order : b.seqNum - a.seqNum
}

/** Makes one iterator over all children and takes ownership of them. Requires: no two have an entry in common. */
export function mergeIterators(children: readonly InternalIterator[]): InternalIterator {
  if (children.length === 0) return new EmptyIterator()
  return children.length === 1 ? children[0]! : new MergingIterator(children)
}

/**
 * Makes an iterator as `mergeIterators` does, which can pass children with old entries alone: child i has no number
 * above largestSeqNums[i].
 */
export function mergeAged(
  children: readonly InternalIterator[], largestSeqNums: readonly SeqNum[],
): InternalIterator {
  return children.length === 0 ? new EmptyIterator() : new MergingIterator(children, largestSeqNums)
}

export class MergingIterator implements InternalIterator {
  valid = false
  keyBytes = NO_BYTES
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes = NO_BYTES
  valueStart = 0
  valueEnd = 0
  private readonly cursors: Cursor[]
  private readonly live: Cursor[]
  private liveCount = 0
  private forward = true

  constructor(children: readonly InternalIterator[], largestSeqNums: readonly SeqNum[] = []) {
    this.cursors = children.map((child, i) => new Cursor(child, largestSeqNums[i] ?? Infinity))
    this.live = [...this.cursors]
  }

  first(): void {
    this.begin(true)
    for (const cursor of this.cursors) {
      cursor.source.first()
      this.enter(cursor)
    }
    this.load()
  }

  last(): void {
    this.begin(false)
    for (const cursor of this.cursors) {
      cursor.source.last()
      this.enter(cursor)
    }
    this.load()
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    this.begin(true)
    for (const cursor of this.cursors) {
      cursor.source.seekGE(bytes, start, end)
      this.enter(cursor)
    }
    this.load()
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    this.begin(false)
    for (const cursor of this.cursors) {
      cursor.source.seekLT(bytes, start, end)
      this.enter(cursor)
    }
    this.load()
  }

  next(): void {
    // A child may throw, so the iterator is valid again only at the end of the call.
    this.valid = false
    if (this.forward) {
      const top = this.live[0]!
      top.source.next()
      if (top.read()) this.settle(top)
      else this.dropTop()
    } else this.turnForward()
    this.load()
  }

  prev(): void {
    this.valid = false
    if (this.forward) this.turnBackward()
    else {
      const top = this.live[0]!
      top.source.prev()
      if (top.read()) this.settle(top)
      else this.dropTop()
    }
    this.load()
  }

  /** Children that are passed to the end leave the live ones until the next seek. */
  passOlder(seqNum: SeqNum, bound: Uint8Array | null, isForward: boolean): void {
    this.valid = false
    const moving = this.live.slice(0, this.liveCount)
    this.liveCount = 0
    for (const cursor of moving) {
      if (bound === null || cursor.isBefore(bound) === isForward) {
        if (cursor.largestSeqNum >= seqNum) cursor.source.passOlder?.(seqNum, bound, isForward)
        else if (bound === null) continue
        else if (isForward) cursor.source.seekGE(bound, 0, bound.length)
        else cursor.source.seekLT(bound, 0, bound.length)
      }
      this.enter(cursor)
    }
    this.load()
  }

  close(): void {
    this.valid = false
    this.liveCount = 0
    let failed = false
    let failure: unknown
    for (const cursor of this.cursors.splice(0)) {
      try {
        cursor.source.close()
      } catch (error) {
        failure = failed ? failure : error
        failed = true
      }
    }
    if (failed) throw failure
  }

  private begin(forward: boolean): void {
    this.valid = false
    this.forward = forward
    this.liveCount = 0
  }

  /** Puts a child that has just moved among the live ones if it has an entry. */
  private enter(cursor: Cursor): void {
    if (!cursor.read()) return
    const { live } = this
    let at = this.liveCount++
    while (at > 0 && this.isBefore(cursor, live[at - 1]!)) {
      live[at] = live[at - 1]!
      at--
    }
    live[at] = cursor
  }

  private isBefore(a: Cursor, b: Cursor): boolean {
    const order = compareCursors(a, b)
    return this.forward ? order < 0 : order > 0
  }

  /** Finds the new place of the first child, which has just moved. */
  private settle(top: Cursor): void {
    const { live, liveCount } = this
    if (liveCount === 1 || !this.isBefore(live[1]!, top)) return
    let low = 2
    let high = liveCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.isBefore(live[middle]!, top)) low = middle + 1
      else high = middle
    }
    for (let i = 1; i < low; i++) live[i - 1] = live[i]!
    live[low - 1] = top
  }

  private dropTop(): void {
    const { live } = this
    const count = --this.liveCount
    for (let i = 0; i < count; i++) live[i] = live[i + 1]!
  }

  /** Changes the direction to forward and moves to the entry behind the current one. */
  private turnForward(): void {
    this.begin(true)
    for (const cursor of this.cursors) {
      if (cursor.source.valid) cursor.source.next()
      else cursor.source.first()
      this.enter(cursor)
    }
  }

  private turnBackward(): void {
    this.begin(false)
    for (const cursor of this.cursors) {
      if (cursor.source.valid) cursor.source.prev()
      else cursor.source.last()
      this.enter(cursor)
    }
  }

  private load(): void {
    if (this.liveCount === 0) return
    const top = this.live[0]!
    const source = top.source
    this.keyBytes = top.keyBytes
    this.keyStart = top.keyStart
    this.keyEnd = top.keyEnd
    this.seqNum = top.seqNum
    this.kind = source.kind
    this.valueBytes = source.valueBytes
    this.valueStart = source.valueStart
    this.valueEnd = source.valueEnd
    this.valid = true
  }
}
