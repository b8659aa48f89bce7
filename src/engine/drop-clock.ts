/**
 * What: the time up to which what has expired may be destroyed. It follows the wall clock only after that has gone as
 * the monotonic clock does for a while, so a wall clock that is wrong for a while hides values and destroys none.
 * Thread: main.
 * Invariants: TTL-4 bytes are destroyed by this clock alone. TTL-5 it does not go back, unless it was wrong: when the
 * wall clock is far behind it, it begins anew with that.
 */
import type { Clock } from '../base/index.js'

/** A larger step of the wall clock against the monotonic one begins the grace anew. */
const STEP_MS = 60_000
/** A wall clock that is so far behind this one shows that this one was wrong. */
const BEHIND_MS = 3_600_000
/** A clean close says that the clocks agreed; the next open believes it for so long. */
const CLOSE_BELIEVED_MS = 86_400_000

export interface DropClockOptions {
  clock: Pick<Clock, 'nowMs' | 'wallMs'>
  graceMs: number
  /** The database was closed no longer than this. */
  closedMaxMs: number
  /** The drop time that the manifest has; 0: none. */
  dropTimeMs: number
  /** The wall clock at the last clean close after which the clocks had agreed; 0: none. */
  closedAtMs: number
  /** Called when the wall clock turns out to be far behind this one. */
  onBehind(dropTimeMs: number): void
}

export class DropClock {
  private readonly options: DropClockOptions
  /** Wall clock less monotonic clock, when the grace began. */
  private offsetMs: number
  /** The monotonic time when the grace began. */
  private graceFromMs: number
  private readonly openedMs: number
  /** No time beyond it is believed; it grows as this process runs. */
  private readonly limitMs: number
  private lastMs: number

  constructor(options: DropClockOptions) {
    const { clock, dropTimeMs, closedAtMs, closedMaxMs } = options
    this.options = options
    const [wallMs, nowMs] = [clock.wallMs(), clock.nowMs()]
    this.offsetMs = wallMs - nowMs
    this.openedMs = nowMs
    this.lastMs = dropTimeMs
    const closedMs = wallMs - closedAtMs
    const isBelieved = closedAtMs > 0 && closedMs >= 0 && closedMs <= CLOSE_BELIEVED_MS
    this.graceFromMs = isBelieved ? -Infinity : nowMs
    const knownMs = Math.max(dropTimeMs, closedAtMs)
    this.limitMs = knownMs === 0 ? Infinity : knownMs + closedMaxMs
  }

  /** What expires up to this time may be destroyed; 0: nothing may. */
  nowMs(): number {
    const { clock } = this.options
    const [wallMs, nowMs] = [clock.wallMs(), clock.nowMs()]
    if (Math.abs(wallMs - nowMs - this.offsetMs) > STEP_MS) this.beginGrace(wallMs, nowMs)
    if (this.lastMs > wallMs + BEHIND_MS) {
      this.options.onBehind(this.lastMs)
      this.lastMs = 0
      this.beginGrace(wallMs, nowMs)
    }
    if (this.graceLeftMs === 0) {
      this.lastMs = Math.max(this.lastMs, Math.min(wallMs, this.limitMs + nowMs - this.openedMs))
    }
    return this.lastMs
  }

  private beginGrace(wallMs: number, nowMs: number): void {
    this.offsetMs = wallMs - nowMs
    this.graceFromMs = nowMs
  }

  /** How long it does not follow the wall clock yet. */
  get graceLeftMs(): number {
    const { clock, graceMs } = this.options
    return Math.max(0, this.graceFromMs + graceMs - clock.nowMs())
  }

  /** Follows the wall clock from now on, whatever it says, since a person vouches for it. */
  trust(): void {
    this.graceFromMs = -Infinity
    this.lastMs = Math.max(this.lastMs, this.options.clock.wallMs())
  }
}
