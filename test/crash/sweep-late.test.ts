/**
 * What: scenarios on a machine whose syncs can only be awaited, crashed after every change of the disk: a
 * job's syncs are done between its end and its answer. Left out are those with Sync calls, which need a
 * blocking sync; they are refused (test/api/awaited-syncs.test.ts).
 */
import { declareSweeps } from '../support/crash/crash-run.js'
import { scenarios } from '../support/crash/crash-scenarios.js'

const blocking = [
  'batches with sync', 'a writer that syncs each write', 'a batch larger than a slab', 'several writers in flight',
  'blocking writes through rotations', 'D22: ranges are deleted', 'each value expires, as the options say',
]
const awaited = Object.entries(scenarios).filter(([name]) => !blocking.includes(name))

for (const manifestSync of [true, false]) {
  declareSweeps({
    title: `crash sweep, awaited syncs, ${manifestSync ? 'strict' : 'fast'}`,
    scenarios: Object.fromEntries(awaited),
    settings: { manifestSync },
    sim: { hasBlockingSync: false },
    sweep: { seed: 9, randomCount: 0 },
    imagesMin: 1000,
  })
}
