/**
 * What: steps that merge small neighbours of a deep level where they are: so that the number of files is bounded by
 * what they hold, however little each flush wrote.
 *
 * Tables get small where they sink without being merged (a program that writes in order, and little between two
 * flushes), where most of them was deleted, and where outputs are cut. A level may have a few for each `tableBytes`
 * that it holds, and some more; above that the neighbours go together that cost least for each table that goes.
 * Thread: any (pure).
 */
import type { LevelNum } from '../base/index.js'
import { extentOf, joinExtents, Level } from '../manifest/index.js'
import type { CompactionPick } from './compaction-pick.js'
import type { CompactionSettings } from './compaction-settings.js'
import { overlapMeter, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'

/** For each `tableBytes` of a level, and for each `overlapBytesMax` below it: outputs are cut at both. */
const TABLES_PER_SIZE = 3
/** Tables that one step takes: each is an open file. */
const STEP_TABLES_MAX = 64
/** Below the last level. */
const NO_TABLES = new Level([])

interface Step {
  readonly start: number
  readonly end: number
  /** At least. */
  readonly fewer: number
  /** Bytes to be merged for each table that goes. */
  readonly cost: number
}

/** Above 1 when the level has too many tables for what it holds, and some of them can go; else 0. */
export function smallScore(context: PickContext, level: LevelNum): number {
  const score = context.version.levels[level]!.tables.length / tablesMax(context, level)
  return score > 1 && stepsOf(context, level, Infinity).next().done === false ? score : 0
}

function tablesMax({ settings, sizes }: PickContext, level: LevelNum): number {
  const { tableBytes, overlapBytesMax, smallTablesMax } = settings
  const below = sizes.bytes[level + 1] ?? 0
  return smallTablesMax + TABLES_PER_SIZE * (sizes.bytes[level]! / tableBytes + below / overlapBytesMax)
}

/** A step of at most so many bytes, if there is one. What takes away half of the rest comes first. */
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

/** Neighbours that make fewer tables than they are, and so get larger each time. */
function* stepsOf(context: PickContext, level: LevelNum, bytesMax: number): Generator<Step> {
  const { version, settings, unavailable } = context
  const { tables } = version.levels[level]!
  const sumMax = Math.min(bytesMax, settings.tableBytes)
  for (const [start, first] of tables.entries()) {
    let extent = extentOf(first)
    const below = overlapMeter(version.levels[level + 1] ?? NO_TABLES, extent)
    let { bytes } = first
    if (unavailable.has(first.fileNum)) continue
    for (let end = start + 1; end < Math.min(tables.length, start + STEP_TABLES_MAX); end++) {
      const last = tables[end]!
      bytes += last.bytes
      if (bytes > sumMax || unavailable.has(last.fileNum)) break
      extent = joinExtents(extent, extentOf(last))
      const met = below(extent)
      const fewer = end + 1 - start - outputsMax(settings, met)
      if (fewer > 0) yield { start, end: end + 1, fewer, cost: bytes / fewer }
    }
  }
}

/** One, one more because sizes are estimated, and what overlaps below may cut. */
function outputsMax({ overlapBytesMax }: CompactionSettings, below: { bytes: number; count: number }): number {
  return 2 + (below.bytes > overlapBytesMax ? below.count : 0)
}
