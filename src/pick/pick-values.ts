/**
 * What: steps that give the space of large values back: tables that point into condemned value logs are rewritten in
 * their own level, and the values that they point to there are moved.
 *
 * A file goes only when every table that points into it has been rewritten, so a step is weighed with all the others
 * that its files need: they begin when the garbage that goes is worth the tables that are rewritten. Once begun that
 * stays true: each step makes more garbage, and leaves fewer tables. The worst file leads, so that files finish; what
 * else is condemned and stands in the same tables comes along as far as a run may move it. No step depends on what was
 * picked before, so a restart goes on where it was. And it ends: what a run writes has no garbage, and of small files a
 * step either makes one that is not small, or ends two.
 * Thread: any (pure).
 */
import type { FileNum, LevelNum, TableFacts } from '../base/index.js'
import { totalBytes, valueBytesOf } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { garbageLogs, liveValueBytes, smallLogBytes, smallLogs } from './condemned-logs.js'
import type { CondemnedLog } from './condemned-logs.js'
import { planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'

interface Place {
  readonly level: LevelNum
  /** In the level's order. */
  readonly at: number
  readonly table: TableFacts
}

/** The condemned files that are worth their tables, and those tables. */
interface Collection {
  /** In the order in which they are to finish. */
  readonly logs: readonly FileNum[]
  readonly places: ReadonlyMap<FileNum, readonly Place[]>
}

interface Slice {
  readonly level: LevelNum
  readonly tables: readonly TableFacts[]
  readonly condemned: ReadonlySet<FileNum>
}

/** The part of all live values that a run may move, if that is not very little for a run, or for its tables. */
const MOVED_LIVE_SHARE = 1 / 32
const MOVED_SHARE_MIN = 1 / 8
const MOVED_TABLE_SHARE_MIN = 8

export function pickValues(context: PickContext): CompactionPick | null {
  if (!mayCollect(context)) return null
  return pickFrom(context, garbageLogs(context), planSlice) ?? pickFrom(context, smallLogs(context), planSmall)
}

/** Picks only for garbage, out of files with smaller numbers. */
export function pickGarbage(context: PickContext, below: FileNum): CompactionPick | null {
  if (!mayCollect(context)) return null
  return pickFrom(context, garbageLogs(context).filter(({ fileNum }) => fileNum < below), planSlice)
}

/** One run at a time moves values. */
function mayCollect({ version, running }: PickContext): boolean {
  return version.valueLogs.size > 0 && !running.some(({ movesValues }) => movesValues)
}

type PlanSlice = (context: PickContext, slice: Slice, collection: Collection) => CompactionPick | null

function pickFrom(context: PickContext, condemned: readonly CondemnedLog[], plan: PlanSlice): CompactionPick | null {
  if (condemned.length === 0) return null
  const collection = worthwhile(context, condemned)
  for (const fileNum of collection.logs) {
    for (const seed of seedsOf(context, collection, fileNum)) {
      const pick = plan(context, sliceFrom(context, collection, { seed, fileNum }), collection)
      if (pick !== null) return pick
    }
  }
  return null
}

function planSlice(context: PickContext, { level, tables, condemned }: Slice): CompactionPick | null {
  if (valueBytesOf(tables, condemned) + writtenBeside(totalBytes(tables)) > context.roomBytes) return null
  const met = new Set(tables.flatMap(({ valueFiles }) => valueFiles.map(({ fileNum }) => fileNum)))
  return planPick(context, {
    reason: 'values', score: 0, inputs: [{ level, tables }], outputLevel: level,
    condemned: [...condemned].filter((fileNum) => met.has(fileNum)),
  })
}

function planSmall(context: PickContext, slice: Slice, { places }: Collection): CompactionPick | null {
  if (valueBytesOf(slice.tables, slice.condemned) >= smallLogBytes(context.settings)) return planSlice(context, slice)
  const own = new Set(slice.tables)
  const ending = [...slice.condemned].filter((log) => places.get(log)!.every(({ table }) => own.has(table)))
  return ending.length < 2 ? null : planSlice(context, { ...slice, condemned: new Set(ending) })
}

// ── What is worth it ──────────────────────────────────────────────────────────────────────────────────

/**
 * Chooses as many of the files as are together worth the tables that point into them. The file that costs least for
 * what goes is counted first, so that a file in few tables need not wait for one that stands in all.
 */
function worthwhile(context: PickContext, condemned: readonly CondemnedLog[]): Collection {
  const places = placesOf(context, condemned)
  const costs = new Map(condemned.map(({ fileNum }) => [fileNum, placesBytes(places.get(fileNum)!)]))
  const cheapest = [...condemned]
    .sort((a, b) => costs.get(a.fileNum)! / a.weight - costs.get(b.fileNum)! / b.weight || a.fileNum - b.fileNum)
  const met = new Set<TableFacts>()
  let [weight, bytes, count] = [0, 0, 0]
  for (const [i, log] of cheapest.entries()) {
    weight += log.weight
    for (const { table } of places.get(log.fileNum)!) {
      if (!met.has(table)) bytes += table.bytes
      met.add(table)
    }
    if (weight >= context.settings.garbageGate * bytes) count = i + 1
  }
  const chosen = new Set(cheapest.slice(0, count))
  return { places, logs: condemned.filter((log) => chosen.has(log)).map(({ fileNum }) => fileNum) }
}

function placesOf({ version }: PickContext, condemned: readonly CondemnedLog[]): Map<FileNum, Place[]> {
  const places = new Map<FileNum, Place[]>(condemned.map(({ fileNum }) => [fileNum, []]))
  for (const [level, { tables }] of version.levels.entries()) {
    for (const [at, table] of tables.entries()) {
      for (const { fileNum } of table.valueFiles) places.get(fileNum)?.push({ level, at, table })
    }
  }
  return places
}

function placesBytes(places: readonly Place[]): number {
  return places.reduce((sum, { table }) => sum + table.bytes, 0)
}

// ── One step ──────────────────────────────────────────────────────────────────────────────────────────

/** Gives the tables that point into a file, first those that point to most for their size. */
function seedsOf(context: PickContext, { places, logs }: Collection, fileNum: FileNum): readonly Place[] {
  const all = new Set(logs)
  const ratio = ({ table }: Place): number => valueBytesOf([table], all) / table.bytes
  return places.get(fileNum)!
    .filter(({ table }) => !context.unavailable.has(table.fileNum))
    .sort((a, b) => ratio(b) - ratio(a) || a.table.fileNum - b.table.fileNum)
}

/** Takes a table with its neighbours that point into the same files; in level 0 the table alone. */
function sliceFrom(
  context: PickContext, collection: Collection, { seed, fileNum }: { seed: Place; fileNum: FileNum },
): Slice {
  const { level, at, table } = seed
  const condemned = cutFor(context, collection, { table, fileNum })
  if (level === 0) return { level, tables: [table], condemned }
  const { tables } = context.version.levels[level]!
  const { inputBytesMax } = context.settings
  let [start, end, bytes, moved] = [at, at + 1, table.bytes, valueBytesOf([table], condemned)]
  const takes = (next: TableFacts | undefined): boolean => {
    if (next === undefined || context.unavailable.has(next.fileNum)) return false
    const more = valueBytesOf([next], condemned)
    if (more === 0 || bytes + next.bytes > inputBytesMax / 2) return false
    if (moved + more > movedBytesMaxOf(context, bytes)) return false
    bytes += next.bytes
    moved += more
    return true
  }
  while (takes(tables[end])) end++
  while (takes(tables[start - 1])) start--
  return { level, tables: tables.slice(start, end), condemned }
}

/** Cuts the condemned files where the table moves what a run may, since one table can stand for gigabytes. */
function cutFor(
  context: PickContext, { logs }: Collection, { table, fileNum }: { table: TableFacts; fileNum: FileNum },
): ReadonlySet<FileNum> {
  const bytesIn = new Map(table.valueFiles.map((it) => [it.fileNum, it.valueBytes]))
  const condemned = new Set([fileNum])
  const movedBytesMax = movedBytesMaxOf(context, table.bytes)
  let moved = bytesIn.get(fileNum)!
  for (const log of logs) {
    if (condemned.has(log)) continue
    moved += bytesIn.get(log) ?? 0
    if (moved > movedBytesMax) break
    condemned.add(log)
  }
  return condemned
}

/**
 * What a run may move: enough to be worth the tables that it rewrites. It takes space until the files that it came from
 * are gone, and keeps other work waiting, so in a small database it is less.
 */
function movedBytesMaxOf(context: PickContext, tableBytes: number): number {
  const { version, roomBytes, settings: { movedBytesMax } } = context
  const least = Math.max(movedBytesMax * MOVED_SHARE_MIN, MOVED_TABLE_SHARE_MIN * tableBytes)
  const wanted = Math.max(least, liveValueBytes(version) * MOVED_LIVE_SHARE)
  return Math.min(movedBytesMax, wanted, roomBytes - writtenBeside(tableBytes))
}

/** What a run writes beside the values: its tables, and in the value logs keys and framing, which are about as much. */
function writtenBeside(tableBytes: number): number {
  return 2 * tableBytes
}
