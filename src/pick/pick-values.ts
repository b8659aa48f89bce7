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
import type { FileNum } from '../base/index.js'
import { extentOf } from '../manifest/index.js'
import { canRunBeside } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { liveValueBytes, MOVED_SHARE_MIN, smallLogBytes } from './condemned-logs.js'
import { planPick } from './pick-context.js'
import type { PickContext } from './pick-context.js'
import { collectionsOf, writtenBeside } from './value-collection.js'
import type { Collection, Place } from './value-collection.js'

/** The condemned logs of a run: the one that leads, and those before `end` in the order of the collection. */
interface Cut {
  readonly lead: number
  readonly end: number
}

/** Tables of one level that are neighbours, all of which point into logs of the cut. */
interface Slice {
  readonly places: readonly Place[]
  readonly cut: Cut
}

/** The part of all live values that a run may move, if that is not very little for a run, or for its tables. */
const MOVED_LIVE_SHARE = 1 / 32
const MOVED_TABLE_SHARE_MIN = 8

/** Picks out of files with numbers below `below`. */
export function pickValues(context: PickContext, below: FileNum = Infinity): CompactionPick | null {
  if (!mayCollect(context)) return null
  const collections = collectionsOf({ ...context, below })
  return pickFrom(context, collections.garbage, allOf) ?? pickFrom(context, collections.small, smallOf)
}

/** One run at a time moves values. */
function mayCollect({ version, running }: PickContext): boolean {
  return version.valueLogs.size > 0 && !running.some(({ movesValues }) => movesValues)
}

/** Chooses the condemned logs of a run out of a slice, as indexes; none: the slice is not worth a run. */
type ChooseLogs = (context: PickContext, slice: Slice, collection: Collection) => readonly number[]

function pickFrom(context: PickContext, collection: Collection, choose: ChooseLogs): CompactionPick | null {
  if (collection.roomMin > context.roomBytes) return null
  const seeds = new Seeds(context, collection)
  for (const lead of collection.logs.keys()) {
    for (const seed of seeds.of(lead)) {
      const slice = sliceFrom(seeds, seed, lead)
      const pick = planSlice(context, slice, choose(context, slice, collection).map((log) => collection.logs[log]!))
      if (pick !== null) return pick
      // With another lead the slice would be the same.
      if (slice.cut.end === collection.logs.length) seeds.leaveOut(seed)
    }
  }
  return null
}

function planSlice(
  context: PickContext, { places }: Slice, condemned: readonly FileNum[],
): CompactionPick | null {
  if (condemned.length === 0) return null
  const { level } = places[0]!
  const tables = places.map(({ table }) => table)
  return planPick(context, {
    reason: 'values', score: 0, inputs: [{ level, tables }], outputLevel: level, condemned,
  })
}

/** All logs of the cut that the slice points into, the lead first. */
function allOf(_: PickContext, { places, cut }: Slice): readonly number[] {
  const met = new Set(places.flatMap(({ logs }) => logs.filter((log) => log < cut.end)))
  met.delete(cut.lead)
  return [cut.lead, ...[...met].sort((a, b) => a - b)]
}

/** A run out of small logs makes one that is not small, or ends two of them. */
function smallOf(context: PickContext, slice: Slice, { placesOf }: Collection): readonly number[] {
  const { places, cut } = slice
  const met = allOf(context, slice)
  const moved = places.reduce((sum, place) => sum + movedBy(place, cut), 0)
  if (moved >= smallLogBytes(context.settings)) return met
  const counts = new Map<number, number>()
  for (const { logs } of places) for (const log of logs) counts.set(log, (counts.get(log) ?? 0) + 1)
  const ending = met.filter((log) => counts.get(log) === placesOf[log]!.length)
  return ending.length < 2 ? [] : ending
}

// ── One step ──────────────────────────────────────────────────────────────────────────────────────────

/** The tables of a collection with which a run may begin, in one pick. */
class Seeds {
  readonly context: PickContext
  readonly collection: Collection
  /** Whether a run may take the table of a place, as far as that was asked. */
  private readonly free: (boolean | undefined)[] = []

  constructor(context: PickContext, collection: Collection) {
    this.context = context
    this.collection = collection
  }

  /** Gives places, as indexes: the tables that point into a log, first those that point to most for their size. */
  of(lead: number): readonly number[] {
    const { context: { roomBytes }, collection: { places, placesOf } } = this
    const fits = ({ table, logs, bytes }: Place): boolean =>
      bytes[logs.indexOf(lead)]! + writtenBeside(table.bytes) <= roomBytes
    return placesOf[lead]!.filter((at) => this.isFree(at) && fits(places[at]!)).sort((a, b) =>
      places[b]!.ratio - places[a]!.ratio || places[a]!.table.fileNum - places[b]!.table.fileNum)
  }

  /** True when no running compaction forbids that a run rewrites the table. */
  isFree(at: number): boolean {
    let isFree = this.free[at]
    if (isFree === undefined) this.free[at] = isFree = this.mayTake(this.collection.places[at]!)
    return isFree
  }

  private mayTake({ level, table }: Place): boolean {
    const { unavailable, running } = this.context
    if (unavailable.has(table.fileNum)) return false
    if (running.length === 0) return true
    const wanted = {
      extent: extentOf(table), inputs: new Set([table.fileNum]), levels: [level], outputLevel: level, movesValues: true,
    }
    return running.every((other) => canRunBeside(wanted, other))
  }

  /** Nothing is begun with this one any more. */
  leaveOut(at: number): void {
    this.free[at] = false
  }
}

/** Takes a table with its neighbours that point into the same files; in level 0 the table alone. */
function sliceFrom(seeds: Seeds, seed: number, lead: number): Slice {
  const { context, collection: { places } } = seeds
  const { inputBytesMax } = context.settings
  const first = places[seed]!
  const cut = cutFor(seeds, first, lead)
  let [start, end, bytes, moved] = [seed, seed + 1, first.table.bytes, movedBy(first, cut)]
  const takes = (at: number, step: 1 | -1): boolean => {
    const next = places[at]
    // Neighbours that point into no file of the collection are not among the places.
    if (next?.level !== first.level || next.at !== places[at - step]!.at + step || !seeds.isFree(at)) return false
    const more = movedBy(next, cut)
    const bytesThen = bytes + next.table.bytes
    if (more === 0 || bytesThen > inputBytesMax / 2 || moved + more > movedBytesMaxOf(context, bytes)) return false
    if (moved + more + writtenBeside(bytesThen) > context.roomBytes) return false
    bytes = bytesThen
    moved += more
    return true
  }
  if (first.level > 0) {
    while (takes(end, 1)) end++
    while (takes(start - 1, -1)) start--
  }
  return { places: places.slice(start, end), cut }
}

/** Cuts the condemned files where the table moves what a run may, since one table can stand for gigabytes. */
function cutFor({ context, collection }: Seeds, { table, logs, bytes }: Place, lead: number): Cut {
  const movedBytesMax = movedBytesMaxOf(context, table.bytes)
  let moved = bytes[logs.indexOf(lead)]!
  for (const [i, log] of logs.entries()) {
    if (log === lead) continue
    moved += bytes[i]!
    if (moved > movedBytesMax) return { lead, end: log }
  }
  return { lead, end: collection.logs.length }
}

/** Bytes of the values that go when a table is rewritten. */
function movedBy({ logs, bytes }: Place, { lead, end }: Cut): number {
  let sum = 0
  for (let i = 0; i < logs.length; i++) if (logs[i]! < end || logs[i] === lead) sum += bytes[i]!
  return sum
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
