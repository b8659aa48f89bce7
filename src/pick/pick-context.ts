/**
 * What: what a picker looks at while it decides, and the building of a pick out of tables.
 * Thread: any (pure).
 * Invariants: COMP-1 a pick's inputs are closed: of the tables that are not taken and share keys with the
 * inputs, the newer ones lie above the output, the older ones below it.
 */
import { NUMBER_MAX } from '../base/index.js'
import type { FileNum, LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { extentOfTables, extentsOverlap, Level, LEVELS_MAX } from '../manifest/index.js'
import type { Extent, Version } from '../manifest/index.js'
import { canRunBeside, inputTables, reservationOf, totalBytes } from './compaction-pick.js'
import type { CompactionPick, PickInput, PickKind, PickReason, RunningCompaction } from './compaction-pick.js'
import { hasWholeRuns } from './compaction-settings.js'
import type { CompactionSettings } from './compaction-settings.js'
import { levelSizes, takenTables } from './level-sizes.js'
import type { LevelSizes } from './level-sizes.js'

export interface PickContext {
  readonly version: Version
  readonly settings: CompactionSettings
  readonly sizes: LevelSizes
  readonly running: readonly RunningCompaction[]
  readonly held: SeqNum
  readonly blocked: ReadonlySet<FileNum>
  /** What a run that moves values may write. */
  readonly roomBytes: number
  /** The inputs of running compactions. */
  readonly taken: ReadonlySet<FileNum>
  /** The tables that no pick may take: those in `taken` and those in `blocked`. */
  readonly unavailable: ReadonlySet<FileNum>
}

export function pickContext(
  settings: CompactionSettings,
  { version: given, running = [], held = Infinity, blocked = new Set(), roomBytes = Infinity }: { version: Version } &
    Partial<Pick<PickContext, 'running' | 'held' | 'blocked' | 'roomBytes'>>,
): PickContext {
  const version = hasWholeRuns(settings) ? withAllLevels(given) : given
  const taken = takenTables(running)
  const unavailable = new Set([...taken, ...blocked])
  const sizes = levelSizes(version, settings)
  return { version, settings, sizes, running, held, blocked, roomBytes, taken, unavailable }
}

const NO_TABLES = new Level([])
const known = new WeakMap<Version, Version>()

/** The version with all levels that there can be: whole runs take them from the deepest on. */
function withAllLevels(version: Version): Version {
  let whole = known.get(version)
  if (whole === undefined) {
    const levels = Array.from({ length: LEVELS_MAX }, (_, level) => version.levels[level] ?? NO_TABLES)
    known.set(version, (whole = { ...version, levels }))
  }
  return whole
}

/**
 * The level that tables of level 0 with this extent go down to. Among whole runs they join the youngest, if it has none
 * of their keys, and otherwise make one above it; 0: there is no level.
 */
export function landingLevel({ settings, sizes, version: { levels } }: PickContext, extent: Extent): LevelNum {
  if (!hasWholeRuns(settings)) return sizes.baseLevel
  const youngest = sizes.bytes.findIndex((bytes, level) => level > 0 && bytes > 0)
  if (youngest < 0) return sizes.lastLevel
  return levels[youngest]!.overlapping(extent).length === 0 ? youngest : youngest - 1
}

/**
 * The level by whose tables the outputs into a level are cut, so that none reaches over too many bytes: the next one,
 * among whole runs the largest below.
 */
export function cutLevel({ settings, sizes: { bytes } }: PickContext, level: LevelNum): LevelNum {
  let largest = level + 1
  if (!hasWholeRuns(settings)) return largest
  for (let below = level + 2; below < bytes.length; below++) if (bytes[below]! > bytes[largest]!) largest = below
  return largest
}

/** Finds the first level from `from` on with tables that share keys with an extent, or gives null. */
export function firstOverlap(
  { version, sizes }: PickContext, extent: Extent, from: LevelNum,
): { level: LevelNum; tables: readonly TableFacts[] } | null {
  for (let level = from; level <= sizes.lastLevel; level++) {
    const tables = version.levels[level]!.overlapping(extent)
    if (tables.length > 0) return { level, tables }
  }
  return null
}

/**
 * A merge of whole runs takes so many times what one of sized levels takes: where it ends, each older run is read a
 * table wider, and what it reads there is read again.
 */
export const PART_SHARE = 4

/** True when a merge of the tables is no larger than a part may be, with styles that merge in parts. */
export function isPart({ settings }: PickContext, tables: readonly TableFacts[]): boolean {
  return !hasWholeRuns(settings) || totalBytes(tables) <= PART_SHARE * settings.inputBytesMax
}

/** True when a table has many tombstones, or range tombstones, and no snapshot needs any of them. */
export function isTombstoneRich({ settings, held }: PickContext, table: TableFacts): boolean {
  const { tombstoneCount, entryCount, largestSeqNum, spans } = table
  if (spans !== null && largestSeqNum <= held) return true
  return tombstoneCount > 0 && tombstoneCount >= settings.tombstoneRatio * entryCount && largestSeqNum <= held
}

export interface PickPlan {
  readonly reason: PickReason
  readonly score: number
  readonly inputs: readonly PickInput[]
  readonly outputLevel: LevelNum
  /** The kind of the pick; a merge when it is left out. */
  readonly kind?: PickKind
  /** Default: none. */
  readonly condemned?: readonly FileNum[]
}

/**
 * Makes a function that gives the bytes and the number of a deep level's tables that share keys with an extent.
 * Requires: each extent begins as `first` does, and contains the one before.
 */
export function overlapMeter(
  { runs: [run] }: Level, first: Extent,
): (extent: Extent) => { bytes: number; count: number } {
  if (run === undefined) return () => ({ bytes: 0, count: 0 })
  const { tables, extents } = run
  const start = run.firstEndingAtOrAfter(first.lower, 0, first.lower.length)
  let [end, bytes] = [start, 0]
  return (extent) => {
    while (end < tables.length && extentsOverlap(extents[end]!, extent)) bytes += tables[end++]!.bytes
    return { bytes, count: end - start }
  }
}

/** Makes the pick, or gives null when it touches something that is not available now. */
export function planPick(context: PickContext, plan: PickPlan): CompactionPick | null {
  const tables = inputTables(plan)
  if (tables.some(({ fileNum }) => context.unavailable.has(fileNum))) return null
  const { outputLevel } = plan
  const { settings } = context
  const pick: CompactionPick = {
    kind: 'merge',
    condemned: [],
    ...plan,
    inputs: plan.inputs.filter((input) => input.tables.length > 0),
    below: tablesBelow(context, tables, outputLevel),
    // In level 0 each table is a run of its own, so an output there is never cut.
    tableBytes: outputLevel === 0 ? NUMBER_MAX : settings.tableBytes,
    overlapBytesMax: outputLevel === 0 ? NUMBER_MAX : settings.overlapBytesMax,
  }
  const reservation = reservationOf(pick)
  return context.running.every((other) => canRunBeside(reservation, other)) ? pick : null
}

function tablesBelow(
  context: PickContext, inputs: readonly TableFacts[], outputLevel: LevelNum,
): (readonly TableFacts[])[] {
  const { version, sizes } = context
  const extent = extentOfTables(inputs)
  const below: (readonly TableFacts[])[] = []
  if (outputLevel === 0) {
    const oldest = inputs.reduce((least, table) => Math.min(least, table.smallestSeqNum), Infinity)
    for (const table of version.levels[0]!.overlapping(extent)) if (table.smallestSeqNum < oldest) below.push([table])
  }
  const first = cutLevel(context, outputLevel)
  if (first <= sizes.lastLevel) below.push(version.levels[first]!.overlapping(extent))
  for (let level = outputLevel + 1; level <= sizes.lastLevel; level++) {
    if (level !== first) below.push(version.levels[level]!.overlapping(extent))
  }
  return below
}

/**
 * Finds the deepest level from `from` on that a table can move to without meeting another table, or gives null.
 * A table that would stop above too many bytes does not move: a merge can cut it into smaller ones.
 */
export function sinkLevel(context: PickContext, extent: Extent, from: LevelNum): LevelNum | null {
  const { sizes, settings } = context
  const met = firstOverlap(context, extent, from)
  if (met === null) return sizes.lastLevel
  if (met.level === from || totalBytes(met.tables) > settings.overlapBytesMax) return null
  return met.level - 1
}
