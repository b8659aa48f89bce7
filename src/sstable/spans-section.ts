/**
 * What: the spans section of a table: its range tombstones, as fragments (iterator/spans.ts). On disk: do not change.
 *
 *   offset size
 *        0    4  fragments n
 *        4    4  numbers m
 *        8    4  bytes of all bounds
 *       12    4  flags: 1 = the last fragment has no end
 *       16       2n + 1 starts of bounds, u32: lower 0, upper 0, lower 1, … and where the last one ends; an upper bound
 *                that is none is empty
 *        …       n + 1 places of the first number of each fragment, u32, and m
 *        …       zeros up to a multiple of 8
 *        …   8m  sequence numbers, descending in each fragment
 *        …       the bounds, zeros up to a multiple of 8
 *
 * Fragments ascend and are disjoint; neighbours may touch.
 * Thread: any (pure).
 */
import {
  alignUp, BadBytes, compareBytes, compareRanges, getU32, getU53, KEY_BYTES_MAX, putU32, putU53, SEQ_NUM_MAX,
  sharedPrefixLength,
} from '../base/index.js'
import type { SeqNum, SpanFacts, WideSpan } from '../base/index.js'
import { Spans } from '../iterator/index.js'

const HEADER_BYTES = 16
const FLAG_ENDLESS = 1
/** The most spans that the manifest tells of a table. */
const WIDEST_MAX = 16

export function encodeSpans({ count, bounds, starts, firsts, numbers, hasEnd }: Spans): Uint8Array {
  const numbersAt = numbersStart(count)
  const boundsAt = numbersAt + 8 * numbers.length
  const bytes = new Uint8Array(alignUp(boundsAt + bounds.length, 8))
  putU32(bytes, 0, count)
  putU32(bytes, 4, numbers.length)
  putU32(bytes, 8, bounds.length)
  putU32(bytes, 12, hasEnd ? 0 : FLAG_ENDLESS)
  let at = HEADER_BYTES
  for (const words of [starts, firsts]) {
    for (const word of words) {
      putU32(bytes, at, word)
      at += 4
    }
  }
  numbers.forEach((seqNum, i) => putU53(bytes, numbersAt + 8 * i, seqNum))
  bytes.set(bounds, boundsAt)
  return bytes
}

function numbersStart(count: number): number {
  return alignUp(HEADER_BYTES + 4 * (2 * count + 1) + 4 * (count + 1), 8)
}

/** Reads a section. Throws BadBytes with the offset in `content`. */
export function decodeSpans(content: Uint8Array, isOutside = false): Spans {
  if (content.length < HEADER_BYTES) throw new BadBytes(0, 'spans without a header')
  const [count, numberCount, boundBytes, flags] = [0, 4, 8, 12].map((at) => getU32(content, at)) as number[] as
    [number, number, number, number]
  const numbersAt = numbersStart(count)
  const boundsAt = numbersAt + 8 * numberCount
  if (count === 0 || flags > FLAG_ENDLESS || content.length !== alignUp(boundsAt + boundBytes, 8)) {
    throw new BadBytes(0, `${count} fragments with ${numberCount} numbers and flags ${flags}`)
  }
  const startsEnd = HEADER_BYTES + 4 * (2 * count + 1)
  const spans = new Spans({
    bounds: content.slice(boundsAt, boundsAt + boundBytes),
    starts: readWords(content, HEADER_BYTES, 2 * count + 1, boundBytes),
    firsts: readWords(content, startsEnd, count + 1, numberCount),
    numbers: Float64Array.from({ length: numberCount }, (_, i) => getU53(content, numbersAt + 8 * i)),
    hasEnd: flags !== FLAG_ENDLESS,
  })
  checkZeros(content, startsEnd + 4 * (count + 1), numbersAt)
  checkZeros(content, boundsAt + boundBytes, content.length)
  for (let i = 0; i < count; i++) checkFragment(spans, i, isOutside ? 0 : 1)
  return spans
}

function checkZeros(content: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at++) if (content[at] !== 0) throw new BadBytes(at, 'padding is not zero')
}

/** Reads words that rise from 0 to `last`. */
function readWords(content: Uint8Array, at: number, count: number, last: number): Uint32Array {
  const words = Uint32Array.from({ length: count }, (_, i) => getU32(content, at + 4 * i))
  const falls = words.findIndex((word, i) => word < (words[i - 1] ?? 0))
  if (words[0] !== 0 || falls >= 0 || words[count - 1] !== last) throw new BadBytes(at, 'places in spans do not rise')
  return words
}

function checkFragment(spans: Spans, i: number, smallest: SeqNum): void {
  const { bounds, starts, firsts, numbers } = spans
  const [lower, upper, end] = [starts[2 * i]!, starts[2 * i + 1]!, starts[2 * i + 2]!]
  const isEndless = spans.isEndless(i)
  const isLong = Math.max(upper - lower, end - upper) > KEY_BYTES_MAX
  const isWrong = isEndless ? upper !== end : compareRanges(bounds, lower, upper, bounds, upper, end) >= 0
  if (isLong || isWrong) throw new BadBytes(0, `fragment ${i} has wrong bounds`)
  if (i > 0 && compareRanges(bounds, starts[2 * i - 1]!, lower, bounds, lower, upper) > 0) {
    throw new BadBytes(0, `fragment ${i} begins before the one before it ends`)
  }
  let before = SEQ_NUM_MAX + 1
  for (let at = firsts[i]!; at < firsts[i + 1]!; at++) {
    if (numbers[at]! >= before) throw new BadBytes(0, `numbers of fragment ${i} do not descend`)
    before = numbers[at]!
  }
  if (before === SEQ_NUM_MAX + 1 || before < smallest) throw new BadBytes(0, `fragment ${i} has no number`)
}

/** Gives what the manifest knows of these spans. */
export function spanFactsOf(spans: Spans): SpanFacts {
  const { count } = spans
  return { count, lower: spans.lower(0), upper: spans.upper(count - 1), widest: widestOf(spans) }
}

/** The widest stretches are left out where one of the two does not know them. */
export function sameSpanFacts(a: SpanFacts | null, b: SpanFacts | null): boolean {
  if (a === null || b === null) return a === b
  if (a.count !== b.count || !isSameRange(a, b)) return false
  if (a.widest.length === 0 || b.widest.length === 0) return true
  return a.widest.length === b.widest.length &&
    a.widest.every((span, i) => span.seqNum === b.widest[i]!.seqNum && isSameRange(span, b.widest[i]!))
}

function isSameRange(a: Pick<WideSpan, 'lower' | 'upper'>, b: Pick<WideSpan, 'lower' | 'upper'>): boolean {
  if (a.upper === null || b.upper === null) return a.upper === b.upper && compareBytes(a.lower, b.lower) === 0
  return compareBytes(a.lower, b.lower) === 0 && compareBytes(a.upper, b.upper) === 0
}

/** The lowest and the highest sequence number of all spans. */
export function seqNumsOf({ numbers }: Spans): { smallest: number; largest: number } {
  return { smallest: numbers.reduce((a, b) => Math.min(a, b)), largest: numbers.reduce((a, b) => Math.max(a, b)) }
}

/** A stretch of fragments that touch: from the first to the last, each with a newest number of at least `seqNum`. */
interface Stretch {
  first: number
  last: number
  seqNum: number
}

/**
 * Finds stretches of keys that lie wholly under range tombstones, and of each the number from which on all of it is
 * deleted: the widest ones, in the order of their keys.
 */
function widestOf(spans: Spans): WideSpan[] {
  const widest: { stretch: Stretch; width: number }[] = []
  const shared = sharedBytes(spans)
  for (const stretch of stretchesOf(spans)) {
    const width = widthOf(spans, stretch, shared)
    const at = widest.findLastIndex((other) => other.width >= width) + 1
    if (at < WIDEST_MAX) widest.splice(at, 0, { stretch, width })
    if (widest.length > WIDEST_MAX) widest.pop()
  }
  return widest.map(({ stretch }) => stretch).sort((a, b) => a.first - b.first || a.last - b.last)
    .map(({ first, last, seqNum }) => ({ lower: spans.lower(first), upper: spans.upper(last), seqNum }))
}

/** The leading bytes that all bounds share. */
function sharedBytes(spans: Spans): number {
  const { bounds, starts, count } = spans
  if (spans.isEndless(count - 1)) return 0
  return sharedPrefixLength(bounds, starts[0]!, starts[1]!, bounds, starts[2 * count - 1]!, starts[2 * count]!)
}

/** A measure by which wide stretches come first: keys are taken for fractions. */
function widthOf(spans: Spans, { first, last }: Stretch, shared: number): number {
  return (spans.isEndless(last) ? 1 : fractionOf(spans, 2 * last + 1, shared)) - fractionOf(spans, 2 * first, shared)
}

/** Takes six bytes of a bound behind those that all share for a fraction. */
function fractionOf({ bounds, starts }: Spans, bound: number, shared: number): number {
  const end = starts[bound + 1]!
  let fraction = 0
  for (let i = 5; i >= 0; i--) {
    const at = starts[bound]! + shared + i
    fraction = (fraction + (at < end ? bounds[at]! : 0)) / 256
  }
  return fraction
}

/** Each fragment is the lowest of one stretch, the longest such (as in the largest rectangle under a histogram). */
function stretchesOf(spans: Spans): Stretch[] {
  const { bounds, starts, count } = spans
  const found: Stretch[] = []
  const open: { first: number; seqNum: number }[] = []
  for (let i = 0; i <= count; i++) {
    const touches = i > 0 && i < count && compareRanges(
      bounds, starts[2 * i - 1]!, starts[2 * i]!, bounds, starts[2 * i]!, starts[2 * i + 1]!) === 0
    const seqNum = i < count ? spans.newest(i) : 0
    let first = i
    while (open.length > 0 && (!touches || open.at(-1)!.seqNum > seqNum)) {
      const ended = open.pop()!
      found.push({ ...ended, last: i - 1 })
      if (touches) first = ended.first
    }
    if (i < count && open.at(-1)?.seqNum !== seqNum) open.push({ first, seqNum })
  }
  return found
}
