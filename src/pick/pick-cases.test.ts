/** What the pickers choose, case by case: test/data/pick says it without TypeScript. */
import { describe } from 'node:test'
import { datadriven } from '../../test/support/harness/datadriven.js'
import { runPickCase } from '../../test/support/text/pick-script.js'

for (const name of [
  'reservations', 'level0', 'deep-levels', 'tombstones', 'obsolete-versions', 'crowd', 'small', 'manual',
]) {
  describe(`pick ${name}`, () => datadriven(`pick/${name}.txt`, runPickCase))
}
