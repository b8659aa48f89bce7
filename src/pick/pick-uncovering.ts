/**
 * What: steps that bring tables down for the garbage that shows then: that a large value is dead is known only when its
 * entry and the newer one meet in a merge.
 *
 * How much that is nobody knows before. At most each entry that goes down lets go of one value of those that it meets,
 * so that is what a step is weighed with: otherwise a write now and then would rewrite a whole level each time.
 * Thread: any (pure).
 */
import type { LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { extentOf } from '../manifest/index.js'
import type { Level } from '../manifest/index.js'
import { totalBytes, valueBytesOf } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { hasWholeRuns } from './compaction-settings.js'
import { liveValueBytes } from './condemned-logs.js'
import { firstOverlap, isPart, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { pickDown, runsOf, STEP_TABLES_MAX } from './pick-level0.js'
import type { Level0Stack } from './pick-level0.js'

/** Tables with only entries newer than `upTo` are left alone. */
export function pickUncovering(
  context: PickContext, stacks: readonly Level0Stack[], upTo: SeqNum = Infinity,
): CompactionPick | null {
  const { version, settings } = context
  const isWanted = settings.uncoverShareMin < Infinity && settings.style !== 'fifo'
  if (!isWanted || version.valueLogs.size === 0) return null
  let pick: CompactionPick | null = null
  const isOld = ({ smallestSeqNum }: TableFacts): boolean => smallestSeqNum <= upTo
  for (const stack of stacks) if (stack.tables.some(isOld)) pick ??= pickStackFor(context, stack)
  for (let level = context.sizes.baseLevel; level < context.sizes.lastLevel && pick === null; level++) {
    if (context.version.levels[level]!.tables.length === 0) continue
    const entryBytesMax = entryBytesBelow(context, level)
    for (const table of context.version.levels[level]!.tables) {
      if (pick !== null) break
      const hiddenMax = table.entryCount * entryBytesMax
      if (isOld(table) && isEnough(context, hiddenMax, table.bytes)) pick = pickTableFor(context, level, table)
    }
  }
  return pick
}

const knownEntryBytes = new WeakMap<Level, number>()

/** The most that an entry of a table below stands for on average: no entry above lets go of more. */
function entryBytesBelow({ version, sizes }: PickContext, level: LevelNum): number {
  let most = 0
  for (let below = level + 1; below <= sizes.lastLevel; below++) {
    most = Math.max(most, entryBytesOf(version.levels[below]!))
  }
  return most
}

/** What is known of a level is kept: most levels are in many versions. */
function entryBytesOf(level: Level): number {
  let most = knownEntryBytes.get(level)
  if (most !== undefined) return most
  most = 0
  for (const { rawBytes, entryCount, valueFiles } of level.tables) {
    if (valueFiles.length > 0) most = Math.max(most, rawBytes / entryCount)
  }
  knownEntryBytes.set(level, most)
  return most
}

function pickStackFor(context: PickContext, stack: Level0Stack): CompactionPick | null {
  const { tables, base, isStuck, score } = stack
  if (hasWholeRuns(context.settings)) return pickOntoRun(context, stack)
  if (isStuck || (base.length === 0 && tables.length === 1)) return null
  const isWorth = mayUncover(context, { above: tables, older: [...tables, ...base] })
  return isWorth ? pickDown(context, stack, { reason: 'uncover', score }) : null
}

/** Where a stack lands among whole runs it meets nothing, so it is merged into the first run that has its keys. */
function pickOntoRun(context: PickContext, stack: Level0Stack): CompactionPick | null {
  const { tables, extent, isStuck, score } = stack
  const met = firstOverlap(context, extent, 1)
  if (isStuck || tables.length > STEP_TABLES_MAX || (met === null && tables.length === 1)) return null
  const older = [...tables, ...(met?.tables ?? [])]
  if (!mayUncover(context, { above: tables, older })) return null
  if (met === null || !isPart(context, older)) return pickDown(context, stack, { reason: 'uncover', score })
  return planPick(context, {
    reason: 'uncover', score, inputs: [...runsOf(tables), met], outputLevel: met.level,
  })
}

function pickTableFor(context: PickContext, level: LevelNum, table: TableFacts): CompactionPick | null {
  const met = firstOverlap(context, extentOf(table), level + 1)
  if (met === null || !mayUncover(context, { above: [table], older: met.tables })) return null
  return planPick(context, {
    reason: 'uncover', score: 0, inputs: [{ level, tables: [table] }, met], outputLevel: met.level,
  })
}

function mayUncover(
  context: PickContext, { above, older }: Record<'above' | 'older', readonly TableFacts[]>,
): boolean {
  const share = Math.min(1, entryCountOf(above) / entryCountOf(older))
  const mergedBytes = totalBytes([...new Set([...above, ...older])])
  const isPossible = isEnough(context, rawBytesPointed(older) * share, mergedBytes)
  return isPossible && isEnough(context, valueBytesOf(older) * share, mergedBytes)
}

/** True when what may be let go of is worth the bytes that are merged. */
function isEnough({ settings, version }: PickContext, uncovered: number, mergedBytes: number): boolean {
  return uncovered > 0 && uncovered >= settings.uncoverShareMin * mergedBytes &&
    uncovered >= settings.uncoverLiveShareMin * liveValueBytes(version)
}

/** No less than the bytes of the values that tables point to, and known without looking at what they point to. */
function rawBytesPointed(tables: readonly TableFacts[]): number {
  return tables.reduce((sum, { rawBytes, valueFiles }) => sum + (valueFiles.length === 0 ? 0 : rawBytes), 0)
}

function entryCountOf(tables: readonly TableFacts[]): number {
  return tables.reduce((sum, { entryCount }) => sum + entryCount, 0)
}
