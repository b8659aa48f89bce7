/**
 * What: the outputs of a compaction, one table after the other.
 * Owns: the choice where one ends and the next begins; the files, which `discard` removes, finished or not.
 * Does not own: the choice of the entries (compaction-merge.ts).
 * Thread: worker or main; I/O blocks.
 * Invariants: all versions of a key are in one output. COMP-5 after `discard` nothing is left.
 * A full output stays open until the next one has its first entry, or the merge is done. Only then it is known whether
 * it is the last one, which its file says (sstable/replaces.ts).
 */
import { compareRanges, EntryKind } from '../base/index.js'
import type { FileHeader, FileNum, SeqNum, TableFacts } from '../base/index.js'
import { HEAD_MAX, HEAD_MIN, headOf } from '../sstable/index.js'
import type { BuildBuffer, Replaced, TableBuilderOptions, TableScan } from '../sstable/index.js'
import { NewTable } from '../tables/index.js'
import type { NewTableOptions, TableSettings } from '../tables/index.js'
import type { Vfs } from '../vfs/index.js'
import { OverlapMeter } from './below-tables.js'
import type { OutputSpans } from './output-spans.js'
import type { ValueMover } from './value-mover.js'

export interface CompactionOutputOptions extends Pick<NewTableOptions, 'dir' | 'isSynced'> {
  /** Headers with fresh file numbers, one for each possible output. The output with the last header is not cut. */
  headers: readonly FileHeader[]
  /** The names under which outputs are written, one for each header: temp names, or final names in fast mode. */
  fileNames: readonly string[]
  settings: TableSettings
  /** An output is ended at about this size. */
  tableBytes: number
  /** An output is also ended when its keys and values, in value logs or not, have about so many bytes. */
  rawBytesMax: number
  /** An output is ended before it overlaps two tables of the level below with more bytes than this. */
  overlapBytesMax: number
  /** Tables that are in no version, and whose removal is not known to be durable. The outputs name them. */
  unlisted: readonly FileNum[]
  /** Tables below the output level that share keys with the inputs, level by level, in key order. */
  below: readonly (readonly TableFacts[])[]
}

export interface OutputContext {
  vfs: Vfs
  memory: BuildBuffer
  /** The number of leading bytes that all keys share. */
  headAt: number
  /** The tables that all outputs together replace. */
  replaced: Replaced
  /** Moves values of condemned value logs; null: all handles are carried. */
  mover: Pick<ValueMover, 'takeFrom'> | null
  /** The range tombstones that the outputs take; null when there are none. */
  spans: OutputSpans | null
}

export class CompactionOutputs {
  readonly facts: TableFacts[] = []
  /** True when `noteKey` must hear of the next key: there is no output yet, or it has its size. */
  isDue = true
  /** True when the output takes no more entries, and must be ended before the next one is added. */
  isFull = false
  /** True when the output must be ended at once, whatever comes next. */
  mustEnd = false
  /** The count of tombstones that stand in outputs only because these have range tombstones and nothing else. */
  addedTombstoneCount = 0
  /** The key at which the full output is ended: no key from there on belongs to it. */
  private cutKey: Uint8Array | null = null
  /** The head from which on `noteKey` must hear of a key, as the key may begin to overlap another table below. */
  limitHigh = HEAD_MIN.high
  limitLow = HEAD_MIN.low
  private readonly place: OutputContext
  private readonly options: CompactionOutputOptions
  private readonly tables: NewTable[] = []
  private readonly overlap: OverlapMeter
  private current: NewTable | null = null
  /**
   * A read that comes down to the last level mostly finds its key there: a filter beside the point hash would be read
   * for nothing, and most keys are there.
   */
  private readonly lookups: Pick<TableBuilderOptions, 'filterBitsPerKey'>

  constructor(place: OutputContext, options: CompactionOutputOptions) {
    this.place = place
    this.options = options
    this.overlap = new OverlapMeter(options.below[0] ?? [])
    const isLastLevel = options.below.every((tables) => tables.length === 0)
    this.lookups = isLastLevel ? { filterBitsPerKey: 0 } : {}
  }

  get writtenBytes(): number {
    return this.tables.reduce((sum, { builder }) => sum + builder.bytesWritten, 0)
  }

  /** True when `noteKey` must be called before the first entry of a key with this head. */
  mustTell(high: number, low: number): boolean {
    return this.isDue || high > this.limitHigh || (high === this.limitHigh && low >= this.limitLow)
  }

  /** Notes that the new key key[0, end) comes next, and decides whether it belongs to another output. */
  noteKey(key: Uint8Array, end: number): void {
    const passed = this.place.spans === null ? 'within' : this.passBounds(key, end)
    if (passed === 'ended') return
    const isWithin = this.overlap.reaches(key, 0, end, this.options.overlapBytesMax) && passed === 'within'
    this.findLimit()
    const isTooWide = this.mayBegin && !isWithin
    const isEnd = this.current === null
      ? isTooWide && this.place.spans?.isNextBefore(key, end) === true : this.isDue || isTooWide
    if (!isEnd) return
    if (!this.isFull) this.cutKey = key.slice(0, end)
    this.isFull = true
    this.isDue = true
  }

  /** Does what `noteKey` does for what comes behind the last key: true when the output must be ended. */
  noteRest(): boolean {
    return this.place.spans !== null && this.passBounds(null, 0) === 'ended'
  }

  /**
   * Goes over the bounds of tables below that lie before the key. Where a range tombstone reaches over such a bound,
   * and the output would overlap too much, the output is ended there, also when it has no entry.
   */
  private passBounds(key: Uint8Array | null, end: number): 'within' | 'behind' | 'ended' {
    const { overlap, place, options: { overlapBytesMax } } = this
    let passed: 'within' | 'behind' = 'within'
    for (let bound = overlap.nextBegin; bound !== null; bound = overlap.nextBegin) {
      if (key !== null && compareRanges(bound, 0, bound.length, key, 0, end) >= 0) break
      if (overlap.reaches(bound, 0, bound.length, overlapBytesMax)) continue
      passed = 'behind'
      if (this.isFull || !this.mayBegin || !place.spans!.reachesOver(bound)) continue
      this.cutKey = bound
      this.isFull = true
      this.isDue = true
      this.mustEnd = true
      return 'ended'
    }
    return passed
  }

  /** Makes sure that there is an output for an entry with key[0, end). Requires: no full output is open. */
  begin(key: Uint8Array, end: number): void {
    if (this.current !== null) return
    this.current = this.newTable()
    this.isDue = false
    // Otherwise it has range tombstones before this key, and they were counted from their beginning.
    if (this.place.spans?.isNextBefore(key, end) !== true) this.overlap.begin(key, 0, end)
  }

  /** Counts the next entry as one that a range tombstone of the output hides. Requires: there is an output. */
  noteCovered(): void {
    this.current!.builder.noteCovered()
  }

  private newTable(): NewTable {
    const { options, tables } = this
    const { vfs, memory } = this.place
    const { dir, isSynced, headers, fileNames, settings } = options
    const table = { ...headers[tables.length]!, ...settings, ...this.lookups }
    const made = new NewTable({ vfs, dir, fileName: fileNames[tables.length]!, isSynced, table, memory })
    tables.push(made)
    return made
  }

  /**
   * Adds the entries [from, end) in order, or fewer when a block ends. Returns the index of the next entry, which
   * may be `from`. Requires: there is an output.
   */
  addFrom(scan: TableScan, from: number, end: number): number {
    const { builder } = this.current!
    const { blockCount } = builder
    // Those behind where the builder stops have their new places too: they are kept, and come next.
    this.place.mover?.takeFrom(scan, from, end)
    const next = builder.addFrom(scan, from, end)
    this.noteBlocks(blockCount)
    return next
  }

  /** Adds a tombstone for key[0, end) in place of a value that has expired. Requires: there is an output. */
  addTombstone(key: Uint8Array, end: number, seqNum: SeqNum): void {
    const { builder } = this.current!
    const { blockCount } = builder
    builder.add(key, 0, end, seqNum, EntryKind.tombstone, key, end, end)
    this.noteBlocks(blockCount)
  }

  /** Looks at the size of the output, whose estimate changes only with a block. */
  private noteBlocks(before: number): void {
    const { builder } = this.current!
    if (builder.blockCount === before) return
    const { tableBytes, rawBytesMax } = this.options
    this.isDue = this.mayBegin && (builder.bytesEstimated >= tableBytes || builder.rawBytesSoFar >= rawBytesMax)
  }

  private get mayBegin(): boolean {
    return this.tables.length < this.options.headers.length
  }

  /** Syncs a part of the output. The caller does this now and then, so that the last sync is short. */
  syncSome(): void {
    this.current?.syncSome()
  }

  /** Ends the output, if there is one. */
  *end(isLast: boolean): Generator<undefined, void, unknown> {
    const { facts, options, place: { replaced } } = this
    this.addSpans(isLast ? null : this.cutKey)
    const { current, cutKey } = this
    if (current !== null) {
      const group = options.headers[0]!.fileNum
      facts.push(yield* current.finish({ ...replaced, group, index: facts.length, isLast }))
    }
    if (cutKey !== null && this.place.spans !== null) this.overlap.begin(cutKey, 0, cutKey.length)
    this.current = null
    this.cutKey = null
    this.isFull = false
    this.mustEnd = false
    this.isDue = true
  }

  /** Gives the output its range tombstones; there is one from now on if there are any. */
  private addSpans(cut: Uint8Array | null): void {
    const part = this.place.spans?.takeBefore(cut) ?? null
    if (part === null) return
    this.current ??= this.newTable()
    const { builder } = this.current
    if (builder.entryCount === 0) this.addedTombstoneCount++
    builder.addSpans(part)
  }

  discard(): void {
    for (const table of this.tables) table.discard()
  }

  private findLimit(): void {
    const { nextBegin } = this.overlap
    // A bound that does not share those bytes is behind all keys of the inputs, so its head misses nothing.
    const { high, low } = nextBegin === null ? HEAD_MAX : headOf(nextBegin, this.place.headAt)
    this.limitHigh = high
    this.limitLow = low
  }
}
