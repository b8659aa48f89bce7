/** When the entries of a table expire: all of few, about when of many. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../base/index.js'
import { ExpiryTally } from './expiry-tally.js'

test('of up to 512 expiries, in any order, all is known', () => {
  assert.equal(new ExpiryTally().facts(), null)
  for (let seed = 1; seed <= 100; seed++) {
    const random = new SeededRandom(seed, 'tally')
    const times = Array.from({ length: 1 + random.below(512) }, () => 1 + random.below(10_000))
    const tally = new ExpiryTally()
    for (const ms of times) tally.add(ms)
    const { count, earliestMs, latestMs, octilesMs } = tally.facts()!
    assert.deepEqual([count, earliestMs, latestMs], [times.length, Math.min(...times), Math.max(...times)])
    for (const [i, ms] of octilesMs.entries()) {
      const expired = times.filter((each) => each <= ms).length
      assert.ok(expired >= (i + 1) * times.length / 8, `octile ${i}`)
      const before = times.filter((each) => each < ms).length
      assert.ok(i === 7 || before < (i + 1) * times.length / 8, `octile ${i} is the first such time`)
    }
  }
})

test('of many expiries octiles are about right, in whatever order they come, and the last is the latest', () => {
  const count = 40_000
  for (const timeOf of [(i: number) => i + 1, (i: number) => count - i, (i: number) => 1 + (i * 7919) % count]) {
    const tally = new ExpiryTally()
    for (let i = 0; i < count; i++) tally.add(timeOf(i))
    const { earliestMs, latestMs, octilesMs } = tally.facts()!
    assert.deepEqual([earliestMs, latestMs, octilesMs.at(-1)], [1, count, count])
    for (const [i, ms] of octilesMs.entries()) assert.ok(Math.abs(ms / count - (i + 1) / 8) < 0.1, `octile ${i}: ${ms}`)
  }
})
