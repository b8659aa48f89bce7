/**
 * What: keeps promise chains from starving timers. Work done in microtasks asks `isOver` now and then;
 * after 2 ms without a macrotask it says so, and the work continues in a macrotask of its own.
 * Owns: when the present turn of the event loop began. Thread: each its own.
 */
import type { Clock } from './clock.js'

const TURN_MS_MAX = 2
/** Reading the clock costs about as much as the work that is counted: ask it every 16th time. */
const CALLS_PER_LOOK = 16

export class Turns {
  private readonly clock: Clock
  private startMs = -1
  private calls = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** True when this turn has lasted long enough: continue with `clock.defer`. */
  isOver(): boolean {
    return ++this.calls >= CALLS_PER_LOOK && this.isOverNow()
  }

  /** The same for work of many entries: looks at the clock in any case. */
  isOverNow(): boolean {
    this.calls = 0
    const nowMs = this.clock.nowMs()
    if (this.startMs < 0) {
      this.startMs = nowMs
      this.clock.defer(() => {
        this.startMs = -1
      })
      return false
    }
    return nowMs - this.startMs >= TURN_MS_MAX
  }
}
