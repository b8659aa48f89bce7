/** The suite as tests, one for each mode of a platform. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSuite, SUITE_ASSERTIONS, SUITE_CASES } from './level-suite.js'
import type { SuiteMode } from './level-suite.js'

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
