/**
 * What: the style `fifo`: nothing is merged for order. Flushes stay in level 0, and the oldest tables leave, unread, as
 * soon as all together have more than `maxBytes`, their values in value logs counted.
 *
 * Tables leave in the order of their newest entries. Of two that share keys one is newer as a whole, so what an older
 * table has never comes back. The newest table never leaves. Tables that are much smaller than they should be are
 * merged with their neighbours in age, so that the number of files is bounded by what they hold.
 * Thread: any (pure).
 * Invariants: COMP-7 tables leave by size in the order of their newest entries, and never the newest.
 */
import type { TableFacts } from '../base/index.js'
import { allTables } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { outputShare, valueBytesOf } from './compaction-pick.js'
import type { CompactionPick, Picker, PickReason } from './compaction-pick.js'
import type { CompactionSettings } from './compaction-settings.js'
import { pickContext, planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { pickCovered } from './pick-covered.js'
import { inputsOf, isSliceClosed, runsOf, windows, WINDOW_TABLES_MAX } from './pick-level0.js'
import { pickValues } from './pick-values.js'

/** A table below this share of a full one is merged with its neighbours. */
const SMALL_SHARE = 1 / 4
/** A merge makes no table with more of `maxBytes` than this, since tables leave whole. */
const LEAVING_SHARE_MAX = 1 / 16
/** Tables of one edit. */
const LEAVING_TABLES_MAX = 256

export function fifoPicker(settings: CompactionSettings, roomBytes = Infinity): Picker {
  return {
    within: (room) => fifoPicker(settings, room),
    pick(version, running, held, blocked) {
      const context = pickContext(settings, { version, running, held, blocked, roomBytes })
      return pickOldest(context) ?? pickCovered(context) ??
        pickNeighbours(context, { countMin: settings.level0TablesMin }) ?? pickValues(context)
    },
    scores: (version) => version.levels.map((_, level) => ({
      level, score: level === 0 ? scoreOf(settings, version) : 0, targetBytes: 0,
    })),
    pendingBytes: () => 0,
    // Nothing that is behind ever slows writers: what is over leaves by an edit.
    pressures: () => [],
    tidy: (bytesMax) => ({
      pick: (version, running, held, blocked) =>
        pickNeighbours(pickContext(settings, { version, running, held, blocked }), {
          countMin: settings.level0TablesMin, bytesMax,
        }),
    }),
  }
}

/** The bytes that count: those of a table, and those of its values in value logs. */
function bytesOf(table: TableFacts): number {
  return table.bytes + valueBytesOf([table])
}

function allBytesOf(tables: readonly TableFacts[]): number {
  return tables.reduce((sum, table) => sum + bytesOf(table), 0)
}

/** Above 1 when tables are to leave. */
function scoreOf({ maxBytes }: CompactionSettings, version: Version): number {
  const tables = allTables(version)
  if (maxBytes === Infinity || tables.length < 2) return 0
  const share = allBytesOf(tables) / maxBytes
  return share > 1 ? share : Math.min(share, 0.99)
}

/** Picks the oldest tables, as many as are over. One that is corrupt leaves like all others. */
function pickOldest({ settings, version, running, held }: PickContext): CompactionPick | null {
  const context = pickContext(settings, { version, running, held })
  const score = scoreOf(settings, version)
  if (score < 1) return null
  const all = version.levels.flatMap(({ tables }, level) => tables.map((table) => ({ level, table })))
  all.sort((a, b) => a.table.largestSeqNum - b.table.largestSeqNum || a.table.fileNum - b.table.fileNum)
  let left = allBytesOf(all.map(({ table }) => table))
  const leaving: TableFacts[] = []
  const { level } = all[0]!
  for (const each of all.slice(0, -1)) {
    if (left <= settings.maxBytes || each.level !== level || leaving.length === LEAVING_TABLES_MAX) break
    leaving.push(each.table)
    left -= bytesOf(each.table)
  }
  const tables = new Set(leaving)
  const inOrder = version.levels[level]!.tables.filter((table) => tables.has(table))
  const inputs = inputsOf(level, inOrder)
  return planPick(context, { kind: 'drop', reason: 'oldest', score, inputs, outputLevel: level })
}

/** Picks small neighbours in age to become one table, if there are so many; at the least cost for each that goes. */
export function pickNeighbours(
  context: PickContext, { countMin, bytesMax = Infinity, reason = 'small', isWanted = () => true }: {
    countMin: number; bytesMax?: number; reason?: PickReason; isWanted?: (table: TableFacts) => boolean
  },
): CompactionPick | null {
  const { version, settings, unavailable } = context
  const leavingMax = LEAVING_SHARE_MAX * settings.maxBytes
  const isSmall = (table: TableFacts): boolean => !unavailable.has(table.fileNum) && isWanted(table) &&
    outputShare(table) < SMALL_SHARE * settings.tableBytes && bytesOf(table) < leavingMax / 2
  const level0 = version.levels[0]!.tables
  for (let start = 0; start < level0.length; start++) {
    let end = start
    while (end < level0.length && isSmall(level0[end]!)) end++
    if (end - start >= Math.max(2, countMin)) {
      const few = level0.slice(start, Math.min(end, start + WINDOW_TABLES_MAX))
      for (const window of windows(few, 2)) {
        const slice = few.slice(window.start, window.end)
        if (window.bytes > bytesMax || allBytesOf(slice) > leavingMax || !isSliceClosed(level0, slice)) continue
        const pick = planPick(context, { reason, score: 0, inputs: runsOf(slice), outputLevel: 0 })
        if (pick !== null) return pick
      }
    }
    start = end
  }
  return null
}
