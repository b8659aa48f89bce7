/**
 * What: compactions that bring a deep level below its target by merging some of its tables into the next level.
 *
 * The tables for which the fewest bytes below are rewritten for each byte that goes down are first (RocksDB's
 * kMinOverlappingRatio). Their neighbours are included, since two picks would rewrite the tables between them twice.
 * Thread: any (pure).
 */
import type { LevelNum, TableFacts } from '../base/index.js'
import { extentOf, extentOfTables } from '../manifest/index.js'
import { totalBytes } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { idleBytes } from './level-sizes.js'
import { isTombstoneRich, planPick, sinkLevel } from './pick-context.js'
import type { PickContext } from './pick-context.js'

/** Neighbours in one level, and the tables below them. */
interface Slice {
  start: number
  end: number
  bytes: number
  below: readonly TableFacts[]
  belowBytes: number
}

export function pickSize(context: PickContext, level: LevelNum, score: number): CompactionPick | null {
  const { tables } = context.version.levels[level]!
  const seeds = tables.flatMap((table, at) => {
    if (context.unavailable.has(table.fileNum)) return []
    const slice = sliceOf(context, level, at, at + 1)
    return [{ slice, ratio: slice.belowBytes / slice.bytes }]
  })
  seeds.sort((a, b) => a.ratio - b.ratio || a.slice.start - b.slice.start)
  for (const { slice } of seeds) {
    const pick = pickSlice(context, level, slice, score)
    if (pick !== null) return pick
  }
  return null
}

function pickSlice(context: PickContext, level: LevelNum, seed: Slice, score: number): CompactionPick | null {
  const { tables } = context.version.levels[level]!
  const table = tables[seed.start]!
  const deepest = seed.below.length === 0 ? sinkLevel(context, extentOf(table), level + 1) : null
  if (deepest !== null && !isTombstoneRich(context, table)) {
    const inputs = [{ level, tables: [table] }]
    return planPick(context, { reason: 'size', score, inputs, outputLevel: deepest, kind: 'move' })
  }
  const { start, end, below } = widened(context, level, seed)
  const inputs = [{ level, tables: tables.slice(start, end) }, { level: level + 1, tables: below }]
  return planPick(context, { reason: 'size', score, inputs, outputLevel: level + 1 })
}

/** Adds neighbours, the cheaper first, until the level would be at its target or the pick is large enough. */
function widened(context: PickContext, level: LevelNum, seed: Slice): Slice {
  const { inputBytesMax } = context.settings
  const excess = idleBytes(context.version, level, context.taken) - context.sizes.targets[level]!
  let slice = seed
  for (;;) {
    const { start, end } = slice
    const wider = [sliceOf(context, level, start - 1, end), sliceOf(context, level, start, end + 1)]
      .filter((it) => it.bytes > slice.bytes && it.bytes <= Math.max(excess, slice.bytes) &&
        it.bytes + it.belowBytes <= inputBytesMax && isAvailable(context, level, it))
      .sort((a, b) => a.belowBytes / a.bytes - b.belowBytes / b.bytes)
    if (wider.length === 0) return slice
    slice = wider[0]!
  }
}

function isAvailable(context: PickContext, level: LevelNum, { start, end, below }: Slice): boolean {
  const tables = [...context.version.levels[level]!.tables.slice(start, end), ...below]
  return tables.every(({ fileNum }) => !context.unavailable.has(fileNum))
}

/** Makes a slice; an end outside the level is moved to the end of the level. */
function sliceOf(context: PickContext, level: LevelNum, start: number, end: number): Slice {
  const all = context.version.levels[level]!.tables
  const [from, to] = [Math.max(0, start), Math.min(all.length, end)]
  const own = all.slice(from, to)
  const below = context.version.levels[level + 1]!.overlapping(extentOfTables(own))
  return { start: from, end: to, bytes: totalBytes(own), below, belowBytes: totalBytes(below) }
}
