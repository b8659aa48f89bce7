/** The suite as tests, one for each mode of a platform. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSuite, SUITE_ASSERTIONS, SUITE_CASES } from './level-suite.js'
import type { SuiteMode } from './level-suite.js'
import { drawn, isWholeRun } from '../harness/share.js'

/**
 * Declares the suite in every mode of a platform. A short run does it once on each: with slabs that are flushed all the
 * time on one of them, with those of the default on the other, and without the lock of the kernel.
 */
export function suiteTests(platform: 'memory' | 'disk'): void {
  const [flushedOn] = drawn('platform of the flushed suite', ['memory', 'disk'])
  for (const isFlushed of isWholeRun ? [true, false] : [flushedOn === platform]) {
    const installs = drawn(`suite, ${platform}, ${isFlushed}`, [true, false])
    for (const manifestSync of isWholeRun ? installs : installs.slice(0, 1)) {
      suiteTest({ platform, manifestSync, isFlushed, hasKernelLock: isWholeRun })
    }
  }
}

export function suiteTest(mode: SuiteMode): void {
  const install = mode.manifestSync ? 'strict' : 'fast'
  const slabs = mode.isFlushed ? 'smallest slabs, each write flushed or compacted' : 'default slabs'
  test(`abstract-level's suite, ${mode.platform}, ${install}, ${slabs}`, async () => {
    const { failures, caseCount, assertionCount, skipCount } = await runSuite(mode)
    assert.deepEqual(failures, [])
    assert.equal(skipCount, 0)
    assert.ok(caseCount >= SUITE_CASES && assertionCount >= SUITE_ASSERTIONS, `${caseCount}, ${assertionCount}`)
  })
}
