/**
 * What: what a picker looks at while it decides, and the building of a pick out of tables.
 * Thread: any (pure).
 * Invariants: COMP-1 a pick's inputs are closed: of the tables that are not taken and share keys with the
 * inputs, the newer ones lie above the output, the older ones below it.
 */
import { NUMBER_MAX, compareBytes } from '../base/index.js'
import type { FileNum, LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { tablesOverlap } from '../manifest/index.js'
import type { KeySpan, Version } from '../manifest/index.js'
import { canRunBeside, inputTables, reservationOf, spanOf, totalBytes } from './compaction-pick.js'
import type { CompactionPick, PickInput, PickReason, RunningCompaction } from './compaction-pick.js'
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

/** The tables of a deep level that share keys with a span, in key order. */
export function overlapping(tables: readonly TableFacts[], span: KeySpan): readonly TableFacts[] {
  const start = firstEndingAtOrAfter(tables, span)
  let end = start
  while (end < tables.length && tablesOverlap(tables[end]!, span)) end++
  return tables.slice(start, end)
}

/** Place of the first table of a deep level that does not lie wholly before the span. */
function firstEndingAtOrAfter(tables: readonly TableFacts[], span: KeySpan): number {
  let low = 0
  let high = tables.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const table = tables[middle]!
    const order = table.keyspaceId - span.keyspaceId || compareBytes(table.largestKey, span.smallestKey)
    if (order < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** The deep levels from `from` on that share keys with a span, the shallowest first. */
export function firstOverlap(
  { version, sizes }: PickContext, span: KeySpan, from: LevelNum,
): { level: LevelNum; tables: readonly TableFacts[] } | null {
  for (let level = from; level <= sizes.lastLevel; level++) {
    const tables = overlapping(version.levels[level]!, span)
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
  readonly isTrivialMove?: boolean
}

/**
 * Bytes and number of a deep level's tables that share keys with a span; to be asked about spans that begin as `first`
 * does, and grow.
 */
export function overlapMeter(
  tables: readonly TableFacts[], first: KeySpan,
): (span: KeySpan) => { bytes: number; count: number } {
  const start = firstEndingAtOrAfter(tables, first)
  let [end, bytes] = [start, 0]
  return (span) => {
    while (end < tables.length && tablesOverlap(tables[end]!, span)) bytes += tables[end++]!.bytes
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
    isTrivialMove: false,
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
  const span = spanOf(inputs)
  const below: (readonly TableFacts[])[] = []
  if (outputLevel === 0) {
    const oldest = inputs.reduce((least, table) => Math.min(least, table.smallestSeqNum), Infinity)
    for (const table of version.levels[0]!) {
      if (table.smallestSeqNum < oldest && tablesOverlap(table, span)) below.push([table])
    }
  }
  for (let level = outputLevel + 1; level <= sizes.lastLevel; level++) {
    below.push(overlapping(version.levels[level]!, span))
  }
  return below
}

/**
 * The deepest level from `from` on that a span can sink to without meeting another table, or null. It stops
 * where the level below would be met by too much: such a table is better cut while it is moved.
 */
export function sinkLevel(context: PickContext, span: KeySpan, from: LevelNum): LevelNum | null {
  const { sizes, settings } = context
  const met = firstOverlap(context, span, from)
  if (met === null) return sizes.lastLevel
  if (met.level === from || totalBytes(met.tables) > settings.overlapBytesMax) return null
  return met.level - 1
}
