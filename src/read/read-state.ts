/**
 * What: everything a read looks at, as one immutable object: memtables newest first, then the tables.
 * Owns: one hold on each memtable and each table while anybody holds it.
 * Thread: main.
 * Invariants: READ-2 readers see one state from beginning to end; it is swapped whole.
 */
import { assert } from '../base/index.js'
import type { Version } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import type { Table } from '../sstable/index.js'
import type { OpenTables } from '../tables/index.js'

export class ReadState {
  /** The one that takes writes first, then sealed ones, newest first. */
  readonly memtables: readonly Memtable[]
  readonly version: Version
  /** Readers of the tables in `version.levels`, at the same places. */
  readonly levels: readonly (readonly Table[])[]
  private readonly tables: OpenTables
  private holds = 1

  constructor(memtables: readonly Memtable[], version: Version, tables: OpenTables) {
    this.memtables = memtables
    this.version = version
    this.tables = tables
    for (const memtable of memtables) memtable.hold()
    this.levels = version.levels.map((level) => level.map((facts) => tables.acquire(facts.fileNum)))
  }

  hold(): void {
    this.holds++
  }

  release(): void {
    assert(this.holds > 0, 'read state released more often than held')
    if (--this.holds > 0) return
    for (const memtable of this.memtables) memtable.release()
    for (const level of this.version.levels) for (const facts of level) this.tables.release(facts.fileNum)
  }
}
