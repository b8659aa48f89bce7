/** The time of readers: it waits out small steps back of the wall clock, and never lies before what was destroyed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadClock } from './read-clock.js'

const MINUTE = 60_000
const START = 1_900_000_000_000

function clockAt(dropTimeMs = 0): { clock: ReadClock; set(ms: number): number } {
  const wall = { ms: START }
  const clock = new ReadClock({ wallMs: () => wall.ms }, dropTimeMs)
  const set = (ms: number): number => {
    wall.ms = START + ms
    return clock.nowMs() - START
  }
  return { clock, set }
}

test('a step back of up to a minute is waited out, a larger one is followed', () => {
  const { set } = clockAt()
  assert.deepEqual([0, 5, -1, 5 - MINUTE, 4, 6].map(set), [0, 5, 5, 5, 5, 6])
  assert.deepEqual([6 - MINUTE, 5 - MINUTE, 0].map(set), [6, 5 - MINUTE, 0])
})

test('TTL-5: no reader reads before the drop time, unless that lies more than an hour ahead of the wall clock', () => {
  const found = clockAt(START + 50)
  assert.deepEqual([0, 49, 50, 51].map(found.set), [50, 50, 50, 51])
  const { clock, set } = clockAt()
  assert.equal(set(10 * MINUTE), 10 * MINUTE)
  clock.setDropTime(START + 10 * MINUTE)
  assert.equal(set(0), 10 * MINUTE, 'the clock is set back, and something was destroyed')
  assert.equal(set(-50 * MINUTE), 10 * MINUTE)
  assert.equal(set(-50 * MINUTE - 1), -50 * MINUTE, 'the drop time was wrong, and a step of 1 ms is waited out')
})
