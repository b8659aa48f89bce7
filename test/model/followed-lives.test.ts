/**
 * What: views that follow writers with random lives; after each refresh each equals a view that is opened then.
 * VARVE_SEED=<seed> begins with another seed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { FollowedLife } from '../support/model/followed-life.js'
import { drawn, isWholeRun } from '../support/harness/share.js'

const SEEDS = 48
const STEPS = 90

test('VIEW-1, VIEW-2, VIEW-5: refreshed, a view is what a fresh open sees, or says that it cannot go on', async (t) => {
  const first = numberFromEnv('VARVE_SEED', 100)
  const total = { refreshCount: 0, changedCount: 0, goneCount: 0 }
  for (const seed of drawn('followed lives', Array.from({ length: SEEDS }, (_, i) => first + i))) {
    const life = new FollowedLife(seed)
    try {
      await life.run(STEPS)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
    total.refreshCount += life.report.refreshCount
    total.changedCount += life.report.changedCount
    total.goneCount += life.report.goneCount
  }
  t.diagnostic(JSON.stringify(total))
  assert.ok(total.changedCount > 0 && total.refreshCount > total.changedCount)
  if (isWholeRun) assert.ok(total.goneCount > 20, `${total.goneCount} refused`)
})
