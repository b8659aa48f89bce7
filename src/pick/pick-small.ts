/**
 * What: compactions that merge small neighbours of a deep level in place, so that the number of files is bounded by
 * what they hold, however little each flush wrote.
 *
 * Tables are small when they move down without a merge (after small flushes in key order), when most of their entries
 * were deleted, and where outputs are cut, by their bytes or by those of the values they point to. A level may have a
 * few tables for each `tableBytes` that it holds, and some more. Above that the neighbours that cost least for each
 * table that goes are merged.
 * Thread: any (pure).
 */
import type { LevelNum } from '../base/index.js'
import { extentOf, joinExtents, Level } from '../manifest/index.js'
import { outputShare } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import type { CompactionSettings } from './compaction-settings.js'
import { cutLevel, overlapMeter, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'

/** Tables allowed for each `tableBytes` of a level, and each `overlapBytesMax` below it: outputs are cut at both. */
const TABLES_PER_SIZE = 3
/** The most tables that one compaction takes, since each is an open file. */
const STEP_TABLES_MAX = 64
/** The level below the last one. */
const NO_TABLES = new Level([])

interface Step {
  readonly start: number
  readonly end: number
  /** The least number of tables that go. */
  readonly fewer: number
  /** The bytes that are merged for each table that goes. */
  readonly cost: number
}

/** A score above 1 when the level has too many tables for what it holds and some of them can go, otherwise 0. */
export function smallScore(context: PickContext, level: LevelNum): number {
  const score = context.version.levels[level]!.tables.length / tablesMax(context, level)
  return score > 1 && stepsOf(context, level, Infinity).next().done === false ? score : 0
}

function tablesMax(context: PickContext, level: LevelNum): number {
  const { version, settings, sizes } = context
  const { tableBytes, overlapBytesMax, smallTablesMax } = settings
  const below = sizes.bytes[cutLevel(context, level)] ?? 0
  let shares = 0
  for (const table of version.levels[level]!.tables) shares += outputShare(table)
  return smallTablesMax + TABLES_PER_SIZE * (shares / tableBytes + below / overlapBytesMax)
}

/** Picks a compaction of at most `bytesMax` bytes, or gives null. Those that remove enough tables come first. */
export function pickSmall(context: PickContext, level: LevelNum, bytesMax = Infinity): CompactionPick | null {
  const { version, settings: { smallTablesMax } } = context
  const { tables } = version.levels[level]!
  const excess = tables.length - tablesMax(context, level)
  if (excess <= 0) return null
  const enough = excess + smallTablesMax / 2
  const rankOf = ({ fewer }: Step): number => (fewer >= enough ? 0 : 1)
  const steps = [...stepsOf(context, level, bytesMax)]
  steps.sort((a, b) => rankOf(a) - rankOf(b) || a.cost - b.cost || a.start - b.start)
  const score = tables.length / tablesMax(context, level)
  for (const { start, end } of steps) {
    const inputs = [{ level, tables: tables.slice(start, end) }]
    const pick = planPick(context, { reason: 'small', score, inputs, outputLevel: level })
    if (pick !== null) return pick
  }
  return null
}

/** Gives slices of neighbours that become fewer tables, so that tables grow with each merge. */
function* stepsOf(context: PickContext, level: LevelNum, bytesMax: number): Generator<Step> {
  const { version, settings, unavailable } = context
  const { tables } = version.levels[level]!
  const sumMax = Math.min(bytesMax, settings.tableBytes)
  const cutting = version.levels[cutLevel(context, level)] ?? NO_TABLES
  for (const [start, first] of tables.entries()) {
    let extent = extentOf(first)
    const below = overlapMeter(cutting, extent)
    let bytes = outputShare(first)
    if (unavailable.has(first.fileNum)) continue
    for (let end = start + 1; end < Math.min(tables.length, start + STEP_TABLES_MAX); end++) {
      const last = tables[end]!
      bytes += outputShare(last)
      if (bytes > sumMax || unavailable.has(last.fileNum)) break
      extent = joinExtents(extent, extentOf(last))
      const met = below(extent)
      const fewer = end + 1 - start - outputsMax(settings, met)
      if (fewer > 0) yield { start, end: end + 1, fewer, cost: bytes / fewer }
    }
  }
}

/** One output, one more because sizes are estimated, and one for each table below at which an output may be cut. */
function outputsMax({ overlapBytesMax }: CompactionSettings, below: { bytes: number; count: number }): number {
  return 2 + (below.bytes > overlapBytesMax ? below.count : 0)
}
