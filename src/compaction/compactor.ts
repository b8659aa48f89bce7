/**
 * What: decides when which compaction begins, beside the flushes, and what follows from how it ends.
 * Owns: what is under way and its reservations, back-off after failures, tables that are left alone, totals.
 * Does not own: choices (pickers), the way from run to install (compaction-steps.ts), the version, the read state,
 * error states (host).
 * Thread: main. Runs are procedures, so that a blocked caller can drive them (executor.poll).
 * Invariants: COMP-2 no two runs under way share an input, or a key on a level that one of them writes.
 * COMP-5 every attempt has table numbers of its own; a failed one changes nothing, the names it made are given away.
 */
import { MiB, VarveError, Waiters } from '../base/index.js'
import type { Clock, FileNum, SeqNum, Timer } from '../base/index.js'
import { drive } from '../exec/index.js'
import type { Version, VersionEdit } from '../manifest/index.js'
import { canRunBeside, inputTables, reservationOf, totalBytes } from '../pick/index.js'
import type { CompactionPick, Picker, Pressure, RunningCompaction } from '../pick/index.js'
import { StageTimes } from '../stats/index.js'
import { namesMade } from '../tables/index.js'
import type { Installer } from '../versions/index.js'
import { runCompaction } from './compaction-steps.js'
import type { CompactionEnds } from './compaction-steps.js'
import { corruptInput, newTask } from './compaction-task.js'
import type {
  CompactionTask, CompactorHost, CompactorOptions, CompactorPickers, ExtraPicker,
} from './compaction-task.js'
import { CompactionTotals } from './compaction-totals.js'
import { DrainMeter, reliefOf } from './drain-meter.js'
import { ExtraPickers } from './extra-pickers.js'
import { QuietWatch } from './quiet-watch.js'

const BACKOFF_FIRST_MS = 200
const BACKOFF_MAX_MS = 60_000
/** An open or a close waits for merges of small tables of so many bytes in all; runs of more are given up at close. */
const TIDY_BYTES_MAX = 8 * MiB
const PROGRESS_UNIT_BYTES = 64 * 1024

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
  private readonly options: CompactorOptions
  private readonly host: CompactorHost
  private readonly clock: Clock
  private readonly pickers: CompactorPickers
  private readonly installer: Installer
  private readonly ends: CompactionEnds
  private readonly quiet: QuietWatch
  private readonly runsMax: number
  private readonly tasks: CompactionTask[] = []
  private nextId = 1
  /** The oldest snapshot when a picker was asked last. */
  private heldAsked: SeqNum = Infinity
  failuresInRow = 0
  private retryTimer: Timer | null = null
  /** Nothing new begins by itself. */
  private isSuspended = false
  /** Nothing new begins. */
  private isGivenUp = false
  private isScheduling = false
  private readonly stepWaiters = new Waiters()
  private readonly restWaiters = new Waiters()
  private pressed: { version: Version; blockedCount: number; pressures: readonly Pressure[] } | null = null

  constructor(options: CompactorOptions) {
    const { installer, snapshots } = options
    this.options = options
    this.host = options.host
    this.clock = options.clock
    this.installer = installer
    this.pickers = options.pickers
    this.ends = {
      onInstalled: (task, edit) => this.onInstalled(task, edit),
      onFailure: (task, error, finalNames) => this.onFailure(task, error, finalNames),
      onStopped: (task) => this.end(task),
    }
    this.quiet = new QuietWatch(options.clock, () => snapshots.visibleSeqNum, () => this.onSecond())
    this.runsMax = Math.max(1, installer.executor.workerCount - 1)
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

  /** What slows writers down and stops them; reckoned once for each version. */
  get pressures(): readonly Pressure[] {
    const version = this.version
    const blockedCount = this.corruptions.size
    if (this.pressed?.version !== version || this.pressed.blockedCount !== blockedCount) {
      this.pressed = { version, blockedCount, pressures: this.pickers.busy.pressures(version, this.blocked) }
    }
    return this.pressed.pressures
  }

  /** Something is under way, or will be tried again. */
  get isAtWork(): boolean {
    return this.tasks.length > 0 || this.retryTimer !== null
  }

  /** Bytes read so far by runs under way. */
  get progressBytes(): number {
    return this.tasks.reduce((sum, { control }) => sum + this.doneBytes(control), 0)
  }

  /** Bytes a millisecond that compactions take out of level 0; 0: not known yet. To be asked while writers are slow. */
  get drainBytesPerMs(): number {
    const { totals, tasks } = this
    const busyMs = this.busyMs + (tasks.length > 0 ? this.clock.nowMs() - this.busySinceMs : 0)
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
      while (this.mayStart && this.tasks.length < this.runsMax && (this.startNext() || this.startQuiet()));
    } finally {
      this.isScheduling = false
    }
    if (!this.mayStart || this.tasks.length > 0) return
    // In quiet times the next write is what changes something, or a snapshot that goes.
    if (!this.quiet.isQuiet || this.options.snapshots.oldest !== null) this.quiet.watch()
  }

  /** Entries are visible: the quiet, if it was, is over. */
  noteWrite(): void {
    if (this.mayStart) this.quiet.watch()
  }

  private onSecond(): void {
    if (!this.mayStart || this.tasks.length > 0) return
    if (this.quiet.isQuiet) this.host.onQuiet()
    // A snapshot that went may make work, and the next flush may be far away.
    if (this.quiet.isQuiet || this.heldFrom > this.heldAsked) this.schedule()
    else this.quiet.watch()
  }

  private get version(): Version {
    return this.options.versions.current
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
    return this.options.snapshots.oldest ?? Infinity
  }

  /** False when nobody wants anything. Who asked comes first, but not while writers are stopped. */
  private startNext(): boolean {
    const { busy } = this.pickers
    const extra = this.extra.all
    for (const each of this.host.areWritersStopped() ? [busy, ...extra] : [...extra, busy]) {
      const pick = this.ask(each)
      if (pick === null) continue
      this.start(pick, each === busy ? null : each)
      return true
    }
    return false
  }

  /** One at a time, one after the other. */
  private startQuiet(): boolean {
    const pick = this.tasks.length === 0 && this.quiet.isQuiet ? this.ask(this.pickers.quiet) : null
    if (pick !== null) this.start(pick, null)
    return pick !== null
  }

  private ask(picker: ExtraPicker): CompactionPick | null {
    const { reservations } = this
    this.heldAsked = this.heldFrom
    const pick = picker.pick(this.version, reservations, this.heldAsked, this.blocked)
    if (pick === null) return null
    const wanted = reservationOf(pick)
    return reservations.every((other) => canRunBeside(other, wanted)) ? pick : null
  }

  // ── Run ─────────────────────────────────────────────────────────────────────────────────────────

  private start(pick: CompactionPick, askedBy: ExtraPicker | null): CompactionTask {
    const { host } = this
    const task = newTask(this.installer, this.clock.nowMs(), { id: this.nextId++, pick, askedBy })
    if (this.tasks.length === 0) this.busySinceMs = this.clock.nowMs()
    this.tasks.push(task)
    host.onBegin(task)
    drive(runCompaction({ ...this.options, ends: this.ends }, task))
    return task
  }

  // ── How a task ends ─────────────────────────────────────────────────────────────────────────────

  private onInstalled(task: CompactionTask, edit: VersionEdit): void {
    switch (task.pick.kind) {
      case 'merge':
        this.noteMerged(task)
        break
      case 'move':
        this.movedCount++
        break
    }
    this.remove(task)
    this.host.onInstalled(task, edit)
    this.wake()
    this.schedule()
  }

  /** Failures before it count no more. A move writes no table, so it does not show that tables can be written. */
  private noteMerged(task: CompactionTask): void {
    this.failuresInRow = 0
    this.extra.noteSuccess(task.askedBy)
    this.completedCount++
    const durationMs = this.clock.nowMs() - task.startMs
    this.runTimes.record(durationMs)
    this.totals.add(task.pick, task.result!, durationMs)
    this.drain.add(reliefOf(task.pick))
  }

  // ── Failure: nothing has changed; tried again later, by then perhaps another pick ───────────────

  /** `finalNames`: names that a publish was to give. */
  private onFailure(task: CompactionTask, error: unknown, finalNames: readonly string[] = []): void {
    const isGivenUp = Atomics.load(task.control, 0) !== 0 && VarveError.is(error) && error.code === 'ABORTED'
    const corrupt = corruptInput(task, error)
    if (corrupt !== null) this.corruptions.set(corrupt, error)
    this.remove(task)
    const tempNames = task.outputs.map(({ tempName }) => tempName)
    this.installer.abandon([...namesMade(tempNames, error), ...namesMade(finalNames, error)])
    if (!isGivenUp) {
      this.failedCount++
      if (corrupt === null) {
        this.extra.noteFailure(task.askedBy, error)
        this.backOff()
      }
      this.host.onFailed(task, error, corrupt === null)
    }
    this.wake()
    this.schedule()
  }

  private backOff(): void {
    const delayMs = Math.min(BACKOFF_FIRST_MS * 2 ** this.failuresInRow++, BACKOFF_MAX_MS)
    if (this.isSuspended) return
    const retry = () => {
      this.retryTimer = null
      this.schedule()
      if (this.tasks.length === 0) this.wake() // nobody wants anything any more: who waits for a step hears of it
    }
    this.retryTimer ??= this.clock.after(delayMs, retry)
  }

  private end(task: CompactionTask): void {
    this.remove(task)
    this.wake()
  }

  private remove(task: CompactionTask): void {
    this.tasks.splice(this.tasks.indexOf(task), 1)
    if (this.tasks.length === 0) this.busyMs += this.clock.nowMs() - this.busySinceMs
  }

  // ── Waiting, extra work, the end ────────────────────────────────────────────────────────────────

  addExtra(picker: ExtraPicker): void {
    this.extra.add(picker)
    this.failuresInRow = 0
    this.endPause()
  }

  /** Somebody waits for it now: no pause after failures goes on. */
  endPause(): void {
    this.retryTimer?.cancel()
    this.retryTimer = null
    this.schedule()
  }

  /** Runs that it asked for end at their next pause. */
  giveUp(picker: ExtraPicker): void {
    for (const { askedBy, control } of this.tasks) if (askedBy === picker) Atomics.store(control, 0, 1)
  }

  /** True when this picker has no work left; compactions that are running are not counted as done. */
  isDone(picker: ExtraPicker): boolean {
    return picker.pick(this.version, [], this.heldFrom, this.blocked) === null
  }

  /** Resolves when the next run under way has ended, well or not. */
  nextEnd(): Promise<void> {
    return this.stepWaiters.next()
  }

  /** Whoever waits for a step looks again whether to go on. */
  wakeWaiting(): void {
    this.stepWaiters.wake()
  }

  private wake(): void {
    this.wakeWaiting()
    if (this.tasks.length === 0) this.restWaiters.wake()
  }

  /** Nothing new begins; runs under way give up at their next pause. */
  suspend(): void {
    this.isGivenUp = true
    this.suspendBut(0)
  }

  private suspendBut(bytesMax: number): void {
    this.isSuspended = true
    this.retryTimer?.cancel()
    this.retryTimer = null
    this.quiet.stop()
    for (const { control, inputBytes } of this.tasks) if (inputBytes > bytesMax) Atomics.store(control, 0, 1)
    this.wakeWaiting()
  }

  /** At a close: short runs end, long ones are given up, and small tables that are too many are merged. */
  async windUp(): Promise<void> {
    this.suspendBut(TIDY_BYTES_MAX)
    await this.resting()
    await this.tidyUp(this.pickers.quiet)
  }

  /**
   * Merges small tables that are too many, as far as that takes not long: without it a program whose every run is short
   * would leave one more table each time.
   */
  async tidyUp(picker = this.pickers.busy): Promise<void> {
    const { failedCount } = this
    let bytesLeft = TIDY_BYTES_MAX
    while (!this.isGivenUp && this.failedCount === failedCount) {
      const pick = this.ask(picker.tidy(bytesLeft))
      if (pick === null) return
      bytesLeft -= totalBytes(inputTables(pick))
      const task = this.start(pick, null)
      while (this.tasks.includes(task)) await this.nextEnd()
    }
  }

  /** After a suspension for a reason that is gone. */
  resume(): void {
    this.isSuspended = false
    this.isGivenUp = false
    this.failuresInRow = 0
    this.schedule()
  }

  get isStopped(): boolean {
    return this.isSuspended
  }

  /** Resolves when nothing is under way. */
  resting(): Promise<void> {
    return this.restWaiters.until(() => this.tasks.length === 0)
  }
}
