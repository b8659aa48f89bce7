/**
 * What: time as a parameter. Nothing else in `src` reads a clock or sets a timer.
 *
 * Whether a program ends by itself is decided here, and only here. Timers and background work do not keep the process
 * alive; a call of the user that is not answered yet does (keep-alive.ts).
 */

/** A call that is planned for later. */
export interface Timer {
  /** Prevents the call. It has no effect once the call was made. */
  cancel(): void
}

/** Time, as far as Varve knows it. */
export interface Clock {
  /** Monotonic milliseconds with a fraction. */
  nowMs(): number
  /** Milliseconds since 1970, for people and for expiry. They may jump. */
  wallMs(): number
  /** Calls back once after `delayMs`. This does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer
  /** Calls back in a macrotask of its own, after timers had their turn. This keeps the process alive. */
  defer(callback: () => void): void
  /** Defers background work: the process is kept alive for it only while a call of the user waits. */
  deferWork(callback: () => void): void
  /** Keeps the process alive until the timer that it gives is cancelled. */
  keepAlive(): Timer
}

type Immediate = (callback: () => void) => unknown

const immediate: Immediate =
  (globalThis as { setImmediate?: Immediate }).setImmediate ?? ((callback) => setTimeout(callback, 0))

/** The period of timers that do nothing. */
const LONG_MS = 2 ** 30

/** How many timers of `keepAlive` are not cancelled; one timer of the platform stands for all of them. */
let waitingCount = 0
let waitingTimer: unknown

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs) as unknown as { unref?: () => void }
    timer.unref?.()
    return { cancel: () => clearTimeout(timer as never) }
  },
  defer(callback) {
    immediate(callback)
  },
  deferWork(callback) {
    // An unreferenced immediate would not do: it runs only when something else turns the loop.
    if (waitingCount > 0) immediate(callback)
    else systemClock.after(0, callback)
  },
  keepAlive() {
    if (waitingCount++ === 0) waitingTimer = setInterval(() => undefined, LONG_MS)
    let isWaiting = true
    return {
      cancel() {
        if (!isWaiting) return
        isWaiting = false
        if (--waitingCount === 0) clearInterval(waitingTimer as never)
      },
    }
  },
}
