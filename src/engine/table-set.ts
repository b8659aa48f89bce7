/**
 * What: the open tables of this process, one reader each.
 * Owns: the readers, how many read states use each, and closing them.
 * Does not own: which tables make a version (manifest), unlinking them (file-deleter), which parts of them are in
 * memory (loaded-parts.ts).
 * Thread: main.
 * Invariants: READ-1 a table's file is closed only when no read state lists it.
 */
import { assert, ioError, openListedError, runAsync, runSync, tableFileName } from '../base/index.js'
import type { FileNum, Steps, TableFacts } from '../base/index.js'
import type { BlockCache } from '../cache/index.js'
import { openTable } from '../sstable/index.js'
import type { Table } from '../sstable/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { LoadedParts } from './loaded-parts.js'

interface OpenTable {
  table: Table
  file: VfsFile
  users: number
  /** No version lists it any more: called when nobody reads it any more. */
  onUnused: (() => void) | null
}

export class TableSet {
  private readonly vfs: Vfs
  private readonly dir: string
  private readonly databaseId: Uint8Array
  private readonly cache: BlockCache
  readonly parts = new LoadedParts((fileNum) => this.holdUsed(fileNum))
  private readonly open = new Map<FileNum, OpenTable>()
  private readonly closing = new Set<Promise<void>>()

  constructor(vfs: Vfs, dir: string, databaseId: Uint8Array, cache: BlockCache) {
    this.vfs = vfs
    this.dir = dir
    this.databaseId = databaseId
    this.cache = cache
  }

  /** Opens a table that is in no read state yet. Throws MISSING_FILE, CORRUPTION or IO_ERROR. */
  async load(facts: TableFacts): Promise<void> {
    if (this.open.has(facts.fileNum)) return
    const name = tableFileName(facts.fileNum)
    let file: VfsFile
    try {
      file = await this.vfs.open(this.vfs.join(this.dir, name), 'read')
    } catch (error) {
      throw openListedError(error, name)
    }
    this.add(await this.readTable(file, facts, name), file)
  }

  private async readTable(file: VfsFile, facts: TableFacts, name: string): Promise<Table> {
    try {
      return await runAsync(this.opening(file, facts, name))
    } catch (error) {
      await file.close().catch(() => undefined)
      throw ioError(error, 'read', name)
    }
  }

  /** Blocking form of `load`: installs must not wait for the event loop. */
  loadSync(facts: TableFacts): void {
    if (this.open.has(facts.fileNum)) return
    const name = tableFileName(facts.fileNum)
    let file: VfsFile | null = null
    try {
      file = this.vfs.openSync(this.vfs.join(this.dir, name), 'read')
      this.add(runSync(this.opening(file, facts, name)), file)
    } catch (error) {
      file?.closeSync()
      throw openListedError(error, name)
    }
  }

  private opening(file: VfsFile, facts: TableFacts, name: string): Steps<Table> {
    const { cache, databaseId, parts } = this
    const lookup = parts.lookupFor(facts)
    const onIndexRead = (): void => parts.onIndexRead(facts.fileNum)
    return openTable({ file, name, facts, cache, databaseId, lookup, onIndexRead })
  }

  private add(table: Table, file: VfsFile): void {
    this.open.set(table.facts.fileNum, { table, file, users: 0, onUnused: null })
    this.parts.add(table)
  }

  /** Holds a loaded table. */
  acquire(fileNum: FileNum): Table {
    const entry = this.open.get(fileNum)
    assert(entry !== undefined, `table ${fileNum} is open`)
    entry.users++
    return entry.table
  }

  /** Holds a table that somebody uses; null when nobody does. */
  private holdUsed(fileNum: FileNum): (() => void) | null {
    if ((this.open.get(fileNum)?.users ?? 0) === 0) return null
    this.acquire(fileNum)
    return () => this.release(fileNum)
  }

  release(fileNum: FileNum): void {
    const entry = this.open.get(fileNum)
    assert(entry !== undefined && entry.users > 0, `table ${fileNum} is held`)
    if (--entry.users === 0) this.closeTable(fileNum, entry)
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

  /** A read-only handle has nothing to lose: an error on its close means nothing. */
  private closeTable(fileNum: FileNum, { table, file, onUnused }: OpenTable): void {
    this.open.delete(fileNum)
    this.parts.remove(table)
    table.close()
    const closing = file.close().catch(() => undefined).finally(() => this.closing.delete(closing))
    this.closing.add(closing)
    onUnused?.()
  }

  /** At the end: resolves when nothing is loaded and no file is being closed any more. */
  async idle(): Promise<void> {
    await this.parts.stop()
    await Promise.all(this.closing)
  }

  get count(): number {
    return this.open.size
  }

  /** Tables that no version lists and somebody still reads. */
  get retiredCount(): number {
    let count = 0
    for (const { onUnused } of this.open.values()) if (onUnused !== null) count++
    return count
  }

  /** Closes what no read state ever took. */
  closeUnused(): void {
    for (const [fileNum, entry] of [...this.open]) if (entry.users === 0) this.closeTable(fileNum, entry)
  }
}
