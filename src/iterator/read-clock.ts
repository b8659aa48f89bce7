/**
 * What: the time at which readers read, which decides what has expired for them. It follows the wall clock, but a small
 * step back of that does not bring back what had expired, and what may have been destroyed stays away.
 * Thread: main.
 * Invariants: TTL-3 a call, a walk, a snapshot has one time. TTL-5 no later reader reads at an earlier time than the
 * one up to which something was destroyed, unless that time was wrong.
 */
import type { Clock } from '../base/index.js'

/** What tells a reader the time. */
export interface ReadTime {
  nowMs(): number
}

/** A step back of the wall clock up to this is waited out; a larger one is followed. */
const STEP_BACK_MS = 60_000
/** A drop time that lies so far ahead of the wall clock was a wrong one, and binds nobody. */
const WRONG_MS = 3_600_000

export class ReadClock implements ReadTime {
  private readonly clock: Pick<Clock, 'wallMs'>
  private lastMs = 0
  /** Up to here expired values may be destroyed. */
  private dropTimeMs: number

  constructor(clock: Pick<Clock, 'wallMs'>, dropTimeMs: number) {
    this.clock = clock
    this.dropTimeMs = dropTimeMs
  }

  nowMs(): number {
    const wallMs = this.clock.wallMs()
    if (wallMs >= this.lastMs || this.lastMs - wallMs > STEP_BACK_MS) this.lastMs = wallMs
    const { lastMs, dropTimeMs } = this
    return dropTimeMs <= lastMs || dropTimeMs > wallMs + WRONG_MS ? lastMs : dropTimeMs
  }

  /** From now on values that expire up to `dropTimeMs` may be destroyed. */
  setDropTime(dropTimeMs: number): void {
    this.dropTimeMs = dropTimeMs
  }
}

/** The time of a reader that stands still. */
export class FixedTime implements ReadTime {
  private readonly timeMs: number

  constructor(timeMs: number) {
    this.timeMs = timeMs
  }

  nowMs(): number {
    return this.timeMs
  }
}
