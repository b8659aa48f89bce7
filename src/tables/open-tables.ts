/**
 * What: the open tables of a database, one reader each.
 * Owns: the readers, how many read states use each, and closing them.
 * Does not own: which tables make a version (manifest), unlinking them (file-deleter), which parts of them are in
 * memory (table-memory-limit.ts), which of their files are open (vfs/file-pool.ts).
 * Thread: main.
 * Invariants: READ-1 a table may be read, and its file stays in the directory, as long as a read state lists it;
 * whether the file is open at the moment says nothing about that.
 */
import { assert, ioError, openListedError, runAsync, runSync, step } from '../base/index.js'
import type { FileNum, Steps, TableFacts } from '../base/index.js'
import type { BlockCache } from '../cache/index.js'
import { listedTable, openTable, TableIterators } from '../sstable/index.js'
import type { Table, TableContext } from '../sstable/index.js'
import type { FilePool, PooledFile, Vfs } from '../vfs/index.js'
import { TableMemoryLimit } from './table-memory-limit.js'
import { OpenValueLogs } from './value-logs.js'

/**
 * The number of tables that are loaded at once. A file that is being opened cannot be closed for another, so they are
 * few.
 */
const LOADS_AT_ONCE = 8

interface OpenTable {
  table: Table
  file: PooledFile
  users: number
  /** Set when no version lists the table any more; called when nobody reads it any more. */
  onUnused: (() => void) | null
}

export interface TableSetOptions {
  vfs: Vfs
  dir: string
  databaseId: Uint8Array
  cache: BlockCache
  files: FilePool
  /** Nobody writes to the database through this object. */
  isReadOnly?: boolean
}

export class OpenTables {
  private readonly place: TableContext
  private readonly cache: BlockCache
  private readonly iterators = new TableIterators()
  readonly files: FilePool
  /** The value logs that the tables point into. */
  readonly valueLogs: OpenValueLogs
  private readonly isForWriting: boolean
  readonly memoryLimit = new TableMemoryLimit((fileNum) => this.holdUsed(fileNum))
  private readonly open = new Map<FileNum, OpenTable>()
  private readonly closing = new Set<Promise<void>>()

  constructor({ vfs, dir, databaseId, cache, files, isReadOnly = false }: TableSetOptions) {
    this.cache = cache
    this.files = files
    this.isForWriting = !isReadOnly
    this.place = { vfs, dir, databaseId, pool: files }
    this.valueLogs = new OpenValueLogs({ vfs, dir, databaseId, files })
  }

  /** Opens a table that is in no read state yet. Throws MISSING_FILE, CORRUPTION, UNSUPPORTED_FORMAT or IO_ERROR. */
  async load(facts: TableFacts): Promise<void> {
    if (this.open.has(facts.fileNum)) return
    const { file, name } = listedTable(this.place, facts)
    try {
      await file.open()
    } catch (error) {
      throw openListedError(error, name)
    }
    try {
      const table = await runAsync(this.opening(file, facts, name))
      if (!this.open.has(facts.fileNum)) return this.add(table, file)
      // A blocking load came in between: that one is in use.
      table.close()
      await file.close()
    } catch (error) {
      await file.close()
      throw ioError(error, 'read', name)
    }
  }

  /** Opens many tables, as `load` does. */
  loadAll(tables: readonly TableFacts[]): Steps<void> {
    return step({
      sync: () => tables.forEach((facts) => this.loadSync(facts)),
      async: () => this.loadSeveral(tables),
    })
  }

  /** Opens some tables at a time, since each waits for the disk. Throws the first error. */
  private async loadSeveral(tables: readonly TableFacts[]): Promise<void> {
    let next = 0
    const loadNext = async (): Promise<void> => {
      while (next < tables.length) await this.load(tables[next++]!)
    }
    const count = Math.max(1, Math.min(LOADS_AT_ONCE, Math.floor(this.files.capacity / 8)))
    const results = await Promise.allSettled(Array.from({ length: count }, loadNext))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Blocking form of `load`: installs must not wait for the event loop. */
  loadSync(facts: TableFacts): void {
    if (this.open.has(facts.fileNum)) return
    const { file, name } = listedTable(this.place, facts)
    try {
      file.openSync()
      this.add(runSync(this.opening(file, facts, name)), file)
    } catch (error) {
      file.closeSync()
      throw openListedError(error, name)
    }
  }

  private opening(file: PooledFile, facts: TableFacts, name: string): Steps<Table> {
    const { cache, iterators, memoryLimit, isForWriting, place: { databaseId } } = this
    const lookup = memoryLimit.lookupFor(facts)
    const onIndexRead = (): void => memoryLimit.onIndexRead(facts.fileNum)
    return openTable({ file, name, facts, cache, iterators, databaseId, lookup, isForWriting, onIndexRead })
  }

  private add(table: Table, file: PooledFile): void {
    this.open.set(table.facts.fileNum, { table, file, users: 0, onUnused: null })
    this.memoryLimit.add(table)
  }

  isOpen(fileNum: FileNum): boolean {
    return this.open.has(fileNum)
  }

  /** The facts of a table that is open, or null. */
  factsOf(fileNum: FileNum): TableFacts | null {
    return this.open.get(fileNum)?.table.facts ?? null
  }

  /** The tables that are open, each with its number. */
  *all(): Generator<[FileNum, Table]> {
    for (const [fileNum, { table }] of this.open) yield [fileNum, table]
  }

  /** The table of this number; null when it is not open. */
  find(fileNum: FileNum): Table | null {
    return this.open.get(fileNum)?.table ?? null
  }

  /** Gives a loaded table from outside its number. Requires: it is in no read state yet. */
  takeNumber(facts: TableFacts): void {
    const entry = this.open.get(facts.fileNum)
    assert(entry?.users === 0, `table ${facts.fileNum} is loaded, and nobody reads it`)
    entry.table.takeNumber(facts)
  }

  /** Counts a user of a loaded table. */
  hold(fileNum: FileNum): Table {
    const entry = this.open.get(fileNum)
    assert(entry !== undefined, `table ${fileNum} is open`)
    entry.users++
    return entry.table
  }

  /** Counts one more user of a table that has users; null when it has none. */
  private holdUsed(fileNum: FileNum): (() => void) | null {
    if ((this.open.get(fileNum)?.users ?? 0) === 0) return null
    this.hold(fileNum)
    return () => this.release(fileNum)
  }

  release(fileNum: FileNum): void {
    const entry = this.open.get(fileNum)
    assert(entry !== undefined && entry.users > 0, `table ${fileNum} is held`)
    if (--entry.users === 0) this.closeTable(fileNum, entry)
  }

  /** Another file of equal bytes has its name: the next read opens it. What is cached passed its checksum: it stays. */
  renewFile(fileNum: FileNum): void {
    this.open.get(fileNum)?.file.rest()
  }

  /** No version lists the table any more: calls back when nobody reads it, now or later. */
  retire(fileNum: FileNum, onUnused: () => void): void {
    const entry = this.open.get(fileNum)
    if (entry === undefined) {
      onUnused()
      return
    }
    entry.onUnused = onUnused
    if (entry.users === 0) this.closeTable(fileNum, entry)
  }

  /** Tables that no version lists any more and somebody still reads. */
  retiredNums(): FileNum[] {
    return [...this.open].flatMap(([fileNum, { onUnused }]) => (onUnused === null ? [] : [fileNum]))
  }

  private closeTable(fileNum: FileNum, { table, file, onUnused }: OpenTable): void {
    this.open.delete(fileNum)
    this.memoryLimit.remove(table)
    table.close()
    const closing = file.close().finally(() => this.closing.delete(closing))
    this.closing.add(closing)
    onUnused?.()
  }

  /** Resolves when nothing is loaded and no file is being closed any more; called at the end. */
  async idle(): Promise<void> {
    await this.memoryLimit.stop()
    await Promise.all([this.valueLogs.idle(), ...this.closing])
  }

  get count(): number {
    return this.open.size
  }

  /** The number of tables that no version lists and somebody still reads. */
  get retiredCount(): number {
    return this.retiredNums().length
  }

  /** Closes tables that no read state ever took. */
  closeUnused(): void {
    for (const [fileNum, entry] of [...this.open]) if (entry.users === 0) this.closeTable(fileNum, entry)
  }
}
