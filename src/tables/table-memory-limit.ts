/**
 * What: which parts of the open tables are in memory: of each its index, and a point hash or a filter.
 * Owns: the limit for all of them, and which give way. Does not own: the tables, their files (open-tables.ts).
 * Thread: main.
 * Invariants: BUD-2 after each call the parts are below the limit, but for what no table can do without and the index
 * that is in use.
 *
 * What is too much goes at once, which reads nothing: first point hashes, as many as make room for filters in
 * their place, then filters, then indexes; those of the least read tables first. An index comes back when a read needs
 * it, and others go for it. Filters, then point hashes come back in the background while all parts stay well below the
 * limit. Answers are the same in every state.
 */
import { NUMBER_MAX, runAsync } from '../base/index.js'
import type { FileNum, TableFacts } from '../base/index.js'
import type { LoadedBytes, Lookup, Table } from '../sstable/index.js'

interface Entry {
  readonly table: Table
  /** The bytes that the sum counts for this table. */
  bytes: number
  /** True when its filter or point hash could not be read: it stays as it is. */
  isFixed: boolean
}

/**
 * Keeps a table open while a part of it is read; gives the function that ends that, or null when the table is about to
 * be closed.
 */
export type HoldTable = (fileNum: FileNum) => (() => void) | null

/** Lookups come back up to this part of the limit: what barely fits would soon have to go again. */
const REGAIN_PART = 7 / 8
/** A guess for a table that is not open yet. */
const POINT_HASH_BYTES_PER_KEY = 6
const FILTER_BYTES_PER_KEY = 1.5
/** The number of indexes that are compared when one must go. */
const INDEXES_COMPARED = 8

export class TableMemoryLimit {
  /** The most bytes for all parts; set before the first table comes. */
  limitBytes = NUMBER_MAX
  /** Called when parts were loaded since the last `fit`: others may have to give way. */
  onGrown: () => void = () => undefined
  private readonly hold: HoldTable
  private sum = 0
  private readonly entries = new Map<FileNum, Entry>()
  /** Tables with an index, in the order in which they are looked at when one must go. */
  private readonly indexed = new Set<Entry>()
  private regaining: Promise<void> | null = null
  private isStopped = false

  constructor(hold: HoldTable) {
    this.hold = hold
  }

  /** The lookup that a table which is opened now should load besides its index. */
  lookupFor({ entryCount }: TableFacts): Lookup {
    const room = this.limitBytes - this.sum
    if (entryCount * POINT_HASH_BYTES_PER_KEY <= room) return 'pointHash'
    return entryCount * FILTER_BYTES_PER_KEY <= room ? 'filter' : 'none'
  }

  /** Adds an open table; when there is no room it is the first that gives its parts back. */
  add(table: Table): void {
    const entry = { table, bytes: 0, isFixed: false }
    this.entries.set(table.facts.fileNum, entry)
    this.count(entry)
    if (this.excess > 0) this.dropLookup(entry)
    if (this.excess > 0) this.dropIndex(entry)
    else this.indexed.add(entry)
  }

  remove({ facts: { fileNum } }: Table): void {
    const entry = this.entries.get(fileNum)
    if (entry === undefined) return
    this.entries.delete(fileNum)
    this.indexed.delete(entry)
    this.sum -= entry.bytes
  }

  /** Counts the index that a read loaded again, and lets others give way for it. */
  onIndexRead(fileNum: FileNum): void {
    const entry = this.entries.get(fileNum)
    if (entry === undefined) return // it is being opened
    this.count(entry)
    this.indexed.add(entry)
    this.shrink(entry)
    this.onGrown()
  }

  /** Lets parts give way or come back; called when the limit, or what is open, has changed. */
  fit(): void {
    this.shrink(null)
    this.regaining ??= this.regain().finally(() => (this.regaining = null))
  }

  /** Ends loading. Resolves when nothing is being loaded any more. */
  async stop(): Promise<void> {
    this.isStopped = true
    await this.regaining
  }

  /** Resolves when nothing is being loaded. */
  async settled(): Promise<void> {
    await this.regaining
  }

  get bytes(): LoadedBytes {
    const sum = { index: 0, filter: 0, pointHash: 0 }
    for (const { table } of this.entries.values()) {
      const { index, filter, pointHash } = table.loadedBytes
      sum.index += index
      sum.filter += filter
      sum.pointHash += pointHash
    }
    return sum
  }

  get sumBytes(): number {
    return this.sum
  }

  private get excess(): number {
    return this.sum - this.limitBytes
  }

  private count(entry: Entry): void {
    const { index, filter, pointHash } = entry.table.loadedBytes
    this.sum += index + filter + pointHash - entry.bytes
    entry.bytes = index + filter + pointHash
  }

  // ── What gives way ──────────────────────────────────────────────────────────────────────────────

  private shrink(inUse: Entry | null): void {
    if (this.excess > 0) this.dropPointHashes()
    for (const { entry } of this.excess > 0 ? this.byUse('filter') : []) {
      if (this.excess <= 0) return
      this.dropLookup(entry)
    }
    while (this.excess > 0) {
      const entry = this.nextIndex(inUse)
      if (entry === null) return
      this.dropIndex(entry)
    }
  }

  /** Drops point hashes until filters have room in their place. */
  private dropPointHashes(): void {
    let filterBytes = 0
    for (const { entry } of this.byUse('pointHash')) {
      if (this.sum + filterBytes <= this.limitBytes * REGAIN_PART) return
      this.dropLookup(entry)
      filterBytes += entry.table.lookupBytes('filter')
    }
  }

  private dropLookup(entry: Entry): void {
    entry.table.dropLookup()
    this.count(entry)
  }

  private dropIndex(entry: Entry): void {
    entry.table.dropIndex()
    this.indexed.delete(entry)
    this.count(entry)
  }

  /** Chooses the least read of the next few; those that are read more have their turn again later. */
  private nextIndex(inUse: Entry | null): Entry | null {
    const compared: { entry: Entry; use: number }[] = []
    for (const entry of this.indexed) {
      if (entry !== inUse) compared.push({ entry, use: entry.table.cachedPart })
      if (compared.length === INDEXES_COMPARED) break
    }
    const least = compared.sort(byUse)[0]
    if (least === undefined) return null
    for (const { entry, use } of compared) {
      if (use === least.use) continue
      this.indexed.delete(entry)
      this.indexed.add(entry)
    }
    return least.entry
  }

  /** Tables with this lookup, the least read first. */
  private byUse(lookup: Lookup): { entry: Entry; use: number }[] {
    const found: { entry: Entry; use: number }[] = []
    for (const entry of this.entries.values()) {
      if (entry.table.lookup === lookup) found.push({ entry, use: entry.table.cachedPart })
    }
    return found.sort(byUse)
  }

  // ── What comes back ─────────────────────────────────────────────────────────────────────────────

  /**
   * Loads first filters for tables that have neither, then point hashes in place of filters, or where the file has no
   * filter; the most read first. One at a time: other work goes on between the reads.
   */
  private async regain(): Promise<void> {
    await null // never within the call that asked for it
    for (const [has, wanted] of [['none', 'filter'], ['filter', 'pointHash'], ['none', 'pointHash']] as const) {
      for (const { entry } of this.byUse(has).reverse()) {
        if (this.isStopped) return
        if (this.isWanted(entry, has, wanted)) await this.load(entry, wanted)
      }
    }
  }

  private isWanted({ table, isFixed }: Entry, has: Lookup, wanted: Lookup): boolean {
    const bytes = table.lookupBytes(wanted)
    const spare = this.limitBytes * REGAIN_PART - this.sum
    return !isFixed && table.lookup === has && bytes > 0 && bytes - table.lookupBytes(has) <= spare
  }

  private async load(entry: Entry, lookup: Lookup): Promise<void> {
    const { table } = entry
    const release = this.hold(table.facts.fileNum)
    if (release === null) return
    try {
      await runAsync(table.loadLookup(lookup))
    } catch {
      // The table answers as it did; a read that needs the bad bytes reports it.
      entry.isFixed = true
    } finally {
      if (this.entries.has(table.facts.fileNum)) this.count(entry)
      release()
    }
    this.shrink(null)
    this.onGrown()
  }
}

/**
 * Compares by the part of the blocks that is in the cache; where nothing is, the larger table lies deeper and is read
 * less.
 */
function byUse(a: { entry: Entry; use: number }, b: { entry: Entry; use: number }): number {
  return a.use - b.use || b.entry.table.facts.entryCount - a.entry.table.facts.entryCount
}
