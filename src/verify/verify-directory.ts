/**
 * What: verifies a database directory as its level says (verify-report.ts), also beside a writer. It takes no lock and
 * changes nothing.
 *
 * A writer removes files and writes on while this reads. So what is wrong counts only when the directory, looked at
 * anew, still shows it: a file that went with the tables it was merged into is no problem, nor is the end of a log that
 * is just being written.
 * Owns: what is known of each file that was checked. Thread: main; the checks run in workers (check-runner.ts).
 * Invariants: VER-1 nothing is changed, and no lock is taken. VER-2 a problem of a listed file is told only while it is
 * listed. VER-9 files that are not part of the database are waste, and never damage.
 */
import {
  handleFileNum, logFileName, manifestFileName, runAsync, SALVAGED_DIRECTORY, toHex, VarveError,
} from '../base/index.js'
import type { Clock, LogFacts, TableFacts } from '../base/index.js'
import { databaseDirectory } from '../directory/index.js'
import { keptTablesIn } from '../engine/index.js'
import { allTables, findObsoleteFiles, firstNeededLog, logNumbers } from '../manifest/index.js'
import type { ManifestContents, Version } from '../manifest/index.js'
import { findDatabase, keptOrphans, readListed, readOrphans, readStreamed } from '../open/index.js'
import type { KnownHistory } from '../open/index.js'
import { isOk, problemOf } from '../report/index.js'
import type { Problem, Progress, ProgressMeter } from '../report/index.js'
import { KEPT_BECAUSE } from '../stats/index.js'
import { nameOfListed } from '../tables/index.js'
import type { FileCheckResult, ListedFile, LogSetResult } from '../tables/index.js'
import { lockHolder } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { CheckRunner } from './check-runner.js'
import type { VerifyCall, VerifyLevel, VerifyReport } from './verify-report.js'

/** A directory that shows something else each time is looked at so often. */
const PASSES_MAX = 20
/** Between two looks a writer gets on. */
const PAUSE_MS = 40

/** Verifies the directory at a location. Rejects with NOT_FOUND without a database, IO_ERROR, or why it was ended. */
export async function verifyDirectory(
  location: string, { vfs, clock }: { vfs: Vfs; clock: Clock }, call: VerifyCall,
): Promise<VerifyReport> {
  const { dir } = await databaseDirectory(location, vfs)
  const verification = new Verification(dir, { vfs, clock }, call)
  try {
    return await verification.run()
  } finally {
    await verification.close()
  }
}

type LogsToCheck = Parameters<CheckRunner['checkLogs']>[0]

/** What one look at the directory found. */
interface Sight {
  names: readonly string[]
  manifest: ManifestContents
  known: KnownHistory
  orphans: Parameters<typeof keptOrphans>[0]
}

/** What one pass found. */
interface Pass {
  sight: Sight | null
  problems: Problem[]
  logs: LogSetResult | null
  entryCount: number | null
  files: number
}

export class Verification {
  private readonly dir: string
  private readonly vfs: Vfs
  private readonly clock: Clock
  private readonly call: VerifyCall
  private readonly progress: ProgressMeter
  /** What was done before: a heal verifies twice. */
  private readonly before: Progress
  private readonly runner: CheckRunner
  /** What is known of each file that was checked, by its name and salt. */
  private readonly results = new Map<string, FileCheckResult>()
  private checkedBytes = 0
  private last: Pass = { sight: null, problems: [], logs: null, entryCount: null, files: 0 }
  private streamed: readonly ListedFile[] = []

  constructor(dir: string, { vfs, clock }: { vfs: Vfs; clock: Clock }, call: VerifyCall) {
    this.dir = dir
    this.vfs = vfs
    this.clock = clock
    this.call = call
    this.progress = call.progress
    this.before = { ...call.progress.now }
    const { bytesPerSecond, progress } = call
    this.runner = new CheckRunner({ vfs, clock, bytesPerSecond, progress, check: () => call.check() })
  }

  close(): Promise<void> {
    return this.runner.close()
  }

  /** Gives the listed files that are damaged, as they should be: for whoever has a copy of them. */
  damagedFiles(): ListedFile[] {
    const { sight, logs, problems } = this.last
    if (sight === null) return []
    const damaged = new Set(problems.filter(({ severity }) => severity === 'damage').map(({ file }) => file))
    const sealed = (logs?.sealed ?? []).map((facts): ListedFile => ({ kind: 'log', facts }))
    return [...listedFiles(sight.known.version), ...this.streamed, ...sealed]
      .filter((file) => damaged.has(nameOfListed(file)))
  }

  get databaseId(): Uint8Array | null {
    return this.last.sight?.known.databaseId ?? null
  }

  async run(): Promise<VerifyReport> {
    const { clock, call } = this
    const [startedMs, startMs] = [clock.wallMs(), clock.nowMs()]
    let pass = await this.pass()
    for (let count = 1, before = ''; count < PASSES_MAX; count++) {
      const now = fingerprint(pass.problems)
      if (now === '' || now === before) break
      before = now
      await this.pause()
      pass = await this.pass()
    }
    this.last = pass
    const problems = [...pass.problems, ...await this.findWaste(pass)]
    for (const problem of problems) call.onProblem?.(problem)
    this.progress.end()
    const { sight, entryCount, files } = pass
    return {
      tool: 'verify', version: 1, level: call.level,
      database: sight === null ? '' : toHex(sight.known.databaseId),
      lineage: sight === null ? '' : String(sight.known.version.lineage.own),
      startedMs, durationMs: clock.nowMs() - startMs,
      ok: isOk(problems), checkedBytes: this.checkedBytes, files, problems, entryCount,
      isDirect: call.direct && [...this.results.values()].every(({ isDirect }) => isDirect),
    }
  }

  /** Lets a writer get on: another process only where there can be one. */
  private pause(): Promise<void> {
    const { clock, vfs } = this
    if (vfs.workerSpec === null) return new Promise((resolve) => clock.defer(resolve))
    return new Promise((resolve) => clock.after(PAUSE_MS, resolve))
  }

  // ── One pass ────────────────────────────────────────────────────────────────────────────────────

  private async pass(): Promise<Pass> {
    const pass: Pass = { sight: null, problems: [], logs: null, entryCount: null, files: 0 }
    try {
      pass.sight = await this.look()
    } catch (error) {
      pass.problems.push(placelessProblem(error))
      return pass
    }
    const { known: { version }, manifest, names } = pass.sight
    this.tellManifest(pass.sight, pass.problems)
    const files = listedFiles(version)
    const logs = this.logsOf(names, version)
    const bytes = await this.bytesOf(files, logs)
    const { doneBytes, doneCount } = this.before
    this.progress.setTotals(doneBytes + manifest.fileBytes + bytes, doneCount + files.length + logs.length + 1)
    await this.checkAll(files, pass)
    pass.logs = await this.runner.checkLogs({ ...this.logInput(pass.sight), numbers: logs })
    pass.problems.push(...pass.logs.problems.map((problem) => ({ ...problem })))
    const streamed = this.streamed = await this.checkStreamed(pass)
    this.checkedBytes = manifest.fileBytes + pass.logs.checkedBytes +
      [...this.results.values()].reduce((sum, { checkedBytes }) => sum + checkedBytes, 0)
    this.tellOrphans(pass)
    if (this.call.level === 'deep') await this.walk(pass, streamed)
    pass.files = 1 + files.length + logs.length + streamed.length
    return pass
  }

  /** Reads what the directory says of itself, oldest last: what is read later is at least as new. */
  private async look(): Promise<Sight> {
    const { dir, vfs } = this
    const { names, marker } = await runAsync(findDatabase({ vfs, dir }))
    if (marker === null) throw new VarveError('NOT_FOUND', `there is no database in ${dir}`)
    const { manifest, known } = await runAsync(readListed({ vfs, dir }, marker))
    const orphans = await runAsync(readOrphans(vfs, dir, names, known))
    return { names, manifest, known, orphans }
  }

  private tellManifest({ manifest, known }: Sight, problems: Problem[]): void {
    const { goodBytes, tornBytes, dirtyAt } = manifest
    const file = manifestFileName(known.manifestNum)
    const place = { file, from: null, to: null, advice: 'nothing is to be done after a power loss' }
    if (tornBytes > 0) {
      problems.push({
        ...place, code: 'CORRUPTION', severity: 'suspicion', offset: goodBytes, bytes: tornBytes,
        message: `${file} at offset ${goodBytes}: no good group stands here, and there are bytes behind it`,
        consequence: 'the next open takes the state before: the newest, if a process stopped in a write here',
      })
    }
    if (dirtyAt < 0) return
    problems.push({
      ...place, code: 'CORRUPTION', severity: 'damage', offset: dirtyAt, bytes: 1,
      message: `${file} at offset ${dirtyAt}: padding is not zero`, consequence: 'none yet: no reader needs this byte',
      advice: 'look at the disk: something changed a byte that Varve wrote; the next open writes a new manifest',
    })
  }

  /** How much is to be read, for the progress. What a log has is not noted anywhere, and may still grow. */
  private async bytesOf(files: readonly ListedFile[], logs: readonly number[]): Promise<number> {
    let logBytes = 0
    for (const log of logs) {
      // That a log cannot be read is told when it is checked.
      const info = await this.vfs.stat(this.vfs.join(this.dir, logFileName(log))).catch(() => null)
      logBytes += info?.size ?? 0
    }
    return files.reduce((sum, { facts: { bytes } }) => sum + bytes, logBytes)
  }

  private logsOf(names: readonly string[], version: Version): number[] {
    const first = firstNeededLog(version)
    return logNumbers(names).filter((fileNum) => fileNum >= first && !version.valueLogs.has(fileNum))
  }

  private logInput({ known: { version, databaseId } }: Sight): Omit<LogsToCheck, 'numbers'> {
    const first = firstNeededLog(version)
    // A log that was promoted is checked as the value log that it is.
    const isLog = ({ fileNum }: LogFacts): boolean => fileNum >= first && !version.valueLogs.has(fileNum)
    const listed = [...version.logs.values()].filter(isLog)
    return {
      dir: this.dir, databaseId, lineage: version.lineage.own, logPointer: version.logPointer, listed,
      level: this.level,
    }
  }

  private get level(): VerifyLevel {
    return this.call.level
  }

  /** Checks the files that were not checked yet, a few at once. */
  private async checkAll(files: readonly ListedFile[], pass: Pass): Promise<void> {
    const waiting = files.filter((file) => this.results.get(keyOf(file))?.isMissing !== false).reverse()
    const { sight } = pass
    const work = async (): Promise<void> => {
      for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
        this.call.check()
        const { dir, level, call: { direct } } = this
        const { databaseId } = sight!.known
        this.results.set(keyOf(file), await this.runner.checkFile({ dir, databaseId, file, level, direct }))
        this.progress.add(0, 1)
      }
    }
    await Promise.all(Array.from({ length: this.runner.width }, work))
    for (const file of files) {
      const { problems } = this.results.get(keyOf(file))!
      const name = nameOfListed(file)
      for (const problem of problems) pass.problems.push({ ...problem, file: name })
    }
  }

  /** Checks the value logs that entries of logs name, and no manifest yet. */
  private async checkStreamed(pass: Pass): Promise<ListedFile[]> {
    const { dir, vfs } = this
    const { databaseId, version } = pass.sight!.known
    const files: ListedFile[] = []
    for (const { logNum, bytes } of pass.logs!.handles) {
      try {
        const place = { vfs, dir, databaseId, listed: version.valueLogs }
        const [facts] = await runAsync(readStreamed([{ logNum, bytes, handleStarts: [0] }], place))
        if (facts !== undefined) files.push({ kind: 'vlog', facts: { ...facts, liveCount: 0, liveBytes: 0 } })
      } catch (error) {
        pass.problems.push(placelessProblem(error, logFileName(logNum)))
      }
    }
    await this.checkAll(files, pass)
    return files
  }

  /** Tells when the manifest cannot be that of these files. */
  private tellOrphans({ sight, logs, problems }: Pass): void {
    const { orphans, known } = sight!
    const lastSeqNum = Math.max(known.version.lastSeqNum, logs!.lastSeqNum)
    if (this.level === 'quick') return
    try {
      keptOrphans(orphans, known, lastSeqNum, keptTablesIn(known.version.settings))
    } catch (error) {
      problems.push(placelessProblem(error, manifestFileName(known.manifestNum)))
    }
  }

  // ── The walk ────────────────────────────────────────────────────────────────────────────────────

  /** Walks over all entries of what is not damaged. */
  private async walk(pass: Pass, streamed: readonly ListedFile[]): Promise<void> {
    const { known: { version, databaseId } } = pass.sight!
    const isBad = (table: TableFacts): boolean => this.isDamaged({ kind: 'table', facts: table })
    const runs = version.levels.flatMap((level) => level.runs.map(({ tables }) => tables.filter((t) => !isBad(t))))
    const areLogsBad = pass.logs!.problems.some(({ severity }) => severity === 'damage')
    const all: ListedFile[] = [...listedFiles(version), ...streamed]
    const valueLogs = all.flatMap((file) => (file.kind === 'vlog' && !this.isMissing(file) ? [file.facts] : []))
    try {
      const { problems, entryCount } = await this.runner.deepWalk({
        dir: this.dir, databaseId, runs: runs.filter(({ length }) => length > 0),
        logs: areLogsBad ? [] : pass.logs!.history, valueLogs, hashSeed: version.hashSeed ?? { low: 0, high: 0 },
      })
      pass.entryCount = entryCount
      pass.problems.push(...problems)
    } catch (error) {
      this.call.check()
      pass.problems.push(placelessProblem(error))
    }
  }

  private isDamaged(file: ListedFile): boolean {
    return this.results.get(keyOf(file))?.problems.some(({ severity }) => severity === 'damage') === true
  }

  private isMissing(file: ListedFile): boolean {
    return this.results.get(keyOf(file))?.isMissing === true
  }

  // ── What nobody needs ───────────────────────────────────────────────────────────────────────────

  /** Names the files that no version needs. Beside a writer they may be those that it is making or removing. */
  private async findWaste({ sight, logs }: Pass): Promise<Problem[]> {
    const { dir, vfs } = this
    if (sight === null || (vfs.workerSpec !== null && await lockHolder(dir) !== null)) return []
    const { known, names, orphans } = sight
    const streamed = new Set((logs?.handles ?? []).map(({ bytes }) => handleFileNum(bytes, 0)))
    const marker = (await runAsync(findDatabase({ vfs, dir }))).marker
    if (marker === null || marker.manifest !== known.manifestNum) return []
    const kept = reasonsOf(orphans, known, logs)
    const found = findObsoleteFiles({ names, versions: [known.version], marker, inUse: streamed })
    const { temps, tables, valueLogs, markers, manifests, foreign } = found
    // Only a look into the logs tells which value logs their entries name.
    const values = this.level === 'quick' ? [] : valueLogs
    const unneeded = [...temps, ...tables, ...values, ...markers, ...manifests, ...found.logs]
    return [
      ...unneeded.map((file) => waste(file, kept.get(file) ?? 'left behind by a process that was stopped')),
      ...foreign.filter((file) => file !== SALVAGED_DIRECTORY)
        .map((file) => waste(file, 'this is no file of Varve')),
    ]
  }
}

function reasonsOf(orphans: Sight['orphans'], known: KnownHistory, logs: LogSetResult | null): Map<string, string> {
  const lastSeqNum = Math.max(known.version.lastSeqNum, logs?.lastSeqNum ?? 0)
  try {
    const kept = keptOrphans(orphans, known, lastSeqNum, keptTablesIn(known.version.settings))
    return new Map(kept.map(({ file, reason }) => [file, KEPT_BECAUSE[reason]]))
  } catch {
    return new Map()
  }
}

function waste(file: string, what: string): Problem {
  return {
    code: 'UNNEEDED', severity: 'waste', file, offset: null, bytes: null, from: null, to: null,
    message: `${file} is not part of the database: ${what}`, consequence: 'none: it only takes space',
    advice: 'an open removes what Varve left behind; `varve orphans` shows what it keeps',
  }
}

function listedFiles(version: Version): ListedFile[] {
  return [
    ...allTables(version).map((facts): ListedFile => ({ kind: 'table', facts })),
    ...[...version.valueLogs.values()].map((facts): ListedFile => ({ kind: 'vlog', facts })),
  ]
}

function keyOf(file: ListedFile): string {
  return `${nameOfListed(file)} ${toHex(file.facts.salt)}`
}

/** Makes a problem of an error that a reader of the directory met; others are thrown. */
function placelessProblem(error: unknown, file = '.'): Problem {
  if (!VarveError.is(error) || error.code === 'NOT_FOUND') throw error
  return problemOf(error, {
    file: error.file ?? file, consequence: 'the database does not open',
    advice: error.hint ?? 'restore the database from a backup, or save what can be read with `varve repair`',
  })
}

/** What is wrong, but for waste; empty when nothing is. */
function fingerprint(problems: readonly Problem[]): string {
  const real = problems.filter(({ severity }) => severity !== 'waste')
  return real.map(({ file, offset, message }) => JSON.stringify([file, offset, message])).join()
}
