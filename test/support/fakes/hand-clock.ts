/** A clock that only a test moves: timers and macrotasks happen when it says so. */
import type { Clock, Timer } from '../../../src/base/index.js'

interface HandTimer {
  atMs: number
  callback: () => void
}

export class HandClock implements Clock {
  private timeMs = 0
  private timers: HandTimer[] = []
  private deferred: (() => void)[] = []

  nowMs(): number {
    return this.timeMs
  }

  wallMs(): number {
    return 1_767_225_600_000 + this.timeMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.timeMs + delayMs, callback }
    this.timers.push(timer)
    return { cancel: () => void (this.timers = this.timers.filter((other) => other !== timer)) }
  }

  defer(callback: () => void): void {
    this.deferred.push(callback)
  }

  deferWork(callback: () => void): void {
    this.deferred.push(callback)
  }

  /** The number of calls that keep the process alive now. */
  waitingCount = 0

  keepAlive(): Timer {
    this.waitingCount++
    return { cancel: () => void this.waitingCount-- }
  }

  /** The number of calls that wait for the next turn. */
  get deferredCount(): number {
    return this.deferred.length
  }

  get timerCount(): number {
    return this.timers.length
  }

  /** Runs what waits for the loop, once, and lets promises settle. */
  async turn(): Promise<void> {
    await settled()
    for (const callback of this.deferred.splice(0)) callback()
    await settled()
  }

  /** Lets time pass; timers that are due run in their order. */
  async advance(ms: number): Promise<void> {
    const endMs = this.timeMs + ms
    for (;;) {
      await this.turn()
      const due = this.timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.timeMs = Math.max(this.timeMs, due.atMs)
      this.timers = this.timers.filter((timer) => timer !== due)
      due.callback()
    }
    this.timeMs = endMs
  }
}

/** Lets every promise chain that waits for nothing else run to its end. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
