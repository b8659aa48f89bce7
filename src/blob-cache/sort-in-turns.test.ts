/** Sorting in steps gives what sorting at once gives, and others have their turn. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, systemClock, Turns } from '../base/index.js'
import { steppingClock } from '../../test/support/fakes/stepping-clock.js'
import { sortInTurns } from './sort-in-turns.js'

test('any number of entries is sorted, equal ones stay in their order', async () => {
  const random = new SeededRandom(7)
  for (const length of [0, 1, 2, 1023, 1024, 1025, 3000, 5000, 20_001]) {
    const entries = Array.from({ length }, (_, i) => ({ key: random.below(Math.floor(length / 3) + 1), i }))
    const byKey = (a: { key: number }, b: { key: number }) => a.key - b.key
    const sorted = await sortInTurns(entries, byKey, new Turns(systemClock))
    assert.deepEqual(sorted, [...entries].sort(byKey))
  }
})

test('it gives way between steps', async () => {
  let turns = 0
  const count = () => {
    turns++
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  const entries = Array.from({ length: 64 * 1024 }, (_, i) => -i)
  await sortInTurns(entries, (a, b) => a - b, new Turns(steppingClock(systemClock)))
  clearImmediate(timer)
  assert.ok(turns > 64, `${turns} turns`)
})
