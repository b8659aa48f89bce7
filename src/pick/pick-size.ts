/**
 * What: steps that bring a deep level below its target: some of its tables into the level below.
 *
 * First the tables for which least has to be rewritten below for each byte that goes down (as RocksDB's
 * kMinOverlappingRatio). Neighbours come along: two picks would rewrite the tables between them twice.
 * Thread: any (pure).
 */
import type { LevelNum, TableFacts } from '../base/index.js'
import { spanOf, totalBytes } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { idleBytes } from './level-sizes.js'
import { isTombstoneRich, overlapping, planPick, sinkLevel } from './pick-context.js'
import type { PickScene } from './pick-context.js'

/** Neighbours in one level, and what lies below them. */
interface Slice {
  start: number
  end: number
  bytes: number
  below: readonly TableFacts[]
  belowBytes: number
}

export function pickSize(scene: PickScene, level: LevelNum, score: number): CompactionPick | null {
  const tables = scene.version.levels[level]!
  const seeds = tables.flatMap((table, at) => {
    if (scene.unavailable.has(table.fileNum)) return []
    const slice = sliceOf(scene, level, at, at + 1)
    return [{ slice, ratio: slice.belowBytes / slice.bytes }]
  })
  seeds.sort((a, b) => a.ratio - b.ratio || a.slice.start - b.slice.start)
  for (const { slice } of seeds) {
    const pick = pickSlice(scene, level, slice, score)
    if (pick !== null) return pick
  }
  return null
}

function pickSlice(scene: PickScene, level: LevelNum, seed: Slice, score: number): CompactionPick | null {
  const tables = scene.version.levels[level]!
  const table = tables[seed.start]!
  const deepest = seed.below.length === 0 ? sinkLevel(scene, table, level + 1) : null
  if (deepest !== null && !isTombstoneRich(scene, table)) {
    const inputs = [{ level, tables: [table] }]
    return planPick(scene, { reason: 'size', score, inputs, outputLevel: deepest, isTrivialMove: true })
  }
  const { start, end, below } = widened(scene, level, seed)
  const inputs = [{ level, tables: tables.slice(start, end) }, { level: level + 1, tables: below }]
  return planPick(scene, { reason: 'size', score, inputs, outputLevel: level + 1 })
}

/** With neighbours, the cheaper first, until the level has what it may have or the pick is large enough. */
function widened(scene: PickScene, level: LevelNum, seed: Slice): Slice {
  const { inputBytesMax } = scene.settings
  const excess = idleBytes(scene.version, level, scene.taken) - scene.sizes.targets[level]!
  let slice = seed
  for (;;) {
    const wider = [sliceOf(scene, level, slice.start - 1, slice.end), sliceOf(scene, level, slice.start, slice.end + 1)]
      .filter((it) => it.bytes > slice.bytes && it.bytes <= Math.max(excess, slice.bytes) &&
        it.bytes + it.belowBytes <= inputBytesMax && isAvailable(scene, level, it))
      .sort((a, b) => a.belowBytes / a.bytes - b.belowBytes / b.bytes)
    if (wider.length === 0) return slice
    slice = wider[0]!
  }
}

function isAvailable(scene: PickScene, level: LevelNum, { start, end, below }: Slice): boolean {
  const tables = [...scene.version.levels[level]!.slice(start, end), ...below]
  return tables.every(({ fileNum }) => !scene.unavailable.has(fileNum))
}

/** Ends that lie outside the level, or in another keyspace, are brought in. */
function sliceOf(scene: PickScene, level: LevelNum, start: number, end: number): Slice {
  const all = scene.version.levels[level]!
  const [from, to] = [Math.max(0, start), Math.min(all.length, end)]
  const own = all.slice(from, to)
  const isOneKeyspace = own[0]!.keyspaceId === own.at(-1)!.keyspaceId
  if (!isOneKeyspace) return { start, end, bytes: 0, below: [], belowBytes: 0 }
  const below = overlapping(scene.version.levels[level + 1]!, spanOf(own))
  return { start: from, end: to, bytes: totalBytes(own), below, belowBytes: totalBytes(below) }
}
