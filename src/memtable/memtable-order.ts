/**
 * What: the order of a memtable's entries: sorted runs of entry ids, built ahead while writes go on.
 *
 * Every 8192 entries make a chunk, which a worker sorts into a run. Once an iterator was opened, runs of
 * similar length are merged by a worker, so that few remain; a memtable that is only written saves that
 * work. At most three sorts may be behind: then the caller sorts the chunk itself, about 2 ms. So an
 * iterator finds everything in order but those and the tail, however fast the writes came. The tail, what
 * is not a whole chunk yet, is sorted when an iterator asks, and from then on kept sorted by insertion.
 *
 * Owns: the runs; a run never changes once made, iterators keep the ones they were given.
 * Thread: main.
 * Invariants: MEM-3 each entry is in exactly one of: a run, a chunk being sorted, the tail. MEM-4 among
 * equal keys of two runs, the higher ids are newer.
 */
import type { InternalIterator } from '../base/index.js'
import type { Executor } from '../exec/index.js'
import { MergingIterator } from '../iterator/index.js'
import type { Slab } from '../slab/index.js'
import { compareEntryKeys } from './entry-sort.js'
import type { EntryTable } from './entry-table.js'
import { newRun, sortNow } from './order-jobs.js'
import type { MergeRunsInput, Run, SortRunInput } from './order-jobs.js'

const CHUNK_ENTRIES = 8192
const SORTS_BEHIND_MAX = 3
/** So many neighbours of one length class become one run. */
const MERGE_COUNT = 4
/** Insertions into the sorted tail, one by one, up to this many at a time; more are sorted together. */
const INSERTIONS_MAX = 64

/** A stretch of ids in arrival order: sorted, or with its sort under way. */
interface Stretch {
  start: number
  count: number
  run: Run | null
  isMerging: boolean
}

export class MemtableOrder {
  private readonly slab: Slab
  private readonly entries: EntryTable
  private readonly executor: Executor | null
  private stretches: Stretch[] = []
  /** Sorts that are under way, or done and not yet delivered. */
  sortsBehind = 0
  /** Ids from here on are the tail. */
  private tailStart = 0
  private tail: Run = newRun(0)
  /** Tail entries that are in `tail`, sorted. */
  private tailCount = 0
  /** Somebody reads in order: fewer runs are worth their merging. */
  private isIterated = false
  private isClosed = false

  /** Without an executor everything is sorted here when it is asked for. */
  constructor(slab: Slab, entries: EntryTable, executor: Executor | null) {
    this.slab = slab
    this.entries = entries
    this.executor = executor
  }

  get memoryBytes(): number {
    return (this.tailStart + this.tail.ids.length) * 8
  }

  /** After inserts: whole chunks begin to be sorted. */
  noteInserted(): void {
    if (this.executor === null) return
    while (this.entries.count - this.tailStart >= CHUNK_ENTRIES) this.closeChunk()
  }

  /** Over the entries that are there now. */
  iterator(open: (run: Run) => InternalIterator): InternalIterator {
    this.catchUpTail()
    this.beginMerging()
    const children: InternalIterator[] = []
    for (const stretch of this.stretches) children.push(open(this.sorted(stretch)))
    if (this.tailCount > 0) children.push(open(this.copyOfTail()))
    return children.length === 1 ? children[0]! : new MergingIterator(children)
  }

  /** The memtable goes: results of jobs that are still under way are ignored. */
  close(): void {
    this.isClosed = true
  }

  // ── Chunks ──────────────────────────────────────────────────────────────────────────────────────

  private closeChunk(): void {
    const stretch: Stretch = { start: this.tailStart, count: CHUNK_ENTRIES, run: null, isMerging: false }
    this.stretches.push(stretch)
    this.tailStart += CHUNK_ENTRIES
    if (this.tailCount === CHUNK_ENTRIES) stretch.run = this.copyOfTail()
    this.tailCount = 0
    if (stretch.run === null && !this.sortElsewhere(stretch)) this.sorted(stretch)
    this.mergeElsewhere()
  }

  /** False when there is no worker or too many sorts are behind. */
  private sortElsewhere(stretch: Stretch): boolean {
    const { executor, slab } = this
    if (executor === null || executor.workerCount === 0 || this.sortsBehind >= SORTS_BEHIND_MAX) return false
    const input: SortRunInput = { slab: slab.buffer, offsets: this.offsetsOf(stretch), firstId: stretch.start }
    this.sortsBehind++
    slab.hold()
    executor.submitPolled<Run>({ kind: 'sortRun', input, priority: 1 }, (result) => {
      this.sortsBehind--
      slab.release()
      if (!result.ok || this.isClosed || stretch.run !== null) return
      stretch.run = result.output
      this.mergeElsewhere()
    })
    return true
  }

  private sorted(stretch: Stretch): Run {
    stretch.run ??= sortNow(this.slab.bytes, this.offsetsOf(stretch), stretch.start)
    return stretch.run
  }

  private offsetsOf({ start, count }: Stretch): Uint32Array {
    const offsets = new Uint32Array(count)
    for (let i = 0; i < count; i++) offsets[i] = this.entries.offset(start + i)
    return offsets
  }

  // ── Merging neighbours ──────────────────────────────────────────────────────────────────────────

  private beginMerging(): void {
    if (this.isIterated) return
    this.isIterated = true
    this.mergeElsewhere()
  }

  private mergeElsewhere(): void {
    const { executor, slab, stretches } = this
    if (executor === null || !this.isIterated || this.isClosed) return
    const group = findMergeable(stretches)
    if (group === null) return
    const input: MergeRunsInput = { slab: slab.buffer, runs: group.map((stretch) => stretch.run!) }
    for (const stretch of group) stretch.isMerging = true
    slab.hold()
    executor.submitPolled<Run>({ kind: 'mergeRuns', input }, (result) => {
      slab.release()
      if (!result.ok || this.isClosed) return
      const first = group[0]!
      const count = group.reduce((sum, stretch) => sum + stretch.count, 0)
      const merged: Stretch = { start: first.start, count, run: result.output, isMerging: false }
      this.stretches.splice(this.stretches.indexOf(first), group.length, merged)
      this.mergeElsewhere()
    })
  }

  // ── The tail ────────────────────────────────────────────────────────────────────────────────────

  private catchUpTail(): void {
    const start = this.tailStart + this.tailCount
    const missing = this.entries.count - start
    if (missing === 0) return
    if (this.tail.ids.length === 0) this.tail = newRun(CHUNK_ENTRIES)
    const count = this.entries.count - this.tailStart
    if (missing <= INSERTIONS_MAX && count <= CHUNK_ENTRIES) {
      for (let id = start; id < this.entries.count; id++) this.insertIntoTail(id)
      return
    }
    const stretch: Stretch = { start: this.tailStart, count, run: null, isMerging: false }
    if (count > CHUNK_ENTRIES) {
      // Only without an executor: all of it becomes one run.
      this.stretches.push(stretch)
      this.tailStart = this.entries.count
      this.tailCount = 0
      return
    }
    const run = this.sorted(stretch)
    this.tail.ids.set(run.ids)
    this.tail.offsets.set(run.offsets)
    this.tailCount = count
  }

  /** The newest entry goes before older versions of its key. */
  private insertIntoTail(id: number): void {
    const { entries, tail } = this
    const { bytes } = this.slab
    const prefix = entries.prefix(id)
    const offset = entries.offset(id)
    let low = 0
    let high = this.tailCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const difference = entries.prefix(tail.ids[middle]!) - prefix
      if ((difference !== 0 ? difference : compareEntryKeys(bytes, tail.offsets[middle]!, offset)) < 0) low = middle + 1
      else high = middle
    }
    tail.ids.copyWithin(low + 1, low, this.tailCount)
    tail.offsets.copyWithin(low + 1, low, this.tailCount)
    tail.ids[low] = id
    tail.offsets[low] = offset
    this.tailCount++
  }

  /** Iterators keep theirs while the tail grows. */
  private copyOfTail(): Run {
    return { ids: this.tail.ids.slice(0, this.tailCount), offsets: this.tail.offsets.slice(0, this.tailCount) }
  }
}

/** The newest neighbours of one length class, enough of them and all sorted, or null. */
function findMergeable(stretches: readonly Stretch[]): Stretch[] | null {
  let group: Stretch[] = []
  for (const stretch of stretches) {
    const fits = stretch.run !== null && !stretch.isMerging
    if (!fits || (group.length > 0 && group[0]!.count !== stretch.count)) group = []
    if (fits) group.push(stretch)
    if (group.length === MERGE_COUNT) return group
  }
  return null
}
