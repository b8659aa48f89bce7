/**
 * What: compactions of tables that are rich in tombstones, even when every level is below its target, so that an
 * emptied range becomes fast and its space comes back by itself.
 *
 * Such a table is merged with the tables below in which it hides something, or rewritten in place when nothing lies
 * below. It is taken only if no snapshot needs one of its tombstones: then all that reach the bottom go, and no
 * table is rewritten in vain. The bytes that it may free are estimated from the average entry below it and its
 * value in a value log.
 * Thread: any (pure).
 */
import type { TableFacts } from '../base/index.js'
import { extentOfTables } from '../manifest/index.js'
import { totalBytes, valueBytesOf } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { hasWholeRuns } from './compaction-settings.js'
import { firstOverlap, isPart, isTombstoneRich, planPick } from './pick-context.js'
import { deletedShare } from './pick-covered.js'
import type { PickPlan, PickContext } from './pick-context.js'
import { runsOf, STEP_TABLES_MAX } from './pick-level0.js'
import type { Level0Stack } from './pick-level0.js'

interface Candidate {
  /** The bytes that may be freed for each byte that is merged. */
  readonly gain: number
  readonly plan: PickPlan
}

export function pickTombstones(context: PickContext, stacks: readonly Level0Stack[]): CompactionPick | null {
  const candidates = [...stackCandidates(context, stacks), ...tableCandidates(context)]
    .filter(({ gain }) => gain >= context.settings.reclaimShareMin)
    .sort((a, b) => b.gain - a.gain)
  for (const { plan } of candidates) {
    const pick = planPick(context, plan)
    if (pick !== null) return pick
  }
  return null
}

function* stackCandidates(context: PickContext, stacks: readonly Level0Stack[]): Generator<Candidate> {
  for (const stack of stacks) {
    const rich = stack.tables.filter((table) => isTombstoneRich(context, table))
    if (stack.isStuck || rich.length === 0 || stack.tables.length > STEP_TABLES_MAX) continue
    const outputLevel = stack.landing
    yield candidate(context, { rich, others: stack.tables.filter((table) => !rich.includes(table)) }, {
      reason: 'tombstones', score: stack.score, inputs: runsOf(stack.tables), outputLevel,
    })
  }
}

function* tableCandidates(context: PickContext): Generator<Candidate> {
  for (let level = 1; level <= context.sizes.lastLevel; level++) {
    for (const table of context.version.levels[level]!.tables) {
      if (!isTombstoneRich(context, table) || context.unavailable.has(table.fileNum)) continue
      yield candidate(context, { rich: [table], others: [] }, {
        reason: 'tombstones', score: 0, inputs: [{ level, tables: [table] }], outputLevel: level,
      })
    }
  }
}

/**
 * Merges into the first level, from the base level or the next one on, that has the keys, or follows the plan. Small
 * runs may lie before one that has much to delete, so whole runs are merged as far down as that gains most.
 */
function candidate(
  context: PickContext, { rich, others }: Record<'rich' | 'others', readonly TableFacts[]>, plan: PickPlan,
): Candidate {
  const own = extentOfTables([...rich, ...others])
  const hidden: TableFacts[] = []
  let best: Candidate | null = null
  let { inputs } = plan
  let from = plan.outputLevel + (inputs[0]!.level === 0 ? 0 : 1)
  for (;;) {
    const met = firstOverlap(context, hidden.length === 0 ? own : extentOfTables([...rich, ...others, ...hidden]), from)
    if (met === null) break
    hidden.push(...met.tables)
    const isWithin = isPart(context, [...rich, ...others, ...hidden])
    if (best !== null && !isWithin) break
    inputs = [...inputs, met]
    const isBottom = firstOverlap(context, own, met.level + 1) === null
    const gain = gainOf({ rich, others: [...others, ...hidden], isBottom })
    // A stack that meets too much goes down by itself, and its tables then one by one.
    const merged = isWithin || inputs[0]!.level > 0 ? { ...plan, inputs, outputLevel: met.level } : plan
    if (best === null || gain > best.gain) best = { gain, plan: merged }
    if (!isWithin || !hasWholeRuns(context.settings)) break
    from = met.level + 1
  }
  return best ?? { gain: gainOf({ rich, others, isBottom: true }), plan }
}

/**
 * Estimates the gain: each tombstone frees at most one entry that it may hide, and at the bottom also itself; range
 * tombstones free a share of the tables below them.
 */
function gainOf({ rich, others, isBottom }: {
  rich: readonly TableFacts[]; others: readonly TableFacts[]; isBottom: boolean
}): number {
  let [tombstoneCount, ownBytes] = [0, 0]
  for (const table of rich) {
    tombstoneCount += table.tombstoneCount
    // This is an upper bound, since a tombstone takes less than an entry with a value.
    ownBytes += table.bytes * (table.tombstoneCount / table.entryCount)
  }
  const spans = rich.flatMap((table) => table.spans?.widest ?? [])
  const deletedBytes = others.reduce(
    (sum, table) => sum + deletedShare(spans, table) * (table.bytes + valueBytesOf([table])), 0)
  const entryCount = others.reduce((sum, table) => sum + table.entryCount, 0)
  const otherBytes = totalBytes(others)
  const goingBytes = otherBytes + valueBytesOf(others)
  const hiddenBytes = entryCount === 0 ? 0 : goingBytes * Math.min(1, tombstoneCount / entryCount)
  return (Math.max(hiddenBytes, deletedBytes) + (isBottom ? ownBytes : 0)) / (totalBytes(rich) + otherBytes)
}
