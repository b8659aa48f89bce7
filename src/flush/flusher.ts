/**
 * What: drives memtables through the four stages: prepare → build → install → release.
 * Owns: which task is in which stage, retries and their back-off, the timings.
 * Does not own: the stages' work (flush-*.ts), the version, the read state, error states (host).
 * Thread: main. Build and install are procedures, so that a blocked caller can drive them (executor.poll).
 * Invariants: FLUSH-1 installs strictly in order. FLUSH-8 a failed build of N never lets N + 1 pass.
 * FLUSH-9 every attempt has a table number of its own. FLUSH-13 the files of a failed one go to the deleter.
 */
import { assert, handleFileNum, isOutOfFiles, VarveError, Waiters } from '../base/index.js'
import type { Clock, TableFacts, Timer } from '../base/index.js'
import { drive, jobResult, waitFor } from '../exec/index.js'
import type { Procedure } from '../exec/index.js'
import { CauseCode } from '../manifest/index.js'
import type { NewValueLog, VersionEdit } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import { LatencyHistogram, StageTimes } from '../stats/index.js'
import { namesMade } from '../tables/index.js'
import type { OpenValueLogs, TableSettings } from '../tables/index.js'
import type { Installer, SnapshotList } from '../versions/index.js'
import type { LastSync, LogSyncer } from '../wal/index.js'
import { NOTHING_BUILT } from './flush-build.js'
import type { FlushBuildInput, FlushBuildOutput } from './flush-build.js'
import { checkOutput } from './flush-output-check.js'
import { filesBuilt, FlushQueue } from './flush-queue.js'
import type { FlushStage, FlushTask, SealedMemtable } from './flush-queue.js'
import type { FlushedValues } from './flushed-values.js'
import { valueLogsMax } from './value-rules.js'
import type { ValueSettings } from './value-rules.js'

const ATTEMPTS_MAX = 3
/** The attempts when no file can be opened; they take a quarter of a minute. */
const ATTEMPTS_OUT_OF_FILES_MAX = 8
const BACKOFF_FIRST_MS = 100
const BACKOFF_MAX_MS = 10_000

/** The listener of reports of the flusher. */
export interface FlushHost {
  /** The edit has become current. The host swaps the read state, and releases the log once the edit is durable. */
  onInstalled(task: FlushTask, edit: VersionEdit): void
  /** The stage of a task has changed. */
  onStage(task: FlushTask, stage: FlushStage, durationMs: number): void
  onAttemptFailed(task: FlushTask, error: unknown, willRetry: boolean): void
  /** The result of a build did not match its memtable twice, which shows a bug. */
  onBug(error: VarveError): void
}

export interface FlusherOptions {
  clock: Clock
  installer: Installer
  snapshots: Pick<SnapshotList, 'takeRule'>
  tableSettings: TableSettings
  valueSettings: ValueSettings
  flushedValues: FlushedValues
  syncer: Pick<LogSyncer, 'whenSynced' | 'promisedBytes'>
  /** Knows the files of streamed values. */
  valueLogs: Pick<OpenValueLogs, 'pendingFacts'>
  /** The most tables that are built at the same time. */
  buildsMax: number
  host: FlushHost
}

export class Flusher {
  readonly queue = new FlushQueue()
  readonly waitTimes = new StageTimes()
  readonly buildTimes = new StageTimes()
  readonly installTimes = new StageTimes()
  readonly releaseTimes = new StageTimes()
  /** From the moment a memtable was full until it was released. */
  readonly latency = new LatencyHistogram()
  completedCount = 0
  failedCount = 0
  retriedCount = 0
  private readonly options: FlusherOptions
  private readonly host: FlushHost
  private readonly clock: Clock
  private readonly installer: Installer
  private retryTimer: Timer | null = null
  /** True when no stage begins, since flushing was given up or failed for good. */
  private isSuspended = false
  private waiters: { taskId: number; resolve: () => void; reject: (error: unknown) => void }[] = []
  private giveUpError: unknown = null
  private readonly restWaiters = new Waiters()

  constructor(options: FlusherOptions) {
    this.options = options
    this.host = options.host
    this.clock = options.clock
    this.installer = options.installer
  }

  /** Adds a sealed memtable to the queue (stage 1), and notes the time. */
  prepare(sealed: SealedMemtable): FlushTask {
    const task = this.queue.push(sealed, this.clock.nowMs())
    this.host.onStage(task, 'queued', 0)
    return task
  }

  /** Notes that every byte of a memtable's log is written or void. */
  settle(memtable: Memtable): void {
    const task = this.queue.find(memtable)
    assert(task !== null, 'a settled memtable is in the flush queue')
    task.isSettled = true
    this.schedule()
  }

  /** Starts every build and install that may start. */
  schedule(): void {
    if (this.isSuspended) return
    while (this.retryTimer === null && this.queue.countInStage('building') < this.options.buildsMax) {
      const task = this.queue.nextQueued
      if (task === null) break
      drive(this.build(task))
    }
    this.tryInstall()
  }

  /** Resolves when everything that is queued now is released. Rejects when flushing was given up. */
  whenReleased(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.tellReleased((error) => (error === null ? resolve() : reject(error)))
    })
  }

  /** Tells what `whenReleased` waits for, or the error, as soon as it is known. */
  tellReleased(tell: (error: unknown) => void): void {
    const { newest } = this.queue
    if (newest === null) tell(null)
    else if (this.isSuspended) tell(this.giveUpError)
    else this.waiters.push({ taskId: newest.id, resolve: () => tell(null), reject: tell })
  }

  /** Lets no build and no install begin; those that are running end. */
  suspend(error: unknown): void {
    this.isSuspended = true
    this.giveUpError ??= error
    this.retryTimer?.cancel()
    this.retryTimer = null
    for (const { reject } of this.waiters.splice(0)) reject(this.giveUpError)
  }

  /** Resolves when no build and no install is running. Requires: suspended, so none begins. */
  resting(): Promise<void> {
    return this.restWaiters.until(() => !this.isBusy)
  }

  /** Removes files that were built and will not be installed. Requires: suspended, and at rest. */
  abandonBuilt(): void {
    this.installer.abandon(this.queue.builtNames)
  }

  /** True when a memtable waits for its flush and flushing goes on, by a running stage or a retry to come. */
  get isAtWork(): boolean {
    return this.queue.length > 0 && !this.isSuspended
  }

  private get isBusy(): boolean {
    return this.queue.countInStage('building') + this.queue.countInStage('installing') > 0
  }

  private wakeResting(): void {
    if (!this.isBusy) this.restWaiters.wake()
  }

  /** Goes on after a suspension, from the oldest memtable on. */
  resume(): void {
    this.isSuspended = false
    this.giveUpError = null
    this.queue.forgetAttempts()
    this.schedule()
  }

  // ── Stage 2: build ──────────────────────────────────────────────────────────────────────────────

  private *build(task: FlushTask): Procedure<void> {
    const { host, installer } = this
    const { memtable } = task
    const nowMs = this.clock.nowMs()
    if (task.attempts === 0) this.waitTimes.record(nowMs - task.queuedMs)
    else this.retriedCount++
    task.attempts++
    task.stage = 'building'
    task.buildStartMs = nowMs
    if (memtable.isEmpty) {
      this.finishBuild(task, NOTHING_BUILT)
      return
    }
    const input = this.buildInput(task)
    memtable.slab.hold()
    host.onStage(task, 'building', nowMs - task.queuedMs)
    const result = yield* jobResult<FlushBuildOutput>(installer.executor, { kind: 'flushBuild', input })
    memtable.slab.release()
    if (!result.ok) return this.onAttemptFailed(task, result.error)
    const problem = checkOutput(task, result.output, this.streamedOf(task))
    if (problem === null) return this.finishBuild(task, result.output)
    const error = new VarveError('INTERNAL', `flush of ${task.log.name}: ${problem}`)
    if (task.attempts > 1) host.onBug(error)
    this.onAttemptFailed(task, error)
  }

  private buildInput(task: FlushTask): FlushBuildInput {
    const { installer } = this
    const { memtable } = task
    const { tableSettings, valueSettings, syncer } = this.options
    const table = installer.plan()
    task.table = table
    const rule = this.options.snapshots.takeRule()
    task.dropTimeMs = rule.dropTimeMs ?? 0
    const valueLogCount = valueLogsMax(valueSettings, memtable.rawBytes)
    task.valueLogPlans = Array.from({ length: valueLogCount }, () => installer.planValueLog())
    return {
      dir: installer.dir,
      fileName: table.tempName,
      isSynced: installer.isStrict,
      header: installer.newHeader(table.tableNum),
      settings: tableSettings,
      values: valueSettings,
      valueLogs: task.valueLogPlans.map(({ tempName, fileNum }) =>
        ({ fileName: tempName, header: installer.newHeader(fileNum, 'varvevlg') })),
      provenBytes: syncer.promisedBytes(task.log),
      slab: memtable.slab.buffer,
      start: memtable.start,
      end: memtable.publishedEnd,
      logNum: task.log.fileNum,
      unlisted: installer.unlisted,
      ...rule,
    }
  }

  private finishBuild(task: FlushTask, output: FlushBuildOutput): void {
    const durationMs = this.clock.nowMs() - task.buildStartMs
    if (output.facts !== null) this.buildTimes.record(durationMs)
    task.facts = output.facts
    task.isDropping = output.expiredCount > 0
    task.valueLogs = output.valueLogs
    task.large = output
    task.stage = 'built'
    this.host.onStage(task, 'built', durationMs)
    this.schedule()
    this.wakeResting()
  }

  // ── Stage 3: install, strictly in order ─────────────────────────────────────────────────────────

  private tryInstall(): void {
    const task = this.queue.oldest
    if (task === null || task.stage !== 'built' || this.isSuspended) return
    task.stage = 'installing'
    task.installStartMs = this.clock.nowMs()
    this.host.onStage(task, 'installing', 0)
    drive(this.install(task))
  }

  private *install(task: FlushTask): Procedure<void> {
    const { installer } = this
    const promoted = task.valueLogs.find(({ isLog }) => isLog)
    if (installer.isStrict && promoted !== undefined && !(yield* this.syncPromoted(task, promoted.bytes))) return
    if (task.facts !== null && !(yield* this.makeReadable(task, task.facts))) return
    const edit = this.editOf(task)
    if (!(yield* installer.list(edit, [task.log]))) return this.putBack(task)
    this.release(task, edit)
  }

  /** Names and opens the table; one that cannot be opened is built again. False when the attempt has ended. */
  private *makeReadable(task: FlushTask, facts: TableFacts): Procedure<boolean> {
    const { installer } = this
    try {
      if (installer.isStrict && !(yield* installer.name(filesBuilt(task)))) {
        this.putBack(task)
        return false
      }
      installer.open(facts)
      return true
    } catch (error) {
      this.onAttemptFailed(task, error)
      return false
    }
  }

  /**
   * Waits until a log that is to be promoted is synced as far as it is listed (VLG-2). A caller that blocks this thread
   * cannot wait for a sync that is in flight: the table is built again then, and promotes what is synced already, or
   * copies the values. False: the attempt has ended.
   */
  private *syncPromoted(task: FlushTask, bytes: number): Procedure<boolean> {
    const { installer } = this
    const lastSync = yield* waitFor<LastSync>((tell) => this.options.syncer.whenSynced(task.log, bytes, tell))
    if (lastSync === 'done') return true
    installer.abandon(filesBuilt(task).map(({ tempName }) => tempName))
    this.putBack(task)
    if (lastSync === 'later') {
      task.attempts-- // Nothing has failed.
      this.schedule()
    }
    return false
  }

  /**
   * The files of streamed values that the log names. All of them are listed, also those of values that were
   * overwritten: so each goes in the one way, and stays while a pin keeps the log.
   */
  private streamedOf({ memtable: { bytes, handleStarts }, log }: FlushTask): NewValueLog[] {
    return handleStarts.map((start) => {
      const facts = this.options.valueLogs.pendingFacts(handleFileNum(bytes, start))
      assert(facts !== null, 'the file of a streamed value is known until its flush has listed it')
      return { ...facts, namedInLog: log.fileNum }
    })
  }

  private editOf(task: FlushTask): VersionEdit {
    const { memtable, nextLogNum, facts, valueLogs } = task
    const addValueLogs = [...valueLogs, ...this.streamedOf(task)]
    return {
      cause: this.installer.cause(CauseCode.flush),
      logPointer: nextLogNum,
      lastSeqNum: memtable.lastSeqNum,
      ...(memtable.position === null ? {} : { position: memtable.position }),
      ...(facts === null ? {} : { addTables: [{ level: 0, facts }] }),
      ...(addValueLogs.length === 0 ? {} : { addValueLogs }),
      ...(task.isDropping ? { dropTime: { ms: task.dropTimeMs, seqNum: memtable.lastSeqNum } } : {}),
    }
  }

  /** Puts a task back into the queue, where it waits for a retry or the end. */
  private putBack(task: FlushTask): void {
    task.stage = 'queued'
    task.facts = null
    task.valueLogs = []
    task.large = null
    task.isDropping = false
    this.wakeResting()
  }

  // ── Stage 4: release ────────────────────────────────────────────────────────────────────────────

  private release(task: FlushTask, edit: VersionEdit): void {
    const { host } = this
    const nowMs = this.clock.nowMs()
    this.installTimes.record(nowMs - task.installStartMs)
    task.releaseStartMs = nowMs
    assert(this.queue.shift() === task, 'tasks are installed in order')
    host.onInstalled(task, edit)
    task.stage = 'released'
    this.completedCount++
    if (task.large !== null) this.options.flushedValues.add(task.large)
    const endMs = this.clock.nowMs()
    const durationMs = endMs - nowMs
    this.releaseTimes.record(durationMs)
    this.latency.record(endMs - task.queuedMs)
    host.onStage(task, 'released', durationMs)
    this.wakeWaiters(task.id)
    this.schedule()
    this.wakeResting()
  }

  private wakeWaiters(releasedId: number): void {
    const waiting = this.waiters
    this.waiters = []
    for (const waiter of waiting) {
      if (waiter.taskId <= releasedId) waiter.resolve()
      else this.waiters.push(waiter)
    }
  }

  // ── Failure: a later attempt has a new number; after the last one the host decides ────────────────

  private onAttemptFailed(task: FlushTask, error: unknown): void {
    this.failedCount++
    const planned = [...(task.table === null ? [] : [task.table]), ...task.valueLogPlans]
    const finalNames = task.stage === 'installing' ? planned.map(({ finalName }) => finalName) : []
    const names = new Set([...planned.map(({ tempName }) => tempName), ...finalNames])
    this.installer.abandon(namesMade([...names], error))
    this.putBack(task)
    const attemptsMax = isOutOfFiles(error) ? ATTEMPTS_OUT_OF_FILES_MAX : ATTEMPTS_MAX
    const willRetry = task.attempts < attemptsMax && !this.isSuspended
    this.host.onAttemptFailed(task, error, willRetry)
    if (!willRetry) {
      this.suspend(error)
      return
    }
    const delayMs = Math.min(BACKOFF_FIRST_MS * 2 ** (task.attempts - 1), BACKOFF_MAX_MS)
    const retry = () => {
      this.retryTimer = null
      this.schedule()
    }
    this.retryTimer ??= this.clock.after(delayMs, retry)
  }
}
