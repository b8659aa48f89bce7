/**
 * What: what a picker looks at while it decides, and the building of a pick out of tables.
 * Thread: any (pure).
 * Invariants: COMP-1 a pick's inputs are closed: of the tables that are not taken and share keys with the
 * inputs, the newer ones lie above the output, the older ones below it.
 */
import { NUMBER_MAX } from '../base/index.js'
import type { FileNum, LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { extentOfTables, extentsOverlap } from '../manifest/index.js'
import type { Extent, Level, Version } from '../manifest/index.js'
import { canRunBeside, inputTables, reservationOf, totalBytes } from './compaction-pick.js'
import type { CompactionPick, PickInput, PickKind, PickReason, RunningCompaction } from './compaction-pick.js'
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
  /** Inputs of what is under way. */
  readonly taken: ReadonlySet<FileNum>
  /** … and blocked tables. */
  readonly unavailable: ReadonlySet<FileNum>
}

export function pickContext(
  settings: CompactionSettings,
  { version, running = [], held = Infinity, blocked = new Set() }: { version: Version } &
    Partial<Pick<PickContext, 'running' | 'held' | 'blocked'>>,
): PickContext {
  const taken = takenTables(running)
  const unavailable = new Set([...taken, ...blocked])
  return { version, settings, sizes: levelSizes(version, settings), running, held, blocked, taken, unavailable }
}

/** What shares keys with an extent in the first level from `from` on that has such tables, or null. */
export function firstOverlap(
  { version, sizes }: PickContext, extent: Extent, from: LevelNum,
): { level: LevelNum; tables: readonly TableFacts[] } | null {
  for (let level = from; level <= sizes.lastLevel; level++) {
    const tables = version.levels[level]!.overlapping(extent)
    if (tables.length > 0) return { level, tables }
  }
  return null
}

/** True when a table has many tombstones, and none that a snapshot needs. */
export function isTombstoneRich({ settings, held }: PickContext, table: TableFacts): boolean {
  const { tombstoneCount, entryCount, largestSeqNum } = table
  return tombstoneCount > 0 && tombstoneCount >= settings.tombstoneRatio * entryCount && largestSeqNum <= held
}

export interface PickPlan {
  readonly reason: PickReason
  readonly score: number
  readonly inputs: readonly PickInput[]
  readonly outputLevel: LevelNum
  /** Default: merge. */
  readonly kind?: PickKind
}

/**
 * Bytes and number of a deep level's tables that share keys with an extent; to be asked about extents that begin as
 * `first` does, and grow.
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

/** The pick, or null when something that it touches is not available now. */
export function planPick(context: PickContext, plan: PickPlan): CompactionPick | null {
  const tables = inputTables(plan)
  if (tables.some(({ fileNum }) => context.unavailable.has(fileNum))) return null
  const { outputLevel } = plan
  const { settings } = context
  const pick: CompactionPick = {
    kind: 'merge',
    ...plan,
    inputs: plan.inputs.filter((input) => input.tables.length > 0),
    below: tablesBelow(context, tables, outputLevel),
    // Tables of one level 0 output would count as several: it is written as one.
    tableBytes: outputLevel === 0 ? NUMBER_MAX : settings.tableBytes,
    overlapBytesMax: outputLevel === 0 ? NUMBER_MAX : settings.overlapBytesMax,
  }
  const reservation = reservationOf(pick)
  return context.running.every((other) => canRunBeside(reservation, other)) ? pick : null
}

function tablesBelow(
  { version, sizes }: PickContext, inputs: readonly TableFacts[], outputLevel: LevelNum,
): (readonly TableFacts[])[] {
  const extent = extentOfTables(inputs)
  const below: (readonly TableFacts[])[] = []
  if (outputLevel === 0) {
    const oldest = inputs.reduce((least, table) => Math.min(least, table.smallestSeqNum), Infinity)
    for (const table of version.levels[0]!.overlapping(extent)) if (table.smallestSeqNum < oldest) below.push([table])
  }
  for (let level = outputLevel + 1; level <= sizes.lastLevel; level++) {
    below.push(version.levels[level]!.overlapping(extent))
  }
  return below
}

/**
 * The deepest level from `from` on that a table can sink to without meeting another table, or null. It stops
 * where the level below would be met by too much: such a table is better cut while it is moved.
 */
export function sinkLevel(context: PickContext, extent: Extent, from: LevelNum): LevelNum | null {
  const { sizes, settings } = context
  const met = firstOverlap(context, extent, from)
  if (met === null) return sizes.lastLevel
  if (met.level === from || totalBytes(met.tables) > settings.overlapBytesMax) return null
  return met.level - 1
}
