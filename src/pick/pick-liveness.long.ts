/** What: pick-liveness.test.ts with many more lives. VARVE_LONG scales their number. */
import { test } from 'node:test'
import { checkRest, checkStyle, LIVES } from '../../test/support/model/pick-liveness.js'
import { COMPACTION_STYLES } from './compaction-settings.js'

const RUNS = Math.ceil(3000 * Number(process.env['VARVE_LONG'] ?? 1))

for (const style of COMPACTION_STYLES) {
  for (const drawn of Object.keys(LIVES) as (keyof typeof LIVES)[]) {
    test(`COMP-6: ${style}, ${drawn}, ${RUNS} lives`, () => checkStyle(style, drawn, RUNS))
  }
}

test(`at rest there are few tables, ${RUNS} lives`, () => checkRest(RUNS))
