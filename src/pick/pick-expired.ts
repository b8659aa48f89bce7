/**
 * What: compactions that give the space of expired values back before any other reason would. A table of which all has
 * expired leaves by an edit, unread; one of which much has expired is written anew where it stands.
 *
 * A table leaves only when no older table has keys of its extent, whose versions would come back, and no reader stands
 * below its newest number, since a reader that found nothing must still be told that something was there. What a
 * rewrite counts on is what every reader from the table's oldest number on reads as expired, so it always drops or
 * shortens something, and no table is written anew in vain.
 * Thread: any (pure).
 */
import type { LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { extentOf } from '../manifest/index.js'
import type { CompactionPick } from './compaction-pick.js'
import { firstOverlap, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { inputsOf } from './pick-level0.js'

/** The part of a table's entries that must have expired for it to be written anew. */
const SHARE_MIN = 1 / 4
/** Tables of one edit. */
const TABLES_MAX = 1024

/** The times by which something has expired. */
export interface ExpiryTimes {
  /** What expired up to here may be destroyed. */
  dropTimeMs: number
  /** The earliest time at which a reader with this number or a higher one reads; Infinity: there is none. */
  earliestReadMs(seqNum: SeqNum): number
}

export function pickExpired(context: PickContext, times: ExpiryTimes): CompactionPick | null {
  const { version: { levels }, sizes } = context
  for (let level = sizes.lastLevel; level >= 0; level--) {
    const tables = levels[level]!.tables.filter((table) => mayLeave(context, times, level, table)).slice(0, TABLES_MAX)
    if (tables.length === 0) continue
    const inputs = inputsOf(level, tables)
    const pick = planPick(context, { kind: 'drop', reason: 'expired', score: 0, inputs, outputLevel: level })
    if (pick !== null) return { ...pick, dropTimeMs: times.dropTimeMs }
  }
  return pickRewrite(context, times)
}

function mayLeave(context: PickContext, times: ExpiryTimes, level: LevelNum, table: TableFacts): boolean {
  const { expiry, entryCount, spans, largestSeqNum, fileNum } = table
  return expiry !== null && expiry.count === entryCount && spans === null && largestSeqNum <= context.held &&
    expiry.latestMs <= timeFor(table, times) && !context.unavailable.has(fileNum) && !hasOlder(context, level, table)
}

/** True when an older table has keys of the table's extent. */
function hasOlder(context: PickContext, level: LevelNum, table: TableFacts): boolean {
  const extent = extentOf(table)
  if (firstOverlap(context, extent, level + 1) !== null) return true
  // Level 0 has its tables newest first.
  return level === 0 && context.version.levels[0]!.overlapping(extent).at(-1) !== table
}

/** What expires up to this time has expired for everybody who may see an entry of the table. */
function timeFor({ smallestSeqNum }: TableFacts, { dropTimeMs, earliestReadMs }: ExpiryTimes): number {
  return Math.min(dropTimeMs, earliestReadMs(smallestSeqNum))
}

/** True when something in the table has expired for everybody who may see an entry of it. */
export function hasExpired(table: TableFacts, times: ExpiryTimes): boolean {
  return table.expiry !== null && table.expiry.earliestMs <= timeFor(table, times)
}

function pickRewrite(context: PickContext, times: ExpiryTimes): CompactionPick | null {
  const found: { level: LevelNum; table: TableFacts; share: number }[] = []
  for (const [level, { tables }] of context.version.levels.entries()) {
    for (const table of tables) {
      const share = table.expiry === null ? 0 : expiredShare(table, timeFor(table, times))
      if (share >= SHARE_MIN && !context.unavailable.has(table.fileNum)) found.push({ level, table, share })
    }
  }
  found.sort((a, b) => b.share * b.table.bytes - a.share * a.table.bytes)
  for (const { level, table } of found) {
    const inputs = [{ level, tables: [table] }]
    const pick = planPick(context, { reason: 'expired', score: 0, inputs, outputLevel: level })
    if (pick !== null) return pick
  }
  return null
}

/** The part of a table's entries that have expired at this time, or a little less. */
function expiredShare({ expiry, entryCount }: TableFacts, timeMs: number): number {
  const { count, latestMs, octilesMs } = expiry!
  if (latestMs <= timeMs) return count / entryCount
  const octiles = octilesMs.filter((ms) => ms <= timeMs).length
  return octiles / 8 * count / entryCount
}

/** When the next of these tables has expired far enough to be taken, of those that have not at `nowMs`. */
export function expiryDueMs(tables: readonly TableFacts[], nowMs: number): number {
  let dueMs = Infinity
  for (const table of tables) {
    if (table.expiry === null) continue
    const { latestMs, octilesMs } = table.expiry
    for (const ms of [...octilesMs, latestMs]) {
      if (ms > nowMs && ms < dueMs && expiredShare(table, ms) >= SHARE_MIN) dueMs = ms
    }
  }
  return dueMs
}
