/**
 * What: time as a parameter. Nothing else in `src` reads a clock or sets a timer.
 */

/** Something that will happen. */
export interface Timer {
  /** It will not; without effect when it has. */
  cancel(): void
}

/** Time, as far as Varve knows it. */
export interface Clock {
  /** Monotonic milliseconds with a fraction. */
  nowMs(): number
  /** Milliseconds since 1970, for people and for expiry; may jump. */
  wallMs(): number
  /** Calls back once after `delayMs`. Keeps the process alive only when somebody waits for it. */
  after(delayMs: number, callback: () => void, isAwaited?: boolean): Timer
  /** Calls back in a macrotask of its own, after timers had their turn. Keeps the process alive. */
  defer(callback: () => void): void
}

type Immediate = (callback: () => void) => unknown

const immediate: Immediate =
  (globalThis as { setImmediate?: Immediate }).setImmediate ?? ((callback) => setTimeout(callback, 0))

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, callback, isAwaited = false) {
    const timer = setTimeout(callback, delayMs) as unknown as { unref?: () => void }
    if (!isAwaited) timer.unref?.()
    return { cancel: () => clearTimeout(timer as never) }
  },
  defer(callback) {
    immediate(callback)
  },
}
