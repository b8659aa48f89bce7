/**
 * What: which range tombstone, of all sources that a walk goes over, deletes the key where it stands.
 * Owns: the region around that key in which the answer stays the same.
 * Thread: any.
 * A walk goes to neighbours, so for most keys two comparisons with the bounds of the region are all there is to do.
 */
import { compareRanges } from '../base/index.js'
import type { SeqNum } from '../base/index.js'
import { NO_BYTES } from './empty-iterator.js'
import type { Spans } from './spans.js'

/** The spans of one source: disjoint sets in the order of their keys. */
export type SpanSource = readonly Spans[]

/** Regions side by side that `hidesAll` looks at. */
const REGIONS_LOOKED_AT = 4

export class SpanCover {
  /** The highest number that the reader sees of a span over the region; 0 when there is none. */
  seqNum: SeqNum = 0
  private readonly sources: readonly SpanSource[]
  private readonly snapshot: SeqNum
  /** The region [lower, upper); a bound whose flag is false is none. */
  private lower = NO_BYTES
  private lowerStart = 0
  private lowerEnd = 0
  private hasLower = false
  private upper = NO_BYTES
  private upperStart = 0
  private upperEnd = 0
  private hasUpper = false
  private isKnown = false

  constructor(sources: readonly SpanSource[], snapshot: SeqNum) {
    this.sources = sources
    this.snapshot = snapshot
  }

  /** True when an entry of key[start, end) with this number is deleted for the reader. */
  hides(key: Uint8Array, start: number, end: number, seqNum: SeqNum): boolean {
    if (!this.isInRegion(key, start, end)) this.moveTo(key, start, end)
    return seqNum < this.seqNum
  }

  /** True when it sees that all entries from `smallest` to `largest` up to this number are deleted for the reader. */
  hidesAll(smallest: Uint8Array, largest: Uint8Array, seqNum: SeqNum): boolean {
    this.moveTo(smallest, 0, smallest.length)
    for (let looks = REGIONS_LOOKED_AT; looks > 0 && seqNum < this.seqNum; looks--) {
      const { upper, upperStart, upperEnd } = this
      if (!this.hasUpper || compareRanges(largest, 0, largest.length, upper, upperStart, upperEnd) < 0) return true
      this.moveTo(upper, upperStart, upperEnd)
    }
    return false
  }

  /** A copy of the bound at which the region ends; null when it goes to the last key. */
  regionEnd(): Uint8Array | null {
    return this.hasUpper ? this.upper.slice(this.upperStart, this.upperEnd) : null
  }

  /** A copy of the first key of the region; null when it begins with the first key of all. */
  regionStart(): Uint8Array | null {
    return this.hasLower ? this.lower.slice(this.lowerStart, this.lowerEnd) : null
  }

  private isInRegion(key: Uint8Array, start: number, end: number): boolean {
    if (!this.isKnown) return false
    if (this.hasUpper && compareRanges(key, start, end, this.upper, this.upperStart, this.upperEnd) >= 0) return false
    return !this.hasLower || compareRanges(key, start, end, this.lower, this.lowerStart, this.lowerEnd) >= 0
  }

  private moveTo(key: Uint8Array, start: number, end: number): void {
    this.isKnown = true
    this.hasLower = false
    this.hasUpper = false
    this.seqNum = 0
    for (const source of this.sources) this.narrow(source, key, start, end)
  }

  /** Takes in what one source says about the key, and how far that goes. */
  private narrow(source: SpanSource, key: Uint8Array, start: number, end: number): void {
    const at = firstSetEndingBehind(source, key, start, end)
    const spans = source[at]
    const i = spans === undefined ? 0 : spans.firstEndingBehind(key, start, end)
    if (spans !== undefined && !spans.beginsBehind(i, key, start, end)) {
      this.raiseLower(spans, 2 * i)
      if (!spans.isEndless(i)) this.reduceUpper(spans, 2 * i + 1)
      const seqNum = spans.newestSeen(i, this.snapshot)
      if (seqNum > this.seqNum) this.seqNum = seqNum
      return
    }
    if (spans !== undefined) this.reduceUpper(spans, 2 * i)
    // The gap begins where the fragment before it ends, in this set or in the last one.
    if (i > 0) this.raiseLower(spans!, 2 * i - 1)
    else if (at > 0) this.raiseLower(source[at - 1]!, 2 * source[at - 1]!.count - 1)
  }

  private raiseLower({ bounds, starts }: Spans, bound: number): void {
    const [start, end] = [starts[bound]!, starts[bound + 1]!]
    if (this.hasLower && compareRanges(bounds, start, end, this.lower, this.lowerStart, this.lowerEnd) <= 0) return
    this.hasLower = true
    this.lower = bounds
    this.lowerStart = start
    this.lowerEnd = end
  }

  private reduceUpper({ bounds, starts }: Spans, bound: number): void {
    const [start, end] = [starts[bound]!, starts[bound + 1]!]
    if (this.hasUpper && compareRanges(bounds, start, end, this.upper, this.upperStart, this.upperEnd) >= 0) return
    this.hasUpper = true
    this.upper = bounds
    this.upperStart = start
    this.upperEnd = end
  }
}

/** The place of the first set that does not end before key[start, end); the count of sets when there is none. */
function firstSetEndingBehind(source: SpanSource, key: Uint8Array, start: number, end: number): number {
  let low = 0
  let high = source.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const spans = source[middle]!
    if (spans.endsBefore(spans.count - 1, key, start, end)) low = middle + 1
    else high = middle
  }
  return low
}
