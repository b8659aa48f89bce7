/** The pickers choose as expected. The cases are text in test/data/pick. */
import { describe } from 'node:test'
import { datadriven } from '../../test/support/harness/datadriven.js'
import { runPickCase } from '../../test/support/text/pick-script.js'

for (const name of [
  'reservations', 'level0', 'deep-levels', 'tombstones', 'obsolete-versions', 'crowd', 'fewer', 'small',
  'manual', 'values', 'covered',
]) {
  describe(`pick ${name}`, () => datadriven(`pick/${name}.txt`, runPickCase))
}
