/**
 * What: compactions of deep levels that are whole runs: `tiered`, and `lazy`.
 *
 * Each used level is one sorted run, the deeper the older. Where there are more than `deepRunsMax`, neighbours in age
 * become one: those that cost the fewest bytes for each run that goes. Where newer runs hold `newerShareMax` of what
 * the oldest has, parts of them go down into it. A run may be of any size, so a merge takes a part of the keys: tables
 * of the youngest run that is merged, and under them what shares their keys. That leaves the order of all tables as it
 * was. What was begun is ended, since what is left of it costs less and less.
 *
 * Outputs land in the level of the oldest run, so levels become free above it. When new runs come near level 0, the
 * older ones move down into such gaps.
 * Thread: any (pure).
 */
import type { LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { extentOfTables } from '../manifest/index.js'
import type { SortedRun } from '../manifest/index.js'
import { totalBytes } from './compaction-pick.js'
import type { CompactionPick, PickInput } from './compaction-pick.js'
import { isTombstoneRich, PART_SHARE, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'

/** Runs move down when the youngest is at this level, or above it. */
const LEVELS_FREE_MIN = 16
/** Moves cost nothing, and without them there may be no level for the next run: they come first. */
const GAP_SCORE = 1000
const SHARE_SCORE_MAX = 1.25
/** That much of the oldest run always counts: it may have newer entries for other reasons, as levels with sizes do. */
const OLDEST_SHARE_MIN = 1 / 8
/** The most tables of the youngest run in one pick. */
const SLICE_TABLES_MAX = 256

/** A deep level that holds tables. */
interface Run {
  readonly level: LevelNum
  readonly run: SortedRun<TableFacts>
  readonly tables: readonly TableFacts[]
  readonly bytes: number
  readonly smallestSeqNum: SeqNum
  readonly largestSeqNum: SeqNum
}

/** Neighbours in age, youngest first: at least two. */
type Window = readonly Run[]

/** Neighbours in the youngest run of a window, and what lies under them in the others. */
interface Slice {
  readonly start: number
  readonly end: number
  readonly bytes: number
  readonly older: readonly PickInput[]
  readonly olderBytes: number
}

/** What may be due. */
export interface RunStep {
  readonly level: LevelNum
  readonly score: number
  readonly pick: () => CompactionPick | null
}

/** All used deep levels, youngest first. */
export function deepRuns({ version, sizes }: PickContext): readonly Run[] {
  const runs: Run[] = []
  for (let level = 1; level <= sizes.lastLevel; level++) {
    const { runs: [run] } = version.levels[level]!
    if (run === undefined) continue
    const { tables } = run
    let [smallestSeqNum, largestSeqNum] = [Infinity, 0]
    for (const table of tables) {
      smallestSeqNum = Math.min(smallestSeqNum, table.smallestSeqNum)
      largestSeqNum = Math.max(largestSeqNum, table.largestSeqNum)
    }
    runs.push({ level, run, tables, bytes: sizes.bytes[level]!, smallestSeqNum, largestSeqNum })
  }
  return runs
}

/** What may be due below level 0. A score of 1 or more means that it is. */
export function runSteps(context: PickContext): RunStep[] {
  const runs = deepRuns(context)
  if (runs.length === 0) return []
  const { level } = runs[0]!
  const count = countScore(context, runs)
  const share = shareScore(context, runs)
  return [
    { level, score: hasGap(context, runs) ? GAP_SCORE : 0, pick: () => pickSink(context, runs) },
    { level, score: count, pick: () => pickFewerRuns(context, runs, count) },
    { level, score: share, pick: () => pickIntoOldest(context, runs, share) },
  ]
}

/** The bytes that are to be merged until no step is due. */
export function pendingRunBytes(context: PickContext): number {
  const runs = deepRuns(context)
  if (countScore(context, runs) >= 1) return bytesLeft(cheapestFirst(runs)[0]!)
  return shareScore(context, runs) >= 1 ? bytesLeft(runs) : 0
}

function countScore({ settings: { deepRunsMax } }: PickContext, runs: readonly Run[]): number {
  return runs.length < 2 ? 0 : runs.length / (Math.max(1, deepRunsMax) + 1)
}

/**
 * How much newer runs have of what the oldest would bring along, for those from the youngest with the most on. It never
 * keeps a stack of level 0 waiting for long, however little is left of what was begun.
 */
function shareScore(context: PickContext, runs: readonly Run[]): number {
  const most = Math.max(0, ...runs.slice(0, -1).map((_, start) => shareFrom(context, runs.slice(start))))
  return Math.min(most, SHARE_SCORE_MAX)
}

function shareFrom({ settings: { newerShareMax } }: PickContext, window: Window): number {
  const newer = totalOf(window.slice(0, -1))
  const left = Math.max(bytesLeft(window) - newer, OLDEST_SHARE_MIN * window.at(-1)!.bytes)
  return newer / (newerShareMax * left)
}

/**
 * The bytes that the merge of a window has still to read. Where it is under way, tables of its oldest run have entries
 * of its youngest run, which are newer than all of the runs between: those are done. So what was begun costs less and
 * less, and is ended.
 */
function bytesLeft(window: Window): number {
  const between = window.slice(1, -1)
  const newest = between.reduce((most, { largestSeqNum }) => Math.max(most, largestSeqNum), 0)
  const isDone = ({ largestSeqNum }: TableFacts): boolean =>
    largestSeqNum > (between.length > 0 ? newest : window[0]!.smallestSeqNum)
  let bytes = totalOf(window.slice(0, -1))
  for (const table of window.at(-1)!.tables) if (!isDone(table)) bytes += table.bytes
  return bytes
}

function totalOf(runs: readonly Run[]): number {
  return runs.reduce((sum, { bytes }) => sum + bytes, 0)
}

// ── Room for new runs ─────────────────────────────────────────────────────────────────────────────────

function hasGap({ unavailable, sizes }: PickContext, runs: readonly Run[]): boolean {
  return runs[0]!.level <= LEVELS_FREE_MIN && runs.some(({ tables, level }, at) =>
    level < floorOf(runs, at, sizes.lastLevel) && tables.some(({ fileNum }) => !unavailable.has(fileNum)))
}

/** The deepest level above the next older run. */
function floorOf(runs: readonly Run[], at: number, lastLevel: LevelNum): LevelNum {
  return (runs[at + 1]?.level ?? lastLevel + 1) - 1
}

/** Moves tables of the oldest run that has a gap under it down into the gap. */
function pickSink(context: PickContext, runs: readonly Run[]): CompactionPick | null {
  for (let at = runs.length - 1; at >= 0; at--) {
    const { level, tables } = runs[at]!
    const outputLevel = floorOf(runs, at, context.sizes.lastLevel)
    if (outputLevel === level) continue
    const start = tables.findIndex(({ fileNum }) => !context.unavailable.has(fileNum))
    if (start < 0) continue
    let end = start + 1
    const isFree = (i: number): boolean => i < tables.length && !context.unavailable.has(tables[i]!.fileNum)
    while (end - start < SLICE_TABLES_MAX && isFree(end)) end++
    const inputs = [{ level, tables: tables.slice(start, end) }]
    const pick = planPick(context, { kind: 'move', reason: 'size', score: 1, inputs, outputLevel })
    if (pick !== null) return pick
  }
  return null
}

// ── Which runs ────────────────────────────────────────────────────────────────────────────────────────

/** All windows, the one that costs least for each run that goes first; the younger one where that is equal. */
function cheapestFirst(runs: readonly Run[]): Window[] {
  const windows: { window: Window; start: number; cost: number }[] = []
  for (const start of runs.keys()) {
    for (let end = start + 2; end <= runs.length; end++) {
      const window = runs.slice(start, end)
      windows.push({ window, start, cost: bytesLeft(window) / (window.length - 1) })
    }
  }
  windows.sort((a, b) => a.cost - b.cost || a.start - b.start || b.window.length - a.window.length)
  return windows.map(({ window }) => window)
}

function pickFewerRuns(context: PickContext, runs: readonly Run[], score: number): CompactionPick | null {
  for (const window of cheapestFirst(runs)) {
    const pick = pickPart(context, window, score)
    // What is begun is not left for another merge that costs more.
    if (pick !== null || isUnderWay(context, window)) return pick
  }
  return null
}

function isUnderWay({ running }: PickContext, window: Window): boolean {
  const levels = new Set(window.map(({ level }) => level))
  return running.some(({ levels: taken }) => taken.some((level) => levels.has(level)))
}

/** Merges into the oldest run, from the youngest run on of which a table meets little enough below. */
function pickIntoOldest(context: PickContext, runs: readonly Run[], score: number): CompactionPick | null {
  const { inputBytesMax, tableBytes } = context.settings
  const isFine = (window: Window): boolean => totalOf(window) / window[0]!.bytes * tableBytes <= inputBytesMax
  const windows = runs.slice(0, -1).map((_, start) => runs.slice(start))
    .filter((window) => shareFrom(context, window) >= 1)
  const largestFirst = windows.toSorted((a, b) => b[0]!.bytes - a[0]!.bytes)
  for (const window of [...windows.filter(isFine), ...largestFirst]) {
    const pick = pickPart(context, window, score)
    if (pick !== null) return pick
  }
  return null
}

// ── A part of the keys ────────────────────────────────────────────────────────────────────────────────

/** Picks tables of the youngest run of a window with what lies under them, those that meet least first. */
function pickPart(context: PickContext, window: Window, score: number): CompactionPick | null {
  const { tables } = window[0]!
  const seeds = tables.flatMap((table, at) => {
    if (context.unavailable.has(table.fileNum)) return []
    const slice = sliceOf(window, at, at + 1)
    return [{ slice, ratio: slice.olderBytes / slice.bytes }]
  })
  seeds.sort((a, b) => a.ratio - b.ratio || a.slice.start - b.slice.start)
  for (const { slice } of seeds) {
    if (!isAvailable(context, slice.older)) continue
    const pick = planSlice(context, window, widened(context, window, slice), score)
    if (pick !== null) return pick
  }
  return null
}

function planSlice(context: PickContext, window: Window, slice: Slice, score: number): CompactionPick | null {
  const { level, tables } = window[0]!
  const own = tables.slice(slice.start, slice.end)
  const isMoved = slice.older.length === 0 && !own.some((table) => isTombstoneRich(context, table))
  return planPick(context, {
    reason: 'size', score, kind: isMoved ? 'move' : 'merge', outputLevel: window.at(-1)!.level,
    inputs: [{ level, tables: own }, ...slice.older],
  })
}

/** Adds neighbours until the pick is large enough; those of tables that meet nothing, as far as they meet nothing. */
function widened(context: PickContext, window: Window, seed: Slice): Slice {
  const { settings: { inputBytesMax }, unavailable } = context
  const { tables } = window[0]!
  let slice = seed
  for (;;) {
    const { start, end } = slice
    const wider = [[start, end + 1], [start - 1, end]] as const
    const next = wider
      .filter(([from, to]) => from >= 0 && to <= tables.length && to - from <= SLICE_TABLES_MAX &&
        !unavailable.has(tables[from]!.fileNum) && !unavailable.has(tables[to - 1]!.fileNum))
      .map(([from, to]) => sliceOf(window, from, to))
      .find((it) => (slice.older.length === 0
        ? it.older.length === 0
        : it.bytes + it.olderBytes <= PART_SHARE * inputBytesMax && isAvailable(context, it.older)))
    if (next === undefined) return slice
    slice = next
  }
}

function isAvailable({ unavailable }: PickContext, inputs: readonly PickInput[]): boolean {
  return inputs.every(({ tables }) => tables.every(({ fileNum }) => !unavailable.has(fileNum)))
}

function sliceOf(window: Window, start: number, end: number): Slice {
  const own = window[0]!.tables.slice(start, end)
  let extent = extentOfTables(own)
  const older: PickInput[] = []
  let olderBytes = 0
  for (const { level, run } of window.slice(1)) {
    const tables = run.overlapping(extent)
    if (tables.length === 0) continue
    older.push({ level, tables })
    olderBytes += totalBytes(tables)
    extent = extentOfTables([...own, ...older.flatMap((input) => input.tables)])
  }
  return { start, end, bytes: totalBytes(own), older, olderBytes }
}
