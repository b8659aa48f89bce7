/**
 * What: tables that range tombstones of newer tables delete wholly: they leave by an edit, unread. So what a `clear` of
 * any size let go of is space again as soon as the tombstone stands in a table.
 *
 * A table is taken when its extent lies in one stretch of deleted keys of a newer table (TableFacts, `spans.widest`)
 * with a number above all of its own, and no snapshot stands below the tombstones that delete it. Its own hide nothing
 * that the newer one does not hide.
 * Thread: any (pure). What is covered depends on the version alone, and is computed once for each.
 */
import { compareBytes } from '../base/index.js'
import type { SeqNum, TableFacts, WideSpan } from '../base/index.js'
import { extentCovers, extentOf, extentOfRange, extentsOverlap } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import type { CompactionPick } from './compaction-pick.js'
import { planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { inputsOf } from './pick-level0.js'

/** The newest stretches that are looked at; each costs a search in each level. */
const SPANS_MAX = 1024
/** Tables of one edit. */
const TABLES_MAX = 1024

interface CoveredTable {
  readonly table: TableFacts
  /** A reader at this number sees all of the table deleted. */
  readonly coverSeqNum: SeqNum
}

/**
 * A stretch with the highest number that a tombstone in it may have. The stretch says from which number on all of it is
 * deleted, but a part of it may be deleted by a newer tombstone alone, which an older reader does not see.
 */
interface CoveringSpan extends WideSpan {
  readonly newest: SeqNum
}

/** The covered tables of each level. */
type CoveredLevels = readonly (readonly CoveredTable[])[]

const NONE: CoveredLevels = []
const known = new WeakMap<Version, CoveredLevels>()

export function pickCovered(context: PickContext): CompactionPick | null {
  const levels = coveredIn(context.version)
  for (const [level, covered] of levels.entries()) {
    const tables = covered
      .filter(({ table, coverSeqNum }) => coverSeqNum <= context.held && !context.unavailable.has(table.fileNum))
      .map(({ table }) => table).slice(0, TABLES_MAX)
    if (tables.length === 0) continue
    const inputs = inputsOf(level, tables)
    const pick = planPick(context, { kind: 'drop', reason: 'covered', score: 0, inputs, outputLevel: level })
    if (pick !== null) return pick
  }
  return null
}

function coveredIn(version: Version): CoveredLevels {
  let levels = known.get(version)
  if (levels === undefined) known.set(version, (levels = findCovered(version)))
  return levels
}

function findCovered({ levels }: Version): CoveredLevels {
  if (levels.every(({ tables }) => tables.every(({ spans }) => spans === null))) return NONE
  const newer: CoveringSpan[] = []
  return levels.map(({ runs }) => runs.flatMap((run) => {
    const covered = new Map<TableFacts, SeqNum>()
    for (const span of newer) {
      const extent = extentOfRange(span)
      for (const table of run.overlapping(extent)) {
        if (span.seqNum <= table.largestSeqNum || !extentCovers(extent, extentOf(table))) continue
        covered.set(table, Math.min(span.newest, covered.get(table) ?? Infinity))
      }
    }
    newer.push(...stretchesOf(run.tables).slice(0, SPANS_MAX - newer.length))
    return run.tables.filter((table) => covered.has(table))
      .map((table) => ({ table, coverSeqNum: covered.get(table)! }))
  }))
}

/**
 * The stretches that the tables of a run delete. A merge cuts a stretch where it ends an output, so those that touch
 * from one table to the next are joined besides.
 */
function stretchesOf(tables: readonly TableFacts[]): CoveringSpan[] {
  const stretches: CoveringSpan[] = []
  let joined: CoveringSpan = { lower: new Uint8Array(0), upper: null, seqNum: 0, newest: 0 }
  for (const span of tables.flatMap(widestOf)) {
    stretches.push(span)
    const touches = joined.upper !== null && compareBytes(joined.upper, span.lower) === 0
    joined = touches ? joinedSpan(joined, span) : span
    if (touches) stretches.push(joined)
  }
  return stretches
}

function widestOf({ spans, largestSeqNum }: TableFacts): CoveringSpan[] {
  if (spans === null) return []
  // Of a single fragment the number is known; of several only that none is above the table's largest.
  return spans.widest.map((span) => ({ ...span, newest: spans.count === 1 ? span.seqNum : largestSeqNum }))
}

function joinedSpan(first: CoveringSpan, second: CoveringSpan): CoveringSpan {
  return {
    lower: first.lower, upper: second.upper,
    seqNum: Math.min(first.seqNum, second.seqNum), newest: Math.max(first.newest, second.newest),
  }
}

/** Estimates the part of a table's entries that these stretches of newer tables delete. */
export function deletedShare(spans: readonly WideSpan[], table: TableFacts): number {
  const extent = extentOf(table)
  let share = 0
  for (const span of spans) {
    const deleted = extentOfRange(span)
    if (span.seqNum <= table.smallestSeqNum || !extentsOverlap(deleted, extent)) continue
    share = Math.max(share, extentCovers(deleted, extent) ? 1 : 1 / 2)
  }
  return share
}

