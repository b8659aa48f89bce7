/**
 * What: the order of a memtable's entries: sorted runs of entry ids, built ahead while writes go on.
 *
 * Every 8192 entries make a chunk, which a worker sorts into a run. Once an iterator was opened, here or in the
 * memtable before, runs of similar length are merged by a worker, so that few remain; a memtable that is only written
 * saves that work. When writes pause, what is left becomes one run. When three sorts are behind, the caller sorts the
 * next chunk itself in about 2 ms. So an iterator finds everything in order but those three and the tail, however fast
 * the writes came. The tail is what is not a whole chunk yet. It is sorted when an iterator needs it, and kept sorted
 * from then on by insertion, in a few pieces.
 *
 * Owns: the runs; a run never changes once made, iterators keep the ones they were given.
 * Thread: main.
 * Invariants: MEM-3 each entry is in exactly one of: a run, a chunk being sorted, the tail. MEM-4 among
 * equal keys of two runs, the higher ids are newer.
 */
import type { InternalIterator } from '../base/index.js'
import type { Executor } from '../exec/index.js'
import { mergeIterators } from '../iterator/index.js'
import type { Slab } from '../slab/index.js'
import type { EntryTable } from './entry-table.js'
import { HEAD_STRIDE, mergeNow, sortNow } from './order-jobs.js'
import type { HeadedRun, MergeRunsInput, SortRunInput } from './order-jobs.js'
import { readRun, SortedTail } from './sorted-tail.js'
import type { ReadRun } from './sorted-tail.js'
import type { WalkUse } from './walk-use.js'

const CHUNK_ENTRIES = 8192
/** Bytes of an entry in a run: its id, its offset, and its share of a head. */
const RUN_BYTES = 4 + 4 + 8 / HEAD_STRIDE
const SORTS_BEHIND_MAX = 3
/** Neighbouring runs of one length class that become one run. */
const MERGE_COUNT = 4
/** When writes pause, more runs than these become one. */
const GATHERED_RUNS_MAX = 2
/** Up to this many new entries are inserted one by one into the sorted tail; more are sorted together. */
const INSERTIONS_MAX = 64
/** The most entries that take insertions, since each insertion moves half of them. */
const INSERTED_ENTRIES_MAX = 512
/** Pieces of the tail that become one. */
const PIECES_MAX = 8

/** A stretch of ids in arrival order that is sorted, or whose sort is under way. */
interface Stretch {
  start: number
  count: number
  run: ReadRun | null
  isMerging: boolean
}

export class MemtableOrder {
  private readonly slab: Slab
  private readonly entries: EntryTable
  private readonly executor: Executor | null
  private stretches: Stretch[] = []
  /** The count of sorts that are under way, or done and not yet delivered. */
  sortsBehind = 0
  /** The first id of the tail. */
  private tailStart = 0
  /** The sorted pieces of the tail, oldest first. */
  private pieces: ReadRun[] = []
  private pieceEntries = 0
  /** The rest of the tail, sorted as far as an iterator needed. */
  private readonly tail: SortedTail
  /** True when iterators are to be expected: then it pays to merge runs. */
  private isIterated: boolean
  /** True while writes pause: then runs are merged whatever their lengths. */
  private gathers = false
  private isClosed = false
  private readonly walks: WalkUse

  /** Without an executor everything is sorted on this thread when an iterator needs it. */
  constructor(slab: Slab, entries: EntryTable, executor: Executor | null, walks: WalkUse) {
    this.slab = slab
    this.entries = entries
    this.executor = executor
    this.walks = walks
    this.isIterated = walks.takeSeen()
    this.tail = new SortedTail(slab.bytes, entries, INSERTED_ENTRIES_MAX)
  }

  /** Memory of the runs; for the entries of the tail too, since a chunk takes it all at once. */
  get memoryBytes(): number {
    return this.entries.count * RUN_BYTES + this.tail.memoryBytes
  }

  /** Called after inserts: begins to sort the chunks that are whole. */
  noteInserted(): void {
    this.gathers = false
    if (this.executor === null) return
    while (this.entries.count - this.tailStart >= CHUNK_ENTRIES) this.closeChunk()
  }

  /** Gives an iterator over the entries that are there now. */
  iterator(open: (run: ReadRun) => InternalIterator): InternalIterator {
    this.walks.note()
    this.catchUpTail()
    this.beginMerging()
    const children: InternalIterator[] = []
    for (const stretch of this.stretches) children.push(open(this.sorted(stretch)))
    for (const piece of this.pieces) children.push(open(piece))
    if (this.tail.count > 0) children.push(open(this.tail.read()))
    return mergeIterators(children)
  }

  /** Called when the memtable is freed. Results of jobs that are still under way are ignored. */
  close(): void {
    this.isClosed = true
  }

  /** Called when writes pause: makes one run of all that is there, in workers. */
  gather(): void {
    this.gathers = true
    this.mergeElsewhere()
  }

  // ── Chunks ──────────────────────────────────────────────────────────────────────────────────────

  private closeChunk(): void {
    const stretch: Stretch = { start: this.tailStart, count: CHUNK_ENTRIES, run: null, isMerging: false }
    this.stretches.push(stretch)
    this.beginTail(this.tailStart + CHUNK_ENTRIES)
    if (!this.sortElsewhere(stretch)) this.sorted(stretch)
    this.mergeElsewhere()
  }

  /** Gives a stretch to a worker. False when there is no worker or too many sorts are behind. */
  private sortElsewhere(stretch: Stretch): boolean {
    const { executor, slab } = this
    if (executor === null || executor.workerCount === 0 || this.sortsBehind >= SORTS_BEHIND_MAX) return false
    const input: SortRunInput = { slab: slab.buffer, offsets: this.offsetsOf(stretch), firstId: stretch.start }
    this.sortsBehind++
    slab.hold()
    executor.submitPolled<HeadedRun>({ kind: 'sortRun', input, priority: 1 }, (result) => {
      this.sortsBehind--
      slab.release()
      if (!result.ok || this.isClosed) return
      stretch.run ??= readRun(result.output) // an iterator may have sorted it meanwhile
      this.mergeElsewhere()
    })
    return true
  }

  private sorted(stretch: Stretch): ReadRun {
    stretch.run ??= readRun(sortNow(this.slab.bytes, this.offsetsOf(stretch), stretch.start))
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
    if (executor === null || executor.isClosed || !this.isIterated || this.isClosed) return
    const group = findMergeable(stretches) ?? (this.gathers ? this.gatherable() : null)
    if (group === null) return
    const runs = group.map(({ run }) => ({ ids: run!.ids, offsets: run!.offsets }))
    const input: MergeRunsInput = { slab: slab.buffer, runs }
    for (const stretch of group) stretch.isMerging = true
    slab.hold()
    executor.submitPolled<HeadedRun>({ kind: 'mergeRuns', input, priority: 1 }, (result) => {
      slab.release()
      if (!result.ok || this.isClosed) return
      const first = group[0]!
      const count = group.reduce((sum, stretch) => sum + stretch.count, 0)
      const merged: Stretch = { start: first.start, count, run: readRun(result.output), isMerging: false }
      this.stretches.splice(this.stretches.indexOf(first), group.length, merged)
      this.mergeElsewhere()
    })
  }

  /** All stretches, and the tail among them, when there are too many runs and each is sorted; or null. */
  private gatherable(): Stretch[] | null {
    const { stretches, pieces, entries, tailStart, pieceEntries } = this
    const isTailOpen = entries.count > tailStart + pieceEntries
    if (stretches.length + pieces.length + Number(isTailOpen) <= GATHERED_RUNS_MAX) return null
    if (entries.count > tailStart) {
      const stretch: Stretch = { start: tailStart, count: entries.count - tailStart, run: null, isMerging: false }
      stretches.push(stretch)
      this.beginTail(entries.count)
      if (!this.sortElsewhere(stretch)) this.sorted(stretch)
    }
    const isReady = stretches.length > 1 && stretches.every(({ run, isMerging }) => run !== null && !isMerging)
    return isReady ? [...stretches] : null
  }

  // ── The tail ────────────────────────────────────────────────────────────────────────────────────

  private catchUpTail(): void {
    const { tail, tailStart, entries } = this
    const start = tailStart + this.pieceEntries + tail.count
    const missing = entries.count - start
    if (missing === 0) return
    if (entries.count - tailStart > CHUNK_ENTRIES) {
      // This happens only without an executor: the whole tail becomes one run.
      this.stretches.push({ start: tailStart, count: entries.count - tailStart, run: null, isMerging: false })
      this.beginTail(entries.count)
    } else if (missing > INSERTIONS_MAX) {
      this.closePiece()
      this.addPiece(this.sorted({ start, count: missing, run: null, isMerging: false }))
    } else {
      for (let id = start; id < entries.count; id++) {
        if (tail.count === INSERTED_ENTRIES_MAX) this.closePiece()
        tail.insert(id)
      }
    }
  }

  /** Makes a piece of the entries that were inserted, since insertion into a long run moves too much. */
  private closePiece(): void {
    const { tail } = this
    if (tail.count === 0) return
    this.addPiece(readRun(tail.copy()))
    tail.clear()
  }

  private addPiece(piece: ReadRun): void {
    this.pieceEntries += piece.ids.length
    this.pieces.push(piece)
    if (this.pieces.length === PIECES_MAX) this.pieces = [readRun(mergeNow(this.slab.buffer, this.pieces))]
  }

  private beginTail(start: number): void {
    this.tailStart = start
    this.pieces = []
    this.pieceEntries = 0
    this.tail.clear()
  }
}

/** The newest neighbours of one length class that can be merged, all of them sorted, or null. */
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
