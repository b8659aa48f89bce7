/**
 * What: a cache leaves a disk that fails for memory and comes back, again and again, and is crashed after every change
 * of its disk: on its way into memory, on the way back, while what is in memory goes to the disk. H5; BC-1, BC-5,
 * BC-10.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ComebackSweep } from '../support/blob-cache/comeback-sweep.js'
import type { ComebackSweepOptions } from '../support/blob-cache/comeback-sweep.js'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'
import { Draw, isWholeRun } from '../support/harness/share.js'

leaveOutRunnerHooks()
keepProcess()

const SEED = numberFromEnv('VARVE_SEED', 21)
const SMALL = {
  keys: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], settings: { segmentBytes: 2048, slabBytes: 2048 },
  troubles: 8, steps: 16, attempts: 2, everyNth: 3,
}

const LIVES: Record<string, Omit<ComebackSweepOptions, 'seed' | 'draw'>> = {
  'a disk that fails, and then works': { ...SMALL, code: 'EIO' },
  'a disk on which a call fails on the way back': { ...SMALL, code: 'EIO', isBumpy: true, mayEvict: true },
  'a disk that is full for a short while': { ...SMALL, code: 'ENOSPC', attempts: 1, mayEvict: true },
  'a disk that is full for long': { ...SMALL, code: 'ENOSPC', attempts: 6, mayEvict: true },
}

for (const [title, life] of Object.entries(LIVES)) {
  test(`crashes of a cache that comes back to ${title}`, async (t) => {
    const sweep = new ComebackSweep({ ...life, seed: SEED, draw: new Draw(`comeback ${title}`) })
    await sweep.run()
    const { images, values, misses, comebacks, failedComebacks } = sweep.counts
    t.diagnostic(JSON.stringify(sweep.counts))
    assert.equal(comebacks, life.troubles)
    if (life.isBumpy || life.attempts > 1) assert.ok(failedComebacks > 0)
    if (isWholeRun) assert.ok(images > 100 && values > images && misses > 0)
  })
}
