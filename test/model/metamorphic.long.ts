/** What: as metamorphic.test.ts, with many more calls. VARVE_LONG: hundreds of seeds; VARVE_SEED: the first. */
import { test } from 'node:test'
import { numberFromEnv } from '../support/crash/crash-run.js'
import { checkSeed, configurations } from '../support/model/metamorphic.js'

const first = numberFromEnv('VARVE_SEED', 1000)
const count = numberFromEnv('VARVE_LONG', 1) * 100

test(`the same answers under all settings, ${count} seeds from ${first}`, async () => {
  for (let seed = first; seed < first + count; seed++) {
    await checkSeed(seed, 500 + (seed % 5) * 300, configurations)
    if (seed % 10 === 9) console.log(`${seed - first + 1} sequences`)
  }
})
