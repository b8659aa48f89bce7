/**
 * What: decides when a compaction begins, asks pickers which one, and reacts to its end.
 * Owns: running tasks and their reservations, back-off after failures, tables that are left alone, totals.
 * Does not own: choices (pickers), the way from run to install (compaction-steps.ts), the version, the read state,
 * error states (host).
 * Thread: main. Runs are procedures, so that a blocked caller can drive them (executor.poll).
 * Invariants: COMP-2 no two runs under way share an input, or a key on a level that one of them writes.
 * COMP-5 every attempt has table numbers of its own. A failed one changes nothing, and its files go to the deleter.
 */
import { MiB, VarveError, Waiters } from '../base/index.js'
import type { Clock, FileNum, SeqNum, Timer } from '../base/index.js'
import { drive } from '../exec/index.js'
import type { Version, VersionEdit } from '../manifest/index.js'
import { canRunBeside, inputTables, reservationOf, totalBytes } from '../pick/index.js'
import type { CompactionPick, Picker, Pressure, RunningCompaction } from '../pick/index.js'
import { LatencyHistogram, StageTimes } from '../stats/index.js'
import { namesMade } from '../tables/index.js'
import type { Installer } from '../versions/index.js'
import { Reservations } from './reservations.js'
import { runCompaction } from './compaction-steps.js'
import type { CompactionEnds } from './compaction-steps.js'
import { CompactionSpeed } from './compaction-speed.js'
import { newTask } from './compaction-task.js'
import type {
  CompactionTask, CompactorHost, CompactorOptions, CompactorPickers, ExtraPicker,
} from './compaction-task.js'
import { CompactionTotals } from './compaction-totals.js'
import { ExtraPickers } from './extra-pickers.js'
import { KnownPressures } from './known-pressures.js'
import { LeftAlone } from './left-alone.js'
import { QuietWatch } from './quiet-watch.js'
import { SpaceWatch } from './space-watch.js'

const [BACKOFF_FIRST_MS, BACKOFF_MAX_MS] = [200, 60_000]
/** The bytes of small tables that an open or a close merges. A close gives up running compactions of more bytes. */
const TIDY_BYTES_MAX = 8 * MiB

export class Compactor {
  readonly totals = new CompactionTotals()
  readonly runTimes = new StageTimes()
  readonly latency = new LatencyHistogram()
  readonly speed: CompactionSpeed
  completedCount = 0
  movedCount = 0
  /** Tables that left unread, since range tombstones deleted all that they had. */
  coveredCount = 0
  /** Tables that left unread, since all that they had had expired. */
  expiredCount = 0
  /** Tables that left unread, since they were the oldest of too many bytes. */
  agedCount = 0
  failedCount = 0
  readonly leftAlone = new LeftAlone()
  /** Pickers that are asked before the style's own; `addExtra` adds to them. */
  readonly extra = new ExtraPickers()
  private readonly options: CompactorOptions
  private readonly host: CompactorHost
  private readonly clock: Clock
  private readonly pickers: CompactorPickers
  private readonly installer: Installer
  private readonly ends: CompactionEnds
  private readonly quiet: QuietWatch
  private readonly space: SpaceWatch
  private readonly runsMax: number
  private readonly tasks: CompactionTask[] = []
  readonly reservations = new Reservations(this.tasks, this)
  private nextId = 1
  /** The oldest snapshot when a picker was last asked. */
  private heldAsked: SeqNum = Infinity
  failuresInRow = 0
  private retryTimer: Timer | null = null
  /** True when no compaction begins by itself; `tidyUp` may still begin some. */
  private isSuspended = false
  /** True when no compaction begins at all. */
  private isGivenUp = false
  private isScheduling = false
  private readonly stepWaiters = new Waiters()
  private readonly restWaiters = new Waiters()
  private readonly pressed = new KnownPressures()

  constructor(options: CompactorOptions) {
    const { installer, snapshots } = options
    this.options = options
    this.host = options.host
    this.clock = options.clock
    this.speed = new CompactionSpeed(options.clock, this.tasks, this.totals)
    this.installer = installer
    this.pickers = options.pickers
    this.ends = {
      onInstalled: (task, edit) => this.onInstalled(task, edit),
      onFailure: (task, error, finalNames) => this.onFailure(task, error, finalNames),
      onStopped: (task) => {
        this.remove(task)
        this.wake()
      },
    }
    this.quiet = new QuietWatch(options.clock, () => snapshots.visibleSeqNum, {
      onPause: () => this.host.onPause(),
      onLooked: () => this.onLooked(),
    })
    this.space = new SpaceWatch(options.clock, () => this.host.roomForValues(), () => {
      this.schedule()
      this.wakeWaiting()
      this.host.onLooked()
    })
    this.runsMax = Math.max(1, installer.executor.workerCount - 1)
  }

  get running(): readonly CompactionTask[] {
    return this.tasks
  }

  /** The bytes that must be merged until every level is within its size. */
  debtBytes(version: Version): number {
    return this.pickers.busy.pendingBytes(version)
  }

  scores(version: Version): ReturnType<Picker['scores']> {
    return this.pickers.busy.scores(version, this.reservations.all)
  }

  /**
   * The pressures that slow writers down and stop them, computed once for each version. Nobody is slow for garbage
   * whose collection has no room on the disk.
   */
  get pressures(): readonly Pressure[] {
    const { version, pickers: { busy }, leftAlone } = this
    const pressures = this.pressed.of(version, leftAlone.count, () => busy.pressures(version, leftAlone.all))
    return this.space.isShort ? pressures.filter(({ stops }) => stops) : pressures
  }

  /** A compaction is running, or waits to be tried again. */
  get isAtWork(): boolean {
    return this.tasks.length > 0 || this.retryTimer !== null
  }

  /** Starts every compaction that may start. */
  schedule(): void {
    if (this.isScheduling) return // A compaction ended at once, inside the loop below, which goes on.
    this.isScheduling = true
    try {
      while (this.mayStart && this.tasks.length < this.runsMax && (this.startNext() || this.startStill()));
    } finally {
      this.isScheduling = false
    }
    if (!this.mayStart || this.tasks.length > 0) return
    // In quiet times only a write, or the release of a snapshot, can make work.
    if (!this.quiet.isQuiet || this.options.snapshots.oldest !== null) this.quiet.watch()
  }

  /** Notes that entries became visible, which ends a quiet time. */
  noteWrite(): void {
    if (this.mayStart) this.quiet.watch()
  }

  private onLooked(): void {
    const { quiet, tasks } = this
    if (!this.mayStart) return
    if (tasks.length > 0) {
      if (!quiet.isPaused) quiet.watch()
      return
    }
    if (quiet.isQuiet) this.host.onQuiet()
    // The release of a snapshot may make work, and the next flush may be far away.
    if (quiet.isPaused || this.heldFrom > this.heldAsked) this.schedule()
    else quiet.watch()
  }

  private get version(): Version {
    return this.options.versions.current
  }

  get blocked(): ReadonlySet<FileNum> {
    return this.leftAlone.all
  }

  private get mayStart(): boolean {
    return !this.isSuspended && this.retryTimer === null
  }

  /** The oldest snapshot, or Infinity. */
  private get heldFrom(): SeqNum {
    return this.options.snapshots.oldest ?? Infinity
  }

  /** Starts a compaction; false when no picker has one. */
  private startNext(): boolean {
    const { busy } = this.pickers
    for (const each of this.extra.orderWith(busy, this.host.areWritersStopped())) {
      const pick = this.ask(each)
      if (pick === null) continue
      this.start(pick, each === busy ? null : each)
      return true
    }
    return false
  }

  /** Starts a compaction for which writes must pause, or all must be quiet. These run one at a time. */
  private startStill(): boolean {
    const { quiet, pickers, tasks } = this
    if (tasks.length > 0 || !quiet.isPaused) return false
    const pick = this.ask(quiet.isQuiet ? pickers.quiet : pickers.paused)
    if (pick !== null) this.start(pick, null)
    return pick !== null
  }

  private ask(picker: ExtraPicker): CompactionPick | null {
    const reservations = this.reservations.all
    this.heldAsked = this.heldFrom
    const pick = this.pickWith(picker, reservations)
    return pick !== null && reservations.every((other) => canRunBeside(other, reservationOf(pick))) ? pick : null
  }

  // ── Run ─────────────────────────────────────────────────────────────────────────────────────────

  private start(pick: CompactionPick, askedBy: ExtraPicker | null): CompactionTask {
    const { host } = this
    const task = newTask(this.options, { id: this.nextId++, pick, askedBy })
    if (this.tasks.length === 0) this.speed.noteBusy()
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
      case 'drop':
        this.noteDropped(task)
        break
    }
    this.remove(task)
    this.host.onInstalled(task, edit)
    this.wake()
    this.schedule()
  }

  private noteDropped({ pick }: CompactionTask): void {
    const count = inputTables(pick).length
    if (pick.reason === 'expired') this.expiredCount += count
    else if (pick.reason === 'oldest') this.agedCount += count
    else this.coveredCount += count
  }

  /** Counts a merge and forgets failures before it. A move does not do so, as it does not show that writes succeed. */
  private noteMerged(task: CompactionTask): void {
    this.failuresInRow = 0
    this.extra.noteSuccess(task.askedBy)
    this.completedCount++
    const durationMs = this.clock.nowMs() - task.startMs
    this.runTimes.record(durationMs)
    this.latency.record(durationMs)
    this.totals.add(task.pick, task.result!, durationMs)
    this.speed.noteMerged(task, task.condemned.length > 0 || this.pressures.some(({ stops }) => !stops))
  }

  // ── Failure: nothing has changed, and a later try may have another pick ───────────────────────────

  /** Ends a task that failed. `finalNames` are names that a publish was about to give. */
  private onFailure(task: CompactionTask, error: unknown, finalNames: readonly string[] = []): void {
    const isGivenUp = Atomics.load(task.control, 0) !== 0 && VarveError.is(error) && error.code === 'ABORTED'
    const isLeftAlone = this.leftAlone.note(task, error)
    this.remove(task)
    const tempNames = [...task.outputs, ...task.valueLogs].map(({ tempName }) => tempName)
    this.installer.abandon([...namesMade(tempNames, error), ...namesMade(finalNames, error)])
    if (!isGivenUp) {
      this.failedCount++
      if (!isLeftAlone) {
        this.extra.noteFailure(task.askedBy, error)
        this.backOff()
      }
      this.host.onFailed(task, error, !isLeftAlone)
    }
    this.wake()
    this.schedule()
  }

  private backOff(): void {
    const delayMs = Math.min(BACKOFF_FIRST_MS * 2 ** this.failuresInRow++, BACKOFF_MAX_MS)
    if (this.isSuspended) return
    this.retryTimer ??= this.clock.after(delayMs, () => {
      this.retryTimer = null
      this.schedule()
      if (this.tasks.length === 0) this.wake() // No picker has work any more, which callers that wait must hear.
    })
  }

  private remove(task: CompactionTask): void {
    this.tasks.splice(this.tasks.indexOf(task), 1)
    if (this.tasks.length === 0) this.speed.noteIdle()
  }

  // ── Waiting, extra work, the end ────────────────────────────────────────────────────────────────

  addExtra(picker: ExtraPicker): void {
    this.extra.add(picker)
    this.failuresInRow = 0
    this.endPause()
  }

  /** Ends the pause after failures, since a caller waits for work now. */
  endPause(): void {
    this.retryTimer?.cancel()
    this.retryTimer = null
    this.schedule()
  }

  /** Makes the runs that this picker asked for end at their next pause. */
  giveUp(picker: ExtraPicker): void {
    for (const { askedBy, control } of this.tasks) if (askedBy === picker) Atomics.store(control, 0, 1)
  }

  private pickWith(picker: ExtraPicker, running: readonly RunningCompaction[]): CompactionPick | null {
    return this.space.pick(picker, (each) => each.pick(this.version, running, this.heldFrom, this.blocked))
  }

  /** True when this picker has no work left that can be done. The work of running compactions is not done yet. */
  isDone(picker: ExtraPicker): boolean {
    return this.pickWith(picker, []) === null && !this.space.isLooking
  }

  /** Resolves when the next running compaction has ended, well or not. */
  nextEnd(): Promise<void> {
    return this.stepWaiters.next()
  }

  /** Wakes callers of `nextEnd`, which then look whether to go on. */
  wakeWaiting(): void {
    this.stepWaiters.wake()
  }

  private wake(): void {
    this.wakeWaiting()
    if (this.tasks.length === 0) this.restWaiters.wake()
  }

  /** Lets no compaction begin, and makes running ones give up at their next pause. */
  suspend(): void {
    this.isGivenUp = true
    this.suspendBut(0)
  }

  private suspendBut(bytesMax: number): void {
    this.isSuspended = true
    this.retryTimer?.cancel()
    this.retryTimer = null
    this.quiet.stop()
    this.space.stop()
    for (const { control, inputBytes } of this.tasks) if (inputBytes > bytesMax) Atomics.store(control, 0, 1)
    this.wakeWaiting()
  }

  /** Winds up at a close: waits for short runs, gives up long ones, and merges small tables if there are too many. */
  async windUp(): Promise<void> {
    this.suspendBut(TIDY_BYTES_MAX)
    await this.resting()
    await this.tidyUp(this.pickers.quiet)
  }

  /**
   * Merges small tables if there are too many, and if that is quick. Without this a program that runs often and
   * briefly would leave one more table each time.
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

  /** Goes on after a suspension whose reason is gone. */
  resume(): void {
    this.isSuspended = false
    this.isGivenUp = false
    this.failuresInRow = 0
    this.schedule()
  }

  get isStopped(): boolean {
    return this.isSuspended
  }

  /** Resolves when no compaction is running. */
  resting(): Promise<void> {
    return this.restWaiters.until(() => this.tasks.length === 0)
  }
}
