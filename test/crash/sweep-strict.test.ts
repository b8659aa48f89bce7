/** What: every scenario in strict mode, crashed after every change of the disk: docs/design/0008-crash-sweep.md. */
import { declareSweeps } from '../support/crash/crash-run.js'
import { scenarios } from '../support/crash/crash-scenarios.js'

declareSweeps({ title: 'crash sweep, strict', scenarios, sweep: { seed: 7, recoveryCount: 1 }, imagesMin: 2600 })
