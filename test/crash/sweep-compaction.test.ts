/** What: compactions in both modes, crashed after every change of the disk: docs/design/0008-crash-sweep.md. */
import { compactionScenarios } from '../support/crash/compaction-scenarios.js'
import { declareSweeps } from '../support/crash/crash-run.js'

for (const [mode, manifestSync] of [['strict', true], ['fast', false]] as const) {
  declareSweeps({
    title: `compaction crash sweep, ${mode}`,
    scenarios: compactionScenarios,
    settings: { manifestSync },
    sweep: { seed: 9, recoveryCount: 1, randomCount: 1 },
    imagesMin: 1500,
  })
}
