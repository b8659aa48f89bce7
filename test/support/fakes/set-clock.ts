/** Both clocks go on only when the test says so; timers are the platform's. */
import { systemClock } from '../../../src/base/index.js'
import type { Clock } from '../../../src/base/index.js'

export const SET_CLOCK_START_MS = Date.UTC(2030, 0, 1)

export class SetClock implements Clock {
  wall = SET_CLOCK_START_MS
  mono = 1000
  after = systemClock.after
  defer = systemClock.defer
  deferWork = systemClock.deferWork
  keepAlive = systemClock.keepAlive
  nowMs = (): number => this.mono
  wallMs = (): number => this.wall

  /** Time goes on. */
  pass(ms: number): void {
    this.wall += ms
    this.mono += ms
  }
}
