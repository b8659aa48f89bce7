/**
 * What: the outputs of a compaction, one table after the other.
 * Owns: where one ends and the next begins; the files, which `discard` removes, finished or not.
 * Does not own: which entries come (compaction-run.ts).
 * Thread: worker or main; I/O blocks.
 * Invariants: all versions of a key stand in one output. COMP-5 after `discard` nothing is left.
 */
import type { FileHeader, TableFacts } from '../base/index.js'
import { HEAD_MAX, HEAD_MIN, headOf } from '../sstable/index.js'
import type { BuildBuffer, TableScan } from '../sstable/index.js'
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
  /** Tables below the output level that share keys with the inputs, level by level, in key order. */
  below: readonly (readonly TableFacts[])[]
}

export interface OutputPlace {
  vfs: Vfs
  memory: BuildBuffer
  /** Leading bytes that all keys share. */
  headAt: number
}

export class CompactionOutputs {
  readonly facts: TableFacts[] = []
  /** The next key must ask (`mustAsk`): there is no output yet, or it has its size. */
  isDue = true
  /** A head from which on a key must ask: it may be the first that overlaps another table below. */
  limitHigh = HEAD_MIN.high
  limitLow = HEAD_MIN.low
  private readonly place: OutputPlace
  private readonly options: CompactionOutputOptions
  private readonly tables: NewTable[] = []
  private readonly overlap: OverlapMeter
  private current: NewTable | null = null

  constructor(place: OutputPlace, options: CompactionOutputOptions) {
    this.place = place
    this.options = options
    this.overlap = new OverlapMeter(options.below[0] ?? [])
  }

  get writtenBytes(): number {
    return this.tables.reduce((sum, { builder }) => sum + builder.bytesWritten, 0)
  }

  /** Must `endsBefore` be asked before the first entry of a key with this head? */
  mustAsk(high: number, low: number): boolean {
    return this.isDue || high > this.limitHigh || (high === this.limitHigh && low >= this.limitLow)
  }

  /** A new key comes next: key[0, end). True when the output must be ended before it. */
  endsBefore(key: Uint8Array, end: number): boolean {
    const isWithin = this.overlap.reaches(key, 0, end, this.options.overlapBytesMax)
    this.findLimit()
    return this.current !== null && (this.isDue || (this.mayBegin && !isWithin))
  }

  /** Makes sure that there is an output for an entry with key[0, end). */
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
  syncStep(): void {
    this.current?.syncStep()
  }

  /** Ends the output, if there is one. */
  *end(): Generator<undefined, void, unknown> {
    if (this.current !== null) this.facts.push(yield* this.current.finish())
    this.current = null
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
