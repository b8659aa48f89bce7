/**
 * What: entries that come in any order, in order: those of logs, and of tables in another order than the bytewise one.
 * They are sorted in memory, of each key the newest. What needs more memory than there may be is sorted in parts: the
 * lowest keys first, as many as there is room for; then all is read again, for those behind.
 * Owns: the memory of the present part. Thread: one.
 * Invariants: LDB-4 the memory is bounded, but for one entry that is larger; no entry is in two parts, none in no part.
 */
import { compareRanges } from '../base/index.js'
import { LevelCursor } from './level-cursor.js'
import { sortIndexes } from './sort-indexes.js'
import { StoredEntries } from './stored-entries.js'

export interface SortedEntriesOptions {
  /** Makes the cursors anew for each part. */
  open(): readonly LevelCursor[]
  /** Memory for entries. */
  sortBytes: number
  /** About as many bytes have all entries together. */
  expectedBytes: number
  /** Hears of entries, once of each. */
  onEntries(count: number): void
  pause(): Promise<void>
}

const ENTRIES_PER_STEP = 8192

export class SortedEntries extends LevelCursor {
  private readonly options: SortedEntriesOptions
  private readonly entries: StoredEntries
  private order: Uint32Array = new Uint32Array()
  private at = 0
  /** The present part has keys from `lower`, below `upper`; null where it has no bound. */
  private lower: Uint8Array | null = null
  private upper: Uint8Array | null = null
  /** Memory that the newest entries of all keys take. */
  private newestCost = 0
  private isFirst = true
  private isDone = false
  private openCursor: LevelCursor | null = null

  constructor(options: SortedEntriesOptions) {
    super()
    this.options = options
    this.entries = new StoredEntries(options.expectedBytes, options.sortBytes)
    this.rank = -1
  }

  override next(): boolean {
    const { entries, order, at } = this
    if (at === order.length) return false
    const index = order[at]!
    this.at = at + 1
    this.keyStart = entries.keyAt[index]!
    this.keyEnd = this.valueStart = this.keyStart + entries.keyBytes[index]!
    this.valueEnd = this.valueStart + entries.valueBytes[index]!
    this.tagHigh = entries.tagHigh[index]!
    this.tagLow = entries.tagLow[index]!
    return true
  }

  override loadNow(): boolean {
    return false
  }

  /** Reads and sorts the next part. */
  override async load(): Promise<boolean> {
    const { entries } = this
    entries.clear()
    this.order = new Uint32Array()
    this.at = 0
    if (this.isDone) {
      this.key = this.bytes = new Uint8Array()
      return false
    }
    this.upper = null
    for (const cursor of this.options.open()) {
      this.openCursor = cursor
      await this.takeAll(cursor)
      await cursor.close()
    }
    this.order = await this.sortNewest()
    this.key = this.bytes = entries.bytes
    this.lower = this.upper
    this.isDone = this.upper === null
    this.isFirst = false
    return true
  }

  private async takeAll(cursor: LevelCursor): Promise<void> {
    for (;;) {
      let count = 0
      for (; cursor.next(); count++) if (!this.take(cursor)) await this.makeRoom(cursor)
      if (this.isFirst) this.options.onEntries(count)
      await this.options.pause()
      if (!cursor.loadNow() && !(await cursor.load())) return
    }
  }

  /** Takes an entry, if it belongs to this part; gives false when there is no room for it. */
  private take(cursor: LevelCursor): boolean {
    const { lower, upper, entries } = this
    if (lower !== null && compareKey(cursor, lower) < 0) return true
    if (upper !== null && compareKey(cursor, upper) >= 0) return true
    if (entries.count > 0 && entries.cost + entries.costOfCursor(cursor) > this.options.sortBytes) return false
    entries.add(cursor)
    return true
  }

  /** Makes room: older entries of a key go, and if that is not enough the greatest keys, which are for another part. */
  private async makeRoom(cursor: LevelCursor): Promise<void> {
    const { entries } = this
    const order = await this.sortNewest()
    const marks = new Uint8Array(entries.count)
    const half = this.options.sortBytes / 2
    const isEnough = this.newestCost + entries.costOfCursor(cursor) <= half
    let cost = 0
    for (const index of order) {
      cost += entries.costOf(index)
      if (!isEnough && cost > half && index !== order[0]) {
        this.upper = entries.keyCopy(index)
        break
      }
      marks[index] = 1
    }
    await this.drive(entries.keepMarked(marks))
    const isOfThisPart = this.upper === null || compareKey(cursor, this.upper) < 0
    if (isOfThisPart) entries.add(cursor)
  }

  private async sortNewest(): Promise<Uint32Array> {
    const { entries } = this
    const order = await this.drive(sortIndexes(entries.count, (a, b) => entries.compare(a, b)))
    return this.drive(this.newestOf(order))
  }

  /** Gives the newest entry of each key, in order. */
  private * newestOf(order: Uint32Array): Generator<undefined, Uint32Array, unknown> {
    const { entries } = this
    let [kept, cost] = [0, 0]
    for (let i = 0; i < order.length; i++) {
      if (i % ENTRIES_PER_STEP === ENTRIES_PER_STEP - 1) yield
      const index = order[i]!
      if (kept > 0 && entries.hasEqualKeys(order[kept - 1]!, index)) continue
      order[kept++] = index
      cost += entries.costOf(index)
    }
    this.newestCost = cost
    return order.subarray(0, kept)
  }

  private async drive<T>(steps: Generator<undefined, T, unknown>): Promise<T> {
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      await this.options.pause()
    }
  }

  override async close(): Promise<void> {
    await this.openCursor?.close()
  }
}

function compareKey({ key, keyStart, keyEnd }: LevelCursor, bound: Uint8Array): number {
  return compareRanges(key, keyStart, keyEnd, bound, 0, bound.length)
}
