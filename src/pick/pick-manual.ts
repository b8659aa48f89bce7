/**
 * What: compaction of a range on request: all tables in it go down, step by step, until they are in the last level
 * and hold no tombstone, no hidden version and no expired value that may go.
 *
 * In the style `none` nobody else ever empties value logs. So there a range ends with what `leveled` does when all is
 * quiet: the garbage that shows goes, and small value logs are brought together, where only tables of the range point.
 * Thread: any (pure).
 */
import type { FileNum, LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { allTables, extentOf, extentOfTables, extentsOverlap } from '../manifest/index.js'
import type { Extent, Level } from '../manifest/index.js'
import { totalBytes } from './compaction-pick.js'
import type { CompactionPick, Picker } from './compaction-pick.js'
import { settingsWhenQuiet } from './compaction-settings.js'
import type { CompactionSettings } from './compaction-settings.js'
import { pickContext, planPick, sinkLevel } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { hasExpired } from './pick-expired.js'
import type { ExpiryTimes } from './pick-expired.js'
import { pickNeighbours } from './pick-fifo.js'
import { level0Stacks, pickDown } from './pick-level0.js'
import { pickValues } from './pick-values.js'

export interface ManualRange {
  readonly extent: Extent
  /** Tables with only newer entries are left alone: otherwise a range that is being written would never be done. */
  readonly upTo: SeqNum
  /** Value logs from this number on are left alone, likewise. */
  readonly below: FileNum
  /** What expired by these times may go; null: nothing may. What expires later is left alone, likewise. */
  readonly expiry: ExpiryTimes | null
}

export interface ManualPicker extends Pick<Picker, 'pick' | 'within'> {
  /** True when the table may hold entries of the range. */
  wants(table: TableFacts): boolean
}

/** Makes a picker for a range. A pick of null means done when nothing is running, otherwise that it must wait. */
export function manualPicker(settings: CompactionSettings, wanted: ManualRange, roomBytes = Infinity): ManualPicker {
  const quiet = settingsWhenQuiet(settings)
  return {
    wants: (table) => isWanted(table, wanted),
    within: (room) => manualPicker(settings, wanted, room),
    pick(version, running, held, blocked) {
      const context = pickContext(settings, { version, running, held, blocked })
      if (settings.style === 'fifo') return pickByAge(context, wanted)
      for (const step of manualSteps(context, wanted)) if (step !== null) return step
      if (settings.style !== 'none') return null
      const others = allTables(version).filter((table) => !isWanted(table, wanted)).map(({ fileNum }) => fileNum)
      const leftAlone = new Set([...blocked, ...others])
      const ofRange = pickContext(quiet, { version, running, held, blocked: leftAlone, roomBytes })
      return pickValues(ofRange, wanted.below)
    },
  }
}

/** With `fifo` tables stay where they are: what may be lost from them goes, and small neighbours become one. */
function pickByAge(context: PickContext, wanted: ManualRange): CompactionPick | null {
  const isOfRange = (table: TableFacts): boolean => isWanted(table, wanted)
  for (const [level, { tables }] of context.version.levels.entries()) {
    for (const table of tables.filter(isOfRange)) {
      const hasHidden = table.hiddenCount > 0 && table.largestSeqNum <= context.held
      if (!hasHidden && (wanted.expiry === null || !hasExpired(table, wanted.expiry))) continue
      const inputs = [{ level, tables: [table] }]
      const pick = planPick(context, { reason: 'manual', score: 0, inputs, outputLevel: level })
      if (pick !== null) return pick
    }
  }
  return pickNeighbours(context, { countMin: 2, reason: 'manual', isWanted: isOfRange })
}

function* manualSteps(context: PickContext, wanted: ManualRange): Generator<CompactionPick | null> {
  const { version, sizes } = context
  const score = 0
  for (const stack of level0Stacks(context)) {
    if (stack.isStuck || !stack.tables.some((table) => isWanted(table, wanted))) continue
    yield pickDown(context, stack, { reason: 'manual', score })
  }
  for (let level = 1; level < sizes.lastLevel; level++) yield* stepsDown(context, level, wanted)
  const level = sizes.lastLevel
  for (const table of version.levels[level]!.tables) {
    const mayLose = mayLoseEntries(context, table) || (wanted.expiry !== null && hasExpired(table, wanted.expiry))
    if (!isWanted(table, wanted) || !mayLose) continue
    yield planPick(context, { reason: 'manual', score, inputs: [{ level, tables: [table] }], outputLevel: level })
  }
}

/** Gives moves of single tables, and merges of as many tables as a pick may take with the next level in use. */
function* stepsDown(context: PickContext, level: LevelNum, wanted: ManualRange): Generator<CompactionPick | null> {
  const { version, sizes, unavailable } = context
  const { tables } = version.levels[level]!
  const nextUsed = version.levels.findIndex((it, at) => at > level && it.tables.length > 0)
  const outputLevel = nextUsed < 0 ? sizes.lastLevel : nextUsed
  const below = version.levels[outputLevel]!
  for (const [start, table] of tables.entries()) {
    if (!isWanted(table, wanted) || unavailable.has(table.fileNum)) continue
    const deepest = mayLoseEntries(context, table) ? null : sinkLevel(context, extentOf(table), level + 1)
    const moveLevel = deepest !== null && deepest >= outputLevel ? deepest : null
    const end = moveLevel === null ? sliceEnd(context, { tables, start, below }, wanted) : start + 1
    const own = tables.slice(start, end)
    const met = moveLevel === null ? below.overlapping(extentOfTables(own)) : []
    yield planPick(context, {
      reason: 'manual', score: 0, kind: moveLevel !== null ? 'move' : 'merge', outputLevel: moveLevel ?? outputLevel,
      inputs: [{ level, tables: own }, { level: outputLevel, tables: met }],
    })
  }
}

/** Finds the end of the neighbours that a merge may include. */
function sliceEnd(
  { settings, unavailable }: PickContext,
  { tables, start, below }: { tables: readonly TableFacts[]; start: number; below: Level },
  wanted: ManualRange,
): number {
  let end = start + 1
  while (end < tables.length && isWanted(tables[end]!, wanted) && !unavailable.has(tables[end]!.fileNum)) {
    const own = tables.slice(start, end + 1)
    if (totalBytes(own) + totalBytes(below.overlapping(extentOfTables(own))) > settings.inputBytesMax) break
    end++
  }
  return end
}

function mayLoseEntries({ held }: PickContext, table: TableFacts): boolean {
  const { tombstoneCount, hiddenCount, largestSeqNum, spans } = table
  return (tombstoneCount + hiddenCount > 0 || spans !== null) && largestSeqNum <= held
}

function isWanted(table: TableFacts, { extent, upTo }: ManualRange): boolean {
  return table.smallestSeqNum <= upTo && extentsOverlap(extentOf(table), extent)
}
