/**
 * What: the scenarios in which jobs run beside each other and beside writers, with jobs interleaved as
 * threads may do it, crashed after every change of the disk: docs/design/0008-crash-sweep.md.
 */
import { compactionScenarios } from '../support/crash/compaction-scenarios.js'
import { declareSweeps } from '../support/crash/crash-run.js'
import { scenarios } from '../support/crash/crash-scenarios.js'

const NAMES = [
  'rotation by size', 'several writers in flight', 'writers that wait for room', 'blocking writes through rotations',
  'snapshots over flushes', 'kill while a flush runs', 'levels keep themselves in order while writers go on',
  'values expire', 'tables of which all has expired leave by an edit',
]

const all = { ...scenarios, ...compactionScenarios }
for (const [mode, manifestSync] of [['strict', true], ['fast', false]] as const) {
  declareSweeps({
    title: `crash sweep with threads, ${mode}`,
    scenarios: Object.fromEntries(NAMES.map((name) => [name, all[name]!])),
    settings: { manifestSync },
    hasThreads: true,
    sweep: { seed: 5, randomCount: 0 },
    imagesMin: 700,
  })
}
