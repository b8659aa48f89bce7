/**
 * What: compactions that leave fewer tables in level 0 although its stacks are low.
 *
 * A program that flushes little and often, or writes in many places by turns, makes many stacks that share no keys.
 * Each stack is low, and small beside what it would be merged with, so none is due. But every read may have to look at
 * each table, and their number stops writers. So neighbours are merged together: into the base level where that is
 * worth rewriting, otherwise into one table of level 0. The merge that costs least for each table that goes is first.
 * Thread: any (pure).
 */
import { FILE_BYTES_MAX } from '../base/index.js'
import type { FileNum, LevelNum, TableFacts } from '../base/index.js'
import { compareLowers, extentOfTables, joinExtents } from '../manifest/index.js'
import type { Extent } from '../manifest/index.js'
import { canRunBeside } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { hasWholeRuns } from './compaction-settings.js'
import { landingLevel, overlapMeter, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { isSliceClosed, runsOf, STEP_TABLES_MAX, STUCK_HEIGHT, windows, WINDOW_TABLES_MAX } from './pick-level0.js'
import type { Level0Stack } from './pick-level0.js'

/** How many stacks one choice looks at, since choosing is quadratic. The style `none` may have left more. */
const CHOICE_STACKS_MAX = 128

/** Where tables land among whole runs, they meet no others. */
const NOTHING = { bytes: 0, count: 0 }

interface Step {
  readonly isDown: boolean
  /** The bytes that are merged for each table that goes. */
  readonly cost: number
  readonly fewer: number
  /** Gives the inputs in any order. */
  readonly tables: () => readonly TableFacts[]
}

/** The score of a crowd: from 1 on level 0 has too many free tables. More of them may be stuck than ready. */
export function crowdScore({ settings }: PickContext, stacks: readonly Level0Stack[]): number {
  const { level0CrowdMin, level0TablesMin } = settings
  const stuckMin = Math.max(level0CrowdMin, STUCK_HEIGHT * level0TablesMin)
  let [ready, stuck] = [0, 0]
  for (const { tables, isStuck } of stacks) {
    if (isStuck) stuck += tables.length
    else ready += tables.length
  }
  // Only the last operation may round, so that the score is exactly 1 at the limit.
  return (ready * stuckMin + stuck * level0CrowdMin) / (level0CrowdMin * stuckMin)
}

/**
 * Picks a compaction of at most `bytesMax` bytes, or gives null. With Infinity there is one, unless running
 * compactions or blocked tables forbid it. Compactions that remove half of a crowd come first, as they are needed less
 * often.
 */
export function pickCrowd(
  context: PickContext, stacks: readonly Level0Stack[], bytesMax: number,
): CompactionPick | null {
  const score = crowdScore(context, stacks)
  const ordered = stacks.map((stack) => neighbourOf(context, stack))
    .sort((a, b) => compareLowers(a.extent, b.extent))
  let pick: CompactionPick | null = null
  for (let at = 0; at < ordered.length; at += CHOICE_STACKS_MAX) {
    pick ??= pickAmong(context, ordered.slice(at, at + CHOICE_STACKS_MAX), { bytesMax, score })
  }
  return pick
}

function pickAmong(
  context: PickContext, stacks: readonly Neighbour[], { bytesMax, score }: { bytesMax: number; score: number },
): CompactionPick | null {
  const enough = Math.floor(context.settings.level0CrowdMin / 2)
  const rankOf = ({ fewer }: Step): number => (fewer >= enough ? 0 : 1)
  const steps = [...neighbourSteps(context, stacks, bytesMax), ...sliceSteps(stacks, bytesMax)]
  steps.sort((a, b) => rankOf(a) - rankOf(b) || a.cost - b.cost)
  for (const step of steps) {
    const pick = planStep(context, step, score)
    if (pick !== null) return pick
  }
  return null
}

function planStep(context: PickContext, step: Step, score: number): CompactionPick | null {
  const level0 = context.version.levels[0]!.tables
  const chosen = new Set(step.tables())
  const tables = level0.filter((table) => chosen.has(table))
  if (!step.isDown) {
    if (!isSliceClosed(level0, tables)) return null
    return planPick(context, { reason: 'intra0', score, inputs: runsOf(tables), outputLevel: 0 })
  }
  const extent = extentOfTables(tables)
  const landing = landingLevel(context, extent)
  if (landing === 0) return null
  const inputs = [...runsOf(tables), { level: landing, tables: context.version.levels[landing]!.overlapping(extent) }]
  return planPick(context, { reason: 'level0', score, inputs, outputLevel: landing })
}

interface Neighbour extends Level0Stack {
  /** True when no running compaction forbids a merge of the stack into the base level. */
  readonly isFreeBelow: boolean
  /** True when no running compaction forbids a merge of the stack in level 0. */
  readonly isFreeHere: boolean
}

function neighbourOf(context: PickContext, stack: Level0Stack): Neighbour {
  const isFreeBelow = !stack.isStuck && isFree(context, stack.extent, stack.landing)
  return { ...stack, isFreeBelow, isFreeHere: isFree(context, stack.extent, 0) }
}

/** Gives merges of whole stacks that are neighbours in key order. */
function* neighbourSteps(context: PickContext, stacks: readonly Neighbour[], bytesMax: number): Generator<Step> {
  for (const start of stacks.keys()) yield* stepsFrom(context, stacks.slice(start), bytesMax)
}

/** True when no running compaction forbids writing into the extent. A merge needs this of all its stacks. */
function isFree({ running }: PickContext, extent: Extent, outputLevel: LevelNum): boolean {
  const wanted = { extent, inputs: new Set<FileNum>(), levels: [0], outputLevel, movesValues: false }
  return running.every((other) => canRunBeside(wanted, other))
}

/** Gives merges of the first stack alone, and with more and more of its neighbours. */
function* stepsFrom(context: PickContext, stacks: readonly Neighbour[], bytesMax: number): Generator<Step> {
  const { settings, sizes, version } = context
  const { levelMultiplier } = settings
  const base = hasWholeRuns(settings)
    ? () => NOTHING : overlapMeter(version.levels[sizes.baseLevel]!, stacks[0]!.extent)
  let [bytes, count, mayGoDown, mayStay] = [0, 0, true, true]
  let { extent } = stacks[0]!
  for (const [at, stack] of stacks.entries()) {
    extent = joinExtents(extent, stack.extent)
    bytes += stack.bytes
    count += stack.tables.length
    mayGoDown &&= stack.isFreeBelow
    mayStay &&= stack.isFreeHere
    if (bytes > bytesMax || count > (at === 0 ? STEP_TABLES_MAX : WINDOW_TABLES_MAX)) return
    const { bytes: baseBytes } = base(extent)
    const tables = (): readonly TableFacts[] => stacks.slice(0, at + 1).flatMap((it) => it.tables)
    const isWorthRewriting = baseBytes <= levelMultiplier * bytes
    if (mayGoDown && (isWorthRewriting || bytesMax === Infinity) && bytes + baseBytes <= bytesMax) {
      yield { isDown: true, fewer: count, cost: (bytes + baseBytes) / count, tables }
    }
    if (mayStay && !(mayGoDown && isWorthRewriting) && count > 1 && bytes <= FILE_BYTES_MAX / 2) {
      yield { isDown: false, fewer: count - 1, cost: bytes / (count - 1), tables }
    }
  }
}

/** Gives merges of the tables of one stack between two ages. */
function* sliceSteps(stacks: readonly Level0Stack[], bytesMax: number): Generator<Step> {
  for (const { tables } of stacks) {
    for (const { start, end, bytes, cost } of windows(tables.slice(0, WINDOW_TABLES_MAX), 2)) {
      if (bytes > bytesMax) continue
      yield { isDown: false, fewer: end - start - 1, cost, tables: () => tables.slice(start, end) }
    }
  }
}
