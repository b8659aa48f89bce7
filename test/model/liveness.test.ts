/**
 * What: some of the liveness matrix, drawn by a seed that is printed: test/support/model/liveness.ts. All of it is in
 * liveness.long.ts. VARVE_SEED=<seed> draws others.
 */
import assert from 'node:assert/strict'
import { SeededRandom } from '../../src/base/index.js'
import { COMPACTION_STYLES } from '../../src/pick/index.js'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { allPatterns, checkLiveness, largePatterns, nameOf } from '../support/model/liveness.js'
import type { Pattern } from '../support/model/liveness.js'
import { drawn, heavyTest, isWholeRun } from '../support/harness/share.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'

leaveOutRunnerHooks()

const TOTAL_BYTES = 5 * 2 ** 20
const LARGE_BYTES = 16 * 2 ** 20

/** Writers of these were stopped for ever, or left a table for each flush. */
const KNOWN = ([
  { order: 'counter', valueBytes: 200, session: 'one', calls: 'awaited' },
  { order: 'users', valueBytes: 200, session: 'flushes', calls: 'awaited' },
  { order: 'ordered', valueBytes: 10, session: 'closes', calls: 'sync' },
] as const).map((it, seed): Pattern => ({
  ...it, threshold: 0, buffers: '64 KiB', style: 'leveled', seed,
}))
/** Besides one of each style. */
const DRAWN = 2

heavyTest('writers progress, and files are bounded by what is live', async (t) => {
  const seed = numberFromEnv('VARVE_SEED', 20_261)
  const random = new SeededRandom(seed, 'liveness')
  const all = allPatterns()
  const ofStyles = COMPACTION_STYLES.map((style) => random.pick(all.filter((it) => it.style === style)))
  const others = [...ofStyles, ...Array.from({ length: DRAWN }, () => random.pick(all))]
  t.diagnostic(`seed ${seed}, ${others.length} of ${all.length} patterns`)
  let stalls = 0
  for (const pattern of [...KNOWN, ...others]) {
    const startMs = process.cpuUsage().user / 1000
    const { writeCount, stallCount, flushCount, tableCount } = await checkLiveness(pattern, TOTAL_BYTES)
    const ms = Math.round(process.cpuUsage().user / 1000 - startMs)
    t.diagnostic(`${nameOf(pattern)}: ${writeCount} writes, ${flushCount} flushes, ${stallCount} stalls, ` +
      `${tableCount} tables at rest, ${ms} ms`)
    stalls += stallCount
  }
  assert.ok(stalls > 0)
})

heavyTest('so it is where values are large, whatever the order of keys and the threshold', async (t) => {
  let [stalls, most] = [0, 0]
  for (const pattern of drawn('patterns of large values', largePatterns())) {
    const { writeCount, stallCount, flushCount, valueLogCount } = await checkLiveness(pattern, LARGE_BYTES)
    t.diagnostic(`${nameOf(pattern)}: ${writeCount} writes, ${flushCount} flushes, ${stallCount} stalls, ` +
      `${valueLogCount} value logs at rest`)
    stalls += stallCount
    most = Math.max(most, valueLogCount)
  }
  if (isWholeRun) assert.ok(stalls > 0 && most > 0)
})
