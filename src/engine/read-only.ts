/**
 * What: a database opened for reading only: no lock, not one byte changed, also beside a live writer.
 * It sees the state of the moment it was opened: manifest and tables, and the logs as far as they go.
 *
 * Order: names → manifest → logs, newest first → tables. What is read later is at least as new: a table
 * among the names is in the manifest or still has its log, and an old log has all that a newer one says
 * was synced. A file may still be gone when its turn comes; then all is read again, and tables that are
 * open already stay. So an error counts only when a second reading meets the same one at the same place.
 * Owns: the read state, the table handles. Thread: main.
 */
import { compareBytes, Turns, VarveError } from '../base/index.js'
import type { Clock, FileNum, SeqNum } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import type { Version } from '../manifest/index.js'
import { SlabPool } from '../slab/index.js'
import { SnapshotList } from '../snapshot/index.js'
import type { RecoveryReport } from '../stats/index.js'
import { FilePool } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { checkNotForeign } from './foreign-database.js'
import { checkOrphans } from './orphan-check.js'
import { MemoryBudget, tableBytesMax } from './memory-budget.js'
import type { ResolvedOptions } from './options.js'
import { findDirectory, namesIn } from './prepare-directory.js'
import { ReadState } from './read-state.js'
import { Iterators } from './read-view.js'
import type { HeldSnapshot, ReadView, Resource } from './read-view.js'
import { readCurrentManifest, readDirectory, replayLogs } from './recovery.js'
import type { ReplayedLogs } from './recovery.js'
import { TableSet } from './table-set.js'

const ATTEMPTS_MAX = 20

export async function openReadOnly(location: string, vfs: Vfs, options: ResolvedOptions): Promise<ReadOnlyView> {
  if ((await findDirectory(location, vfs)) === null) {
    throw new VarveError('NOT_FOUND', `${location} does not exist`)
  }
  const dir = await vfs.realPath(location)
  checkNotForeign(dir, await namesIn(dir, vfs))
  const reading = new Reading(dir, vfs, options)
  let before = ''
  for (let attempt = 1; ; attempt++) {
    try {
      return await reading.run()
    } catch (error) {
      const place = placeOf(error)
      if (place !== before && attempt < ATTEMPTS_MAX) {
        before = place
        continue
      }
      reading.abandon()
      throw error
    }
  }
}

/** A writer that went on meanwhile leads to another place each time, or to none. */
function placeOf(error: unknown): string {
  if (!VarveError.is(error)) return String(error)
  const { code, file, offset, message } = error
  return JSON.stringify([code, file, offset, message])
}

/** Attempts to read a directory; holds the tables that are open already. */
class Reading {
  private readonly dir: string
  private readonly vfs: Vfs
  private readonly options: ResolvedOptions
  private readonly cache: BlockCache
  private tables: { databaseId: Uint8Array; set: TableSet } | null = null

  constructor(dir: string, vfs: Vfs, options: ResolvedOptions) {
    this.dir = dir
    this.vfs = vfs
    this.options = options
    this.cache = new BlockCache(options.blockCacheSize)
  }

  async run(): Promise<ReadOnlyView> {
    const { dir, vfs, options, cache } = this
    const startMs = options.clock.nowMs()
    const { names, marker } = await readDirectory(vfs, dir)
    if (marker === null) throw new VarveError('NOT_FOUND', `there is no database in ${dir}`)
    const { version, databaseId, goodBytes, groups, generation } = await readCurrentManifest(vfs, dir, marker)
    await checkOrphans(vfs, dir, names, version)
    const pool = new SlabPool(0, 0)
    const replayed = await replayLogs(names, {
      vfs, dir, pool, random: options.random, databaseId,
      listed: version.logs, logPointer: version.logPointer, lastSeqNum: version.lastSeqNum, isWriting: false,
    })
    const tables = this.tablesOf(databaseId)
    await tables.loadAll(version.levels.flat())
    const manifest = { fileNum: marker.manifest, fileBytes: goodBytes, groupCount: groups }
    const view = new ReadOnlyView({
      dir, options, version, tables, cache, replayed, manifest, generation, startMs,
    })
    tables.closeUnused()
    new MemoryBudget(options, cache, tables, pool).fit(view.state)
    return view
  }

  /** Another database may have taken the place of the one that was read first. */
  private tablesOf(databaseId: Uint8Array): TableSet {
    if (this.tables === null || compareBytes(this.tables.databaseId, databaseId) !== 0) {
      this.abandon()
      this.tables = { databaseId, set: this.newTables(databaseId) }
    }
    return this.tables.set
  }

  private newTables(databaseId: Uint8Array): TableSet {
    const { vfs, dir, cache, options } = this
    // A writer that removes tables does not hurt who has them open.
    const files = new FilePool({ max: options.maxOpenFiles, openFilesMax: vfs.openFilesMax, isKeeping: true })
    const tables = new TableSet({ vfs, dir, databaseId, cache, files })
    tables.parts.limitBytes = tableBytesMax(options)
    return tables
  }

  abandon(): void {
    this.tables?.set.closeUnused()
  }
}

interface ReadOnlyParts {
  dir: string
  options: ResolvedOptions
  version: Version
  tables: TableSet
  cache: BlockCache
  replayed: ReplayedLogs
  manifest: { fileNum: FileNum; fileBytes: number; groupCount: number }
  /** Of the lock under which the manifest was made. */
  generation: number
  startMs: number
}

export class ReadOnlyView implements ReadView {
  readonly dir: string
  readonly clock: Clock
  readonly turns: Turns
  readonly state: ReadState
  readonly visibleSeqNum: SeqNum
  readonly position: Uint8Array | null
  readonly iterators: Iterators
  readonly parts: ReadOnlyParts
  readonly snapshots: SnapshotList
  readonly report: RecoveryReport
  private readonly resources = new Set<Resource>()
  isClosed = false

  constructor(parts: ReadOnlyParts) {
    const { dir, options, version, tables, replayed } = parts
    this.parts = parts
    this.dir = dir
    this.clock = options.clock
    this.turns = new Turns(options.clock)
    this.iterators = new Iterators(options.ownBuffers)
    this.state = new ReadState([...replayed.memtables].reverse(), version, tables)
    for (const memtable of replayed.memtables) memtable.release()
    this.visibleSeqNum = replayed.lastSeqNum
    this.position = replayed.position ?? version.position
    this.snapshots = new SnapshotList(options.clock)
    const { entryCount, replayedBytes, cut } = replayed
    this.report = {
      durationMs: options.clock.nowMs() - parts.startMs, replayedEntryCount: entryCount, replayedBytes, cut,
      tempFileCount: 0, orphanTableCount: 0, releasedLogCount: 0, foreignFileCount: 0,
    }
  }

  checkReadable(): void {
    if (this.isClosed) throw new VarveError('CLOSED', 'the database is closed')
  }

  /** Nothing is ever dropped here; it is only counted. */
  holdSnapshot(): HeldSnapshot {
    return this.snapshots.acquire(this.visibleSeqNum)
  }

  prepareIteration(): void {
    // Nothing is sorted elsewhere.
  }

  attach(resource: Resource): void {
    this.resources.add(resource)
  }

  detach(resource: Resource): void {
    this.resources.delete(resource)
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    for (const resource of [...this.resources]) resource.cut()
    this.state.release()
    await this.parts.tables.idle()
  }
}
