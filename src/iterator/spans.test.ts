/** Spans against their definition: for each key, which of the range tombstones over it a reader sees. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ArrayIterator, compareEntries } from '../../test/support/fakes/array-iterator.js'
import type { TestEntry } from '../../test/support/fakes/array-iterator.js'
import { CheckingIterator } from '../../test/support/fakes/checking-iterator.js'
import { checkAgainstModel, collect, describeEntry } from '../../test/support/model/iterator-model.js'
import { compareBytes, EntryKind, SeededRandom } from '../base/index.js'
import { mergeAged } from './merging-iterator.js'
import { SpanCover } from './span-cover.js'
import { CoverWalk } from './cover-walk.js'
import { Spans } from './spans.js'
import type { Span } from './spans.js'
import { VisibleIterator } from './visible-iterator.js'

const KEYS = 60
const key = (n: number): Uint8Array => (n % 3 === 0 ? Uint8Array.of(n) : Uint8Array.of(n - (n % 3), n % 3))
const allKeys = Array.from({ length: KEYS }, (_, n) => key(n))

function drawSpan(random: SeededRandom, seqNum: number, wideShare = 0.2): Span {
  const lower = random.below(KEYS)
  const width = random.chance(wideShare) ? KEYS : 1 + random.below(8)
  const upper = lower + width
  return { lower: key(lower), upper: upper >= KEYS && random.chance(0.5) ? null : key(Math.min(upper, 250)), seqNum }
}

function drawSpans(random: SeededRandom, count: number): Span[] {
  return Array.from({ length: count }, (_, i) => drawSpan(random, 10 * (i + 1)))
}

function isOver({ lower, upper }: Pick<Span, 'lower' | 'upper'>, at: Uint8Array): boolean {
  return compareBytes(lower, at) <= 0 && (upper === null || compareBytes(at, upper) < 0)
}

const numbersOver = (spans: readonly Span[], at: Uint8Array): number[] =>
  spans.filter((span) => isOver(span, at)).map(({ seqNum }) => seqNum).sort((a, b) => b - a)

function numbersIn(spans: Spans | null, at: Uint8Array): number[] {
  return spans === null ? [] : numbersOver([...spans.list()], at)
}

const joined = (spans: readonly Span[]): Spans | null => Spans.join(spans.map((span) => Spans.of(span)))

describe('spans', () => {
  it('SPAN-1: joined in any groups say of each key what they say alone', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed, 'spans')
      const given = drawSpans(random, 1 + random.below(12))
      const spans = joined([...given].reverse())!
      const [half, rest] = [joined(given.slice(0, 3)), joined(given.slice(3))]
      const again = Spans.join([half, rest].filter((each) => each !== null))!
      assert.deepEqual([...again.list()], [...spans.list()], `seed ${seed}`)
      for (const at of allKeys) {
        const expected = numbersOver(given, at)
        assert.deepEqual(numbersIn(spans, at), expected, `seed ${seed}`)
        const snapshot = random.below(140)
        assert.equal(spans.coverAt(at, 0, at.length, snapshot), expected.find((n) => n <= snapshot) ?? 0)
      }
      for (let i = 1; i < spans.count; i++) {
        assert.ok(!spans.isEndless(i - 1) && compareBytes(spans.upper(i - 1)!, spans.lower(i)) <= 0)
      }
    }
  })

  it('that touch and have the same numbers are one fragment', () => {
    const piece = (lower: number, upper: number): Spans => Spans.of({ lower: key(lower), upper: key(upper), seqNum: 5 })
    assert.equal(Spans.join([piece(3, 6), piece(6, 9), piece(12, 15)])!.count, 2)
    assert.equal(Spans.join([piece(3, 6), piece(3, 6)])!.numbers.length, 1, 'a number stands once')
  })

  it('are cut to a part', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed, 'within')
      const spans = joined(drawSpans(random, 1 + random.below(8)))!
      const [a, b] = [random.below(KEYS), random.below(KEYS)].sort((x, y) => x - y) as [number, number]
      const lower = random.chance(0.2) ? null : key(a)
      const upper = random.chance(0.2) ? null : key(b)
      const part = spans.within(lower, upper)
      for (const at of allKeys) {
        const isInside = isOver({ lower: lower ?? new Uint8Array(0), upper }, at)
        assert.deepEqual(numbersIn(part, at), isInside ? numbersIn(spans, at) : [], `seed ${seed}`)
      }
    }
  })

  it('lose the numbers that nobody needs, piece by piece', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed, 'filter')
      const spans = joined(drawSpans(random, 1 + random.below(8)))!
      const cuts = Array.from({ length: random.below(6) }, () => key(random.below(KEYS))).sort(compareBytes)
      const bound = key(random.below(KEYS))
      const left = spans.filter(({ lower }, seqNum) => seqNum > 40 || compareBytes(lower, bound) >= 0, cuts)
      const pieceStart = (at: Uint8Array): Uint8Array => {
        const i = spans.firstEndingBehind(at, 0, at.length)
        const starts = [spans.lower(i), ...cuts].filter((each) => compareBytes(each, spans.lower(i)) >= 0)
        return starts.filter((each) => compareBytes(each, at) <= 0).sort(compareBytes).at(-1)!
      }
      for (const at of allKeys) {
        const expected = numbersIn(spans, at).filter((n) => n > 40 || compareBytes(pieceStart(at), bound) >= 0)
        assert.deepEqual(numbersIn(left, at), expected, `seed ${seed}`)
      }
    }
  })

  it('tell a merge which number hides an entry', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = new SeededRandom(seed, 'walk')
      const given = drawSpans(random, 1 + random.below(8))
      const walk = new CoverWalk(joined(given)!)
      for (const at of [...allKeys].sort(compareBytes)) {
        const seqNum = random.below(100)
        const expected = numbersOver(given, at).filter((n) => n > seqNum).at(-1) ?? Infinity
        assert.equal(walk.above(at, 0, at.length, seqNum), expected, `seed ${seed}`)
      }
    }
  })
})

describe('a cover of several sources', () => {
  it('hides from a reader what a span of any source hides, wherever the walk goes', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed, 'cover')
      const given = drawSpans(random, 1 + random.below(10))
      const cut = key(random.below(KEYS))
      const [first, second] = [joined(given.slice(0, 2))!, joined(given.slice(2))]
      const run = [first.within(null, cut), first.within(cut, null)].filter((each) => each !== null)
      const snapshot = random.below(120)
      const cover = new SpanCover(second === null ? [run] : [run, [second]], snapshot)
      for (let i = 0; i < 80; i++) {
        const at = random.pick(allKeys)
        const seqNum = random.below(100)
        const expected = numbersOver(given, at).find((n) => n <= snapshot) ?? 0
        assert.equal(cover.hides(at, 0, at.length, seqNum), seqNum < expected, `seed ${seed}`)
        assert.equal(cover.seqNum, expected)
        const [start, end] = [cover.regionStart(), cover.regionEnd()]
        assert.ok((start === null || compareBytes(start, at) <= 0) && (end === null || compareBytes(at, end) < 0))
      }
    }
  })
})

describe('a walk under range tombstones', () => {
  /** Entries of some sources, each newer than the next as a whole, and spans that belong to the same history. */
  function drawHistory(random: SeededRandom): { sources: TestEntry[][]; spans: Span[] } {
    const sources: TestEntry[][] = []
    const spans: Span[] = []
    let seqNum = 1000
    for (let source = 0; source < 1 + random.below(4); source++) {
      const entries: TestEntry[] = []
      for (let i = 0, count = 10 + random.below(120); i < count; i++) {
        seqNum--
        if (random.chance(0.02)) spans.push(drawSpan(random, seqNum, 0.6))
        else {
          const kind = random.chance(0.2) ? EntryKind.tombstone : EntryKind.value
          const value = new Uint8Array(kind === EntryKind.value ? 2 : 0)
          entries.push({ key: random.pick(allKeys), seqNum, kind, value })
        }
      }
      sources.push(entries.sort(compareEntries))
    }
    return { sources, spans }
  }

  it('a cover that hides all of a stretch hides each of its keys, and mostly sees it', () => {
    let [seen, hidden] = [0, 0]
    for (let seed = 1; seed <= 400; seed++) {
      const random = new SeededRandom(seed, 'hides all')
      const sources = [drawSpans(random, 1 + random.below(6)), drawSpans(random, random.below(4))]
      const snapshot = random.pick([1000, random.below(80)])
      const runs = sources.filter((spans) => spans.length > 0).map((spans) => [joined(spans)!])
      const cover = new SpanCover(runs, snapshot)
      for (let turn = 0; turn < 10; turn++) {
        const [from, to] = [random.below(KEYS), random.below(KEYS)].sort((a, b) => a - b) as [number, number]
        const seqNum = random.below(70)
        const isHidden = allKeys.slice(from, to + 1).every((at) => {
          return sources.flat().some((span) => isOver(span, at) && span.seqNum <= snapshot && span.seqNum > seqNum)
        })
        const said = cover.hidesAll(key(from), key(to), seqNum)
        assert.ok(isHidden || !said, `seed ${seed}`)
        if (isHidden) hidden++
        if (said) seen++
      }
    }
    assert.ok(hidden > 300 && seen > 0.7 * hidden, `${seen} of ${hidden}`)
  })

  it('gives what the definition says, forward, backward and in turns, also where children jump', () => {
    let jumps = 0
    for (let seed = 1; seed <= 400; seed++) {
      const random = new SeededRandom(seed, 'under')
      const { sources, spans } = drawHistory(random)
      const snapshot = random.chance(0.5) ? 2000 : 700 + random.below(300)
      const newest = new Map<string, TestEntry>()
      for (const entry of sources.flat().sort(compareEntries)) {
        const name = entry.key.join()
        if (entry.seqNum <= snapshot && !newest.has(name)) newest.set(name, entry)
      }
      const expected = [...newest.values()].filter((entry) => entry.kind === EntryKind.value &&
        !spans.some((span) => span.seqNum <= snapshot && span.seqNum > entry.seqNum && isOver(span, entry.key)))
      const cover = spans.length === 0 ? null : new SpanCover(spans.map((span) => [Spans.of(span)]), snapshot)
      const merged = mergeAged(
        sources.map((entries) => new CheckingIterator(new ArrayIterator(entries))),
        sources.map((entries) => entries.reduce((max, { seqNum }) => Math.max(max, seqNum), 0)))
      const { passOlder } = merged
      if (passOlder !== undefined) {
        merged.passOlder = (...given) => {
          jumps++
          passOlder.apply(merged, given)
        }
      }
      const visible = new CheckingIterator(new VisibleIterator(merged, snapshot, undefined, { cover }))
      checkAgainstModel(visible, expected, random, 60)
      assert.deepEqual(collect(visible).map(describeEntry), expected.map(describeEntry), `seed ${seed}`)
      assert.deepEqual(collect(visible, true).map(describeEntry), expected.map(describeEntry).reverse())
      visible.close()
    }
    assert.ok(jumps > 100, `${jumps} jumps`)
  })
})
