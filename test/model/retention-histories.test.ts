/**
 * The retention rule against every short history of one key: writes that live or expire, deletions, range tombstones,
 * snapshots, and a clock that goes on or is set back; cut into runs in every way, merged twice in every way, with a
 * drop clock that lags, agrees or is ahead. No reader may see a difference. (A2: the times of snapshots need not rise.)
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EntryKind } from '../../src/base/index.js'
import { isBelowAllReaders, isVersionSeen, RetentionFilter } from '../../src/iterator/index.js'
import type { RetentionRule } from '../../src/iterator/index.js'
import { SnapshotList } from '../../src/versions/index.js'
import { HandClock } from '../support/fakes/hand-clock.js'
import { isWholeRun } from '../support/harness/share.js'

/**
 * What may happen: a put; one that expires at 2, or at 4; a deletion; a range tombstone; a write of another key; a
 * snapshot; time goes on; it is set back.
 */
type Step = 'put' | 'until 2' | 'until 4' | 'del' | 'span' | 'other' | 'hold' | 'later' | 'back'
const ALL: readonly Step[] = ['put', 'until 2', 'until 4', 'del', 'span', 'hold', 'later', 'back']
/** Those of which the histories are longer. */
const TIMES: readonly Step[] = ['until 2', 'other', 'hold', 'later', 'back']
const EXPIRIES: Partial<Record<Step, number>> = { 'until 2': 2, 'until 4': 4 }
const LENGTH = isWholeRun ? 4 : 3

interface Write {
  seqNum: number
  step: Step
}

/** The versions and range tombstones of one source, oldest first. */
interface Run {
  points: Write[]
  spans: number[]
}

interface Reader {
  seqNum: number
  timeMs: number
}

class History {
  readonly writes: Write[] = []
  readonly readers: Reader[] = []
  nowMs = 1

  constructor(steps: readonly Step[]) {
    for (const step of steps) {
      if (step === 'later') this.nowMs++
      else if (step === 'back') this.nowMs = Math.max(1, this.nowMs - 2)
      else if (step === 'hold') this.readers.push({ seqNum: this.writes.length, timeMs: this.nowMs })
      else this.writes.push({ seqNum: this.writes.length + 1, step })
    }
  }

  /** The number of the value that a reader must see; 0 for none. */
  truth({ seqNum, timeMs }: Reader): number {
    return valueOf(this.writes.findLast((write) => write.seqNum <= seqNum && write.step !== 'other'), timeMs)
  }

  /** The runs that the writes are cut into; bit i of `cuts`: behind write i. */
  runs(cuts: number): Run[] {
    const runs: Run[] = [{ points: [], spans: [] }]
    this.writes.forEach((write, i) => {
      if (i > 0 && ((cuts >> (i - 1)) & 1) === 1) runs.push({ points: [], spans: [] })
      if (write.step === 'other') return
      if (write.step === 'span') runs.at(-1)!.spans.push(write.seqNum)
      else runs.at(-1)!.points.push(write)
    })
    return runs
  }

  rule(readers: readonly Reader[], dropTimeMs: number): RetentionRule {
    const list = new SnapshotList(new HandClock(), () => this.writes.length, () => dropTimeMs)
    for (const { seqNum, timeMs } of readers) list.hold(seqNum, timeMs)
    return list.takeRule()
  }
}

function valueOf(write: Write | undefined, timeMs: number): number {
  if (write === undefined || write.step === 'del' || write.step === 'span') return 0
  return (EXPIRIES[write.step] ?? Infinity) <= timeMs ? 0 : write.seqNum
}

/** What a reader finds: the newest run that has anything to say answers. */
function read(runs: readonly Run[], { seqNum, timeMs }: Reader): number {
  for (const { points, spans } of [...runs].reverse()) {
    const cover = spans.findLast((span) => span <= seqNum) ?? 0
    const point = points.findLast((write) => write.seqNum <= seqNum)
    if (point !== undefined && point.seqNum > cover) return valueOf(point, timeMs)
    if (cover > 0) return 0
  }
  return 0
}

/** Merges the runs [from, to]. */
function merge(runs: readonly Run[], from: number, to: number, rule: RetentionRule): Run[] {
  const older = runs.slice(0, from)
  const isBottom = older.every(({ points, spans }) => points.length === 0 && spans.length === 0)
  const inputs = runs.slice(from, to + 1)
  const spans = inputs.flatMap((run) => run.spans)
  const merged: Run = { points: [], spans: [] }
  const filter = new RetentionFilter(rule, () => isBottom)
  inputs.flatMap(({ points }) => points).reverse().forEach(({ seqNum, step }, i) => {
    const cover = spans.find((span) => span > seqNum)
    const kind = step === 'del' ? EntryKind.tombstone : EntryKind.value
    if (!filter.keep(seqNum, kind, i > 0, cover, EXPIRIES[step] ?? 0)) return
    merged.points.unshift({ seqNum, step: filter.isExpired ? 'del' : step })
  })
  spans.forEach((span, i) => {
    if (!isVersionSeen(rule, span, spans[i + 1] ?? Infinity)) return
    if (!(isBottom && isBelowAllReaders(rule, span))) merged.spans.push(span)
  })
  return [...older, merged, ...runs.slice(to + 1)]
}

function* histories(steps: readonly Step[], length: number): Generator<Step[]> {
  if (length === 0) yield []
  else for (const before of histories(steps, length - 1)) for (const step of steps) yield [...before, step]
}

let checks = 0

function check(history: History, runs: readonly Run[], readers: readonly Reader[], fromMs: number, what: () => string) {
  const present = [fromMs, fromMs + 1, 6].map((timeMs): Reader => ({ seqNum: history.writes.length, timeMs }))
  for (const reader of [...readers, ...present]) {
    checks++
    const [wanted, found] = [history.truth(reader), read(runs, reader)]
    if (wanted === found) continue
    assert.fail(`${what()}: reader ${reader.seqNum} at ${reader.timeMs} wants ${wanted}, finds ${found}`)
  }
}

function checkMerges(history: History, steps: readonly Step[], cuts: number): void {
  const { readers, nowMs } = history
  const runs = history.runs(cuts)
  for (const firstDropMs of [0, nowMs, nowMs + 3]) {
    const firstRule = history.rule(readers, firstDropMs)
    for (let from = 0; from < runs.length; from++) for (let to = from; to < runs.length; to++) {
      const once = merge(runs, from, to, firstRule)
      const what = (): string => `${steps.join(', ')}; cuts ${cuts}, ${from} to ${to} up to ${firstDropMs}`
      check(history, once, readers, Math.max(nowMs, firstDropMs), what)
      const left = readers.slice(1)
      const dropMs = Math.max(firstDropMs, nowMs + 3)
      const rule = history.rule(left, dropMs)
      for (let a = 0; a < once.length; a++) for (let b = a; b < once.length; b++) {
        check(history, merge(once, a, b, rule), left, Math.max(nowMs, dropMs), () => `${what()}; then ${a} to ${b}`)
      }
    }
  }
}

function checkAll(steps: readonly Step[], length: number, isWanted = (_: readonly Step[]) => true): void {
  for (const each of histories(steps, length)) {
    if (!isWanted(each)) continue
    const history = new History(each)
    for (let cuts = 0; cuts < 1 << Math.max(0, history.writes.length - 1); cuts++) checkMerges(history, each, cuts)
  }
}

test(`TTL-1, TTL-2, TTL-4: no merge changes what a reader sees, in all histories of up to ${LENGTH} steps`, () => {
  for (let length = 1; length <= LENGTH; length++) checkAll(ALL, length)
  assert.ok(checks > 10_000, `${checks} reads`)
})

test('A2: nor in longer ones, where the times of snapshots fall as their numbers rise', () => {
  const falls = (steps: readonly Step[]): boolean => {
    const back = steps.indexOf('back')
    return steps.indexOf('hold') < back && steps.lastIndexOf('hold') > back && steps.indexOf('hold') >= 0
  }
  checkAll(TIMES, LENGTH + 2, falls)
})
