/**
 * What: what is lost, and so which of the entries that are left may have been replaced or deleted by it.
 * Thread: any (pure).
 * Invariants: REP-1 an entry is doubtful when a lost piece of its key, or a range that was lost with its key in it, may
 * have held something newer. REP-2 unless the damaged table's own lookups prove that the key was not there. REP-3 where
 * range tombstones are lost, everything older in their extent is doubtful. REP-4 a lost value makes the older versions
 * of its key doubtful.
 */
import { compareBytes } from '../base/index.js'
import type { SeqNum, TableFacts } from '../base/index.js'
import { extentOf, extentOfRange, extentsOverlap } from '../manifest/index.js'
import type { Extent } from '../manifest/index.js'
import { isInHole } from '../sstable/index.js'
import type { TableHole, TableProof } from '../sstable/index.js'
import type { SourceTable } from './source-table.js'

/** What one table has lost. */
export interface TableDamage {
  readonly table: SourceTable
  /** In key order; they touch at most at their edges. */
  readonly holes: readonly TableHole[]
  readonly proof: TableProof | null
  /** The keys that lost range tombstones may have deleted; null: none are lost. */
  readonly lostSpans: Extent | null
  /** Keys whose value is lost, in order. */
  readonly lostKeys: readonly Uint8Array[]
  /** All keys of the table, when nothing of it is left, or nothing can be told. */
  readonly lostExtent: Extent | null
  /** No entry that is lost has a higher number. */
  readonly largestSeqNum: SeqNum
  /** Set when the table did not say which tables it replaced: it may have been any with a number below its own. */
  readonly mayReplaceAny: boolean
}

const ALL_KEYS: Extent = { lower: new Uint8Array(0), upper: null, isUpperInside: false }

export class DamageMap {
  private readonly damages: TableDamage[] = []

  add(damage: TableDamage): void {
    this.damages.push(damage)
  }

  get isEmpty(): boolean {
    return this.damages.length === 0
  }

  /** Gives who judges the entries of a table; null when no loss can concern one of them. */
  judgeOf(table: SourceTable): Judge | null {
    const extent = table.extent
    const concerned = this.damages.filter((damage) => mayHideIn(damage, table, extent))
    return concerned.length === 0 ? null : new Judge(concerned, table)
  }
}

/** True when something that is lost may have been newer than an entry of the table. */
function mayHideIn(damage: TableDamage, table: SourceTable, extent: Extent): boolean {
  if (damage.table !== table && !isNewer(damage.table, table)) return false
  if (damage.mayReplaceAny && table.fileNum < damage.table.fileNum) return true
  if (damage.largestSeqNum < table.smallestSeqNum) return false
  return extentsOverlap(damageExtent(damage), extent)
}

/**
 * True when a table may hold newer versions of keys of the other one. With a manifest the order of sources tells;
 * without it only numbers do, entry by entry.
 */
function isNewer(a: SourceTable, b: SourceTable): boolean {
  // What logs held is newer than all tables, and they are read as a whole.
  if (b.rank !== null && b.rank < 0) return a.rank !== null && a.rank < b.rank
  return a.rank === null || b.rank === null || a.rank < b.rank
}

function damageExtent({ holes, lostSpans, lostExtent, lostKeys }: TableDamage): Extent {
  if (lostExtent !== null) return lostExtent
  if (lostSpans !== null) return ALL_KEYS
  const lowers = [...holes.map(({ lower }) => lower), ...lostKeys.slice(0, 1)]
  const uppers = [...holes.map(({ upper }) => upper), ...lostKeys.slice(-1)]
  if (lowers.some((key) => key === null) || uppers.some((key) => key === null)) return ALL_KEYS
  const sorted = (keys: readonly (Uint8Array | null)[]) => (keys as Uint8Array[]).toSorted(compareBytes)
  return { lower: sorted(lowers)[0]!, upper: sorted(uppers).at(-1)!, isUpperInside: true }
}

/** Judges the entries of one table, which come in order. */
export class Judge {
  private readonly damages: readonly TableDamage[]
  private readonly table: SourceTable

  constructor(damages: readonly TableDamage[], table: SourceTable) {
    this.damages = damages
    this.table = table
  }

  /** True when the entry may have been replaced or deleted by what is lost. `block`: its number among those left. */
  isDoubtful(key: Uint8Array, seqNum: SeqNum, block: number): boolean {
    for (const damage of this.damages) {
      if (seqNum < damage.largestSeqNum && mayHide(damage, this.table, key, block)) return true
    }
    return false
  }
}

function mayHide(damage: TableDamage, table: SourceTable, key: Uint8Array, block: number): boolean {
  const { lostExtent, lostSpans, holes, proof, lostKeys } = damage
  const isOwn = damage.table === table
  if (damage.mayReplaceAny && table.fileNum < damage.table.fileNum) return true
  if (lostSpans !== null && isInside(lostSpans, key)) return true
  if (!isOwn && lostExtent !== null && isInside(lostExtent, key)) return true
  // In its own table a newer version stands before the entry, so a hole behind it hides nothing.
  for (let i = firstReaching(holes, key); i < holes.length; i++) {
    const hole = holes[i]!
    if (hole.lower !== null && compareBytes(hole.lower, key) > 0) break
    if (isOwn && hole.blocksBefore > block) break
    if (isInHole(hole, key) && (proof === null || proof.mayBeIn(key, hole))) return true
  }
  return !isOwn && isAmong(lostKeys, key)
}

/** The first hole that does not end before the key. */
function firstReaching(holes: readonly TableHole[], key: Uint8Array): number {
  let low = 0
  let high = holes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const { upper } = holes[middle]!
    if (upper !== null && compareBytes(upper, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function isAmong(keys: readonly Uint8Array[], key: Uint8Array): boolean {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareBytes(keys[middle]!, key)
    if (order === 0) return true
    if (order < 0) low = middle + 1
    else high = middle
  }
  return false
}

function isInside(extent: Extent, key: Uint8Array): boolean {
  return extentsOverlap(extent, { lower: key, upper: key, isUpperInside: true })
}

/** The keys of a table, as far as they are known. */
export function extentOfFacts(facts: TableFacts | null): Extent {
  return facts === null ? ALL_KEYS : extentOf(facts)
}

/** The keys that lost range tombstones of a table may have deleted. */
export function extentOfSpans(facts: TableFacts | null): Extent {
  return facts === null || facts.spans === null ? ALL_KEYS : extentOfRange(facts.spans)
}
