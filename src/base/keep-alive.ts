/**
 * What: keeps the process alive while calls of the user wait. Node ends a program that has nothing left to do, also
 * in the middle of an `await`: with exit code 13, and in CommonJS with 0, as if all were done. A call often waits for a
 * worker thread or a timer, which must not keep a finished program alive. So code that gives out a promise which
 * background work settles keeps the process alive until then (docs/design/0026-when-a-program-ends.md).
 * Thread: each has its own.
 */
import type { Clock, Timer } from './clock.js'

/** Keeps the process alive until this promise is settled; gives its result. */
export async function keepAliveUntil<T>(clock: Clock, work: Promise<T>): Promise<T> {
  const waiting = clock.keepAlive()
  try {
    return await work
  } finally {
    waiting.cancel()
  }
}

/** Keeps the process alive for an owner of many promises, while any of them is not settled. */
export class KeptAlive {
  private readonly clock: Clock
  private waiting: Timer | null = null

  constructor(clock: Clock) {
    this.clock = clock
  }

  set(isAnybodyWaiting: boolean): void {
    if (isAnybodyWaiting) {
      this.waiting ??= this.clock.keepAlive()
    } else {
      this.waiting?.cancel()
      this.waiting = null
    }
  }
}
