/** What: COMP-6 holds for random versions in every style (test/support/model/pick-liveness.ts). */
import { test } from 'node:test'
import { heavyTest } from '../../test/support/harness/share.js'
import { checkRest, checkStyle, LIVES } from '../../test/support/model/pick-liveness.js'
import { COMPACTION_STYLES } from './compaction-settings.js'

for (const style of COMPACTION_STYLES) {
  for (const drawn of Object.keys(LIVES) as (keyof typeof LIVES)[]) {
    heavyTest(`COMP-6: ${style}, ${drawn}: writers wait only for what is under way or is picked`, () =>
      checkStyle(style, drawn, 35))
  }
}

test('at rest there are few tables in level 0, and of small neighbours no more than are allowed', () => checkRest(25))
