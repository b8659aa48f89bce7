/**
 * What: compactions out of level 0, and within it.
 *
 * Tables of level 0 that share keys, directly or through others, make a stack. A stack goes down as a whole into the
 * base level, so that each byte rewritten there brings in as many new ones as possible. A stack is due when it is high,
 * since a reader looks at all its tables, or when it is about as large as what it would be merged with. A high stack of
 * small tables over a large base is first merged within level 0: that costs little, and lets the stack wait until the
 * base is worth rewriting.
 * Thread: any (pure).
 */
import { FILE_BYTES_MAX } from '../base/index.js'
import type { LevelNum, TableFacts } from '../base/index.js'
import {
  compareLowers, extentOf, extentOfTables, extentsOverlap, joinExtents, tablesOverlap,
} from '../manifest/index.js'
import type { Extent } from '../manifest/index.js'
import { totalBytes } from './compaction-pick.js'
import type { CompactionPick, PickInput } from './compaction-pick.js'
import { hasWholeRuns } from './compaction-settings.js'
import { firstOverlap, isTombstoneRich, landingLevel, planPick, sinkLevel } from './pick-context.js'
import type { PickPlan, PickContext } from './pick-context.js'

/** Tables of level 0 that share keys with one another, and with no other table there that is available. */
export interface Level0Stack {
  /** Newest first. */
  readonly tables: readonly TableFacts[]
  readonly extent: Extent
  readonly bytes: number
  /** The level that the stack would go down to; 0: there is none. */
  readonly landing: LevelNum
  /** The tables of that level that the stack would be merged with. */
  readonly base: readonly TableFacts[]
  readonly baseBytes: number
  readonly score: number
  /** True when the stack cannot go down now, since an older table that is not available shares its keys. */
  readonly isStuck: boolean
}

/** A stack that cannot go down is merged within level 0 when it is this many times as high as a stack may be. */
export const STUCK_HEIGHT = 2
/**
 * The most tables of level 0 that one compaction takes, since each is an open file and 64 KiB of the run's 16 MiB. A
 * higher stack, left by a long stall or by the style `none`, is first merged within level 0. Where that is impossible,
 * its oldest tables go down.
 */
export const STEP_TABLES_MAX = 255
/** How many of the newest tables of a stack are considered for a merge within it, since choosing is quadratic. */
export const WINDOW_TABLES_MAX = 64

/** All stacks of available tables, the most urgent first. */
export function level0Stacks(context: PickContext): Level0Stack[] {
  const { ready, stuck } = splitLevel0(context)
  const make = (tables: readonly TableFacts[], isStuck: boolean) => stackOf(context, tables, isStuck)
  const stacks = [
    ...connected(ready).map((tables) => make(tables, false)),
    ...connected(stuck).map((tables) => make(tables, true)),
  ]
  return stacks.sort((a, b) => b.score - a.score || a.tables.at(-1)!.fileNum - b.tables.at(-1)!.fileNum)
}

/** Splits the available tables, newest first. A table over one that is not available is stuck. */
function splitLevel0({ version, settings, sizes, unavailable, blocked }: PickContext): {
  ready: TableFacts[]; stuck: TableFacts[]
} {
  const level0 = version.levels[0]!.tables
  const base = hasWholeRuns(settings) ? [] : version.levels[sizes.baseLevel]!.tables
  const obstacles = base.filter(({ fileNum }) => blocked.has(fileNum))
  const ready: TableFacts[] = []
  const stuck: TableFacts[] = []
  for (const table of level0.toReversed()) {
    const isAvailable = !unavailable.has(table.fileNum)
    const isReady = isAvailable && !obstacles.some((other) => tablesOverlap(other, table))
    if (!isReady) obstacles.push(table)
    if (isAvailable) (isReady ? ready : stuck).push(table)
  }
  return { ready: ready.reverse(), stuck: stuck.reverse() }
}

/** Groups tables that share keys, directly or through others; each group is newest first. */
function connected(tables: readonly TableFacts[]): TableFacts[][] {
  const extents = tables.map(extentOf)
  const order = [...tables.keys()].sort((a, b) => compareLowers(extents[a]!, extents[b]!))
  const groups: number[][] = []
  let met: Extent | null = null
  for (const at of order) {
    const extent = extents[at]!
    const isJoined: boolean = met !== null && extentsOverlap(met, extent)
    if (isJoined) groups.at(-1)!.push(at)
    else groups.push([at])
    met = isJoined ? joinExtents(met!, extent) : extent
  }
  return groups.map((group) => group.sort((a, b) => a - b).map((at) => tables[at]!))
}

function stackOf(context: PickContext, tables: readonly TableFacts[], isStuck: boolean): Level0Stack {
  const { level0TablesMin, level0ShareMin } = context.settings
  const extent = extentOfTables(tables)
  const bytes = totalBytes(tables)
  const landing = landingLevel(context, extent)
  const base = landing === 0 ? [] : context.version.levels[landing]!.overlapping(extent)
  const baseBytes = totalBytes(base)
  const height = tables.length / level0TablesMin
  const share = baseBytes === 0 ? (isFree(context, extent, landing) ? 1 : 0) : bytes / baseBytes / level0ShareMin
  const mayGoDown = !isStuck && landing > 0
  const score = mayGoDown ? Math.max(height, share) : height / STUCK_HEIGHT
  return { tables, extent, bytes, landing, base, baseBytes, score, isStuck: !mayGoDown }
}

/** True when a stack goes down for nothing. Over whole runs only where none has its keys: else it would be another. */
function isFree(context: PickContext, extent: Extent, landing: LevelNum): boolean {
  const { settings } = context
  if (hasWholeRuns(settings)) return landing > 0 && firstOverlap(context, extent, 1) === null
  return sinkLevel(context, extent, landing) !== null
}

/** Picks the compaction of a stack that is due. */
export function pickStack(context: PickContext, stack: Level0Stack): CompactionPick | null {
  const { settings } = context
  const height = stack.tables.length
  const isHigh = height >= settings.level0TablesMin
  const isWorthRewriting = stack.baseBytes <= settings.levelMultiplier * stack.bytes
  const mayStay = isHigh && (!isWorthRewriting || height > STEP_TABLES_MAX)
  const within = mayStay ? pickWithin(context, stack) : null
  if (within !== null) return within
  const down = stack.isStuck ? null : pickDown(context, stack)
  return down ?? (height >= STUCK_HEIGHT * settings.level0TablesMin ? pickWithin(context, stack) : null)
}

/** Picks the stack, or its oldest tables, into the base level. A single table that meets none moves deeper. */
export function pickDown(
  context: PickContext, stack: Level0Stack,
  plan: Pick<PickPlan, 'reason' | 'score'> = { reason: 'level0', score: stack.score },
): CompactionPick | null {
  const { landing } = stack
  if (landing === 0) return null
  const tables = stack.tables.slice(-STEP_TABLES_MAX)
  const base = context.version.levels[landing]!.overlapping(extentOfTables(tables))
  const deepest = tables.length === 1 ? loneLevel(context, stack) : null
  const kind = deepest !== null && !isTombstoneRich(context, tables[0]!) ? 'move' : 'merge'
  const inputs = [...runsOf(tables), { level: landing, tables: base }]
  return planPick(context, { ...plan, inputs, outputLevel: deepest ?? landing, kind })
}

/** The level that a table alone moves to, or null when it meets others. */
function loneLevel(context: PickContext, { extent, landing }: Level0Stack): LevelNum | null {
  return hasWholeRuns(context.settings) ? landing : sinkLevel(context, extent, landing)
}

/** Makes the inputs of tables of one level, in its order: of level 0 each is a run of its own. */
export function inputsOf(level: LevelNum, tables: readonly TableFacts[]): PickInput[] {
  return level === 0 ? runsOf(tables) : [{ level, tables }]
}

/** Makes one input run of each table. */
export function runsOf(tables: readonly TableFacts[]): PickInput[] {
  return tables.map((table) => ({ level: 0, tables: [table] }))
}

/** Picks a slice of the stack to become one table of level 0, so that about half the allowed height is left. */
function pickWithin(context: PickContext, stack: Level0Stack): CompactionPick | null {
  for (const { start, end } of slicesWithin(context, stack.tables)) {
    const slice = stack.tables.slice(start, end)
    if (!isSliceClosed(context.version.levels[0]!.tables, slice)) continue
    const plan = { reason: 'intra0', score: stack.score, inputs: runsOf(slice), outputLevel: 0 } as const
    const pick = planPick(context, plan)
    if (pick !== null) return pick
  }
  return null
}

/** The slices to try, in order. For a stack that is far too high they have one length, the smallest first. */
function slicesWithin(
  { settings }: PickContext, tables: readonly TableFacts[],
): { start: number; end: number }[] {
  if (tables.length > STEP_TABLES_MAX) {
    return windows(tables, WINDOW_TABLES_MAX, WINDOW_TABLES_MAX)
  }
  const newest = tables.slice(0, WINDOW_TABLES_MAX)
  const shrink = newest.length - Math.floor(settings.level0TablesMin / 2)
  return windows(newest, Math.max(2, Math.min(newest.length, shrink + 1)))
}

/** Slices of at least `lengthMin` tables that fit into a file, the cheapest for each table that goes first. */
export function windows(
  tables: readonly TableFacts[], lengthMin: number, lengthMax = tables.length,
): { start: number; end: number; bytes: number; cost: number }[] {
  const found: { start: number; end: number; bytes: number; cost: number }[] = []
  for (let start = 0; start + lengthMin <= tables.length; start++) {
    let bytes = 0
    for (let end = start + 1; end <= Math.min(tables.length, start + lengthMax); end++) {
      bytes += tables[end - 1]!.bytes
      if (bytes > FILE_BYTES_MAX / 2) break
      if (end - start >= lengthMin) found.push({ start, end, bytes, cost: bytes / (end - start - 1) })
    }
  }
  return found.sort((a, b) => a.cost - b.cost || a.start - b.start || a.end - b.end)
}

/** True when each other table that shares keys with the slice is newer or older as a whole (COMP-1, MAN-2). */
export function isSliceClosed(level0: readonly TableFacts[], slice: readonly TableFacts[]): boolean {
  const extent = extentOfTables(slice)
  const taken = new Set(slice)
  let [smallest, largest] = [Infinity, 0]
  for (const { smallestSeqNum, largestSeqNum } of slice) {
    smallest = Math.min(smallest, smallestSeqNum)
    largest = Math.max(largest, largestSeqNum)
  }
  return level0.every((table) => taken.has(table) || !extentsOverlap(extentOf(table), extent) ||
    table.smallestSeqNum > largest || table.largestSeqNum < smallest)
}
