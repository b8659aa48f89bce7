/**
 * What: reads a directory that another process may be writing (directory-reading.ts), and changes nothing.
 *
 * A file may be gone when its turn comes; then all is read again, and tables that are open already stay. So an
 * error counts only when a second reading meets the same one at the same place. Readings after the first must find the
 * same history, no earlier than it was shown (same-history.ts).
 * Owns: the cache and the tables of all readings, and what was read of manifest and logs once somebody refreshes.
 * Thread: main.
 * Invariants: VIEW-1 a state is made of manifest and logs alone, as a fresh open makes it.
 * VIEW-3 a missing file is damage only when a second, whole reading misses it too.
 */
import { compareBytes, runAsync, runSync, VarveError } from '../base/index.js'
import type { FileNum, Steps } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { MemoryBudget, tableBytesMax, writeBufferBytesIn } from '../engine/index.js'
import type { ResolvedOptions } from '../engine/index.js'
import { allTables } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { ReadState } from '../read/index.js'
import { ProgressMeter } from '../report/index.js'
import { SlabPool } from '../slab/index.js'
import type { KeptFile } from '../stats/index.js'
import { OpenTables } from '../tables/index.js'
import { FilePool } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { findDatabase, readHistory, TO_READ, TO_READ_AGAIN } from './directory-reading.js'
import type { FoundHistory, ReadingPolicy } from './directory-reading.js'
import { FilesRead } from './known-files.js'
import type { ReplayedLogs } from './log-replay.js'
import { checkSameHistory } from './same-history.js'
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

/** What a reading of one database uses, and the readings before it have used. */
interface TableSet {
  databaseId: Uint8Array
  tables: OpenTables
  memory: MemoryBudget
}

/** What one reading is to do. */
export interface ReadingRequest {
  policy: ReadingPolicy
  /** What is shown; the reading must go on in the same history. Null for the first one. */
  present: Sight | null
  /** What is known of the files, which the reading adds to; null to read them whole. */
  known: FilesRead | null
}

/** Reads until it works, or until two readings have met the same error at the same place. */
export function* readPatiently<T>(read: () => Steps<T>, onFailure: () => void = () => undefined): Steps<T> {
  let before = ''
  for (let attempt = 1; ; attempt++) {
    try {
      return yield* read()
    } catch (error) {
      onFailure()
      const place = placeOf(error)
      if (place === before || attempt >= ATTEMPTS_MAX || codeOf(error) === 'CLOSED') throw error
      before = place
    }
  }
}

export class PatientReading {
  readonly dir: string
  readonly options: ResolvedOptions
  readonly cache: BlockCache
  readonly vfs: Vfs
  private readonly pool = new SlabPool(0, 0)
  private set: TableSet | null = null

  constructor(dir: string, vfs: Vfs, options: ResolvedOptions) {
    this.dir = dir
    this.vfs = vfs
    this.options = options
    this.cache = new BlockCache(options.blockCacheSize)
  }

  first(): Promise<Sight> {
    return runAsync(this.patiently({ policy: TO_READ, present: null, known: null }))
  }

  /** Looks at the directory again later, blocking, for a read that cannot wait. It does not look at debris again. */
  anew(present: Sight): Sight {
    return runSync(this.patiently({ policy: TO_READ_AGAIN, present, known: null }))
  }

  /** Looks at the directory again, and reads only what `known` does not have. */
  again(request: ReadingRequest): Promise<Sight> {
    return runAsync(this.patiently(request))
  }

  /** What a later reading goes on from. */
  newKnown({ version }: Sight, giveWay: () => Steps<void>): FilesRead {
    const roomBytes = writeBufferBytesIn(version.settings) ?? this.options.writeBufferSize
    return new FilesRead({ vfs: this.vfs, dir: this.dir, pool: this.pool, roomBytes, giveWay })
  }

  private *patiently(request: ReadingRequest): Steps<Sight> {
    try {
      return yield* readPatiently(() => this.read(request), () => request.known?.forget())
    } finally {
      this.set?.tables.closeUnused()
    }
  }

  private *read({ policy, present, known }: ReadingRequest): Steps<Sight> {
    const { dir, vfs, options, pool } = this
    const startMs = options.clock.nowMs()
    const found = yield* findDatabase({ vfs, dir })
    if (found.marker === null) throw new VarveError('NOT_FOUND', `the database in ${dir} does not exist`)
    const { clock, random, onProgress } = options
    // Each reading begins anew; those that come later have nobody who waits for them.
    const progress = onProgress === null || present !== null ? undefined : new ProgressMeter(clock, onProgress)
    const place = { vfs, dir, random, pool, progress, ...(known === null ? {} : { known }) }
    const history = yield* readHistory(place, found, policy)
    const { replayed } = history
    try {
      if (present !== null) checkSameHistory(history, present)
      const { tables, memory } = this.setOf(history.databaseId)
      yield* this.load(history, tables, present)
      // From here on nothing is awaited, so that nobody closes what was opened.
      known?.noteSeen(found.names, replayed.streamed)
      const state = this.stateOf(history, tables, present)
      tables.valueLogs.openAhead()
      memory.fit(state)
      progress?.end()
      const keptFiles = present?.keptFiles ?? history.kept.map(({ file, reason }) => ({ file, reason }))
      return sightOf(history, { state, tables, keptFiles, durationMs: options.clock.nowMs() - startMs })
    } finally {
      for (const memtable of replayed.memtables) memtable.release()
    }
  }

  private *load({ version }: FoundHistory, tables: OpenTables, present: Sight | null): Steps<void> {
    const { vfs, dir } = this
    if (present === null) yield* checkValueLogs(vfs, dir, version)
    else yield* checkValueLogs(vfs, dir, version, present.version)
    // A blocking reading may come in the middle, and close what no state has yet.
    for (;;) {
      const missing = allTables(version).filter(({ fileNum }) => !tables.isOpen(fileNum))
      if (missing.length === 0) return
      yield* tables.loadAll(missing)
    }
  }

  /** The state of this history, held once: the present one when it looks at the same. */
  private stateOf({ version, replayed }: FoundHistory, tables: OpenTables, present: Sight | null): ReadState {
    const { memtables, streamed } = replayed
    for (const facts of streamed) tables.valueLogs.addPending(facts)
    for (const memtable of memtables) memtable.holdFiles(tables.valueLogs)
    for (const { fileNum } of streamed) tables.valueLogs.release(fileNum) // the memtables hold them
    const newestFirst = [...memtables].reverse()
    if (present !== null && version === present.version && isSameList(newestFirst, present.state.memtables)) {
      present.state.hold()
      return present.state
    }
    return new ReadState(newestFirst, version, tables)
  }

  /**
   * Gives the open tables; they are new ones when another database has taken the place of the one that was read by an
   * attempt before.
   */
  private setOf(databaseId: Uint8Array): TableSet {
    if (this.set === null || compareBytes(this.set.databaseId, databaseId) !== 0) {
      this.set?.tables.closeUnused()
      const tables = this.newTables(databaseId)
      this.set = { databaseId, tables, memory: new MemoryBudget(this.options, this.cache, tables, this.pool) }
    }
    return this.set
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

function sightOf(
  history: FoundHistory, rest: Pick<Sight, 'state' | 'tables' | 'keptFiles' | 'durationMs'>,
): Sight {
  const { version, databaseId, replayed, manifestNum } = history
  const { goodBytes, groups, generation } = history.manifest!
  const manifest = { fileNum: manifestNum, fileBytes: goodBytes, groupCount: groups }
  return { ...rest, version, databaseId, replayed, manifest, generation }
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i])
}

function codeOf(error: unknown): string {
  return VarveError.is(error) ? error.code : ''
}

/** Tells where an error was met. A writer that went on meanwhile leads to another place each time, or to none. */
function placeOf(error: unknown): string {
  if (!VarveError.is(error)) return String(error)
  const { code, file, offset, message } = error
  return JSON.stringify([code, file, offset, message])
}
