/**
 * What: everything a read looks at, as one immutable object: memtables newest first, then the tables.
 * Owns: one hold on each memtable, each table and the set of value logs while anybody holds it.
 * Thread: main.
 * Invariants: READ-2 readers see one state from beginning to end; it is swapped whole.
 */
import { assert } from '../base/index.js'
import type { Spans, SpanSource } from '../iterator/index.js'
import type { SortedRun, Version } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import type { Table } from '../sstable/index.js'
import type { OpenTables, OpenValueLogs, ValueLogView } from '../tables/index.js'

export class ReadState {
  /** The memtable that takes writes, then the sealed ones, newest first. */
  readonly memtables: readonly Memtable[]
  readonly version: Version
  /** The runs of the version's tables: of two runs that share keys, the first has the newer versions. */
  readonly runs: readonly SortedRun<Table>[]
  /** The range tombstones of the tables, run by run; of runs that have some. */
  readonly spanSources: readonly SpanSource[]
  /** Files that handles in these tables name. */
  readonly valueLogs: OpenValueLogs
  private readonly valueLogView: ValueLogView
  private readonly tables: OpenTables
  private holds = 1

  constructor(memtables: readonly Memtable[], version: Version, tables: OpenTables) {
    this.memtables = memtables
    this.version = version
    this.tables = tables
    this.valueLogs = tables.valueLogs
    this.valueLogView = tables.valueLogs.enter(version.valueLogs)
    for (const memtable of memtables) memtable.hold()
    this.runs = version.levels.flatMap(({ runs }) => runs)
      .map((run) => run.map(({ fileNum }) => tables.hold(fileNum)))
    this.spanSources = this.runs.map(spansOf).filter((source) => source.length > 0)
  }

  hold(): void {
    this.holds++
  }

  release(): void {
    assert(this.holds > 0, 'read state released more often than held')
    if (--this.holds > 0) return
    for (const memtable of this.memtables) memtable.release()
    for (const run of this.runs) for (const { facts } of run.tables) this.tables.release(facts.fileNum)
    this.valueLogs.leave(this.valueLogView)
  }
}

const NO_SPANS: SpanSource = []

function spansOf({ tables }: SortedRun<Table>): SpanSource {
  let source: Spans[] | null = null
  for (const { spans } of tables) if (spans !== null) (source ??= []).push(spans)
  return source ?? NO_SPANS
}
