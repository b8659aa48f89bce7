/** VLG-15: streamed values in both modes, crashed after every change of the disk. */
import { declareSweeps } from '../support/crash/crash-run.js'
import { streamScenarios } from '../support/crash/stream-scenarios.js'

for (const manifestSync of [true, false]) {
  declareSweeps({
    title: `crash sweep of streamed values, ${manifestSync ? 'strict' : 'fast'}`,
    scenarios: streamScenarios,
    settings: { manifestSync, valueThreshold: manifestSync ? 4096 : 0 },
    sweep: { seed: manifestSync ? 27 : 28, recoveryCount: 1 },
    imagesMin: 100,
  })
}
