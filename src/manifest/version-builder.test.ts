/** Versions share levels, and live bytes are counted. The cases of edits are in version-cases.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable, sampleVersions } from '../../test/support/samples/manifest-samples.js'
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

test('A18: a value log is copied when an edit touches it, and the map when it touches any', () => {
  const before = sampleVersions()[2]!
  const without = applyEdit(before, { lastSeqNum: before.lastSeqNum + 1 })
  assert.equal(without.valueLogs, before.valueLogs)
  const liveBefore = before.valueLogs.get(12)!.liveBytes
  const after = applyEdit(before, { addTables: [{ level: 0, facts: sampleTable(18, 'a-b', {
    valueFiles: [{ fileNum: 12, valueCount: 1, valueBytes: 100 }],
  }) }] })
  assert.equal(before.valueLogs.get(12)!.liveBytes, liveBefore)
  assert.equal(after.valueLogs.get(12)!.liveBytes, liveBefore + 100)
  assert.equal(after.valueLogs.get(16), before.valueLogs.get(16))
})
