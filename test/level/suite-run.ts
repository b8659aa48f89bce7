/**
 * A program, not a test: runs the suite in memory and on disk and says how it went, on any runtime.
 * `npm run test:runtimes` starts it.
 */
import { runSuite, SUITE_ASSERTIONS, SUITE_CASES } from '../support/programs/level-suite.js'
import type { SuiteMode } from '../support/programs/level-suite.js'

const MODES: SuiteMode[] = [
  { platform: 'memory', manifestSync: true, isFlushed: true },
  { platform: 'disk', manifestSync: true, isFlushed: false },
  { platform: 'disk', manifestSync: false, isFlushed: true },
]

for (const mode of MODES) {
  const { failures, caseCount, assertionCount, skipCount } = await runSuite(mode)
  const isWhole = caseCount >= SUITE_CASES && assertionCount >= SUITE_ASSERTIONS && skipCount === 0
  console.log(`${JSON.stringify(mode)}: ${caseCount} cases, ${assertionCount} assertions, ${failures.length} failed`)
  for (const failure of failures.slice(0, 10)) console.log(`  ${failure}`)
  if (failures.length > 0 || !isWhole) process.exitCode = 1
}
