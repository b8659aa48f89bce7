/**
 * What: the range tombstones of a compaction's inputs: what they hide, and which part of them each output takes.
 * Thread: worker or main; no sharing.
 * Invariants: SPAN-2 each output takes the part between the key at which the output before it was ended and the key
 * at which it is ended itself, so that outputs together have all parts, and no two have keys in common. SPAN-3 a piece
 * of a tombstone goes only where no table below has keys of that piece, and no reader stands below it.
 */
import { compareBytes, runSync } from '../base/index.js'
import type { SeqNum, TableFacts } from '../base/index.js'
import { CoverWalk, isBelowAllReaders, isVersionSeen, Spans } from '../iterator/index.js'
import type { RetentionRule, SpanPiece } from '../iterator/index.js'
import { extentOfRange, SortedRun } from '../manifest/index.js'
import { HEAD_MAX, HEAD_MIN, headOf, openListedTable, readTableSpans } from '../sstable/index.js'
import type { TableContext } from '../sstable/index.js'

/** Reads the range tombstones of the tables, joined, without numbers that no reader needs. Null when there are none. */
export function readInputSpans(place: TableContext, tables: readonly TableFacts[], rule: RetentionRule): Spans | null {
  const sets: Spans[] = []
  for (const facts of tables) {
    if (facts.spans === null) continue
    const { file, name } = openListedTable(place, facts)
    try {
      const spans = runSync(readTableSpans({ file, name }, facts))
      if (spans !== null) sets.push(spans)
    } finally {
      file.closeSync()
    }
  }
  return Spans.join(sets, (seqNum, newer) => isVersionSeen(rule, seqNum, newer))
}

/** Leaves out the pieces that hide nothing any more; `below` are the tables below the output level, run by run. */
export function keptSpans(
  spans: Spans, rule: RetentionRule, below: readonly (readonly TableFacts[])[],
): Spans | null {
  const runs = below.map((tables) => SortedRun.of(tables))
  // A piece may end where a table begins, but not where one ends: the successor of its last key may be no key.
  const cuts = runs.flatMap(({ extents }) => extents.map(({ lower }) => lower)).sort(compareBytes)
  const hidesSomething = (piece: SpanPiece): boolean =>
    runs.some((run) => run.overlapping(extentOfRange(piece)).length > 0)
  let asked: SpanPiece | null = null
  let isNeededBelow = false
  return spans.filter((piece, seqNum) => {
    if (!isBelowAllReaders(rule, seqNum)) return true
    if (piece !== asked) isNeededBelow = hidesSomething(piece)
    asked = piece
    return isNeededBelow
  }, cuts)
}

/** Tells a merge what range tombstones hide, and up to which head of a key it need not ask. */
export class MergeCover {
  /** Keys with smaller heads than this one lie before all fragments that are left. */
  limitHigh = HEAD_MIN.high
  limitLow = HEAD_MIN.low
  private readonly spans: Spans
  private readonly walk: CoverWalk
  private readonly sharedKey: Uint8Array
  private readonly headAt: number

  /** All keys of the merge begin with the first `headAt` bytes of `sharedKey`. */
  constructor(spans: Spans, sharedKey: Uint8Array, headAt: number) {
    this.spans = spans
    this.walk = new CoverWalk(spans)
    this.sharedKey = sharedKey
    this.headAt = headAt
  }

  /** True when that head is smaller than this one. */
  isBefore(high: number, low: number): boolean {
    return this.limitHigh < high || (this.limitHigh === high && this.limitLow < low)
  }

  /** The lowest number above `seqNum` of a tombstone over key[0, end), or Infinity. Requires: keys ascend. */
  above(key: Uint8Array, end: number, seqNum: SeqNum): SeqNum {
    const cover = this.walk.above(key, 0, end, seqNum)
    const { walk: { place }, spans } = this
    const isInside = place < spans.count && !spans.beginsBehind(place, key, 0, end)
    const { high, low } = isInside ? HEAD_MIN : place === spans.count ? HEAD_MAX : this.headOfBound(spans.lower(place))
    this.limitHigh = high
    this.limitLow = low
    return cover
  }

  private headOfBound(bound: Uint8Array): { high: number; low: number } {
    const { sharedKey, headAt } = this
    const order = compareBytes(bound.subarray(0, headAt), sharedKey.subarray(0, headAt))
    if (order !== 0) return order < 0 ? HEAD_MIN : HEAD_MAX
    return headOf(bound, headAt)
  }
}

/** Hands the kept range tombstones to the outputs, part by part. */
export class OutputSpans {
  private readonly spans: Spans
  /** The key at which the last output was ended; null before that. */
  private lower: Uint8Array | null = null

  constructor(spans: Spans) {
    this.spans = spans
  }

  /** The part before the key at which the output is ended, or the rest; null when there is nothing. */
  takeBefore(cut: Uint8Array | null): Spans | null {
    const part = this.spans.within(this.lower, cut)
    this.lower = cut
    return part
  }

  /** True when the next output will have range tombstones before key[0, end). */
  isNextBefore(key: Uint8Array, end: number): boolean {
    const { spans, lower } = this
    const i = lower === null ? 0 : spans.firstEndingBehind(lower, 0, lower.length)
    return i < spans.count && !spans.beginsBehind(i, key, 0, end)
  }

  /** True when a tombstone reaches over `bound`, from a key that no output has taken yet. */
  reachesOver(bound: Uint8Array): boolean {
    const { spans, lower } = this
    const i = spans.firstEndingBehind(bound, 0, bound.length)
    if (i === spans.count || compareBytes(spans.lower(i), bound) >= 0) return false
    return lower === null || compareBytes(lower, bound) < 0
  }
}
