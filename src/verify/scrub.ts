/**
 * What: reads the files of an open database anew, part by part, to find bytes that are no longer what was written. A
 * finding blocks its table for compactions, so that no rot is copied on; nothing is deleted, and what else the file has
 * is served.
 * Owns: how far it came. Thread: main; the parts are jobs of the lowest priority.
 * Invariants: VER-5 no block comes into the cache, and nothing counts as a read. VER-7 a finding is told, its table is
 * blocked, and the state is DEGRADED. VER-8 a part waits for whatever else wants a worker, and pauses for it.
 */
import { toHex, VarveError } from '../base/index.js'
import type { AbortWatch } from '../base/index.js'
import type { Engine, Operation } from '../engine/index.js'
import { allTables } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { isOk, Pace } from '../report/index.js'
import type { Problem, Progress } from '../report/index.js'
import { nameOfListed } from '../tables/index.js'
import type { CheckFileInput, FileCheckResult, FileProblem, ListedFile } from '../tables/index.js'
import { isListed } from './listed-files.js'
import type { VerifyReport } from './verify-report.js'

/** Below that of all other jobs. */
const PRIORITY = -1000
/** One part: about a millisecond of a worker, which pauses after each block of it. */
const PART_BYTES = 512 * 1024
const NOBODY = (): void => undefined

/** A scrub, its options checked. */
export interface ScrubCall {
  bytesPerSecond: number
  /** Only these tables and no other file; null for all files. */
  tables: ReadonlySet<number> | null
  abort: AbortWatch | null
  onProgress: ((progress: Progress) => void) | undefined
  /** Tables up to this number were checked before. */
  after?: number
  /** Hears of each table that was checked. */
  onTable?: (fileNum: number) => void
}

/** Checks the files of the present version. Rejects with CLOSED, or why it was ended; damage is in the report. */
export async function scrubDatabase(engine: Engine, call: ScrubCall): Promise<VerifyReport> {
  const { abort, onProgress } = call
  return engine.operations.run({ kind: 'scrub', abort, onProgress }, (operation) => {
    return new Scrub(engine, call, operation).run()
  })
}

class Scrub {
  private readonly engine: Engine
  private readonly call: ScrubCall
  private readonly operation: Operation
  private readonly pace: Pace
  private readonly problems: Problem[] = []
  private checkedBytes = 0
  /** Wakes a rest when the call must end. */
  private wake: () => void = NOBODY

  constructor(engine: Engine, call: ScrubCall, operation: Operation) {
    this.engine = engine
    this.call = call
    this.operation = operation
    this.pace = new Pace(engine.clock, call.bytesPerSecond)
    operation.tell(() => this.wake())
  }

  async run(): Promise<VerifyReport> {
    const { engine: { clock, versions, setup }, operation, call } = this
    const [startedMs, startMs] = [clock.wallMs(), clock.nowMs()]
    const files = filesOf(versions.current, call)
    operation.progress.setTotals(files.reduce((sum, { facts }) => sum + facts.bytes, 0), files.length)
    for (const file of files) {
      operation.check()
      await this.scrub(file)
      operation.progress.add(0, 1)
      if (file.kind === 'table') call.onTable?.(file.facts.fileNum)
    }
    operation.progress.end()
    return {
      tool: 'scrub', version: 1, level: 'full', database: toHex(setup.origin.databaseId),
      lineage: String(versions.current.lineage.own), startedMs, durationMs: clock.nowMs() - startMs,
      ok: isOk(this.problems), checkedBytes: this.checkedBytes, files: files.length, problems: this.problems,
      entryCount: null, isDirect: false,
    }
  }

  /** Checks a file part by part, as long as the version lists it. */
  private async scrub(file: ListedFile): Promise<void> {
    for (let from = 0; from >= 0;) {
      this.operation.check()
      if (!isListed(this.engine.versions.current, file)) return
      const { problems, checkedBytes, next } = await this.checkPart(file, from)
      this.checkedBytes += checkedBytes
      this.operation.progress.add(checkedBytes)
      // A file that a compaction has removed meanwhile is no finding.
      if (problems.length > 0 && isListed(this.engine.versions.current, file)) this.note(file, problems)
      await this.rest(checkedBytes)
      from = next
    }
  }

  private checkPart(file: ListedFile, from: number): Promise<FileCheckResult> {
    const { setup: { executor, dir, origin: { databaseId } } } = this.engine
    // A log is read as a whole: it is no larger than a write buffer.
    const part = file.kind === 'log' ? undefined : { from, bytesMax: PART_BYTES }
    const control = new SharedArrayBuffer(8)
    const input: CheckFileInput = { dir, databaseId, file, level: 'full', part, control, bytesPerSecond: Infinity }
    return executor.submit<FileCheckResult>({ kind: 'checkFile', input, priority: PRIORITY })
  }

  private async rest(bytes: number): Promise<void> {
    const restMs = this.pace.restMs(bytes)
    if (restMs <= 0) return
    this.operation.check() // while a part was read, nobody rested who could be woken
    await new Promise<void>((resolve) => {
      const timer = this.engine.clock.after(restMs, resolve)
      this.wake = () => {
        timer.cancel()
        resolve()
      }
    })
    this.wake = NOBODY
    this.operation.check()
  }

  private note(listed: ListedFile, problems: readonly FileProblem[]): void {
    const { engine } = this
    const file = nameOfListed(listed)
    for (const problem of problems) this.problems.push({ ...problem, file })
    const damage = problems.find(({ severity }) => severity === 'damage')
    if (damage === undefined) return
    const { code, message, offset, advice: hint } = damage
    const error = new VarveError(code, message, { file, hint, ...(offset === null ? {} : { offset }) })
    if (listed.kind === 'table') engine.compactor.leftAlone.leaveTable(listed.facts.fileNum, error)
    engine.setup.events.emit({ type: 'damageFound', file, offset, error })
    engine.health.raise('DEGRADED', 'scrub', error)
  }
}

/** Tables by number, then value logs, then logs that nothing is added to any more. */
function filesOf(version: Version, { tables, after = 0 }: ScrubCall): ListedFile[] {
  const wanted = allTables(version)
    .filter(({ fileNum }) => fileNum > after && (tables === null || tables.has(fileNum)))
    .sort((a, b) => a.fileNum - b.fileNum)
    .map((facts): ListedFile => ({ kind: 'table', facts }))
  if (tables !== null) return wanted
  const valueLogs = [...version.valueLogs.values()].map((facts): ListedFile => ({ kind: 'vlog', facts }))
  const sealed = [...version.logs.values()]
    .filter(({ fileNum, isExact, mustExist }) => isExact && mustExist && !version.valueLogs.has(fileNum))
    .map((facts): ListedFile => ({ kind: 'log', facts }))
  return [...wanted, ...valueLogs, ...sealed]
}
