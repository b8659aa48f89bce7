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
import { totalBytes, valueBytesOf } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { liveValueBytes } from './condemned-logs.js'
import { firstOverlap, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { pickDown } from './pick-level0.js'
import type { Level0Stack } from './pick-level0.js'

/** Tables with only entries newer than `upTo` are left alone. */
export function pickUncovering(
  context: PickContext, stacks: readonly Level0Stack[], upTo: SeqNum = Infinity,
): CompactionPick | null {
  if (context.settings.uncoverShareMin === Infinity || context.version.valueLogs.size === 0) return null
  let pick: CompactionPick | null = null
  const isOld = ({ smallestSeqNum }: TableFacts): boolean => smallestSeqNum <= upTo
  for (const stack of stacks) if (stack.tables.some(isOld)) pick ??= pickStackFor(context, stack)
  for (let level = context.sizes.baseLevel; level < context.sizes.lastLevel; level++) {
    for (const table of context.version.levels[level]!.tables) {
      if (isOld(table)) pick ??= pickTableFor(context, level, table)
    }
  }
  return pick
}

function pickStackFor(context: PickContext, stack: Level0Stack): CompactionPick | null {
  const { tables, base, isStuck, score } = stack
  if (isStuck || (base.length === 0 && tables.length === 1)) return null
  const isWorth = mayUncover(context, { above: tables, older: [...tables, ...base] })
  return isWorth ? pickDown(context, stack, { reason: 'uncover', score }) : null
}

function pickTableFor(context: PickContext, level: LevelNum, table: TableFacts): CompactionPick | null {
  const met = firstOverlap(context, extentOf(table), level + 1)
  if (met === null || !mayUncover(context, { above: [table], older: met.tables })) return null
  return planPick(context, {
    reason: 'uncover', score: 0, inputs: [{ level, tables: [table] }, met], outputLevel: met.level,
  })
}

function mayUncover(
  { settings, version }: PickContext, { above, older }: Record<'above' | 'older', readonly TableFacts[]>,
): boolean {
  const uncovered = valueBytesOf(older) * Math.min(1, entryCountOf(above) / entryCountOf(older))
  return uncovered > 0 && uncovered >= settings.uncoverShareMin * totalBytes([...new Set([...above, ...older])]) &&
    uncovered >= settings.uncoverLiveShareMin * liveValueBytes(version)
}

function entryCountOf(tables: readonly TableFacts[]): number {
  return tables.reduce((sum, { entryCount }) => sum + entryCount, 0)
}
