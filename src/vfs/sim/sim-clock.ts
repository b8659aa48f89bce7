/**
 * What: virtual time. It moves a little with every operation of the simulated machine, by `advance`, and with
 * `isAutomatic` to the next timer whenever nothing else is left to do.
 */
import type { Clock, Timer } from '../../base/index.js'
import type { SimScheduler } from './sim-scheduler.js'

/** The time that one turn of the event loop takes. */
const TURN_MS = 0.02
/** The wall clock begins at 2026-01-01; any fixed day will do. */
const WALL_START_MS = 1_767_225_600_000

interface PendingTimer {
  at: number
  callback: () => void
}

/** Virtual time: it moves a little with every operation of the simulated machine, and by `advance`. */
export class SimClock implements Clock {
  /** With it, a timer that always sets itself again would never let the process end: off unless asked for. */
  private isAutomatic = false
  private time = 0
  private wallOffset = 0
  /** Timers sorted by time, then by age. */
  private timers: PendingTimer[] = []
  private readonly scheduler: SimScheduler

  /** @internal */
  constructor(scheduler: SimScheduler) {
    this.scheduler = scheduler
    scheduler.join(() => this.tick(), () => this.isAutomatic && this.fireNext())
  }

  nowMs(): number {
    return this.time
  }

  wallMs(): number {
    return Math.floor(WALL_START_MS + this.wallOffset + this.time)
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.time + Math.max(0, delayMs), callback }
    const index = this.timers.findIndex((other) => other.at > timer.at)
    this.timers.splice(index < 0 ? this.timers.length : index, 0, timer)
    if (this.isAutomatic) this.scheduler.wake()
    return { cancel: () => void (this.timers = this.timers.filter((other) => other !== timer)) }
  }

  defer(callback: () => void): void {
    this.scheduler.defer(callback)
  }

  deferWork(callback: () => void): void {
    this.scheduler.defer(callback)
  }

  /** Gives a timer that does nothing: a simulated process does not end by itself. */
  keepAlive(): Timer {
    return { cancel: () => undefined }
  }

  /** Chooses whether timers come as soon as nothing else is left to do. */
  setAutomatic(isAutomatic: boolean): void {
    this.isAutomatic = isAutomatic
    if (isAutomatic && this.timers.length > 0) this.scheduler.wake()
  }

  /** Runs every timer of the next `ms` milliseconds in order, and all that follows from them. */
  async advance(ms: number): Promise<void> {
    const target = this.time + ms
    await this.scheduler.settled()
    while (this.timers.length > 0 && this.timers[0]!.at <= target) {
      this.fireNext()
      await this.scheduler.settled()
    }
    this.time = Math.max(this.time, target)
  }

  /** Sets the wall clock to another time, as an operator may do. */
  jumpWall(ms: number): void {
    this.wallOffset += ms
  }

  private tick(): void {
    this.time += TURN_MS
    while (this.timers.length > 0 && this.timers[0]!.at <= this.time) this.fireNext()
  }

  private fireNext(): boolean {
    const timer = this.timers.shift()
    if (timer === undefined) return false
    this.time = Math.max(this.time, timer.at)
    this.scheduler.defer(timer.callback)
    return true
  }
}
