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
import { hasWholeRuns } from './compaction-settings.js'
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
/** The deep levels of the style `simple`, and how much of the next one each may be. */
const SIMPLE_LEVELS = 4
const SIMPLE_SHARE_MAX = 1 / 2

/** The sizes by which a style decides. Of whole runs, no level has a target. */
export function levelSizes(version: Version, settings: CompactionSettings): LevelSizes {
  const bytes = version.levels.map(({ tables }) => totalBytes(tables))
  const lastLevel = bytes.length - 1
  if (hasWholeRuns(settings)) return { baseLevel: 1, lastLevel, bytes, targets: bytes.map(() => 0) }
  return settings.style === 'simple' ? simpleSizes(bytes) : dynamicSizes(bytes, settings)
}

/** The first level with bytes, or this one, whichever is higher. */
function baseWithUsed(bytes: readonly number[], baseLevel: LevelNum): LevelNum {
  const firstUsed = bytes.findIndex((size, level) => level > 0 && size > 0)
  return firstUsed > 0 && firstUsed < baseLevel ? firstUsed : baseLevel
}

/** A fixed number of levels, each half as large as the next. */
function simpleSizes(bytes: readonly number[]): LevelSizes {
  const lastLevel = bytes.length - 1
  const first = lastLevel - SIMPLE_LEVELS + 1
  const isLast = (level: LevelNum): boolean => level === lastLevel
  const targets = bytes.map((size, level) =>
    level < first ? 0 : isLast(level) ? size : bytes[level + 1]! * SIMPLE_SHARE_MAX)
  return { baseLevel: baseWithUsed(bytes, first), lastLevel, bytes, targets }
}

function dynamicSizes(bytes: readonly number[], settings: CompactionSettings): LevelSizes {
  const { levelMultiplier, baseLevelBytes } = settings
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
  return { baseLevel: baseWithUsed(bytes, baseLevel), lastLevel, bytes, targets }
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
