/** Versions share levels, and live bytes are counted. The cases of edits are in version-cases.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleVersions } from '../../test/support/samples/manifest-samples.js'
import { applyEdit } from './version-builder.js'
import { versionToEdit } from './version-edit.js'

test('the version that an edit was applied to stays as it was', () => {
  const [base, next] = sampleVersions()
  const before = structuredClone(versionToEdit(base!))
  applyEdit(base!, { logPointer: 9, addPins: [{ name: 'p', firstLog: 9 }], settings: 'x' })
  assert.deepEqual(versionToEdit(base!), before)
  assert.equal(next!.levels[1], base!.levels[1], 'untouched levels are shared')
})

test('live bytes of a value log follow the tables', () => {
  const live = sampleVersions().map((version) => {
    const log = version.valueLogs.get(12)
    return log === undefined ? null : [log.liveCount, log.liveBytes]
  })
  assert.deepEqual(live, [null, null, [3, 70_000], [1, 20_000], [1, 20_000], [1, 20_000]])
})
