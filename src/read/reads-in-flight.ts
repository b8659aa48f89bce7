/**
 * What: reads of large values that go on after the call: what they read from stays until they end, and so do the
 * database and the process.
 * Owns: a hold on the read state of each. Thread: main.
 */
import { KeptAlive, Waiters } from '../base/index.js'
import type { Clock } from '../base/index.js'

/** What a read holds. */
interface Held {
  hold(): void
  release(): void
}

export class ReadsInFlight {
  private count = 0
  private readonly waiters = new Waiters()
  private readonly keptAlive: KeptAlive

  constructor(clock: Clock) {
    this.keptAlive = new KeptAlive(clock)
  }

  /** Runs `read`, whose first part is done inside the call, and keeps `held` until it has ended. */
  async run<T>(held: Held, read: () => Promise<T>): Promise<T> {
    held.hold()
    this.count++
    this.keptAlive.set(true)
    try {
      return await read()
    } finally {
      held.release()
      this.count--
      this.keptAlive.set(this.count > 0)
      this.waiters.wake()
    }
  }

  /** Resolves when none is in flight. */
  idle(): Promise<void> {
    return this.waiters.until(() => this.count === 0)
  }
}
