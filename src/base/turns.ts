/**
 * What: keeps promise chains from starving timers. Work done in microtasks asks `isOver` now and then;
 * after 2 ms, or what it was made with, without a macrotask it says yes, and the work continues in a macrotask of its
 * own.
 * Owns: when the present turn of the event loop began. Thread: each has its own.
 */
import type { Clock } from './clock.js'

const TURN_MS_MAX = 2
/** Work between two looks at the clock. A look costs about as much as a small read or write. */
const WORK_PER_LOOK = 16

export class Turns {
  private readonly clock: Clock
  private readonly turnMs: number
  private startMs = -1
  private work = 0

  /** Work goes on for at most `turnMs` at a time. Who needs many turns for other things gives less. */
  constructor(clock: Clock, turnMs = TURN_MS_MAX) {
    this.clock = clock
    this.turnMs = turnMs
  }

  nowMs(): number {
    return this.clock.nowMs()
  }

  /** True when the work must continue with `defer`. `work` says about how many microseconds were spent. */
  isOver(work = 1): boolean {
    this.work += work
    return this.work >= WORK_PER_LOOK && this.isOverNow()
  }

  /** True when the work must continue with `defer`. This looks at the clock in any case. */
  isOverNow(): boolean {
    this.work = 0
    const nowMs = this.clock.nowMs()
    this.begin(nowMs)
    return nowMs - this.startMs >= this.turnMs
  }

  /** Calls back in a turn of its own, whose time begins to count there. */
  defer(callback: () => void): void {
    this.clock.defer(() => {
      this.begin(this.clock.nowMs())
      callback()
    })
  }

  /** Resolves in a turn of its own. */
  next(): Promise<void> {
    return new Promise((resolve) => this.defer(resolve))
  }

  /** Gives a promise of a known value. Long chains of such answers give way to timers now and then. */
  answer<T>(value: T): Promise<T> {
    return this.isOver() ? this.next().then(() => value) : Promise.resolve(value)
  }

  private begin(nowMs: number): void {
    if (this.startMs >= 0) return
    this.startMs = nowMs
    this.clock.defer(this.end)
  }

  private readonly end = (): void => {
    this.startMs = -1
  }
}
