/**
 * What: databases with random lives, judged by the oracle at every step; and one seed gives one life.
 * VARVE_SEED=<seed> begins with another seed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { RandomLife } from '../support/model/random-life.js'
import { drawn, isWholeRun } from '../support/harness/share.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'

leaveOutRunnerHooks()

const SEEDS = 12
const STEPS = 220

for (const [hasFaults, isLeveled] of [[false, false], [true, false], [false, true], [true, true]] as const) {
  const kind = `${isLeveled ? ' with compactions' : ''}, ${hasFaults ? 'with' : 'without'} failing calls`
  test(`random lives${kind}`, async (t) => {
    const first = numberFromEnv('VARVE_SEED', (hasFaults ? 5000 : 1000) + (isLeveled ? 300 : 0))
    let [batches, restarts, errors, streamed] = [0, 0, 0, 0]
    const seeds = drawn(kind, Array.from({ length: SEEDS }, (_, i) => first + i))
    for (const seed of seeds) {
      const hasThreads = seed % 2 === 1
      const hasValueLogs = seed % 4 > 1
      const report = await new RandomLife({ seed, steps: STEPS, hasFaults, isLeveled, hasThreads, hasValueLogs }).run()
      batches += report.batchCount
      restarts += report.restartCount
      errors += report.errorCount
      streamed += report.streamedCount
    }
    t.diagnostic(`seeds ${seeds.join(', ')}: ${batches} batches, ${streamed} streamed values, ` +
      `${restarts} restarts, ${errors} errors`)
    assert.ok(restarts > seeds.length)
    if (isWholeRun) assert.ok(streamed > seeds.length, `${streamed} streamed`)
    if (isWholeRun || !hasFaults) assert.equal(errors > 0, hasFaults)
  })
}

test('one seed gives one life, another seed another one', async () => {
  const hashOf = async (seed: number) =>
    (await new RandomLife({ seed, steps: STEPS, hasFaults: true, hasThreads: true }).run()).traceHash
  const hash = await hashOf(77)
  assert.equal(await hashOf(77), hash)
  assert.notEqual(await hashOf(78), hash)
})
