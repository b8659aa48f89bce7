/**
 * The clocks of the system, of which a test lets more time pass: at once, and for both. The wall clock goes on by that
 * alone, so that what has expired is the same in each run.
 */
import { systemClock } from '../../../src/base/index.js'
import type { Clock } from '../../../src/base/index.js'

export const PASSING_START_MS = Date.UTC(2030, 0, 1)

export class PassingClock implements Clock {
  private passedMs = 0
  after = systemClock.after
  defer = systemClock.defer
  deferWork = systemClock.deferWork
  keepAlive = systemClock.keepAlive
  nowMs = (): number => systemClock.nowMs() + this.passedMs
  wallMs = (): number => PASSING_START_MS + this.passedMs

  pass(ms: number): void {
    this.passedMs += ms
  }
}
