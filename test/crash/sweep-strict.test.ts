/** What: every scenario in strict mode, crashed after every change of the disk: docs/design/0008-crash-sweep.md. */
import { declareSweeps } from '../support/crash-run.js'

declareSweeps({ title: 'crash sweep, strict', sweep: { seed: 7, recoveryCount: 1 }, imagesMin: 2600 })
