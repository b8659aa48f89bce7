/**
 * What: the outputs of a compaction, one table after the other.
 * Owns: where one ends and the next begins; the files, which `discard` removes, finished or not.
 * Does not own: which entries come (compaction-run.ts).
 * Thread: worker or main; I/O blocks.
 * Invariants: all versions of a key stand in one output. COMP-5 after `discard` nothing is left.
 */
import type { FileHeader, InternalIterator, TableFacts } from '../base/index.js'
import { SavedKey } from '../iterator/index.js'
import { NewTable } from '../output/index.js'
import type { NewTableOptions, TableSettings } from '../output/index.js'
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

export class CompactionOutputs {
  readonly facts: TableFacts[] = []
  private readonly vfs: NewTableOptions['vfs']
  private readonly options: CompactionOutputOptions
  private readonly keyspaceId: number
  private readonly tables: NewTable[] = []
  private readonly overlap: OverlapMeter
  private readonly lastKey = new SavedKey()
  private current: NewTable | null = null

  constructor(vfs: NewTableOptions['vfs'], options: CompactionOutputOptions, keyspaceId: number) {
    this.vfs = vfs
    this.options = options
    this.keyspaceId = keyspaceId
    this.overlap = new OverlapMeter(options.below[0] ?? [])
  }

  get writtenBytes(): number {
    return this.tables.reduce((sum, { builder }) => sum + builder.bytesWritten, 0)
  }

  /** Requires: entries come in order. */
  add(entry: InternalIterator): void {
    const { keyBytes, keyStart, keyEnd, seqNum, kind, valueBytes, valueStart, valueEnd } = entry
    const table = this.tableFor(keyBytes, keyStart, keyEnd)
    table.builder.add(keyBytes, keyStart, keyEnd, seqNum, kind, valueBytes, valueStart, valueEnd)
  }

  /** To be called now and then. */
  syncStep(): void {
    this.current?.syncStep()
  }

  /** Ends the last output. */
  finish(): void {
    if (this.current !== null) this.facts.push(this.current.finish())
    this.current = null
  }

  discard(): void {
    for (const table of this.tables) table.discard()
  }

  private tableFor(key: Uint8Array, start: number, end: number): NewTable {
    const { lastKey, current } = this
    if (current !== null && lastKey.equals(key, start, end)) return current
    lastKey.save(key, start, end)
    return this.isToBeCut(key, start, end) ? this.begin(key, start, end) : current!
  }

  private isToBeCut(key: Uint8Array, start: number, end: number): boolean {
    const { current, tables, options } = this
    const isWithin = this.overlap.reaches(key, start, end, options.overlapBytesMax)
    if (current === null) return true
    if (tables.length === options.headers.length) return false
    return !isWithin || current.builder.bytesEstimated >= options.tableBytes
  }

  private begin(key: Uint8Array, start: number, end: number): NewTable {
    this.finish()
    const { vfs, options, tables, keyspaceId } = this
    const { dir, isSynced, headers, fileNames, settings } = options
    const table = { ...headers[tables.length]!, ...settings, keyspaceId }
    this.current = new NewTable({ vfs, dir, fileName: fileNames[tables.length]!, isSynced, table })
    tables.push(this.current)
    this.overlap.begin(key, start, end)
    return this.current
  }
}
