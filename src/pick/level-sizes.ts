/**
 * What: the target size of each level, and how full the level is.
 *
 * The deepest level decides (as RocksDB's level_compaction_dynamic_level_bytes): each level above it has
 * the target of the one below, divided by the multiplier, as long as that is at least baseLevelBytes. The
 * first such level, or the first one that holds anything, is the base level: level 0 is merged into it. So a
 * small database has one deep level, and space amplification is bounded by the multiplier at every size.
 * Thread: any (pure).
 */
import type { FileNum, LevelNum } from '../base/index.js'
import type { Version } from '../manifest/index.js'
import { totalBytes } from './compaction-pick.js'
import type { RunningCompaction } from './compaction-pick.js'
import type { CompactionSettings } from './compaction-settings.js'

export interface LevelSizes {
  /** The level that level 0 is merged into. */
  readonly baseLevel: LevelNum
  readonly lastLevel: LevelNum
  readonly bytes: readonly number[]
  /** The target bytes of each level; 0 for level 0, and for a level that should be empty. */
  readonly targets: readonly number[]
}

/** A level that is used is given up only when its target is below this share of baseLevelBytes. */
const GIVE_UP_SHARE = 0.5

export function levelSizes(version: Version, settings: CompactionSettings): LevelSizes {
  const { levelMultiplier, baseLevelBytes } = settings
  const bytes = version.levels.map(({ tables }) => totalBytes(tables))
  const lastLevel = bytes.length - 1
  const targets = bytes.map(() => 0)
  let target = Math.max(...bytes.slice(1))
  let baseLevel = lastLevel
  targets[lastLevel] = target
  for (;;) {
    target /= levelMultiplier
    const level = baseLevel - 1
    const isUsed = level >= 1 && bytes[level]! > 0
    if (level < 1 || target < baseLevelBytes * (isUsed ? GIVE_UP_SHARE : 1)) break
    baseLevel = level
    targets[level] = target
  }
  const firstUsed = bytes.findIndex((size, level) => level > 0 && size > 0)
  if (firstUsed > 0 && firstUsed < baseLevel) baseLevel = firstUsed
  return { baseLevel, lastLevel, bytes, targets }
}

/** The bytes of a level without the tables that running compactions take. */
export function idleBytes(version: Version, level: LevelNum, taken: ReadonlySet<FileNum>): number {
  let bytes = 0
  for (const table of version.levels[level]!.tables) if (!taken.has(table.fileNum)) bytes += table.bytes
  return bytes
}

/** The inputs of all running compactions. */
export function takenTables(running: readonly RunningCompaction[]): Set<FileNum> {
  const taken = new Set<FileNum>()
  for (const { inputs } of running) for (const fileNum of inputs) taken.add(fileNum)
  return taken
}
