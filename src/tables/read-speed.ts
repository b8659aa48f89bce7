/**
 * What: whether reads that block have been slow lately, so that those that can wait leave the event loop alone. The
 * reads themselves measure the disk: where memory answers they take some ten microseconds, where a network volume or
 * a cold disk does, milliseconds.
 * Owns: a moving average of how long they took, and when the next one may block, to see whether they are fast again.
 * Thread: main.
 */

/** Reads take longer than this on average: they are slow. Those of one file system whose pages are cached: 0.02. */
const SLOW_MS = 0.5
/** They are fast again below this. */
const FAST_MS = SLOW_MS / 2
/** The newest read counts for an eighth. */
const WEIGHT = 1 / 8
/** No read counts for more: one that was long for another reason, such as a pause of the process, is no slow disk. */
const COUNTED_MS_MAX = 2
/** A read that blocks to see how fast it is comes after so many times its time: so they take a 65th of it. */
const PAUSE_FACTOR = 64

/** What tells the time: `Turns` does. */
interface Watch {
  nowMs(): number
}

export class ReadSpeed {
  private averageMs = 0
  private isSlow = false
  private nextMs = 0

  /** True when a read that can wait should not block. */
  mustWait(watch: Watch): boolean {
    return this.isSlow && watch.nowMs() < this.nextMs
  }

  /** Notes a read that blocked, from `startMs` on until now. */
  note(startMs: number, watch: Watch): void {
    const nowMs = watch.nowMs()
    const tookMs = nowMs - startMs
    this.averageMs += (Math.min(tookMs, COUNTED_MS_MAX) - this.averageMs) * WEIGHT
    if (this.averageMs > SLOW_MS) this.isSlow = true
    else if (this.averageMs < FAST_MS) this.isSlow = false
    if (this.isSlow) this.nextMs = nowMs + tookMs * PAUSE_FACTOR
  }
}
