/** Real time that runs faster: timers fire sooner, in the same order. */
import { systemClock } from '../../../src/base/index.js'
import type { Clock } from '../../../src/base/index.js'

export function hastyClock(times: number): Clock {
  const startMs = systemClock.nowMs()
  return {
    ...systemClock,
    nowMs: () => startMs + (systemClock.nowMs() - startMs) * times,
    after: (delayMs, callback) => systemClock.after(delayMs / times, callback),
  }
}
