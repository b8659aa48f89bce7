import assert from 'node:assert/strict'
import { it } from 'node:test'
import { StageTimes, emptyStageStats } from './stage-times.js'

it('StageTimes: count, sum, last, longest, average', () => {
  const times = new StageTimes()
  assert.deepEqual(times.stats(), emptyStageStats())
  for (const durationMs of [4, 9, 2]) times.record(durationMs)
  assert.deepEqual(times.stats(), { count: 3, totalMs: 15, lastMs: 2, maxMs: 9, avgMs: 5 })
})
