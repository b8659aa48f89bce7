/**
 * What: the open tables of this process, one reader each.
 * Owns: the readers, how many read states use each, and closing them; which of them have a point hash.
 * Does not own: which tables make a version (manifest), unlinking them (file-deleter).
 * Thread: main.
 * Invariants: READ-1 a table's file is closed only when no read state lists it.
 *
 * A point hash is loaded while all that tables have loaded stays below a limit. Over it, the least read
 * tables change to their filters, the larger one first; well under it, the most read ones get theirs back.
 */
import { assert, ioError, openListedError, runAsync, runSync, tableFileName } from '../base/index.js'
import type { FileNum, Steps, TableFacts } from '../base/index.js'
import type { BlockCache } from '../cache/index.js'
import { openTable } from '../sstable/index.js'
import type { LoadedBytes, Table } from '../sstable/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

interface OpenTable {
  table: Table
  file: VfsFile
  users: number
  /** No version lists it any more: called when nobody reads it any more. */
  onUnused: (() => void) | null
  /** Its filter or point hash could not be read: it stays as it is. */
  isFixed: boolean
}

/** Tables that change in one call, since it blocks: one takes about a millisecond. */
const CHANGES_MAX = 4
/** Point hashes come back up to this part of the limit: what fits narrowly would soon have to go again. */
const REGAIN_PART = 7 / 8
/** For a guess before the table is open. */
const POINT_HASH_BYTES_PER_KEY = 6

export class TableSet {
  private readonly vfs: Vfs
  private readonly dir: string
  private readonly databaseId: Uint8Array
  private readonly cache: BlockCache
  /** What tables may have loaded, point hashes included. To be set before the first load. */
  loadedBytesMax = Number.MAX_SAFE_INTEGER
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
    const pointHash = this.memoryBytes + facts.entryCount * POINT_HASH_BYTES_PER_KEY <= this.loadedBytesMax
    return openTable({ file, name, facts, cache: this.cache, databaseId: this.databaseId, pointHash })
  }

  private add(table: Table, file: VfsFile): void {
    this.open.set(table.facts.fileNum, { table, file, users: 0, onUnused: null, isFixed: false })
  }

  /** Gives point hashes back, or loads some again, a few at a call. Blocks. */
  fitPointHashes(): void {
    for (let left = CHANGES_MAX; left > 0; left--) {
      const spare = this.loadedBytesMax - this.memoryBytes
      const entry = spare < 0 ? this.leastRead() : this.mostRead(spare - (1 - REGAIN_PART) * this.loadedBytesMax)
      if (entry === null) return
      try {
        runSync(entry.table.usePointHash(spare >= 0))
      } catch {
        // The table answers as it did; a read that needs the bad place says so.
        entry.isFixed = true
      }
    }
  }

  private leastRead(): OpenTable | null {
    let found: OpenTable | null = null
    for (const entry of this.open.values()) {
      const { table, isFixed } = entry
      if (isFixed || !table.hasPointHash || table.pointHashCost <= 0) continue
      if (found === null || isLessRead(table, found.table)) found = entry
    }
    return found
  }

  /** Of those whose point hash fits. */
  private mostRead(spare: number): OpenTable | null {
    if (spare <= 0) return null
    let found: OpenTable | null = null
    for (const entry of this.open.values()) {
      const { table, isFixed } = entry
      const cost = table.pointHashCost
      if (isFixed || table.hasPointHash || cost <= 0 || cost > spare) continue
      if (found === null || isLessRead(found.table, table)) found = entry
    }
    return found
  }

  /** Holds a loaded table. */
  acquire(fileNum: FileNum): Table {
    const entry = this.open.get(fileNum)
    assert(entry !== undefined, `table ${fileNum} is open`)
    entry.users++
    return entry.table
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
    table.close()
    const closing = file.close().catch(() => undefined).finally(() => this.closing.delete(closing))
    this.closing.add(closing)
    onUnused?.()
  }

  /** Resolves when no file is being closed any more. */
  async idle(): Promise<void> {
    await Promise.all(this.closing)
  }

  get loadedBytes(): LoadedBytes {
    const sum = { index: 0, filter: 0, pointHash: 0 }
    for (const { table } of this.open.values()) {
      const { index, filter, pointHash } = table.loadedBytes
      sum.index += index
      sum.filter += filter
      sum.pointHash += pointHash
    }
    return sum
  }

  get memoryBytes(): number {
    const { index, filter, pointHash } = this.loadedBytes
    return index + filter + pointHash
  }

  get count(): number {
    return this.open.size
  }

  /** Closes what no read state ever took. */
  closeUnused(): void {
    for (const [fileNum, entry] of [...this.open]) if (entry.users === 0) this.closeTable(fileNum, entry)
  }
}

/** For the size of their point hashes; where neither is in the cache, the larger one, which lies deeper. */
function isLessRead(a: Table, b: Table): boolean {
  const difference = a.cachedPart - b.cachedPart
  return difference < 0 || (difference === 0 && a.facts.entryCount > b.facts.entryCount)
}
