/**
 * What: repairs a database into a new directory: what can be proven to be the state of the source is served there, what
 * may be older than it stands beside it.
 * Owns: the order of the work. Thread: main, in slices of 2 ms; the source is only read.
 * Invariants: REP-8 the target passes every check, and an open of it replays nothing. REP-9 a repair is never made but
 * when it is asked for.
 */
import {
  assert, drawHashSeed, handleFileNum, hashSeedBytes, OUTSIDE_FILE_NUM, readHashSeed, systemClock, systemRandom,
  tableFileName, toHex, VarveError,
} from '../base/index.js'
import type { FileNum, HashSeed, Random, SeqNum } from '../base/index.js'
import { databaseDirectory } from '../directory/index.js'
import type { NewDirectory } from '../directory/index.js'
import { buildTable } from '../flush/index.js'
import { allTables, applyEdits, emptyVersion, extentOf, highestFileNum, LEVELS_MIN } from '../manifest/index.js'
import type { NewValueLog, Version } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import { lockHolder } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { judgeTables } from './counting-tables.js'
import { DamageMap } from './damage-map.js'
import { examineUnlisted, examineVersion, findLostValues, pointsToDamage } from './examined-tables.js'
import type { ExaminePlace } from './examined-tables.js'
import { findSource } from './found-source.js'
import type { FoundSource, UnlistedTable } from './found-source.js'
import { mergeTables } from './merged-tables.js'
import { RepairLedger } from './repair-ledger.js'
import type { RepairReport } from './repair-ledger.js'
import { findTarget, RepairTarget } from './repair-target.js'
import { SalvagedFile } from './salvaged-file.js'
import { EntrySieve, serveTable } from './served-tables.js'
import type { ServedTable, ServePlace } from './served-tables.js'
import { readSourceLogs } from './source-logs.js'
import type { SourceLogs } from './source-logs.js'
import type { SourceTable } from './source-table.js'
import { SourceValues } from './source-values.js'
import { Work } from './work.js'
import type { WorkCall } from './work.js'

/** What a repair shall do. */
export interface RepairPlan extends WorkCall {
  readonly vfs: Vfs
  readonly source: string
  readonly target: string
  readonly logs: 'prefix' | 'salvage'
  readonly servesDoubtful: boolean
  readonly random?: Random
}

/** Makes the target. Throws when it cannot; then nothing stands there, and the source is as it was. */
export async function repairDirectory(plan: RepairPlan): Promise<RepairReport> {
  const { vfs } = plan
  const { dir: source, names } = await databaseDirectory(plan.source, vfs)
  const made = await findTarget(vfs, source, plan.target, plan.clock ?? systemClock)
  await checkNotLocked(vfs, source)
  return await new Repair(plan, { source, names, made }).run()
}

/** Throws LOCKED while a live process holds the source. It takes no lock: that would be a write. */
async function checkNotLocked(vfs: Vfs, source: string): Promise<void> {
  const hint = 'close the database first: a repair must see all of it at rest'
  if (vfs.workerSpec?.kind === 'node') {
    const holder = await lockHolder(source)
    if (holder === null) return
    throw new VarveError('LOCKED', `process ${holder.pid} on ${holder.host} has ${source} open`, { hint })
  }
  try {
    await (await vfs.lock(source)).release()
  } catch (error) {
    if (VarveError.is(error) && error.code === 'LOCKED') throw error
  }
}

class Repair {
  private readonly plan: RepairPlan
  private readonly source: string
  private readonly names: readonly string[]
  private readonly made: NewDirectory
  private readonly work: Work
  private readonly random: Random
  private readonly ledger = new RepairLedger()
  private readonly damages = new DamageMap()
  private hashSeed: HashSeed | null = null
  private readonly note: (bytes: number) => void

  constructor(
    plan: RepairPlan, { source, names, made }: { source: string; names: readonly string[]; made: NewDirectory },
  ) {
    this.plan = plan
    this.source = source
    this.names = names
    this.made = made
    this.work = new Work(plan)
    this.random = plan.random ?? systemRandom
    this.note = (bytes) => this.work.note(bytes)
  }

  async run(): Promise<RepairReport> {
    const { plan: { vfs }, source: dir, work, ledger, damages, note } = this
    const startedMs = work.clock.wallMs()
    const startMs = work.clock.nowMs()
    const found = await work.run(findSource({ vfs, dir, ledger }, this.names))
    const place: ExaminePlace = { vfs, dir, ledger, damages, databaseId: found.databaseId, note }
    const values = new SourceValues(place)
    let logs: SourceLogs | null = null
    let salvaged: SalvagedFile | null = null
    try {
      const { tables, seqNum: tablesSeqNum } = await work.run(this.examine(place, found))
      for (const listed of found.isManifestLost ? [] : found.version.valueLogs.values()) {
        if (listed.liveCount > 0) await work.run(values.addListed(listed))
      }
      logs = await work.run(readSourceLogs({ vfs, dir, ledger, random: this.random, tablesSeqNum }, found))
      await work.run(this.examineValues(found, tables, logs.memtables, values))
      await this.made.makeHeld()
      const target = this.targetOf(found)
      const all = [...await work.run(this.writeLogs(place, target, logs.memtables)), ...tables]
      for (const table of all) await work.run(findLostValues({ ...place, dir: table.dir }, table, values))
      salvaged = new SalvagedFile(target, ledger)
      const served = await this.serve(found, { target, values, tables: all, salvaged })
      if (this.plan.logs === 'salvage') await work.run(salvaged.addAll(logs.later()))
      const version = await this.keepFiles(found, { target, values, served, logs })
      const report = this.report(found, version, { startedMs, durationMs: work.clock.nowMs() - startMs, logs })
      await salvaged.end(report)
      await target.finish(version)
      work.meter.end()
      return report
    } catch (error) {
      await salvaged?.discard()
      await this.made.abandon()
      throw error
    } finally {
      values.close()
      logs?.release()
    }
  }

  /** Looks at the tables; gives those that count, and the largest sequence number that any of them has. */
  private *examine(
    place: ExaminePlace, found: FoundSource,
  ): Generator<undefined, { tables: SourceTable[]; seqNum: SeqNum }, unknown> {
    if (!found.isManifestLost) {
      const tables = yield* examineVersion(place, found.version)
      return { tables, seqNum: Math.max(0, ...allTables(found.version).map(({ largestSeqNum }) => largestSeqNum)) }
    }
    const seqNum = Math.max(0, ...found.unlisted.map((table) => table.facts?.largestSeqNum ?? 0))
    return { tables: yield* examineUnlisted(place, countingOf(found.unlisted), LEVELS_MIN - 1), seqNum }
  }

  /** Looks at the value logs that no manifest lists. */
  private *examineValues(
    { names, isManifestLost }: FoundSource, tables: readonly SourceTable[], memtables: readonly Memtable[],
    values: SourceValues,
  ): Generator<undefined, void, unknown> {
    for (const { bytes, handleStarts, logNum } of memtables) {
      for (const start of handleStarts) yield* values.addFound(handleFileNum(bytes, start), names, logNum)
    }
    if (!isManifestLost) return
    for (const { facts } of tables) {
      for (const { fileNum } of facts?.valueFiles ?? []) yield* values.addFound(fileNum, names, 0)
    }
  }

  private targetOf({ databaseId, version }: FoundSource): RepairTarget {
    const { plan: { vfs }, source, made, random, work } = this
    const nextFileNum = Math.max(version.nextFileNum, highestFileNum(this.names) + 1)
    return new RepairTarget({ vfs, source, made, databaseId, nextFileNum, random, work })
  }

  /** Writes a table for each log, newest first in what it gives. */
  private *writeLogs(
    { vfs }: ExaminePlace, target: RepairTarget, memtables: readonly Memtable[],
  ): Generator<undefined, SourceTable[], unknown> {
    const written: SourceTable[] = []
    for (const memtable of memtables) {
      const fileNum = target.allocate()
      const name = tableFileName(fileNum)
      const { facts } = yield* buildTable({
        dir: target.dir, fileName: name, isSynced: true, header: target.newHeader('varvetab', fileNum), settings: {},
        slab: memtable.slab.buffer, start: memtable.start, end: memtable.publishedEnd, provenBytes: 0,
        values: { rules: [], promoteShareMin: 1, promoteBytesMin: Infinity, fileBytes: Infinity }, valueLogs: [],
        logNum: memtable.logNum, visibleSeqNum: memtable.lastSeqNum, snapshots: [], unlisted: [],
      }, { vfs })
      if (facts === null) continue
      written.unshift({
        fileNum, name, dir: target.dir, level: 0, rank: -1 - written.length, facts, extent: extentOf(facts),
        smallestSeqNum: facts.smallestSeqNum, state: 'whole', salvaged: null, isServed: true,
      })
    }
    return written
  }

  private async serve(
    found: FoundSource,
    { target, values, tables, salvaged }: Pick<ServePlace, 'target' | 'values'> &
      { tables: readonly SourceTable[]; salvaged: SalvagedFile },
  ): Promise<ServedTable[]> {
    const { plan: { vfs, servesDoubtful }, damages, ledger, note, work } = this
    const hashSeed = this.hashSeedOf(found)
    const place: ServePlace = {
      vfs, target, damages, values, ledger, servesDoubtful, note, settings: { hashSeed: hashSeedBytes(hashSeed) },
      salvage: (entry) => salvaged.add(entry),
    }
    for (const table of tables) if (!table.isServed && table.salvaged !== null) await work.run(drain(place, table))
    const left = tables.filter(({ isServed, state }) => isServed && state !== 'lost')
    if (found.isManifestLost) return await work.run(mergeTables(place, left, LEVELS_MIN - 1))
    const served: ServedTable[] = []
    for (const table of left) {
      const made = await work.run(serveTable(place, table, pointsToDamage(table, values)))
      if (table.dir === target.dir && made.every(({ isKept }) => !isKept)) await target.remove(table.name)
      served.push(...made)
    }
    return served
  }

  /** The seed of the newest table stands in for a manifest that is lost. */
  private hashSeedOf({ version, unlisted }: FoundSource): HashSeed {
    if (this.hashSeed !== null) return this.hashSeed
    const bytes = unlisted.findLast(({ properties }) => properties !== null)?.properties?.hashSeed
    this.hashSeed = version.hashSeed ?? (bytes === undefined ? drawHashSeed(this.random) : readHashSeed(bytes))
    return this.hashSeed
  }

  /** Takes over the files that stay as they are, and gives the version of the target. */
  private async keepFiles(
    found: FoundSource,
    { target, values, served, logs }: Pick<ServePlace, 'target' | 'values'> &
      { served: readonly ServedTable[]; logs: SourceLogs },
  ): Promise<Version> {
    const { ledger } = this
    const pointed = new Map<FileNum, { valueCount: number; valueBytes: number }>()
    const own = new Set<FileNum>()
    for (const { facts, isKept } of served) {
      ledger.servedEntries += facts.entryCount
      for (const { fileNum, valueCount, valueBytes } of facts.valueFiles) {
        const sum = pointed.get(fileNum) ?? { valueCount: 0, valueBytes: 0 }
        pointed.set(fileNum, { valueCount: sum.valueCount + valueCount, valueBytes: sum.valueBytes + valueBytes })
      }
      if (!isKept || facts.fileNum >= highestFileNum(this.names) + 1) own.add(facts.fileNum)
    }
    const kept = served.flatMap(({ facts }) => (own.has(facts.fileNum) ? [] : [tableFileName(facts.fileNum)]))
    const valueLogs: NewValueLog[] = []
    for (const [fileNum, live] of pointed) {
      const log = values.logs.get(fileNum)
      assert(log?.facts != null, 'tables of the target point to value logs that are kept')
      const { facts } = log
      const put = facts.isLog && found.isManifestLost ? { putCount: live.valueCount, putBytes: live.valueBytes } : {}
      valueLogs.push({ ...facts, ...put })
      kept.push(log.name)
    }
    for (const name of kept) {
      ledger.keptBytes += await target.keep(name)
      ledger.keptFiles++
    }
    return this.versionOf(found, { target, served, valueLogs, logs })
  }

  private versionOf(
    found: FoundSource,
    { target, served, valueLogs, logs }: Pick<ServePlace, 'target'> &
      { served: readonly ServedTable[]; valueLogs: readonly NewValueLog[]; logs: SourceLogs },
  ): Version {
    const { version } = found
    const manifestNum = target.allocate()
    const position = logs.position ?? version.position
    return applyEdits({ ...emptyVersion, lineage: {
      own: target.lineage, parent: version.lineage.own, partedSeqNum: logs.lastSeqNum,
    } }, [{
      hashSeed: this.hashSeedOf(found),
      nextFileNum: manifestNum + 1, lastSeqNum: logs.seenSeqNum, logPointer: manifestNum + 1,
      addTables: served.map(({ level, facts }) => ({ level, facts })), addValueLogs: valueLogs,
      ...(position === null ? {} : { position }),
      ...(version.dropTime === null ? {} : { dropTime: version.dropTime }),
      ...(version.closedAtMs === 0 ? {} : { closedAtMs: version.closedAtMs }),
      ...(version.settings === '' ? {} : { settings: version.settings }),
      ...(version.flushStats === '' ? {} : { flushStats: version.flushStats }),
    }])
  }

  private report(
    found: FoundSource, version: Version,
    { startedMs, durationMs, logs }: { startedMs: number; durationMs: number; logs: SourceLogs },
  ): RepairReport {
    const { ledger } = this
    const {
      problems, lostRanges, checkedBytes, files, servedEntries, lostEntries, doubtfulEntries, keptFiles, keptBytes,
      rewrittenTables, salvagedEntries,
    } = ledger
    return {
      tool: 'repair', version: 1, database: toHex(found.databaseId), lineage: String(version.lineage.own),
      startedMs, durationMs, ok: ledger.isOk, checkedBytes, files, problems, seqNum: logs.lastSeqNum,
      servedEntries, lostEntries, doubtfulEntries, lostRanges, isManifestLost: found.isManifestLost,
      keptFiles, keptBytes, rewrittenTables, salvagedEntries,
    }
  }
}

/** The tables that count, and those of which nobody knows. */
function countingOf(unlisted: readonly UnlistedTable[]): UnlistedTable[] {
  const isUnknown = ({ properties, header }: UnlistedTable): boolean =>
    properties === null || header?.fileNum === OUTSIDE_FILE_NUM
  const judged = unlisted.filter((table) => !isUnknown(table)).flatMap(({ fileNum, properties }) => {
    if (properties === null) return []
    const { replaces } = properties
    return [replaces === null ? { ...ALONE, group: fileNum, fileNum } : { ...replaces, fileNum }]
  })
  const unknown = unlisted.filter(isUnknown)
  const { counting, obsolete } = judgeTables(judged, unknown.map(({ fileNum }) => fileNum))
  return unlisted.filter((table) =>
    (isUnknown(table) ? !obsolete.has(table.fileNum) : counting.has(table.fileNum)))
}

/** What a table says that no database made. */
const ALONE = { isLast: true, inputs: [], unlisted: [] }

/** Hands out all entries of a table that is not served. */
function* drain(place: ServePlace, table: SourceTable): Generator<undefined, void, unknown> {
  const sieve = new EntrySieve(place, table, false)
  try {
    while (yield* sieve.next());
  } finally {
    sieve.cursor.close()
  }
}
