/**
 * What: reads a directory that another process may be writing, and changes nothing.
 *
 * Order: names → manifest → logs, newest first → tables. What is read later is at least as new: a table
 * among the names is in the manifest or still has its log, and an old log has all that a newer one says
 * was synced. A file may still be gone when its turn comes; then all is read again, and tables that are
 * open already stay. So an error counts only when a second reading meets the same one at the same place.
 * Owns: the cache and the tables of all readings. Thread: main.
 */
import { compareBytes, runAsync, runSync, step, VarveError } from '../base/index.js'
import type { FileNum, Steps } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { MemoryBudget, tableBytesMax, keptTablesIn } from '../engine/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import { allTables, readManifest, readMarker } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { ReadState } from '../read/index.js'
import { SlabPool } from '../slab/index.js'
import type { KeptFile } from '../stats/index.js'
import { OpenTables } from '../tables/index.js'
import { FilePool } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { keptOrphans, readOrphans } from './orphan-check.js'
import type { Orphan } from './orphan-check.js'
import { readDirectory, replayLogs } from './recovery.js'
import type { FoundDirectory, ReplayedLogs } from './recovery.js'

const ATTEMPTS_MAX = 20

/** What a reading found. */
export interface Sight {
  readonly state: ReadState
  readonly version: Version
  readonly databaseId: Uint8Array
  readonly tables: OpenTables
  readonly replayed: ReplayedLogs
  /** Files that are not part of the database and that no open deletes. */
  readonly keptFiles: KeptFile[]
  readonly manifest: { fileNum: FileNum; fileBytes: number; groupCount: number }
  /** The lock generation under which the manifest was made. */
  readonly generation: number
  readonly durationMs: number
}

export class DirectoryReading {
  readonly dir: string
  readonly options: ResolvedOptions
  readonly cache: BlockCache
  private readonly vfs: Vfs
  private tables: { databaseId: Uint8Array; set: OpenTables } | null = null

  constructor(dir: string, vfs: Vfs, options: ResolvedOptions) {
    this.dir = dir
    this.vfs = vfs
    this.options = options
    this.cache = new BlockCache(options.blockCacheSize)
  }

  first(): Promise<Sight> {
    return runAsync(this.patiently())
  }

  /** Later, blocking: for a read that cannot wait. Debris is not looked at again. */
  anew(): Sight {
    return runSync(this.patiently())
  }

  private *patiently(): Steps<Sight> {
    let before = ''
    for (let attempt = 1; ; attempt++) {
      try {
        return yield* this.read()
      } catch (error) {
        const place = placeOf(error)
        if (place !== before && attempt < ATTEMPTS_MAX) {
          before = place
          continue
        }
        this.tables?.set.closeUnused()
        throw error
      }
    }
  }

  private *read(): Steps<Sight> {
    const { dir, vfs, options, cache } = this
    const startMs = options.clock.nowMs()
    const { names, marker } = yield* this.look()
    if (marker === null) throw new VarveError('NOT_FOUND', `there is no database in ${dir}`)
    const { version, databaseId, goodBytes, groups, generation } = yield* readManifest(vfs, dir, marker.manifest)
    const known = { version, databaseId, manifestNum: marker.manifest }
    const orphans = yield* step({ async: () => readOrphans(vfs, dir, names, known), sync: (): Orphan[] => [] })
    const pool = new SlabPool(0, 0)
    const replayed = yield* replayLogs(names, {
      vfs, dir, pool, random: options.random, databaseId,
      listed: version.logs, logPointer: version.logPointer, lastSeqNum: version.lastSeqNum, isWriting: false,
    })
    const kept = keptOrphans(orphans, known, replayed.lastSeqNum, keptTablesIn(version.settings))
    const keptFiles = kept.map(({ file, reason }) => ({ file, reason }))
    const tables = this.tablesOf(databaseId)
    yield* tables.loadAll(allTables(version))
    const state = new ReadState([...replayed.memtables].reverse(), version, tables)
    for (const memtable of replayed.memtables) memtable.release()
    tables.closeUnused()
    new MemoryBudget(options, cache, tables, pool).fit(state)
    const manifest = { fileNum: marker.manifest, fileBytes: goodBytes, groupCount: groups }
    const durationMs = options.clock.nowMs() - startMs
    return { state, version, databaseId, tables, replayed, keptFiles, manifest, generation, durationMs }
  }

  private look(): Steps<Pick<FoundDirectory, 'names' | 'marker'>> {
    const { dir, vfs } = this
    return step({
      async: () => readDirectory(vfs, dir),
      sync: () => {
        const names = vfs.listSync(dir)
        return { names, marker: readMarker(names) }
      },
    })
  }

  /** Another database may have taken the place of the one that was read first. */
  private tablesOf(databaseId: Uint8Array): OpenTables {
    if (this.tables === null || compareBytes(this.tables.databaseId, databaseId) !== 0) {
      this.tables?.set.closeUnused()
      this.tables = { databaseId, set: this.newTables(databaseId) }
    }
    return this.tables.set
  }

  private newTables(databaseId: Uint8Array): OpenTables {
    const { vfs, dir, cache, options } = this
    // A writer that removes tables does not hurt who has them open.
    const files = new FilePool({ max: options.maxOpenFiles, openFilesMax: vfs.openFilesMax, isKeeping: true })
    const tables = new OpenTables({ vfs, dir, databaseId, cache, files, isReadOnly: true })
    tables.memoryLimit.limitBytes = tableBytesMax(options)
    return tables
  }
}

/** A writer that went on meanwhile leads to another place each time, or to none. */
function placeOf(error: unknown): string {
  if (!VarveError.is(error)) return String(error)
  const { code, file, offset, message } = error
  return JSON.stringify([code, file, offset, message])
}
