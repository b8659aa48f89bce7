/**
 * What: which condemned value logs are worth the tables that point into them, and those tables.
 *
 * There may be thousands of both, and far more references. So what tables point to is gone through only when something
 * is condemned, once for each version; a version never changes, so what is kept of it is never stale.
 * Owns: nothing but those answers. Thread: any (pure).
 */
import type { FileNum, LevelNum, TableFacts } from '../base/index.js'
import type { Version } from '../manifest/index.js'
import type { CompactionSettings } from './compaction-settings.js'
import { condemnedLogs } from './condemned-logs.js'
import type { CondemnedContext, CondemnedLog, CondemnedLogs } from './condemned-logs.js'

/** A table that points into logs of a collection. */
export interface Place {
  readonly level: LevelNum
  /** In the level's order. */
  readonly at: number
  readonly table: TableFacts
  /** The logs, as indexes into the collection's list, ascending. */
  readonly logs: readonly number[]
  /** The bytes of its values in each of them. */
  readonly bytes: readonly number[]
  /** The bytes in all of them for each byte of the table. */
  readonly ratio: number
}

/** The condemned logs that are worth their tables, and those tables. */
export interface Collection {
  /** In the order in which they are to finish. */
  readonly logs: readonly FileNum[]
  /** Level by level, in the order of each. */
  readonly places: readonly Place[]
  /** Indexes into `places`, for each log. */
  readonly placesOf: readonly (readonly number[])[]
  /** No run of the collection writes less. */
  readonly roomMin: number
}

const NOTHING: Collection = { logs: [], places: [], placesOf: [], roomMin: Infinity }

/** What a run writes beside the values: its tables, and in the value logs keys and framing, which are about as much. */
export function writtenBeside(tableBytes: number): number {
  return 2 * tableBytes
}

/** The two collections of a version, each computed when it is asked for. */
export class Collections {
  private readonly context: CondemnedContext
  private condemned: CondemnedLogs | null = null
  private ofGarbage: Collection | null = null
  private ofSmall: Collection | null = null

  constructor({ version, settings, blocked, below = Infinity }: CondemnedContext) {
    this.context = { version, settings, blocked: new Set(blocked), below }
  }

  /** True when the answers are those to this question, too. */
  fits({ blocked, below = Infinity }: CondemnedContext): boolean {
    const { context } = this
    if (context.below !== below || context.blocked.size !== blocked.size) return false
    for (const fileNum of blocked) if (!context.blocked.has(fileNum)) return false
    return true
  }

  get garbage(): Collection {
    this.ofGarbage ??= worthwhile(this.context, this.logs.garbage)
    return this.ofGarbage
  }

  get small(): Collection {
    this.ofSmall ??= worthwhile(this.context, this.logs.small)
    return this.ofSmall
  }

  get logs(): CondemnedLogs {
    this.condemned ??= condemnedLogs(this.context)
    return this.condemned
  }
}

const known = new WeakMap<Version, Map<CompactionSettings, Collections>>()

export function collectionsOf(context: CondemnedContext): Collections {
  const { version, settings } = context
  let ofVersion = known.get(version)
  if (ofVersion === undefined) known.set(version, (ofVersion = new Map<CompactionSettings, Collections>()))
  let collections = ofVersion.get(settings)
  if (collections?.fits(context) !== true) ofVersion.set(settings, (collections = new Collections(context)))
  return collections
}

/** A table with the condemned logs that it points into, as indexes. */
interface Met {
  readonly level: LevelNum
  readonly at: number
  readonly table: TableFacts
  readonly logs: number[]
  readonly bytes: number[]
}

/**
 * Chooses as many of the logs as are together worth the tables that point into them. The log that costs least for what
 * goes is counted first, so that a log in few tables need not wait for one that stands in all.
 */
function worthwhile({ version, settings }: CondemnedContext, condemned: readonly CondemnedLog[]): Collection {
  if (condemned.length === 0) return NOTHING
  const met = tablesMet(version, condemned)
  const costs = new Float64Array(condemned.length)
  for (const { table, logs } of met) for (const log of logs) costs[log] = costs[log]! + table.bytes
  const shares = condemned.map(({ weight }, log) => costs[log]! / weight)
  const cheapest = [...condemned.keys()]
    .sort((a, b) => shares[a]! - shares[b]! || condemned[a]!.fileNum - condemned[b]!.fileNum)
  const added = bytesAdded(met, cheapest)
  let [weight, bytes, count] = [0, 0, 0]
  for (const [rank, log] of cheapest.entries()) {
    weight += condemned[log]!.weight
    bytes += added[rank]!
    if (weight >= settings.garbageGate * bytes) count = rank + 1
  }
  return count === 0 ? NOTHING : collectionOf(condemned, met, new Set(cheapest.slice(0, count)))
}

function tablesMet({ levels }: Version, condemned: readonly CondemnedLog[]): Met[] {
  const indexes = new Map(condemned.map(({ fileNum }, index) => [fileNum, index]))
  const all: Met[] = []
  for (const [level, { tables }] of levels.entries()) {
    for (const [at, table] of tables.entries()) {
      let met: Met | null = null
      for (const { fileNum, valueBytes } of table.valueFiles) {
        const log = indexes.get(fileNum)
        if (log === undefined) continue
        if (met === null) all.push((met = { level, at, table, logs: [], bytes: [] }))
        addTo(met, log, valueBytes)
      }
    }
  }
  return all
}

/** Keeps the logs ascending. There are few of them. */
function addTo({ logs, bytes }: Met, log: number, valueBytes: number): void {
  let at = logs.length
  while (at > 0 && logs[at - 1]! > log) {
    logs[at] = logs[at - 1]!
    bytes[at] = bytes[at - 1]!
    at--
  }
  logs[at] = log
  bytes[at] = valueBytes
}

/** Bytes of the tables that point to a log, and to none that is counted before it: log by log, as they are counted. */
function bytesAdded(met: readonly Met[], order: readonly number[]): Float64Array {
  const ranks = new Uint32Array(order.length)
  for (const [rank, log] of order.entries()) ranks[log] = rank
  const added = new Float64Array(order.length)
  for (const { table, logs } of met) {
    let first = order.length
    for (const log of logs) if (ranks[log]! < first) first = ranks[log]!
    added[first] = added[first]! + table.bytes
  }
  return added
}

function collectionOf(
  condemned: readonly CondemnedLog[], met: readonly Met[], chosen: ReadonlySet<number>,
): Collection {
  const indexes = new Int32Array(condemned.length).fill(-1)
  const logs: FileNum[] = []
  for (const [log, { fileNum }] of condemned.entries()) if (chosen.has(log)) indexes[log] = logs.push(fileNum) - 1
  const placesOf: number[][] = logs.map(() => [])
  const places: Place[] = []
  let roomMin = Infinity
  for (const each of met) {
    const place = placeOf(each, indexes)
    if (place.logs.length === 0) continue
    for (let i = 0; i < place.logs.length; i++) {
      placesOf[place.logs[i]!]!.push(places.length)
      roomMin = Math.min(roomMin, writtenBeside(place.table.bytes) + place.bytes[i]!)
    }
    places.push(place)
  }
  return { logs, places, placesOf, roomMin }
}

/** Keeps the logs that have an index of 0 or more in the collection: these indexes ascend as the others do. */
function placeOf({ level, at, table, logs, bytes }: Met, indexes: Int32Array): Place {
  const own: number[] = []
  const ownBytes: number[] = []
  let sum = 0
  for (let i = 0; i < logs.length; i++) {
    const index = indexes[logs[i]!]!
    if (index < 0) continue
    own.push(index)
    ownBytes.push(bytes[i]!)
    sum += bytes[i]!
  }
  return { level, at, table, logs: own, bytes: ownBytes, ratio: sum / table.bytes }
}
