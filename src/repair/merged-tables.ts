/**
 * What: makes one sorted run of all tables that count, where no manifest tells their levels: one merge by key and
 * sequence number, which alone tells there what is newer. All versions and tombstones stay.
 * Owns: a cursor for each run that is merged. Thread: main; reads and writes block, with pauses.
 */
import { compareBytes, compareRanges, runSync, tableFileName } from '../base/index.js'
import type { LevelNum } from '../base/index.js'
import { Spans } from '../iterator/index.js'
import { endsBefore, extentOf } from '../manifest/index.js'
import { readTableSpans, replacedByMerge } from '../sstable/index.js'
import { pointsToDamage } from './examined-tables.js'
import { EntrySieve } from './served-tables.js'
import type { ServedTable, ServePlace } from './served-tables.js'
import { openSource } from './source-table.js'
import type { SourceTable } from './source-table.js'
import { MERGED_TABLE_BYTES, TableOutputs } from './table-outputs.js'

/** More runs than this are merged in several passes. */
const RUNS_MAX = 200
/** The rank of what was merged before: nothing that is lost is newer, since it was judged then. */
const JUDGED = -Infinity

export function* mergeTables(
  place: ServePlace, tables: readonly SourceTable[], level: LevelNum,
): Generator<undefined, ServedTable[], unknown> {
  let runs = runsOf(tables)
  while (runs.length > RUNS_MAX) {
    const merged: SourceTable[][] = []
    for (let i = 0; i < runs.length; i += RUNS_MAX) {
      const part = runs.slice(i, i + RUNS_MAX)
      const made = yield* mergeRuns(place, part)
      merged.push(made)
      for (const { dir, name } of part.flat()) {
        if (dir === place.target.dir) place.vfs.unlinkSync(place.vfs.join(dir, name))
      }
    }
    runs = merged
  }
  const made = yield* mergeRuns(place, runs)
  for (const { dir, name } of runs.flat()) {
    if (dir === place.target.dir) place.vfs.unlinkSync(place.vfs.join(dir, name))
  }
  return made.map(({ facts }) => ({ level, facts: facts!, isKept: false }))
}

/** Puts tables that share no keys behind each other, as few runs as that takes. */
function runsOf(tables: readonly SourceTable[]): SourceTable[][] {
  const sorted = tables.filter(({ facts }) => facts !== null)
    .sort((a, b) => compareBytes(a.extent.lower, b.extent.lower) || a.fileNum - b.fileNum)
  const runs: SourceTable[][] = []
  for (const table of sorted) {
    const { lower } = table.extent
    const run = runs.find((one) => endsBefore(one.at(-1)!.extent, lower, 0, lower.length))
    if (run === undefined) runs.push([table])
    else run.push(table)
  }
  return runs
}

function* mergeRuns(
  place: ServePlace, runs: readonly (readonly SourceTable[])[],
): Generator<undefined, SourceTable[], unknown> {
  const tables = runs.flat()
  if (tables.length === 0) return []
  const replaced = replacedByMerge(tables.map(({ facts }) => facts!), [])
  const spans = Spans.join(tables.map((table) => spansOf(place, table)).filter((one) => one !== null))
  const outputs = new TableOutputs(place.vfs, place.target, {
    settings: place.settings, replaced, spans, tableBytes: MERGED_TABLE_BYTES,
  })
  const heap = new RunHeap()
  const cursors = runs.map((run) => new RunSieve(place, run))
  try {
    for (const run of cursors) if (yield* run.next()) heap.push(run)
    let last: RunSieve | null = null
    let lastKey: Uint8Array = new Uint8Array(0)
    let lastSeqNum = -1
    for (let run = heap.top; run !== null; run = heap.top) {
      const { cursor, kind, value, valueStart, valueEnd } = run.sieve!
      const isSame = last !== null && cursor.seqNum === lastSeqNum &&
        compareRanges(lastKey, 0, lastKey.length, cursor.key, 0, cursor.keyBytes) === 0
      // A log and the table that was made of it have the same entries.
      if (!isSame) {
        yield* outputs.add(cursor.key, cursor.keyBytes, cursor.seqNum, kind, value, valueStart, valueEnd)
      }
      last = run
      lastSeqNum = cursor.seqNum
      lastKey = cursor.keyCopy()
      if (yield* run.next()) heap.sink()
      else heap.pop()
    }
    const made = yield* outputs.finish()
    place.ledger.rewrittenTables += made.length
    return made.map((facts): SourceTable => ({
      fileNum: facts.fileNum, name: tableFileName(facts.fileNum), dir: place.target.dir, level: 0, rank: JUDGED,
      facts, extent: extentOf(facts), smallestSeqNum: facts.smallestSeqNum, state: 'whole',
      salvaged: null, isServed: true,
    }))
  } finally {
    outputs.discard()
    for (const run of cursors) run.close()
  }
}

function spansOf({ vfs }: ServePlace, { salvaged, facts, dir, name }: SourceTable): Spans | null {
  if (salvaged !== null) return salvaged.spans
  if (facts?.spans == null) return null
  const file = openSource(vfs, vfs.join(dir, name), name)
  try {
    return runSync(readTableSpans({ file, name }, facts))
  } finally {
    file.closeSync()
  }
}

/** A position in one run; its tables are opened one at a time. */
class RunSieve {
  sieve: EntrySieve | null = null
  private readonly place: ServePlace
  private readonly tables: readonly SourceTable[]
  private at = 0

  constructor(place: ServePlace, tables: readonly SourceTable[]) {
    this.place = place
    this.tables = tables
  }

  *next(): Generator<undefined, boolean, unknown> {
    for (;;) {
      if (this.sieve !== null) {
        if (yield* this.sieve.next()) return true
        this.close()
      }
      const table = this.tables[this.at++]
      if (table === undefined) return false
      const { place } = this
      this.sieve = new EntrySieve(place, table, table.rank !== JUDGED && pointsToDamage(table, place.values))
    }
  }

  isBefore({ sieve: other }: RunSieve): boolean {
    const { cursor: a } = this.sieve!
    const { cursor: b } = other!
    const order = compareRanges(a.key, 0, a.keyBytes, b.key, 0, b.keyBytes)
    return order !== 0 ? order < 0 : a.seqNum > b.seqNum
  }

  close(): void {
    this.sieve?.cursor.close()
    this.sieve = null
  }
}

/** The runs, the one with the first entry on top. */
class RunHeap {
  private readonly runs: RunSieve[] = []

  get top(): RunSieve | null {
    return this.runs[0] ?? null
  }

  push(run: RunSieve): void {
    const { runs } = this
    runs.push(run)
    for (let i = runs.length - 1; i > 0;) {
      const parent = (i - 1) >> 1
      if (!runs[i]!.isBefore(runs[parent]!)) break
      this.swap(i, parent)
      i = parent
    }
  }

  pop(): void {
    const last = this.runs.pop()!
    if (this.runs.length === 0) return
    this.runs[0] = last
    this.sink()
  }

  /** Puts the top in its place, since it stands at another entry now. */
  sink(): void {
    const { runs } = this
    for (let i = 0; ;) {
      const [left, right] = [2 * i + 1, 2 * i + 2]
      let first = i
      if (left < runs.length && runs[left]!.isBefore(runs[first]!)) first = left
      if (right < runs.length && runs[right]!.isBefore(runs[first]!)) first = right
      if (first === i) return
      this.swap(i, first)
      i = first
    }
  }

  private swap(a: number, b: number): void {
    const { runs } = this
    const run = runs[a]!
    runs[a] = runs[b]!
    runs[b] = run
  }
}
