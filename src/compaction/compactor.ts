/**
 * What: drives picks through run and install, beside the flushes: pick → run → publish → install.
 * Owns: what is under way and its reservations, back-off after failures, tables that are left alone, totals.
 * Does not own: choices (pickers), the merge (compaction-run.ts), the version, the read state, error states (host).
 * Thread: main. Every step is a callback of a job, so that a blocked caller can drive it (executor.poll).
 * Invariants: COMP-2 no two runs under way share an input, or a key on a level that one of them writes.
 * COMP-4 inputs are given to the host for deletion only when the edit that replaces them is durable.
 * COMP-5 every attempt has table numbers of its own; a failed one changes nothing, the names it made are given away.
 */
import { tableFileName, VarveError } from '../base/index.js'
import type { FileNum, SeqNum, TableFacts, Timer } from '../base/index.js'
import type { Job, JobResult } from '../exec/index.js'
import type { Version, VersionEdit } from '../manifest/index.js'
import { INSTALL_PRIORITY, namesMade, submitPublish } from '../output/index.js'
import { StageTimes } from '../stats/index.js'
import { findOutputProblem } from './compaction-output-check.js'
import { canRunBeside, editOf, inputTables, reservationOf } from './compaction-pick.js'
import type { CompactionPick, Picker, RunningCompaction } from './compaction-pick.js'
import type { CompactionRunOutput } from './compaction-run.js'
import { corruptInput, newTask, runInput } from './compaction-task.js'
import type { CompactionTask, CompactorHost, ExtraPicker } from './compaction-task.js'
import { CompactionTotals } from './compaction-totals.js'
import { DrainMeter, reliefOf } from './drain-meter.js'
import { ExtraPickers } from './extra-pickers.js'

/** Below every flush and sort: they wait for nothing here. */
const RUN_PRIORITY = -1
const PASS: Job = { kind: 'pass', input: null, priority: INSTALL_PRIORITY }
const BACKOFF_FIRST_MS = 200
const BACKOFF_MAX_MS = 60_000
/** After so long without a write, what is only worth it in quiet times is done. */
const QUIET_MS = 1000
const PROGRESS_UNIT_BYTES = 64 * 1024

export interface CompactorPickers {
  /** While writes come. */
  busy: Picker
  /** When none has come for a second. */
  quiet: Picker
}

export class Compactor {
  readonly totals = new CompactionTotals()
  readonly runTimes = new StageTimes()
  private readonly drain = new DrainMeter()
  /** How long anything was under way, up to the time when that began which is under way now. */
  private busyMs = 0
  private busySinceMs = 0
  completedCount = 0
  movedCount = 0
  failedCount = 0
  /** Tables with a corrupt block, and what is wrong: left alone until the database is opened again. */
  readonly corruptions = new Map<FileNum, unknown>()
  /** Asked before the style's picker; `addExtra` adds to them. */
  readonly extra = new ExtraPickers()
  private readonly host: CompactorHost
  private readonly pickers: CompactorPickers
  private readonly runsMax: number
  private readonly tasks: CompactionTask[] = []
  private nextId = 1
  /** The oldest snapshot when a picker was asked last. */
  private heldAsked: SeqNum = Infinity
  private failuresInRow = 0
  private retryTimer: Timer | null = null
  private quietTimer: Timer | null = null
  private isSuspended = false
  private isScheduling = false
  private stepWaiters: (() => void)[] = []
  private restWaiters: (() => void)[] = []

  constructor(host: CompactorHost, pickers: CompactorPickers) {
    this.host = host
    this.pickers = pickers
    this.runsMax = Math.max(1, host.executor.workerCount - 1)
  }

  get running(): readonly CompactionTask[] {
    return this.tasks
  }

  /** Bytes that must still be merged until every level is within its size. */
  debtBytes(version: Version): number {
    return this.pickers.busy.pendingBytes(version)
  }

  scores(version: Version): ReturnType<Picker['scores']> {
    return this.pickers.busy.scores(version, this.reservations)
  }

  /** Bytes read so far by runs under way. */
  get progressBytes(): number {
    return this.tasks.reduce((sum, { control }) => sum + this.doneBytes(control), 0)
  }

  /** Bytes a millisecond that compactions take out of level 0; 0: not known yet. To be asked while writers are slow. */
  get drainBytesPerMs(): number {
    const { totals, tasks } = this
    const busyMs = this.busyMs + (tasks.length > 0 ? this.host.clock.nowMs() - this.busySinceMs : 0)
    const running = tasks.map(({ pick }) => reliefOf(pick))
    return this.drain.bytesPerMs(busyMs, totals.readBytes + this.progressBytes, running)
  }

  /** In how many ms what is under way relieves level 0; Infinity: it does not, or that is not known. */
  get reliefMs(): number {
    const speed = this.drain.speedNow
    const left = this.tasks
      .filter(({ pick }) => pick.inputs[0]!.level === 0)
      .map(({ inputBytes, control }) => Math.max(0, inputBytes - this.doneBytes(control)))
    return speed > 0 && left.length > 0 ? Math.min(...left) / (speed / this.tasks.length) : Infinity
  }

  /** Bytes read by one run. */
  doneBytes(control: Int32Array): number {
    return Atomics.load(control, 1) * PROGRESS_UNIT_BYTES
  }

  /** Starts whatever may start. */
  schedule(): void {
    if (this.isScheduling) return // a step that ends at once: the loop below goes on
    this.isScheduling = true
    try {
      while (this.mayStart && this.tasks.length < this.runsMax && this.startNext(this.pickers.busy));
    } finally {
      this.isScheduling = false
    }
    if (this.mayStart && this.tasks.length === 0) this.watchQuiet()
  }

  get blocked(): ReadonlySet<FileNum> {
    return new Set(this.corruptions.keys())
  }

  private get mayStart(): boolean {
    return !this.isSuspended && this.retryTimer === null
  }

  private get reservations(): RunningCompaction[] {
    return this.tasks.map(({ reservation }) => reservation)
  }

  /** The oldest snapshot. */
  private get heldFrom(): SeqNum {
    return this.host.snapshotSeqNums()[0] ?? Infinity
  }

  /** False when nobody wants anything. */
  private startNext(picker: Picker): boolean {
    for (const each of [...this.extra.all, picker]) {
      const pick = this.ask(each)
      if (pick === null) continue
      this.start(pick, each === picker ? null : each)
      return true
    }
    return false
  }

  private ask(picker: ExtraPicker): CompactionPick | null {
    const { host, reservations } = this
    this.heldAsked = this.heldFrom
    const pick = picker.pick(host.version(), reservations, this.heldAsked, this.blocked)
    if (pick === null) return null
    const wanted = reservationOf(pick)
    return reservations.every((other) => canRunBeside(other, wanted)) ? pick : null
  }

  /** Nothing to do: in a second, if no write came, what is worth doing only in quiet times. */
  private watchQuiet(): void {
    if (this.quietTimer !== null) return
    const seqNum = this.host.visibleSeqNum()
    this.quietTimer = this.host.clock.after(QUIET_MS, () => {
      this.quietTimer = null
      if (this.isSuspended || this.tasks.length > 0 || this.retryTimer !== null) return
      if (this.host.visibleSeqNum() !== seqNum) {
        // A snapshot that went may make work, and the next flush may be far away.
        if (this.heldFrom > this.heldAsked) this.schedule()
        else this.watchQuiet()
        return
      }
      this.host.onQuiet()
      const isStarted = this.startNext(this.pickers.quiet)
      if (!isStarted && this.host.snapshotSeqNums().length > 0) this.watchQuiet() // what it holds back may go later
    })
  }

  // ── Run ─────────────────────────────────────────────────────────────────────────────────────────

  private start(pick: CompactionPick, askedBy: ExtraPicker | null): void {
    const { host } = this
    const task = newTask(host, { id: this.nextId++, pick, askedBy })
    if (this.tasks.length === 0) this.busySinceMs = host.clock.nowMs()
    this.tasks.push(task)
    host.onBegin(task)
    if (pick.isTrivialMove) {
      this.install(task, inputTables(pick))
      return
    }
    const job = { kind: 'compactionRun', input: runInput(host, task), priority: RUN_PRIORITY }
    host.executor.submitPolled<CompactionRunOutput>(job, (result) => this.onRun(task, result))
  }

  private onRun(task: CompactionTask, result: JobResult<CompactionRunOutput>): void {
    if (!result.ok) {
      this.onFailure(task, result.error)
      return
    }
    const { output } = result
    const problem = findOutputProblem(task, output)
    if (problem !== null) {
      this.onFailure(task, new VarveError('INTERNAL', `compaction ${task.id}: ${problem}`))
      return
    }
    task.result = output
    if (this.host.isStrict && output.outputs.length > 0) this.publish(task, output.outputs)
    else this.readBack(task, output.outputs)
  }

  // ── Install ─────────────────────────────────────────────────────────────────────────────────────

  private publish(task: CompactionTask, tables: readonly TableFacts[]): void {
    const used = new Set(tables.map(({ fileNum }) => fileNum))
    const outputs = task.outputs.filter(({ tableNum }) => used.has(tableNum))
    submitPublish(this.host.executor, { dir: this.host.dir, tables: outputs }, {
      onStayed: (names) => this.host.onAbandoned(names),
      onNamed: () => this.readBack(task, tables),
      onDirectoryFailed: (error) => this.onDirectoryFailed(task, error),
      onFailed: (error) => this.onFailure(task, error, outputs.map(({ tableNum }) => tableFileName(tableNum))),
    })
  }

  private onDirectoryFailed(task: CompactionTask, error: unknown): void {
    this.host.onDirectoryFailure(error)
    this.end(task)
  }

  /**
   * Outputs are opened for reading before the manifest names them. Each takes a millisecond or more, and there can be
   * hundreds: between two of them the event loop turns.
   */
  private readBack(task: CompactionTask, tables: readonly TableFacts[], at = 0): void {
    try {
      if (at < tables.length) this.host.openTable(tables[at]!)
    } catch (error) {
      this.host.onReplaced(tables) // they have their names already
      this.onFailure(task, error)
      return
    }
    if (at + 1 >= tables.length) this.install(task, tables)
    else this.host.executor.submitPolled(PASS, () => this.readBack(task, tables, at + 1))
  }

  private install(task: CompactionTask, tables: readonly TableFacts[]): void {
    const { host } = this
    const edit: VersionEdit = editOf(task.pick, tables)
    const kept = new Set(tables.map(({ fileNum }) => fileNum))
    const replaced = inputTables(task.pick).filter(({ fileNum }) => !kept.has(fileNum))
    if (!host.isStrict) {
      host.holdEdit(edit, () => host.onReplaced(replaced))
      this.onInstalled(task, edit)
      return
    }
    host.appendEdit(edit, (error) => {
      if (error === null) {
        this.onInstalled(task, edit)
        host.onReplaced(replaced)
      } else {
        this.end(task) // the manifest failed: the host has stopped everything
      }
    })
  }

  private onInstalled(task: CompactionTask, edit: VersionEdit): void {
    if (task.pick.isTrivialMove) this.movedCount++
    else {
      this.failuresInRow = 0 // a move writes no table: it shows nothing
      this.extra.noteSuccess(task.askedBy)
      this.completedCount++
      const durationMs = this.host.clock.nowMs() - task.startMs
      this.runTimes.record(durationMs)
      this.totals.add(task.pick, task.result!, durationMs)
      this.drain.add(reliefOf(task.pick))
    }
    this.remove(task)
    this.host.onInstalled(task, edit)
    this.wake()
    this.schedule()
  }

  // ── Failure: nothing has changed; tried again later, by then perhaps another pick ───────────────

  /** `finalNames`: names that a publish was to give. */
  private onFailure(task: CompactionTask, error: unknown, finalNames: readonly string[] = []): void {
    const isGivenUp = Atomics.load(task.control, 0) !== 0 && VarveError.is(error) && error.code === 'ABORTED'
    const corrupt = corruptInput(task, error)
    if (corrupt !== null) this.corruptions.set(corrupt, error)
    this.remove(task)
    const tempNames = task.outputs.map(({ tempName }) => tempName)
    this.host.onAbandoned([...namesMade(tempNames, error), ...namesMade(finalNames, error)])
    if (!isGivenUp) {
      this.failedCount++
      this.host.onFailed(task, error, corrupt === null)
      if (corrupt === null) {
        this.extra.noteFailure(task.askedBy, error)
        this.backOff()
      }
    }
    this.wake()
    this.schedule()
  }

  private backOff(): void {
    const delayMs = Math.min(BACKOFF_FIRST_MS * 2 ** this.failuresInRow++, BACKOFF_MAX_MS)
    const retry = () => {
      this.retryTimer = null
      this.schedule()
      if (this.tasks.length === 0) this.wake() // nobody wants anything any more: who waits for a step hears of it
    }
    this.retryTimer ??= this.host.clock.after(delayMs, retry)
  }

  private end(task: CompactionTask): void {
    this.remove(task)
    this.wake()
  }

  private remove(task: CompactionTask): void {
    this.tasks.splice(this.tasks.indexOf(task), 1)
    if (this.tasks.length === 0) this.busyMs += this.host.clock.nowMs() - this.busySinceMs
  }

  // ── Waiting, extra work, the end ────────────────────────────────────────────────────────────────

  /** Somebody wants it now: no pause goes on. */
  addExtra(picker: ExtraPicker): void {
    this.extra.add(picker)
    this.retryTimer?.cancel()
    this.retryTimer = null
    this.failuresInRow = 0
    this.schedule()
  }

  /** Runs that it asked for end at their next pause. */
  giveUp(picker: ExtraPicker): void {
    for (const { askedBy, control } of this.tasks) if (askedBy === picker) Atomics.store(control, 0, 1)
  }

  /** True when this picker would want nothing if nothing were under way: what is, it does not care for. */
  isDone(picker: ExtraPicker): boolean {
    return picker.pick(this.host.version(), [], this.heldFrom, this.blocked) === null
  }

  /** Resolves when the next run under way has ended, well or not. */
  nextStep(): Promise<void> {
    return new Promise((resolve) => this.stepWaiters.push(resolve))
  }

  /** Whoever waits for a step looks again whether to go on. */
  wakeWaiting(): void {
    for (const wake of this.stepWaiters.splice(0)) wake()
  }

  private wake(): void {
    this.wakeWaiting()
    if (this.tasks.length === 0) for (const wake of this.restWaiters.splice(0)) wake()
  }

  /** Nothing new begins; runs under way give up at their next pause. */
  suspend(): void {
    this.isSuspended = true
    this.retryTimer?.cancel()
    this.retryTimer = null
    this.quietTimer?.cancel()
    this.quietTimer = null
    for (const { control } of this.tasks) Atomics.store(control, 0, 1)
    this.wakeWaiting()
  }

  /** After a suspension for a reason that is gone. */
  resume(): void {
    this.isSuspended = false
    this.failuresInRow = 0
    this.schedule()
  }

  get isStopped(): boolean {
    return this.isSuspended
  }

  /** Resolves when nothing is under way. Requires: suspended. */
  async resting(): Promise<void> {
    while (this.tasks.length > 0) await new Promise<void>((resolve) => this.restWaiters.push(resolve))
  }
}
