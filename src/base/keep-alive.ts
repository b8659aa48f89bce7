/**
 * What: keeps the process alive while calls of the user wait. Node ends a program that has nothing left to do, also
 * in the middle of an `await`: with exit code 13, and in CommonJS with 0, as if all were done. What a call waits for is
 * often a worker thread or a timer, and those must not keep a program that is through. So whoever gives out a promise
 * that something in the background settles keeps the process until then (docs/design/0026-when-a-program-ends.md).
 * Thread: each its own.
 */
import type { Clock, Timer } from './clock.js'

/** While this promise is not settled, the process does not end by itself. */
export async function keepAliveUntil<T>(clock: Clock, work: Promise<T>): Promise<T> {
  const waiting = clock.keepAlive()
  try {
    return await work
  } finally {
    waiting.cancel()
  }
}

/** Keeps the process alive for an owner of many promises, while there are any. */
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
