/**
 * What: keeps a piece of work at a number of bytes a second, so that others have the disk too.
 * Owns: when the next bytes may go. Thread: each has its own.
 */
import type { Clock } from '../base/index.js'

/** After a pause, the most time that may be caught up with. */
const BURST_MS = 100
/** In a long rest the caller is asked so often whether it must end. */
const LOOK_MS = 100

export class Pace {
  private readonly clock: Clock
  private readonly bytesPerMs: number
  private nextMs = -Infinity

  /** Infinity lets everything through at once. */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.clock = clock
    this.bytesPerMs = bytesPerSecond / 1000
  }

  /** The bytes that go in so many milliseconds; one at least. */
  bytesPer(ms: number): number {
    return Math.max(1024, Math.ceil(this.bytesPerMs * ms))
  }

  /** Counts bytes, and gives how many milliseconds the work must rest before it goes on. */
  restMs(bytes: number): number {
    if (this.bytesPerMs === Infinity) return 0
    const nowMs = this.clock.nowMs()
    this.nextMs = Math.max(this.nextMs, nowMs - BURST_MS) + bytes / this.bytesPerMs
    return Math.max(0, this.nextMs - nowMs)
  }

  /**
   * Counts bytes, and resolves when the work may go on. Rejects with what `check` throws, which is asked during the
   * rest: at a low pace that may be long.
   */
  async take(bytes: number, check: () => void): Promise<void> {
    for (let restMs = this.restMs(bytes); restMs > 0; restMs -= LOOK_MS) {
      const part = Math.min(restMs, LOOK_MS)
      await new Promise<void>((resolve) => this.clock.after(part, resolve))
      check()
    }
  }
}
