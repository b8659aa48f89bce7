/**
 * What: how fast compactions go, as writers that wait for them are paced.
 * Owns: the time during which compactions ran, and both meters. Does not own: running tasks (compactor.ts).
 * Thread: main.
 */
import type { Clock } from '../base/index.js'
import type { CompactionTask } from './compaction-task.js'
import type { CompactionTotals } from './compaction-totals.js'
import { DrainMeter, reliefOf } from './drain-meter.js'
import { reclaimedBy, ReclaimMeter } from './reclaim-meter.js'

const PROGRESS_UNIT_BYTES = 64 * 1024

export class CompactionSpeed {
  private readonly clock: Clock
  private readonly tasks: readonly CompactionTask[]
  private readonly totals: CompactionTotals
  private readonly drain = new DrainMeter()
  private readonly reclaim = new ReclaimMeter()
  /** The time during which compactions ran, without the time since `busySinceMs` while one is running. */
  private busyMs = 0
  private busySinceMs = 0

  /** `tasks` are the running compactions, in a list that changes as they come and go. */
  constructor(clock: Clock, tasks: readonly CompactionTask[], totals: CompactionTotals) {
    this.clock = clock
    this.tasks = tasks
    this.totals = totals
  }

  /** The first of the running compactions has begun. */
  noteBusy(): void {
    this.busySinceMs = this.clock.nowMs()
  }

  /** The last of the running compactions has ended. */
  noteIdle(): void {
    this.busyMs += this.clock.nowMs() - this.busySinceMs
  }

  /** Adds a merge that has ended. Its time counts for the speed of collections if it is one, or kept one waiting. */
  noteMerged(task: CompactionTask, isCollecting: boolean): void {
    this.drain.add(reliefOf(task.pick))
    if (isCollecting) this.reclaim.add(reclaimedBy(task), this.busyMsNow)
    else this.reclaim.pass(this.busyMsNow)
  }

  private get busyMsNow(): number {
    return this.busyMs + (this.tasks.length > 0 ? this.clock.nowMs() - this.busySinceMs : 0)
  }

  /** The bytes that running compactions have read so far. */
  get progressBytes(): number {
    return this.tasks.reduce((sum, { control }) => sum + this.doneBytes(control), 0)
  }

  doneBytes(control: Int32Array): number {
    return Atomics.load(control, 1) * PROGRESS_UNIT_BYTES
  }

  /** Bytes per millisecond that compactions take out of level 0, or 0 when unknown; measured while writers are slow. */
  get drainBytesPerMs(): number {
    const running = this.tasks.map(({ pick }) => reliefOf(pick))
    return this.drain.bytesPerMs(this.busyMsNow, this.totals.readBytes + this.progressBytes, running)
  }

  /** Bytes of garbage per millisecond that compactions take out of value logs, or 0 when unknown. */
  get reclaimBytesPerMs(): number {
    return this.reclaim.bytesPerMs
  }

  /** Milliseconds until running compactions relieve level 0; Infinity when they do not, or when it is unknown. */
  get reliefMs(): number {
    const speed = this.drain.speedNow
    const left = this.tasks
      .filter(({ pick }) => pick.inputs[0]!.level === 0)
      .map(({ inputBytes, control }) => Math.max(0, inputBytes - this.doneBytes(control)))
    return speed > 0 && left.length > 0 ? Math.min(...left) / (speed / this.tasks.length) : Infinity
  }
}
