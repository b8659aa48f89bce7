/**
 * What: the sweeps with other seeds, jobs interleaved in other ways, more random crashes at each point,
 * larger sectors, torn sectors, stale blocks, and crashes inside the recovery from a crash inside a recovery.
 * VARVE_LONG: how many seeds; VARVE_SEED: the first.
 */
import { compactionScenarios } from '../support/crash/compaction-scenarios.js'
import { declareSweeps, numberFromEnv } from '../support/crash/crash-run.js'
import { scenarios } from '../support/crash/crash-scenarios.js'

const first = numberFromEnv('VARVE_SEED', 1000)
for (let seed = first; seed < first + numberFromEnv('VARVE_LONG', 1); seed++) {
  const settings = { manifestSync: seed % 2 === 0 }
  const sim = {
    sectorBytes: seed % 4 < 2 ? 512 : 4096,
    tornSector: seed % 3 === 0,
    staleChance: seed % 5 === 0 ? 0.3 : 0,
  }
  declareSweeps({
    title: `crash sweep, seed ${seed}`,
    scenarios: { ...scenarios, ...compactionScenarios },
    settings,
    sim,
    hasThreads: seed % 4 >= 2,
    sweep: { seed, recoveryCount: 3, depth: 3, randomCount: 6 },
    imagesMin: 5000,
  })
}
