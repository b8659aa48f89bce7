/**
 * What: merges sorted runs that a load has made into tables from outside. Of entries with one key the one in the latest
 * run is kept.
 * Owns: the outputs while it runs; removes them when it fails. Does not own: the runs.
 * Thread: any: plain data in, plain data out. Nothing is allocated per entry.
 * Invariants: `live` holds the runs that have an entry, in order of their entries; of those with one key the latest
 * first.
 */
import { alignUp, KiB, MiB, sharedPrefixLength } from '../base/index.js'
import type { FileHeader, TableFacts } from '../base/index.js'
import { scanBytes } from '../sstable/index.js'
import { JobControl, NewTable, SpareMemory } from '../tables/index.js'
import type { TableJobContext } from '../tables/index.js'
import { FilePool } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { NO_FILTER } from './load-run.js'
import type { LoadTables } from './load-run.js'
import { RunCursor } from './run-cursor.js'

export interface LoadMergeInput extends LoadTables {
  databaseId: Uint8Array
  /** The runs in the order in which their entries came, each a list of tables in the order of keys. */
  runs: readonly (readonly TableFacts[])[]
  fileNames: readonly string[]
  headers: readonly FileHeader[]
  /** An output is ended at about this size. */
  tableBytes: number
  /** The most files of the runs that are open at once. */
  openFilesMax: number
}

export interface LoadMergeOutput {
  tables: TableFacts[]
  duplicateCount: number
}

const ENTRIES_PER_PAUSE = 1024
const PIECE_BYTES_MIN = 64 * KiB
const PIECE_BYTES_MAX = 256 * KiB
const PIECES_BYTES_MAX = 8 * MiB

export function* loadMerge(
  input: LoadMergeInput, { vfs, spare = new SpareMemory() }: { vfs: Vfs } & TableJobContext,
): Generator<undefined, LoadMergeOutput, unknown> {
  const { runs, dir, databaseId, settings } = input
  const share = alignUp(PIECES_BYTES_MAX / runs.length, 8)
  const pieceBytes = Math.max(PIECE_BYTES_MIN, Math.min(PIECE_BYTES_MAX, share))
  const memory = spare.take(settings.blockBytes, runs.length * scanBytes(pieceBytes))
  const place = { vfs, dir, databaseId, pool: new FilePool({ max: input.openFilesMax }) }
  const options = { memory, pieceBytes, headAt: sharedBytes(runs.flat()) }
  const cursors = runs.map((tables) => new RunCursor(place, tables, options))
  const control = new JobControl(input.control)
  const outputs = new Outputs(input, (at) => new NewTable({
    vfs, dir, fileName: input.fileNames[at]!, isSynced: input.isSynced,
    table: { ...input.headers[at]!, ...settings, ...NO_FILTER }, memory,
  }), control)
  const merge = new LoadMerge(cursors, outputs)
  let isDone = false
  try {
    merge.begin()
    while (merge.advance(ENTRIES_PER_PAUSE)) {
      yield* outputs.endFull()
      yield* control.rest()
    }
    yield* outputs.end()
    isDone = true
    return { tables: outputs.facts, duplicateCount: merge.duplicateCount }
  } finally {
    // A caller that gives the job up between two steps comes here too, without an error.
    if (!isDone) outputs.discard()
    for (const cursor of cursors) cursor.close()
    spare.give(memory)
  }
}

/** The number of leading bytes that all keys of the tables share. */
function sharedBytes(tables: readonly TableFacts[]): number {
  const key = tables[0]!.smallestKey
  let shared = key.length
  for (const { smallestKey, largestKey } of tables) {
    for (const bound of [smallestKey, largestKey]) {
      shared = sharedPrefixLength(key, 0, shared, bound, 0, bound.length)
    }
  }
  return shared
}

class Outputs {
  readonly facts: TableFacts[] = []
  isFull = false
  private readonly tableBytes: number
  private readonly tablesMax: number
  private readonly make: (at: number) => NewTable
  private readonly made: NewTable[] = []
  private readonly control: JobControl
  private current: NewTable | null = null
  private countedBytes = 0

  constructor({ tableBytes, headers }: LoadMergeInput, make: (at: number) => NewTable, control: JobControl) {
    this.tableBytes = tableBytes
    this.tablesMax = headers.length
    this.make = make
    this.control = control
  }

  /** Adds entries of a block, or fewer where a block of the output ends; gives the place of the next one. */
  addFrom({ scan }: RunCursor, from: number, end: number): number {
    if (this.current === null) this.made.push(this.current = this.make(this.made.length))
    const { builder } = this.current
    const next = builder.addFrom(scan, from, end)
    this.isFull = builder.bytesEstimated >= this.tableBytes && this.made.length < this.tablesMax
    return next
  }

  *endFull(): Generator<undefined, void, unknown> {
    this.count()
    if (this.isFull) yield* this.end()
    else this.current?.syncSome()
  }

  *end(): Generator<undefined, void, unknown> {
    if (this.current !== null) this.facts.push(yield* this.current.finish(null))
    this.count()
    this.current = null
    this.isFull = false
    this.countedBytes = 0
  }

  discard(): void {
    for (const table of this.made) table.discard()
  }

  private count(): void {
    const bytes = this.current?.bytesWritten ?? 0
    this.control.add(bytes - this.countedBytes)
    this.countedBytes = bytes
  }
}

class LoadMerge {
  duplicateCount = 0
  private readonly cursors: readonly RunCursor[]
  private readonly live: RunCursor[] = []
  private readonly outputs: Outputs

  constructor(cursors: readonly RunCursor[], outputs: Outputs) {
    this.cursors = cursors
    this.outputs = outputs
  }

  begin(): void {
    for (const cursor of this.cursors) if (cursor.nextBlock()) this.enter(cursor)
  }

  /** Writes about so many entries, fewer when an output is full. False when there are none left. */
  advance(entryCount: number): boolean {
    const { live, outputs } = this
    for (let left = entryCount; left > 0 && !outputs.isFull; left--) {
      const cursor = live[0]
      if (cursor === undefined) return false
      this.passDuplicates(cursor)
      const end = this.stretchEnd(cursor, left)
      const from = cursor.at
      const next = outputs.addFrom(cursor, from, end)
      left -= next - from
      this.goTo(cursor, next)
    }
    return live.length > 0
  }

  /** Passes entries of older runs with the key of this one, which is the first. */
  private passDuplicates(cursor: RunCursor): void {
    const { live } = this
    for (let other = live[1]; other !== undefined && haveOneKey(cursor, other); other = live[1]) {
      this.duplicateCount++
      live.splice(1, 1)
      if (other.at + 1 < other.count) other.moveTo(other.at + 1)
      else if (!other.nextBlock()) continue
      this.enter(other)
    }
  }

  /** The end of the entries of the first run's block that surely come before those of all other runs. */
  private stretchEnd({ scan: { heads }, at, count }: RunCursor, most: number): number {
    const other = this.live[1]
    const last = Math.min(count, at + most)
    if (other === undefined) return last
    const { high, low } = other
    let end = at + 1
    while (end < last && (heads.high[end]! < high || (heads.high[end]! === high && heads.low[end]! < low))) end++
    return end
  }

  private goTo(cursor: RunCursor, next: number): void {
    const { live } = this
    if (next < cursor.count) cursor.moveTo(next)
    else if (!cursor.nextBlock()) {
      live.shift()
      return
    }
    if (live.length === 1 || !this.isBefore(live[1]!, cursor)) return
    live.shift()
    this.enter(cursor)
  }

  private enter(cursor: RunCursor): void {
    const { live } = this
    let low = 0
    let high = live.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.isBefore(live[middle]!, cursor)) low = middle + 1
      else high = middle
    }
    live.splice(low, 0, cursor)
  }

  private isBefore(a: RunCursor, b: RunCursor): boolean {
    if (a.high !== b.high) return a.high < b.high
    if (a.low !== b.low) return a.low < b.low
    const order = a.compareTied(b, b.at)
    return order !== 0 ? order < 0 : this.cursors.indexOf(a) > this.cursors.indexOf(b)
  }
}

function haveOneKey(a: RunCursor, b: RunCursor): boolean {
  return a.high === b.high && a.low === b.low && a.compareTied(b, b.at) === 0
}
