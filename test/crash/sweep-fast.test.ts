/** What: every scenario in fast mode, crashed after every change of the disk: docs/design/0008-crash-sweep.md. */
import { declareSweeps } from '../support/crash-run.js'

declareSweeps({
  title: 'crash sweep, fast',
  settings: { manifestSync: false },
  sweep: { seed: 8, recoveryCount: 1 },
  imagesMin: 2400,
})
