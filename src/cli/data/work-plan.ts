/**
 * What: what a compaction or a flush of a database would have to do, told by looking at it read-only.
 */
import { readersOf } from '../../api/index.js'
import type { Varve } from '../../api/index.js'
import { compareBytes } from '../../base/index.js'
import { allTables } from '../../manifest/index.js'
import { amountText, countedText } from '../kit/index.js'
import type { GivenRange } from './range-options.js'

export interface WorkPlan {
  /** Entries of the logs that are in no table yet. */
  unflushedCount: number
  /** Bytes of the logs that a flush would make tables of. */
  logBytes: number
  /** Tables with keys of the range. */
  tableCount: number
  tableBytes: number
  /** The levels that they stand in. */
  levels: number[]
}

/** Looks at what there is to do. The tables that a merge really reads are at most these. */
export function workPlan(db: Varve, { from, to }: Pick<GivenRange, 'from' | 'to'>): WorkPlan {
  const { view } = readersOf(db)
  const { version } = view.state
  const isInRange = (table: { smallestKey: Uint8Array; largestKey: Uint8Array }): boolean =>
    (from === undefined || compareBytes(table.largestKey, from) >= 0) &&
    (to === undefined || compareBytes(table.smallestKey, to) < 0)
  const tables = allTables(version).filter(isInRange)
  const levels = version.levels.flatMap((level, number) => (level.tables.some(isInRange) ? [number] : []))
  const { recovery } = db.stats()
  return {
    unflushedCount: recovery?.replayedEntryCount ?? 0, logBytes: recovery?.replayedBytes ?? 0,
    tableCount: tables.length, tableBytes: tables.reduce((sum, { bytes }) => sum + bytes, 0), levels,
  }
}

export function flushPlanText({ unflushedCount, logBytes }: WorkPlan): string {
  if (unflushedCount === 0) return 'nothing to flush'
  return `flushes ${countedText(unflushedCount, 'entry', 'entries')} from ${amountText(logBytes)} of logs`
}

export function compactPlanText(plan: WorkPlan): string {
  const { tableCount, tableBytes, levels } = plan
  const where = levels.length === 0 ? '' : ` in level${levels.length === 1 ? '' : 's'} ${levels.join(', ')}`
  const tables = `${countedText(tableCount, 'table')} of ${amountText(tableBytes)}${where}`
  return `${flushPlanText(plan)}\nmerges at most ${tables}`
}
