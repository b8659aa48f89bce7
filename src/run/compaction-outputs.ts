/**
 * What: the outputs of a compaction, one table after the other.
 * Owns: where one ends and the next begins; the files, which `discard` removes, finished or not.
 * Does not own: which entries come (compaction-run.ts).
 * Thread: worker or main; I/O blocks.
 * Invariants: all versions of a key stand in one output. COMP-5 after `discard` nothing is left.
 * An output that is full stays open until the next one has its first entry, or the merge is done: only then it is known
 * whether it is the last one, and the file says so (sstable/replaces.ts).
 */
import type { FileHeader, FileNum, TableFacts } from '../base/index.js'
import { HEAD_MAX, HEAD_MIN, headOf } from '../sstable/index.js'
import type { BuildBuffer, Replaced, TableScan } from '../sstable/index.js'
import { NewTable } from '../tables/index.js'
import type { NewTableOptions, TableSettings } from '../tables/index.js'
import type { Vfs } from '../vfs/index.js'
import { OverlapMeter } from './below-tables.js'

export interface CompactionOutputOptions extends Pick<NewTableOptions, 'dir' | 'isSynced'> {
  /** A header for each output there may be, each with a fresh number; when they are used up, the last output grows. */
  headers: readonly FileHeader[]
  /** Names of the outputs while they are written, one for each header: temp names, or final ones in fast mode. */
  fileNames: readonly string[]
  settings: TableSettings
  /** An output is ended at about this size, */
  tableBytes: number
  /** or when it would overlap more bytes than this of the level below its own, if it overlaps two tables. */
  overlapBytesMax: number
  /** Tables that are in no version, and whose removal is not known to be durable. */
  unlisted: readonly FileNum[]
  /** Tables below the output level that share keys with the inputs, level by level, in key order. */
  below: readonly (readonly TableFacts[])[]
}

export interface OutputContext {
  vfs: Vfs
  memory: BuildBuffer
  /** Leading bytes that all keys share. */
  headAt: number
  /** What all outputs together stand for. */
  replaced: Replaced
}

export class CompactionOutputs {
  readonly facts: TableFacts[] = []
  /** The next key must be told (`mustTell`): there is no output yet, or it has its size. */
  isDue = true
  /** The output takes no more entries: it must be ended before the next one that is kept. */
  isFull = false
  /** A head from which on a key must be told: it may be the first that overlaps another table below. */
  limitHigh = HEAD_MIN.high
  limitLow = HEAD_MIN.low
  private readonly place: OutputContext
  private readonly options: CompactionOutputOptions
  private readonly tables: NewTable[] = []
  private readonly overlap: OverlapMeter
  private current: NewTable | null = null

  constructor(place: OutputContext, options: CompactionOutputOptions) {
    this.place = place
    this.options = options
    this.overlap = new OverlapMeter(options.below[0] ?? [])
  }

  get writtenBytes(): number {
    return this.tables.reduce((sum, { builder }) => sum + builder.bytesWritten, 0)
  }

  /** Must `noteKey` be called before the first entry of a key with this head? */
  mustTell(high: number, low: number): boolean {
    return this.isDue || high > this.limitHigh || (high === this.limitHigh && low >= this.limitLow)
  }

  /** A new key comes next: key[0, end). It may belong to another output. */
  noteKey(key: Uint8Array, end: number): void {
    const isWithin = this.overlap.reaches(key, 0, end, this.options.overlapBytesMax)
    this.findLimit()
    if (this.current === null || !(this.isDue || (this.mayBegin && !isWithin))) return
    this.isFull = true
    this.isDue = true
  }

  /** Makes sure that there is an output for an entry with key[0, end). Requires: the one before is not full. */
  begin(key: Uint8Array, end: number): void {
    if (this.current !== null) return
    const { options, tables } = this
    const { vfs, memory } = this.place
    const { dir, isSynced, headers, fileNames, settings } = options
    const table = { ...headers[tables.length]!, ...settings }
    this.current = new NewTable({ vfs, dir, fileName: fileNames[tables.length]!, isSynced, table, memory })
    tables.push(this.current)
    this.isDue = false
    this.overlap.begin(key, 0, end)
  }

  /**
   * Adds entries `from` to `end` in order, or those that end a block; returns where it stopped, which may
   * be `from`. Requires: there is one.
   */
  addFrom(scan: TableScan, from: number, end: number): number {
    const { builder } = this.current!
    const { blockCount } = builder
    const next = builder.addFrom(scan, from, end)
    // Only then the estimate has changed.
    if (builder.blockCount > blockCount) {
      this.isDue = this.mayBegin && builder.bytesEstimated >= this.options.tableBytes
    }
    return next
  }

  private get mayBegin(): boolean {
    return this.tables.length < this.options.headers.length
  }

  /** To be called now and then. */
  syncSome(): void {
    this.current?.syncSome()
  }

  /** Ends the output, if there is one. */
  *end(isLast: boolean): Generator<undefined, void, unknown> {
    const { current, facts, options, place: { replaced } } = this
    if (current !== null) {
      const group = options.headers[0]!.fileNum
      facts.push(yield* current.finish({ ...replaced, group, index: facts.length, isLast }))
    }
    this.current = null
    this.isFull = false
    this.isDue = true
  }

  discard(): void {
    for (const table of this.tables) table.discard()
  }

  private findLimit(): void {
    const { nextBegin } = this.overlap
    // One that does not share those bytes is behind all keys of the inputs: whatever its head, nothing is missed.
    const { high, low } = nextBegin === null ? HEAD_MAX : headOf(nextBegin, this.place.headAt)
    this.limitHigh = high
    this.limitLow = low
  }
}
