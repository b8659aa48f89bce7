/**
 * What: virtual time that also moves a little whenever it is looked at, so that work done in time slices
 * is cut into many of them and other things come in between.
 */
import type { Clock } from '../../../src/base/index.js'

const LOOK_MS = 0.7

export function steppingClock(clock: Clock): Clock {
  let added = 0
  return {
    nowMs: () => clock.nowMs() + (added += LOOK_MS),
    wallMs: () => clock.wallMs(),
    after: (delayMs, callback) => clock.after(delayMs, callback),
    defer: (callback) => clock.defer(callback),
    deferWork: (callback) => clock.deferWork(callback),
    keepAlive: () => clock.keepAlive(),
  }
}
