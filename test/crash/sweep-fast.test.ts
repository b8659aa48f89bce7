/** What: every scenario in fast mode, crashed after every change of the disk: docs/design/0008-crash-sweep.md. */
import { declareSweeps } from '../support/crash/crash-run.js'
import { scenarios } from '../support/crash/crash-scenarios.js'

declareSweeps({
  title: 'crash sweep, fast',
  scenarios,
  settings: { manifestSync: false },
  sweep: { seed: 8, recoveryCount: 1 },
  imagesMin: 2400,
})
