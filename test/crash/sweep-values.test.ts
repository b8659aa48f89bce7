/** Flushes of large values in both modes, crashed after every change of the disk (docs/design/0008-crash-sweep.md). */
import { declareSweeps } from '../support/crash/crash-run.js'
import { valueScenarios } from '../support/crash/value-scenarios.js'

for (const manifestSync of [true, false]) {
  declareSweeps({
    title: `crash sweep of large values, ${manifestSync ? 'strict' : 'fast'}`,
    scenarios: valueScenarios,
    settings: { manifestSync },
    sweep: { seed: manifestSync ? 17 : 18, recoveryCount: 1 },
    imagesMin: 100,
  })
}
