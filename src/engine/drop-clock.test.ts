/** The time up to which what has expired may be destroyed: whom it believes, and when. TTL-4, TTL-5. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DropClock } from './drop-clock.js'
import type { DropClockOptions } from './drop-clock.js'

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]
const START = 1_900_000_000_000

/** Both clocks, and what the drop clock says; 0: nothing may be destroyed. */
class Scene {
  wall = START
  mono = 500
  readonly behind: number[] = []
  readonly drop: DropClock

  constructor(options: Partial<DropClockOptions> = {}) {
    this.drop = new DropClock({
      clock: { wallMs: () => this.wall, nowMs: () => this.mono }, graceMs: 10 * MINUTE, closedMaxMs: 30 * DAY,
      dropTimeMs: 0, closedAtMs: 0, onBehind: (ms) => this.behind.push(ms), ...options,
    })
  }

  /** Time goes on; the wall clock may be set besides. */
  pass(ms: number, stepMs = 0): number {
    this.wall += ms + stepMs
    this.mono += ms
    return this.drop.nowMs()
  }
}

test('it follows the wall clock when that has gone as the monotonic one for the grace', () => {
  const scene = new Scene()
  assert.equal(scene.pass(10 * MINUTE - 1), 0)
  assert.equal(scene.pass(1), START + 10 * MINUTE)
  assert.equal(scene.pass(5, MINUTE), scene.wall, 'a small step is followed')
  const before = scene.wall
  assert.equal(scene.pass(5, 2 * MINUTE), before, 'a larger one begins the grace anew')
  assert.equal(scene.pass(10 * MINUTE - 1), before)
  assert.equal(scene.pass(1), scene.wall)
})

test('a clean close within a day is believed, one of long ago or from the future is not', () => {
  const isBelieved = (closedAtMs: number): boolean => new Scene({ closedAtMs }).drop.nowMs() === START
  assert.deepEqual([START, START - DAY].map(isBelieved), [true, true])
  assert.deepEqual([START - DAY - 1, START + 1, 0].map(isBelieved), [false, false, false])
})

test('the first step after an open is no longer than a database may be closed', () => {
  const scene = new Scene({ dropTimeMs: START - DAY, closedMaxMs: HOUR, graceMs: 0 })
  assert.equal(scene.drop.nowMs(), START - DAY + HOUR)
  assert.equal(scene.pass(5), START - DAY + HOUR + 5, 'it grows as time passes')
})

test('it does not go back, unless it was wrong by more than an hour: then it begins anew', () => {
  const scene = new Scene({ graceMs: 0 })
  assert.equal(scene.pass(0), START)
  assert.equal(scene.pass(0, -HOUR), START)
  assert.deepEqual(scene.behind, [])
  assert.equal(scene.pass(0, -1), START - HOUR - 1)
  assert.deepEqual(scene.behind, [START])
})
