/** Whatever the settings, the same calls have the same answers. VARVE_SEED runs one seed again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { checkSeed, configurations, shrink } from '../support/model/metamorphic.js'
import { heavyTest } from '../support/harness/share.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'

leaveOutRunnerHooks()

const first = numberFromEnv('VARVE_SEED', 1)
const SEEDS = 2
const CALLS = 300

for (const configuration of configurations) {
  heavyTest(`the same answers: ${configuration.name}`, async () => {
    for (let seed = first; seed < first + SEEDS; seed++) await checkSeed(seed, CALLS, [configuration])
  })
}

test('a sequence that fails is cut to what is needed', async () => {
  const items = Array.from({ length: 100 }, (_, i) => i)
  const fails = async (some: readonly number[]) => some.includes(17) && some.includes(80)
  assert.deepEqual(await shrink(items, fails), [17, 80])
})
