/**
 * What: reads a directory that another process may be writing (directory-reading.ts), and changes nothing.
 *
 * A file may be gone when its turn comes; then all is read again, and tables that are open already stay. So an
 * error counts only when a second reading meets the same one at the same place.
 * Owns: the cache and the tables of all readings. Thread: main.
 */
import { compareBytes, runAsync, runSync, VarveError } from '../base/index.js'
import type { FileNum, Steps } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { MemoryBudget, tableBytesMax } from '../engine/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import { allTables } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { ReadState } from '../read/index.js'
import { SlabPool } from '../slab/index.js'
import type { KeptFile } from '../stats/index.js'
import { OpenTables } from '../tables/index.js'
import { FilePool } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { findDatabase, readHistory, TO_READ, TO_READ_AGAIN } from './directory-reading.js'
import type { ReadingPolicy } from './directory-reading.js'
import type { ReplayedLogs } from './log-replay.js'
import { checkValueLogs } from './value-log-check.js'

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

export class PatientReading {
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
    return runAsync(this.patiently(TO_READ))
  }

  /** Looks at the directory again later, blocking, for a read that cannot wait. It does not look at debris again. */
  anew(): Sight {
    return runSync(this.patiently(TO_READ_AGAIN))
  }

  private *patiently(policy: ReadingPolicy): Steps<Sight> {
    let before = ''
    for (let attempt = 1; ; attempt++) {
      try {
        return yield* this.read(policy)
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

  private *read(policy: ReadingPolicy): Steps<Sight> {
    const { dir, vfs, options, cache } = this
    const startMs = options.clock.nowMs()
    const found = yield* findDatabase({ vfs, dir })
    if (found.marker === null) throw new VarveError('NOT_FOUND', `the database in ${dir} does not exist`)
    const pool = new SlabPool(0, 0)
    const history = yield* readHistory({ vfs, dir, random: options.random, pool }, found, policy)
    const { version, databaseId, replayed } = history
    const { goodBytes, groups, generation } = history.manifest!
    const tables = this.tablesOf(databaseId)
    yield* checkValueLogs(vfs, dir, version)
    yield* tables.loadAll(allTables(version))
    for (const facts of replayed.streamed) tables.valueLogs.addPending(facts)
    for (const memtable of replayed.memtables) memtable.holdFiles(tables.valueLogs)
    for (const { fileNum } of replayed.streamed) tables.valueLogs.release(fileNum) // the memtables hold them
    const state = new ReadState([...replayed.memtables].reverse(), version, tables)
    for (const memtable of replayed.memtables) memtable.release()
    tables.closeUnused()
    tables.valueLogs.openAhead()
    new MemoryBudget(options, cache, tables, pool).fit(state)
    const keptFiles = history.kept.map(({ file, reason }) => ({ file, reason }))
    const manifest = { fileNum: history.manifestNum, fileBytes: goodBytes, groupCount: groups }
    const durationMs = options.clock.nowMs() - startMs
    return { state, version, databaseId, tables, replayed, keptFiles, manifest, generation, durationMs }
  }

  /**
   * Gives the open tables; they are new ones when another database has taken the place of the one that was read
   * first.
   */
  private tablesOf(databaseId: Uint8Array): OpenTables {
    if (this.tables === null || compareBytes(this.tables.databaseId, databaseId) !== 0) {
      this.tables?.set.closeUnused()
      this.tables = { databaseId, set: this.newTables(databaseId) }
    }
    return this.tables.set
  }

  private newTables(databaseId: Uint8Array): OpenTables {
    const { vfs, dir, cache, options } = this
    // A writer that removes tables does not hurt a reader that has them open.
    const files = new FilePool({ max: options.maxOpenFiles, openFilesMax: vfs.openFilesMax, isKeeping: true })
    const tables = new OpenTables({ vfs, dir, databaseId, cache, files, isReadOnly: true })
    tables.memoryLimit.limitBytes = tableBytesMax(options)
    return tables
  }
}

/** Tells where an error was met. A writer that went on meanwhile leads to another place each time, or to none. */
function placeOf(error: unknown): string {
  if (!VarveError.is(error)) return String(error)
  const { code, file, offset, message } = error
  return JSON.stringify([code, file, offset, message])
}
