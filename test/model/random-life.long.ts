/** What: many long random lives. VARVE_LONG: thousands of seeds; VARVE_SEED: the first. */
import { test } from 'node:test'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { RandomLife } from '../support/model/random-life.js'

const first = numberFromEnv('VARVE_SEED', 100_000)
const count = numberFromEnv('VARVE_LONG', 1) * 1000

test(`random lives of ${count} seeds from ${first}`, async () => {
  for (let seed = first; seed < first + count; seed++) {
    const options = {
      hasFaults: seed % 2 === 0, isLeveled: seed % 4 > 1, hasThreads: seed % 8 > 3, hasValueLogs: seed % 16 > 7,
    }
    await new RandomLife({ seed, steps: 200 + (seed % 7) * 100, ...options }).run()
    if (seed % 100 === 99) console.log(`${seed - first + 1} lives`)
  }
})
