/**
 * What: opens a database for writing, in this order, each step durable before the next that needs it:
 *
 *   lock → marker, manifest, tables opened, logs synced and replayed (directory-reading.ts) → replayed
 *   entries written to tables, synced, named, directory synced → new log, synced → new manifest with a full
 *   version that lists it, synced → directory synced: log and manifest have their names → marker moved,
 *   directory synced → obsolete files deleted → writes
 *
 * Where there is no marker, the directory's own name is synced first.
 * Nothing old is appended to or truncated. Since the replayed entries stand in synced tables before
 * the first write is accepted, no later acknowledgement rests on pages whose sync once failed.
 * A failure before the marker moved leaves the directory's data as it was.
 * Thread: main.
 */
import {
  assert, directoryError, drawHashSeed, errnoOf, ioError, logFileName,
  newFileHeader, runAsync, tableFileName, tempFileName, VarveError, vlogFileName,
} from '../base/index.js'
import type { FileNum, FileOrigin, Steps, TableFacts } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { holdsFiles, lockFor, syncFoundName } from '../directory/index.js'
import {
  Engine, HeldExecutor, jobs, MemoryBudget, tableBytesMax, PatientExecutor, decodeRunStats, encodeSettings,
  UniqueNames,
} from '../engine/index.js'
import type { EngineJobContext, ResolvedOptions } from '../engine/index.js'
import { finished, makeExecutor, workerSource } from '../exec/index.js'
import type { OwnContext } from '../exec/index.js'
import { checkReferences, copiesMade, FlushedValues, valueLogsMax, valueSettings } from '../flush/index.js'
import type { FlushBuildInput, FlushBuildOutput } from '../flush/index.js'
import { allTables, applyEdits, isPinned } from '../manifest/index.js'
import type { ManifestLog, NewValueLog, Version } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import { ProgressMeter } from '../report/index.js'
import { SlabPool } from '../slab/index.js'
import { EventBus } from '../stats/index.js'
import type { RecoveryReport } from '../stats/index.js'
import { namesMade, OpenTables, publish, tableSettings } from '../tables/index.js'
import type { PlannedFile } from '../tables/index.js'
import { unneededValueLogs, VersionSet, writeManifest } from '../versions/index.js'
import { FilePool, HeldVfs, LateSyncs } from '../vfs/index.js'
import type { Vfs, VfsLock } from '../vfs/index.js'
import { createLog } from '../wal/index.js'
import type { LogFile } from '../wal/index.js'
import { findDatabase, readHistory, TO_WRITE } from './directory-reading.js'
import type { FoundHistory } from './directory-reading.js'
import type { KnownHistory } from './orphan-check.js'
import { findLeftovers } from './leftovers.js'
import type { ReplayedLogs } from './log-replay.js'
import { checkExistence, prepareDirectory } from './prepare-directory.js'
import { checkValueLogs } from './value-log-check.js'

/** What new tables have in common. */
type TableOrigin = FileOrigin & Pick<Version, 'hashSeed'>

/** Opens a database for writing. The caller gives a checked location; `vfs` is the platform's or the user's. */
export async function openEngine(location: string, vfs: Vfs, options: ResolvedOptions): Promise<Engine> {
  const { dir, isMade } = await prepareDirectory(location, vfs, options)
  const lock = await lockFor(dir, vfs)
  const held = new HeldVfs(vfs, dir, lock)
  const opening = new Opening(dir, held, options, lock)
  try {
    return await opening.run(isMade)
  } catch (error) {
    await opening.abandon()
    throw error
  }
}

/** Makes a job's syncs awaited between its end and its answer, where the thread cannot block on a sync. */
function lateSyncs(vfs: Vfs): OwnContext<EngineJobContext> {
  const late = new LateSyncs(vfs)
  return { context: { vfs: late.vfs }, end: (hasSucceeded) => (hasSucceeded ? late.settle() : late.abandon()) }
}

/** What became of one replayed log. */
interface WrittenTable {
  facts: TableFacts
  valueLogs: readonly NewValueLog[]
}

/** One attempt to open; holds what must be let go of when it fails. */
class Opening {
  private readonly dir: string
  private readonly vfs: HeldVfs
  private readonly options: ResolvedOptions
  private readonly lock: VfsLock
  private readonly events: EventBus
  private readonly executor: HeldExecutor
  private readonly patience: PatientExecutor
  private readonly pool: SlabPool
  private readonly names: UniqueNames
  private readonly counts = { workersLost: 0, flushedValues: new FlushedValues() }
  private readonly cache: BlockCache
  private readonly progress: ProgressMeter | undefined
  private tables: OpenTables | null = null
  /** The new log, until the engine has it. */
  private log: LogFile | null = null
  private manifest: ManifestLog | null = null
  /** Names of the tables that replay wrote, until a manifest may name them. */
  private replayedNames: string[] = []
  private memtables: Memtable[] = []
  private nextFileNum: FileNum = 1

  constructor(dir: string, vfs: HeldVfs, options: ResolvedOptions, lock: VfsLock) {
    this.dir = dir
    this.vfs = vfs
    this.options = options
    this.lock = lock
    this.events = new EventBus(options.onEvent, { db: dir, clock: options.clock, marks: options.marks })
    // As many as the memory for writes was planned for, beside the current one: a fresh one costs page faults.
    this.pool = new SlabPool(options.writeBufferSize, options.immutablesMax, options.clock)
    this.names = new UniqueNames(options.clock)
    this.cache = new BlockCache(options.blockCacheSize)
    const { clock, onProgress } = options
    this.progress = onProgress === null ? undefined : new ProgressMeter(clock, onProgress)
    const executor = options.executor?.(jobs, { vfs }, options.clock) ?? makeExecutor({
      workerCount: options.workers,
      jobs,
      context: { vfs },
      ownContext: vfs.hasBlockingSync === false ? () => lateSyncs(vfs) : null,
      contextSpec: vfs.workerSpec,
      clock: options.clock,
      source: workerSource,
      onEvent: (event) => {
        if (event.type === 'workerLost') this.counts.workersLost++
        this.events.emit(event)
      },
    })
    this.patience = new PatientExecutor(executor, options.clock)
    this.executor = new HeldExecutor(this.patience, vfs.workerSpec === null ? null : lock.spec)
  }

  /** Makes the attempt. `isMade` says that the directory is new, and that its name is durable. */
  async run(isMade: boolean): Promise<Engine> {
    const { vfs, dir, options } = this
    const startMs = options.clock.nowMs()
    const history = await this.readHistory(isMade)
    const { databaseId, replayed, kept } = history
    // A database that an older Varve made gets its seed now.
    const version = { ...history.version, hashSeed: history.version.hashSeed ?? drawHashSeed(options.random) }
    const { cache, tables } = this
    assert(tables !== null, 'tables are opened while history is read')
    const { lock: { generation } } = this
    const { lineage: { own: lineage }, hashSeed } = version
    const origin = { databaseId, generation, lineage, hashSeed, random: options.random }
    const written = await this.writeReplayed(replayed, origin, history.unlisted)
    for (const { facts } of written) await tables.load(facts)
    const manifestNum = this.allocate()
    const log = await this.makeLog(origin)
    const keptTables = kept.filter(({ reason }) => reason === 'unknownWrites').map(({ fileNum }) => fileNum)
    const recovered = this.nextVersion(version, replayed, written, { log, keptTables })
    const manifest = await this.makeManifest(origin, manifestNum, recovered)
    const leftovers = await runAsync(findLeftovers({ vfs, dir, events: this.events, kept, history }, recovered))
    this.letMemtablesGo()
    this.progress?.end()
    const report: RecoveryReport = {
      durationMs: options.clock.nowMs() - startMs,
      replayedEntryCount: replayed.entryCount,
      replayedBytes: replayed.replayedBytes,
      cut: replayed.cut,
      ...leftovers.report,
    }
    const versions = (onFailure: (error: unknown) => void) =>
      new VersionSet(
        { executor: this.executor, dir, version: recovered, log: manifest, nextFileNum: this.nextFileNum }, onFailure,
      )
    const memory = new MemoryBudget(options, cache, tables, this.pool)
    const engine = new Engine({
      dir, vfs, options, lock: this.lock, events: this.events, executor: this.executor,
      patience: this.patience, pool: this.pool,
      cache, tables, memory, versions, firstLog: log, origin, names: this.names, report,
      position: recovered.position, keptLogs: leftovers.keptLogs,
      lastRun: decodeRunStats(recovered.flushStats), counts: this.counts,
    })
    this.log = null // the log is the engine's now
    engine.deleter.announce(leftovers.names)
    try {
      engine.start()
      await engine.compactor.tidyUp()
      engine.compactor.schedule()
    } catch (error) {
      await engine.abandon()
      throw error
    }
    if (replayed.cut !== null) this.events.emit({ type: 'historyCut', ...replayed.cut })
    engine.deleteObsolete(leftovers.names)
    return engine
  }

  /** Releases everything. The directory is as another open may find it, and no lock stays where no database is. */
  async abandon(): Promise<void> {
    this.letMemtablesGo()
    this.tables?.closeUnused()
    await this.tables?.idle()
    await this.log?.close().catch(() => undefined)
    // On a full disk each try would leave as much again.
    for (const name of this.replayedNames) await this.vfs.unlink(this.vfs.join(this.dir, name)).catch(() => undefined)
    if (this.manifest !== null) await runAsync(this.manifest.close())
    await this.executor.close()
    const isOurs = await this.vfs.list(this.dir).then(holdsFiles, () => true)
    await (isOurs ? this.lock.release() : this.lock.discard()).catch(() => undefined)
  }

  private letMemtablesGo(): void {
    for (const memtable of this.memtables.splice(0)) memtable.release()
  }

  private allocate(): FileNum {
    return this.nextFileNum++
  }

  /** Reads what the directory holds. It changes nothing, except that it syncs what it found. */
  private async readHistory(isMade: boolean): Promise<FoundHistory> {
    const { vfs, dir, options } = this
    const place = { vfs, dir, random: options.random, pool: new SlabPool(0, 0, options.clock), progress: this.progress }
    const found = await runAsync(findDatabase(place))
    checkExistence(dir, found.marker !== null, options)
    if (found.marker === null && !isMade) await this.syncOwnName()
    const history = await runAsync(readHistory(place, found, TO_WRITE, (known) => this.openTables(known)))
    this.memtables = history.replayed.memtables
    this.nextFileNum = history.nextFileNum
    const tornBytes = history.manifest?.tornBytes ?? 0
    if (tornBytes > 0) this.events.emit({ type: 'manifestTail', bytes: tornBytes })
    return history
  }

  private *openTables({ version, databaseId }: KnownHistory): Steps<void> {
    const { vfs, dir, options, cache } = this
    yield* checkValueLogs(vfs, dir, version)
    const files = new FilePool({ max: options.maxOpenFiles, openFilesMax: vfs.openFilesMax })
    this.tables = new OpenTables({ vfs, dir, databaseId, cache, files })
    this.tables.memoryLimit.limitBytes = tableBytesMax(options)
    yield* this.tables.loadAll(allTables(version))
  }

  private async syncOwnName(): Promise<void> {
    try {
      await syncFoundName(this.dir, this.vfs)
    } catch (error) {
      throw directoryError(error, 'sync the parent of', this.dir)
    }
  }

  /**
   * Each replayed memtable becomes a synced table with its final name; the directory is synced. Large values stay in a
   * log only where it is proven to be on the disk: elsewhere they are copied like everything else.
   */
  private async writeReplayed(
    { memtables, provenBytes, streamed }: ReplayedLogs, origin: TableOrigin, unlisted: readonly FileNum[],
  ): Promise<WrittenTable[]> {
    const written: WrittenTable[] = []
    const { progress } = this
    progress?.setTotals(progress.now.totalBytes, memtables.length)
    for (const memtable of memtables) {
      const table = await this.writeTable(memtable, provenBytes.get(memtable.logNum)!, origin, unlisted)
      progress?.add(0, 1)
      if (table === null) continue
      const { facts, valueLogs } = table
      assert(checkReferences(facts, valueLogs, streamed) === null, 'handles point to what is listed with the table')
      written.push(table)
    }
    return written
  }

  private async writeTable(
    memtable: Memtable, provenBytes: number, origin: TableOrigin, unlisted: readonly FileNum[],
  ): Promise<WrittenTable | null> {
    const { dir, options, executor } = this
    const values = valueSettings(options)
    const tableNum = this.allocate()
    const table = this.plan(tableFileName(tableNum))
    const copies = Array.from({ length: valueLogsMax(values, memtable.rawBytes) }, () => {
      const fileNum = this.allocate()
      return { header: newFileHeader('varvevlg', origin, fileNum), ...this.plan(vlogFileName(fileNum)) }
    })
    const input: FlushBuildInput = {
      dir, fileName: table.tempName, isSynced: true, header: newFileHeader('varvetab', origin, tableNum),
      settings: tableSettings(options, 'flush', origin),
      slab: memtable.slab.buffer, start: memtable.start, end: memtable.publishedEnd, provenBytes, values,
      valueLogs: copies.map(({ header, tempName }) => ({ header, fileName: tempName })),
      logNum: memtable.logNum, visibleSeqNum: memtable.lastSeqNum, snapshots: [], unlisted,
    }
    this.replayedNames.push(...[table, ...copies].map(({ tempName }) => tempName))
    const output = await executor.submit<FlushBuildOutput>({ kind: 'flushBuild', input })
    const { facts, keptCount, droppedCount, valueLogs } = output
    assert(keptCount + droppedCount === memtable.entryCount, 'every replayed entry was looked at')
    if (facts === null) return null
    await this.publish([table, ...copiesMade(copies, valueLogs)])
    this.counts.flushedValues.add(output)
    return { facts, valueLogs }
  }

  private plan(finalName: string): PlannedFile {
    return { finalName, tempName: tempFileName(finalName, this.names.next()) }
  }

  private async publish(files: readonly PlannedFile[]): Promise<void> {
    const finalNames = files.map(({ finalName }) => finalName)
    try {
      await finished(publish(this.executor, { dir: this.dir, files }))
    } catch (error) {
      this.replayedNames.push(...namesMade(finalNames, error))
      throw error
    }
    this.replayedNames.push(...finalNames)
  }

  /**
   * Makes the new log, synced. Its name becomes durable with the name of the manifest that lists it. What is left
   * of a log that could not be made, or whose manifest could not, is removed at once: another try takes other
   * numbers.
   */
  private async makeLog(origin: FileOrigin): Promise<LogFile> {
    const header = newFileHeader('varvelog', origin, this.allocate())
    try {
      this.log = await runAsync(createLog(this.vfs, this.dir, header))
      return this.log
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') await this.removeLog(header.fileNum)
      throw ioError(error, 'create', logFileName(header.fileNum))
    }
  }

  private async makeManifest(origin: FileOrigin, fileNum: FileNum, version: Version): Promise<ManifestLog> {
    const { vfs, dir } = this
    try {
      this.manifest = await runAsync(writeManifest({ ...origin, vfs, dir }, fileNum, version))
      this.replayedNames = []
      return this.manifest
    } catch (error) {
      // Where the new manifest may count, its log and tables must stay.
      const mayCount = VarveError.is(error) && error.code === 'COMMIT_UNKNOWN'
      if (mayCount) this.replayedNames = []
      else await this.removeLog(this.log!.fileNum)
      throw error
    }
  }

  private async removeLog(fileNum: FileNum): Promise<void> {
    await this.vfs.unlink(this.vfs.join(this.dir, logFileName(fileNum))).catch(() => undefined)
  }

  /** Gives the whole version of the new manifest. Replay is done, so its pointer stands behind every old log. */
  private nextVersion(
    version: Version, replayed: ReplayedLogs, written: readonly WrittenTable[],
    { log, keptTables }: { log: LogFile; keptTables: readonly FileNum[] },
  ): Version {
    const recovered = applyEdits(version, [{
      addTables: written.map(({ facts }) => ({ level: 0, facts })),
      addValueLogs: [...written.flatMap(({ valueLogs }) => valueLogs), ...replayed.streamed],
      logPointer: log.fileNum,
      lastSeqNum: replayed.lastSeqNum,
      nextFileNum: this.nextFileNum,
      // A follower must not read what is not history.
      logs: [...replayed.logs.filter(({ fileNum }) => isPinned(fileNum, version.pins)), log.facts],
      ...(replayed.position === null ? {} : { position: replayed.position }),
      settings: encodeSettings({ writeBufferBytes: this.options.writeBufferSize, keptTables }),
    }])
    const removeValueLogs = unneededValueLogs(recovered)
    return removeValueLogs.length === 0 ? recovered : applyEdits(recovered, [{ removeValueLogs }])
  }
}
