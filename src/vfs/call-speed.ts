/**
 * What: whether calls of a disk that block have been slow lately, so that those that can wait leave the event loop
 * alone. The calls themselves measure the disk: where memory answers they take some ten microseconds, where a network
 * volume, a cold disk or a full page cache does, milliseconds.
 * Owns: a moving average of how long they took, and when the next one may block, to see whether they are fast again.
 * Thread: main.
 */

/** Calls take longer than this on average: they are slow. Those of one file system whose pages are cached: 0.02. */
const SLOW_MS = 0.5
/** They are fast again below this. */
const FAST_MS = SLOW_MS / 2
/** The newest call counts for an eighth. */
const WEIGHT = 1 / 8
/** No call counts for more: one that was long for another reason, such as a pause of the process, is no slow disk. */
const COUNTED_MS_MAX = 2
/** A call that blocks to see how fast it is comes after so many times its time: so they take a 65th of it. */
const PAUSE_FACTOR = 64
/** What a byte takes where memory answers, or twice that. */
const BYTE_MS = 1e-6

/** What tells the time: `Turns` does. */
interface Watch {
  nowMs(): number
}

export class CallSpeed {
  private averageMs = 0
  private isSlow = false
  private nextMs = 0

  /** True when a call that can wait should not block. */
  mustWait(watch: Watch): boolean {
    return this.isSlow && watch.nowMs() < this.nextMs
  }

  /** Notes a call that blocked, from `startMs` on until now, for so many bytes if they were many. */
  note(startMs: number, watch: Watch, bytes = 0): void {
    const nowMs = watch.nowMs()
    const tookMs = nowMs - startMs
    const countedMs = Math.min(Math.max(0, tookMs - bytes * BYTE_MS), COUNTED_MS_MAX)
    this.averageMs += (countedMs - this.averageMs) * WEIGHT
    if (this.averageMs > SLOW_MS) this.isSlow = true
    else if (this.averageMs < FAST_MS) this.isSlow = false
    if (this.isSlow) this.nextMs = nowMs + tookMs * PAUSE_FACTOR
  }
}
