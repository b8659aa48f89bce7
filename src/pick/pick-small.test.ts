/** The share of an output that a table is, where its values stand in value logs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable, sampleValueLog } from '../../test/support/samples/manifest-samples.js'
import { smallSettings } from '../../test/support/scenes/pick-scene.js'
import { applyEdit, emptyVersion } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { RAW_BYTES_SHARE } from './compaction-pick.js'
import { createPicker } from './create-picker.js'

/** Draws a last level of neighbours of a few bytes each, which point to `valueBytes` each, none of them garbage. */
function version(count: number, valueBytes: number): Version {
  const facts = (i: number) => sampleTable(i + 10, `${1000 + i}-${1000 + i}x`, {
    bytes: 5, rawBytes: 5 + valueBytes, tombstoneCount: 0,
    valueFiles: valueBytes === 0 ? [] : [{ fileNum: 9, valueCount: 1, valueBytes }],
  })
  return applyEdit(emptyVersion, {
    addValueLogs: [sampleValueLog(9, 2 ** 31, { putBytes: count * valueBytes })],
    addTables: Array.from({ length: count }, (_, i) => ({ level: 6, facts: facts(i) })),
  })
}

test('A6: tables that were ended for the values they point to are no small tables', () => {
  const settings = { ...smallSettings, smallTablesMax: 6 }
  const picker = createPicker(settings)
  const pick = (drawn: Version) => picker.pick(drawn, [], Infinity, new Set())
  assert.equal(pick(version(60, 0))?.reason, 'small')
  const full = RAW_BYTES_SHARE * settings.tableBytes
  assert.equal(pick(version(60, full)), null)
  assert.deepEqual(picker.scores(version(60, full), []).filter(({ score }) => score >= 1), [])
  assert.equal(pick(version(60, full / 20))?.reason, 'small')
})

test('A1: what value logs hold, dead or live, is no pressure on writers', () => {
  const picker = createPicker(smallSettings)
  const drawn = version(20, 2 ** 26)
  assert.ok(drawn.valueLogs.get(9)!.liveBytes > 2 ** 30)
  for (const { value, slow, hysteresis, reason } of picker.pressures(drawn, new Set())) {
    assert.ok(value < slow - hysteresis, reason)
  }
  assert.equal(picker.pendingBytes(drawn), 0)
})
