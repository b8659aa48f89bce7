/**
 * What: the newest entries of a memtable, fewer than a chunk, kept in order by insertion.
 * Owns: the arrays while no iterator reads them. Iterators read them in place; while one does, the next
 * insertion makes a copy and goes on in it. So a program that puts and iterates in turn copies nothing.
 * Thread: main.
 */
import { compareEntryKeys } from './entry-sort.js'
import type { EntryTable } from './entry-table.js'
import { newRun } from './order-jobs.js'
import type { HeadedRun, Run } from './order-jobs.js'

/** Counts the readers of a run's arrays. Each reader takes itself off when it closes. */
export interface RunHold {
  readers: number
}

/** A sorted run as iterators read it. */
export interface ReadRun extends HeadedRun {
  /** The count of entries, which stand at the start of the arrays. */
  count: number
  /** Counts the readers of a run that may change once it has none; null when the run never changes. */
  hold: RunHold | null
}

/** Gives a run that never changes the form that iterators read. */
export function readRun({ ids, offsets, heads, sharedBytes }: HeadedRun): ReadRun {
  return { ids, offsets, heads, sharedBytes, count: ids.length, hold: null }
}

/** No heads are kept of a tail, since it changes with each insertion. */
const NO_HEADS = new Float64Array(0)

export class SortedTail {
  count = 0
  private run: Run = newRun(0)
  private hold: RunHold = { readers: 0 }
  private readonly bytes: Uint8Array
  private readonly entries: EntryTable
  private readonly capacity: number

  constructor(bytes: Uint8Array, entries: EntryTable, capacity: number) {
    this.bytes = bytes
    this.entries = entries
    this.capacity = capacity
  }

  get memoryBytes(): number {
    return this.run.ids.length * 8
  }

  /** Inserts the newest entry, which goes before older versions of its key. */
  insert(id: number): void {
    this.makeOwn()
    const { entries, bytes } = this
    const { ids, offsets } = this.run
    const prefix = entries.prefix(id)
    const offset = entries.offset(id)
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      const difference = entries.prefix(ids[middle]!) - prefix
      if ((difference !== 0 ? difference : compareEntryKeys(bytes, offsets[middle]!, offset)) < 0) low = middle + 1
      else high = middle
    }
    ids.copyWithin(low + 1, low, this.count)
    offsets.copyWithin(low + 1, low, this.count)
    ids[low] = id
    offsets[low] = offset
    this.count++
  }

  /** Empties the tail when its entries have become part of a chunk. */
  clear(): void {
    this.count = 0
  }

  /** Gives the run to one more reader, which takes itself off `hold` when it closes. */
  read(): ReadRun {
    const { run: { ids, offsets }, count, hold } = this
    hold.readers++
    return { ids, offsets, heads: NO_HEADS, sharedBytes: 0, count, hold }
  }

  copy(): HeadedRun {
    const { run: { ids, offsets }, count } = this
    return { ids: ids.slice(0, count), offsets: offsets.slice(0, count), heads: NO_HEADS, sharedBytes: 0 }
  }

  private makeOwn(): void {
    const { ids, offsets } = this.run
    if (ids.length > 0 && this.hold.readers === 0) return
    this.run = newRun(this.capacity)
    this.hold = { readers: 0 }
    this.run.ids.set(ids.subarray(0, this.count))
    this.run.offsets.set(offsets.subarray(0, this.count))
  }
}
