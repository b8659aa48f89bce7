/**
 * What: range tombstones as spans of keys, cut at one another's bounds into disjoint fragments. Each fragment has the
 * sequence numbers of all spans over it, so a search for one key tells which of them delete it.
 * Owns: nothing; immutable. One object serves a part of a memtable, a table, the inputs of a merge.
 * Does not own: what readers make of several sources (span-cover.ts), the bytes in a table (sstable/spans-section.ts).
 * Thread: any.
 * Invariants: SPAN-1 fragments ascend and are disjoint, and the numbers of each descend; only the last fragment may
 * have no end. Neighbours may touch.
 */
import { compareRanges } from '../base/index.js'
import type { SeqNum } from '../base/index.js'

/** What one range tombstone deletes: all older versions of the keys in [lower, upper). */
export interface Span {
  readonly lower: Uint8Array
  /** The exclusive bound; null: to the last key. */
  readonly upper: Uint8Array | null
  readonly seqNum: SeqNum
}

/** The arrays of which spans are made; a table has them as they are. */
export interface SpanArrays {
  /** The bounds, one behind the other: lower and upper of each fragment. */
  readonly bounds: Uint8Array
  /** Where each bound starts, and where the last one ends: 2 × fragments + 1. */
  readonly starts: Uint32Array
  /** The place of the first number of each fragment, and the count of all numbers: fragments + 1. */
  readonly firsts: Uint32Array
  readonly numbers: Float64Array
  /** False when the last fragment goes to the last key; then its upper bound has no bytes. */
  readonly hasEnd: boolean
}

/** Tells whether a number is needed in a fragment where `newer` is the next higher one, or Infinity. */
export type IsNeeded = (seqNum: SeqNum, newer: SeqNum) => boolean

const ALL_NEEDED: IsNeeded = () => true

export class Spans implements SpanArrays {
  readonly bounds: Uint8Array
  readonly starts: Uint32Array
  readonly firsts: Uint32Array
  readonly numbers: Float64Array
  readonly hasEnd: boolean

  /** Requires: SPAN-1. */
  constructor({ bounds, starts, firsts, numbers, hasEnd }: SpanArrays) {
    this.bounds = bounds
    this.starts = starts
    this.firsts = firsts
    this.numbers = numbers
    this.hasEnd = hasEnd
  }

  static of({ lower, upper, seqNum }: Span): Spans {
    const writer = new FragmentWriter(lower.length + (upper?.length ?? 0))
    writer.begin(lower, 0, lower.length)
    writer.number(seqNum)
    if (upper === null) writer.endLast()
    else writer.end(upper, 0, upper.length)
    return writer.finish()
  }

  /** Joins sets of spans into one. Null when there is none. */
  static join(sets: readonly Spans[], isNeeded = ALL_NEEDED): Spans | null {
    let parts = sets
    while (parts.length > 1) {
      const joined: Spans[] = []
      for (let i = 0; i < parts.length; i += 2) {
        joined.push(i + 1 < parts.length ? joinTwo(parts[i]!, parts[i + 1]!, isNeeded) : parts[i]!)
      }
      parts = joined
    }
    return parts[0] ?? null
  }

  /** The count of fragments. */
  get count(): number {
    return this.firsts.length - 1
  }

  get memoryBytes(): number {
    const { bounds, starts, firsts, numbers } = this
    return bounds.length + starts.byteLength + firsts.byteLength + numbers.byteLength + 256
  }

  /** A copy of the lower bound of fragment i. */
  lower(i: number): Uint8Array {
    return this.bounds.slice(this.starts[2 * i], this.starts[2 * i + 1])
  }

  /** A copy of the upper bound of fragment i; null when it has no end. */
  upper(i: number): Uint8Array | null {
    return this.isEndless(i) ? null : this.bounds.slice(this.starts[2 * i + 1], this.starts[2 * i + 2])
  }

  isEndless(i: number): boolean {
    return !this.hasEnd && i === this.count - 1
  }

  /** True when key[start, end) is behind fragment i. */
  endsBefore(i: number, key: Uint8Array, start: number, end: number): boolean {
    if (this.isEndless(i)) return false
    const { bounds, starts } = this
    return compareRanges(bounds, starts[2 * i + 1]!, starts[2 * i + 2]!, key, start, end) <= 0
  }

  /** True when key[start, end) is before fragment i. */
  beginsBehind(i: number, key: Uint8Array, start: number, end: number): boolean {
    const { bounds, starts } = this
    return compareRanges(bounds, starts[2 * i]!, starts[2 * i + 1]!, key, start, end) > 0
  }

  /** The place of the first fragment, from `from` on, that does not end before key[start, end); else the count. */
  firstEndingBehind(key: Uint8Array, start: number, end: number, from = 0): number {
    let low = from
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.endsBefore(middle, key, start, end)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The number of the newest span over fragment i. */
  newest(i: number): SeqNum {
    return this.numbers[this.firsts[i]!]!
  }

  /** The highest number over fragment i that a reader at `snapshot` sees; 0 when there is none. */
  newestSeen(i: number, snapshot: SeqNum): SeqNum {
    const { firsts, numbers } = this
    for (let at = firsts[i]!; at < firsts[i + 1]!; at++) if (numbers[at]! <= snapshot) return numbers[at]!
    return 0
  }

  /** The lowest number over fragment i above `seqNum`, which hides an entry with that number; else Infinity. */
  nextAbove(i: number, seqNum: SeqNum): SeqNum {
    const { firsts, numbers } = this
    for (let at = firsts[i + 1]! - 1; at >= firsts[i]!; at--) if (numbers[at]! > seqNum) return numbers[at]!
    return Infinity
  }

  /** The highest number of a span over key[start, end) that a reader at `snapshot` sees; 0 when there is none. */
  coverAt(key: Uint8Array, start: number, end: number, snapshot: SeqNum): SeqNum {
    const i = this.firstEndingBehind(key, start, end)
    return i === this.count || this.beginsBehind(i, key, start, end) ? 0 : this.newestSeen(i, snapshot)
  }

  /** The part in [lower, upper), where null is no bound; null when nothing is there. */
  within(lower: Uint8Array | null, upper: Uint8Array | null): Spans | null {
    const { bounds, starts } = this
    const writer = new FragmentWriter(0)
    const from = lower === null ? 0 : this.firstEndingBehind(lower, 0, lower.length)
    for (let i = from; i < this.count; i++) {
      const isBehind = upper !== null && compareRanges(
        bounds, starts[2 * i]!, starts[2 * i + 1]!, upper, 0, upper.length) >= 0
      if (isBehind) break
      if (lower !== null && !this.beginsBehind(i, lower, 0, lower.length)) writer.begin(lower, 0, lower.length)
      else writer.begin(bounds, starts[2 * i]!, starts[2 * i + 1]!)
      for (let at = this.firsts[i]!; at < this.firsts[i + 1]!; at++) writer.number(this.numbers[at]!)
      if (upper !== null && !this.endsBefore(i, upper, 0, upper.length)) writer.end(upper, 0, upper.length)
      else if (this.isEndless(i)) writer.endLast()
      else writer.end(bounds, starts[2 * i + 1]!, starts[2 * i + 2]!)
    }
    return writer.count === 0 ? null : writer.finish()
  }

  /**
   * Asks for each number of each fragment whether it is needed, and leaves the others out. Fragments are cut at `cuts`,
   * keys in ascending order, before they are asked about. Null when nothing is left.
   */
  filter(
    isNeeded: (piece: SpanPiece, seqNum: SeqNum, newer: SeqNum) => boolean, cuts: readonly Uint8Array[] = [],
  ): Spans | null {
    const writer = new FragmentWriter(this.bounds.length)
    let cut = 0
    for (let i = 0; i < this.count; i++) {
      let lower = this.lower(i)
      while (cut < cuts.length && compareRanges(cuts[cut]!, 0, cuts[cut]!.length, lower, 0, lower.length) <= 0) cut++
      for (;;) {
        const isCut = cut < cuts.length && !this.endsBefore(i, cuts[cut]!, 0, cuts[cut]!.length)
        const upper = isCut ? cuts[cut]! : this.upper(i)
        this.copyPiece(writer, i, { lower, upper }, isNeeded)
        if (!isCut) break
        lower = cuts[cut++]!
      }
    }
    return writer.count === 0 ? null : writer.finish()
  }

  private copyPiece(
    writer: FragmentWriter, i: number, piece: SpanPiece,
    isNeeded: (piece: SpanPiece, seqNum: SeqNum, newer: SeqNum) => boolean,
  ): void {
    let newer = Infinity
    let isBegun = false
    for (let at = this.firsts[i]!; at < this.firsts[i + 1]!; at++) {
      const seqNum = this.numbers[at]!
      if (isNeeded(piece, seqNum, newer)) {
        if (!isBegun) writer.begin(piece.lower, 0, piece.lower.length)
        isBegun = true
        writer.number(seqNum)
      }
      newer = seqNum
    }
    if (!isBegun) return
    if (piece.upper === null) writer.endLast()
    else writer.end(piece.upper, 0, piece.upper.length)
  }

  /** Each fragment with each of its numbers, for dumps and tests. */
  *list(): Generator<Span> {
    for (let i = 0; i < this.count; i++) {
      for (let at = this.firsts[i]!; at < this.firsts[i + 1]!; at++) {
        yield { lower: this.lower(i), upper: this.upper(i), seqNum: this.numbers[at]! }
      }
    }
  }
}

/** A stretch of keys of one fragment. */
export interface SpanPiece {
  readonly lower: Uint8Array
  readonly upper: Uint8Array | null
}

/** Collects fragments in order. One that touches the one before and has the same numbers continues it. */
class FragmentWriter {
  count = 0
  private bounds: Uint8Array
  private used = 0
  private readonly starts: number[] = []
  private readonly firsts: number[] = []
  private readonly numbers: number[] = []
  private hasEnd = true

  constructor(boundBytes: number) {
    this.bounds = new Uint8Array(boundBytes)
  }

  begin(bytes: Uint8Array, start: number, end: number): void {
    this.bound(bytes, start, end)
    this.firsts.push(this.numbers.length)
  }

  number(seqNum: SeqNum): void {
    this.numbers.push(seqNum)
  }

  end(bytes: Uint8Array, start: number, end: number): void {
    this.bound(bytes, start, end)
    this.close()
  }

  endLast(): void {
    this.bound(this.bounds, 0, 0)
    this.hasEnd = false
    this.close()
  }

  finish(): Spans {
    return new Spans({
      bounds: this.bounds.slice(0, this.used),
      starts: Uint32Array.from([...this.starts, this.used]),
      firsts: Uint32Array.from([...this.firsts, this.numbers.length]),
      numbers: Float64Array.from(this.numbers),
      hasEnd: this.hasEnd,
    })
  }

  private bound(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (this.used + length > this.bounds.length) {
      const grown = new Uint8Array(2 * (this.used + length) + 64)
      grown.set(this.bounds.subarray(0, this.used))
      this.bounds = grown
    }
    this.starts.push(this.used)
    for (let i = start; i < end; i++) this.bounds[this.used++] = bytes[i]!
  }

  /** Ends the fragment, or lets the one before go on to its end. */
  private close(): void {
    const { bounds, starts, firsts, numbers } = this
    const last = this.count++
    if (last === 0) return
    const [upperBefore, lower, upper] = [starts[2 * last - 1]!, starts[2 * last]!, starts[2 * last + 1]!]
    if (compareRanges(bounds, upperBefore, lower, bounds, lower, upper) !== 0) return
    const [before, first] = [firsts[last - 1]!, firsts[last]!]
    if (first - before !== numbers.length - first) return
    for (let i = 0; i < first - before; i++) if (numbers[before + i] !== numbers[first + i]) return
    bounds.copyWithin(upperBefore, upper, this.used)
    this.used -= upper - upperBefore
    starts.length -= 2
    firsts.length--
    numbers.length = first
    this.count--
  }
}

/** A walk over the bounds of spans, lower and upper in turn. */
class BoundWalk {
  readonly spans: Spans
  /** Bounds that were passed: odd while inside of a fragment. */
  at = 0

  constructor(spans: Spans) {
    this.spans = spans
  }

  get isInside(): boolean {
    return this.at % 2 === 1
  }

  /** True when there is no further bound. */
  get isOver(): boolean {
    const { spans: { count, hasEnd } } = this
    return this.at === 2 * count - (hasEnd ? 0 : 1)
  }

  /** Passes the next bound, which is bytes[start, end), and another one there: fragments may touch. */
  pass(bytes: Uint8Array, start: number, end: number): void {
    const { spans: { bounds, starts } } = this
    this.at++
    if (this.isOver) return
    if (compareRanges(bounds, starts[this.at]!, starts[this.at + 1]!, bytes, start, end) === 0) this.at++
  }

  compare(other: BoundWalk): number {
    const [a, b] = [this.spans, other.spans]
    return compareRanges(
      a.bounds, a.starts[this.at]!, a.starts[this.at + 1]!, b.bounds, b.starts[other.at]!, b.starts[other.at + 1]!)
  }
}

/** Joins two sets in one walk over the bounds of both. */
function joinTwo(a: Spans, b: Spans, isNeeded: IsNeeded): Spans {
  const writer = new FragmentWriter(a.bounds.length + b.bounds.length)
  const [walkA, walkB] = [new BoundWalk(a), new BoundWalk(b)]
  let isOpen = false
  for (;;) {
    if (walkA.isOver && walkB.isOver) break
    const order = walkA.isOver ? 1 : walkB.isOver ? -1 : walkA.compare(walkB)
    const { spans: { bounds, starts }, at } = order <= 0 ? walkA : walkB
    const [start, end] = [starts[at]!, starts[at + 1]!]
    if (isOpen) writer.end(bounds, start, end)
    if (order <= 0) walkA.pass(bounds, start, end)
    if (order >= 0) walkB.pass(bounds, start, end)
    isOpen = walkA.isInside || walkB.isInside
    if (!isOpen) continue
    writer.begin(bounds, start, end)
    putNumbers(writer, walkA, walkB, isNeeded)
  }
  if (isOpen) writer.endLast()
  return writer.finish()
}

/** Writes the numbers of both fragments that the walks are inside of, in descending order. */
function putNumbers(writer: FragmentWriter, a: BoundWalk, b: BoundWalk, isNeeded: IsNeeded): void {
  const [numbersA, numbersB] = [a.spans.numbers, b.spans.numbers]
  let [atA, endA] = numbersOf(a)
  let [atB, endB] = numbersOf(b)
  let newer = Infinity
  while (atA < endA || atB < endB) {
    const isA = atB === endB || (atA < endA && numbersA[atA]! >= numbersB[atB]!)
    const seqNum = isA ? numbersA[atA++]! : numbersB[atB++]!
    if (seqNum === newer) continue // both have a piece of one span
    if (isNeeded(seqNum, newer)) writer.number(seqNum)
    newer = seqNum
  }
}

function numbersOf({ spans: { firsts }, at, isInside }: BoundWalk): [number, number] {
  if (!isInside) return [0, 0]
  return [firsts[at >>> 1]!, firsts[(at >>> 1) + 1]!]
}
