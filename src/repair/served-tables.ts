/**
 * What: brings the tables of a source into the target: as they are where nothing of them is lost or doubtful, else
 * written anew without what may not be served.
 * Thread: main; reads and writes block, with pauses.
 * Invariants: REP-1 what is doubtful is not served, unless the caller wants it so. REP-7 nothing expires and no
 * tombstone goes: a tombstone, also a doubtful one, hides only what is older.
 */
import { compareRanges, EntryKind, expiryOf, frontBytes, KIND_MASK } from '../base/index.js'
import type { LevelNum, TableFacts } from '../base/index.js'
import { isApart, isTombstone } from '../iterator/index.js'
import { Codec, replacedByMerge } from '../sstable/index.js'
import type { SalvagedTable } from '../sstable/index.js'
import type { TableSettings } from '../tables/index.js'
import type { Vfs } from '../vfs/index.js'
import type { DamageMap, Judge } from './damage-map.js'
import type { RepairLedger, SalvagedEntry, SalvageReason } from './repair-ledger.js'
import type { RepairTarget } from './repair-target.js'
import { TableCursor } from './source-table.js'
import type { SourceTable } from './source-table.js'
import type { SourceValues } from './source-values.js'
import { ONE_TABLE_BYTES, TableOutputs } from './table-outputs.js'

export interface ServePlace {
  readonly vfs: Vfs
  readonly target: RepairTarget
  readonly damages: DamageMap
  readonly values: SourceValues
  readonly ledger: RepairLedger
  readonly settings: TableSettings
  readonly servesDoubtful: boolean
  note(bytes: number): void
  /** Takes an entry that is not served. */
  salvage(entry: SalvagedEntry): void
}

/** A table of the target. */
export interface ServedTable {
  readonly level: LevelNum
  readonly facts: TableFacts
  /** True when the file of the source is taken over as it is. */
  readonly isKept: boolean
}

/** Decides entry by entry what is served of one table, and hands out what is not. */
export class EntrySieve {
  readonly cursor: TableCursor
  private readonly place: ServePlace
  private readonly judge: Judge | null
  private readonly pointsToDamage: boolean
  /** The key of the last lost value. */
  private lostKey: Uint8Array | null = null
  /** The value of the present entry: value[start, end). */
  value: Uint8Array = new Uint8Array(0)
  valueStart = 0
  valueEnd = 0
  kind = 0

  constructor(place: ServePlace, table: SourceTable, pointsToDamage: boolean) {
    this.place = place
    this.cursor = new TableCursor(table, place.vfs, place.note)
    this.judge = place.damages.judgeOf(table)
    this.pointsToDamage = pointsToDamage
  }

  /** Moves to the next entry that is served; false at the end. Pauses after each block. */
  *next(): Generator<undefined, boolean, unknown> {
    const { cursor } = this
    for (let block = cursor.block; cursor.next();) {
      if (cursor.block !== block) yield
      block = cursor.block
      if (this.isServed()) return true
    }
    return false
  }

  private isServed(): boolean {
    const { cursor, place } = this
    this.kind = cursor.kind
    if (isTombstone(cursor.kind)) return this.show(cursor.bytes, cursor.valueStart, cursor.valueEnd)
    if (this.pointsToDamage && isApart(cursor.kind) && !this.bringValue()) {
      this.lostKey = cursor.keyCopy()
      return false
    }
    if (!(this.pointsToDamage && isApart(cursor.kind))) this.show(cursor.bytes, cursor.valueStart, cursor.valueEnd)
    const reason = this.reasonNot()
    if (reason === null) return true
    place.ledger.doubtfulEntries++
    this.salvage(reason)
    return place.servesDoubtful && reason === 'doubtful'
  }

  private show(bytes: Uint8Array, start: number, end: number): true {
    this.value = bytes
    this.valueStart = start
    this.valueEnd = end
    return true
  }

  /** Brings a value of a damaged file into the table itself, where it is good. */
  private bringValue(): boolean {
    const { cursor, place: { values } } = this
    const { bytes, valueStart } = cursor
    const front = frontBytes(cursor.kind)
    if (values.standsWhole(bytes, valueStart + front)) return this.show(bytes, valueStart, cursor.valueEnd)
    const value = values.read(bytes, valueStart + front)
    if (value === null) return false
    const joined = new Uint8Array(front + value.length)
    joined.set(bytes.subarray(valueStart, valueStart + front))
    joined.set(value, front)
    this.kind = (cursor.kind & ~KIND_MASK) | EntryKind.value
    return this.show(joined, 0, joined.length)
  }

  private reasonNot(): SalvageReason | null {
    const { cursor, judge, lostKey } = this
    if (!cursor.table.isServed) return 'of a table that may be obsolete'
    if (lostKey !== null && compareRanges(lostKey, 0, lostKey.length, cursor.key, 0, cursor.keyBytes) === 0) {
      return 'doubtful'
    }
    if (judge === null) return null
    const key = cursor.key.subarray(0, cursor.keyBytes)
    return judge.isDoubtful(key, cursor.seqNum, cursor.block) ? 'doubtful' : null
  }

  private salvage(reason: SalvageReason): void {
    const { cursor, kind, value, valueStart, valueEnd, place } = this
    const front = frontBytes(kind)
    const content = isApart(kind)
      ? place.values.read(value, valueStart + front) : value.slice(valueStart + front, valueEnd)
    if (content === null) return
    place.salvage({
      seqNum: cursor.seqNum, kind, expiryMs: expiryOf(kind, value, valueStart), key: cursor.keyCopy(), value: content,
      source: cursor.table.name, reason,
    })
  }
}

/** Gives what the target has of a table. */
export function* serveTable(
  place: ServePlace, table: SourceTable, pointsToDamage: boolean,
): Generator<undefined, ServedTable[], unknown> {
  const { facts, level } = table
  if (table.state === 'lost' || facts === null) return []
  const isSound = table.state === 'whole' && !pointsToDamage
  if (isSound && place.damages.judgeOf(table) === null) return [{ level, facts, isKept: true }]
  if (isSound && !(yield* hasDoubtful(place, table))) return [{ level, facts, isKept: true }]
  const sieve = new EntrySieve(place, table, pointsToDamage)
  const { cursor } = sieve
  let outputs: TableOutputs | null = null
  try {
    cursor.open()
    const plan = {
      settings: settingsOf(cursor.left, place.settings), replaced: replacedByMerge([facts], []),
      spans: cursor.left.spans, tableBytes: ONE_TABLE_BYTES,
    }
    outputs = new TableOutputs(place.vfs, place.target, plan)
    while (yield* sieve.next()) {
      const { kind, value, valueStart, valueEnd } = sieve
      yield* outputs.add(cursor.key, cursor.keyBytes, cursor.seqNum, kind, value, valueStart, valueEnd)
    }
    const made = yield* outputs.finish()
    place.ledger.rewrittenTables++
    return made.map((one) => ({ level, facts: one, isKept: false }))
  } finally {
    outputs?.discard()
    cursor.close()
  }
}

/** True when the table has a value that is not served. Salvages nothing yet. */
function* hasDoubtful(place: ServePlace, table: SourceTable): Generator<undefined, boolean, unknown> {
  const judge = place.damages.judgeOf(table)!
  const cursor = new TableCursor(table, place.vfs, place.note)
  try {
    for (let block = -1; cursor.next();) {
      if (cursor.block !== block) yield
      block = cursor.block
      const isValue = !isTombstone(cursor.kind)
      if (isValue && judge.isDoubtful(cursor.key.subarray(0, cursor.keyBytes), cursor.seqNum, cursor.block)) return true
    }
    return false
  } finally {
    cursor.close()
  }
}

/** A table is written anew as it was laid out. */
function settingsOf({ source, properties }: SalvagedTable, common: TableSettings): TableSettings {
  if (properties === null) return common
  const { blockBytes, prefixExtractor, hashSeed } = properties
  return { codec: source.saysPacked ? Codec.packed : Codec.none, blockBytes, prefixExtractor, hashSeed }
}
