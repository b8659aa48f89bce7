/** The reservation and the edit of a pick. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyEdit, emptyVersion } from '../manifest/index.js'
import { bytesOf, sampleTable, sampleValueLog } from '../../test/support/samples/manifest-samples.js'
import { drawnVersion, smallSettings } from '../../test/support/scenes/pick-scene.js'
import { editOf, inputTables, reservationOf } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { createPicker } from './create-picker.js'

test('a pick reserves its tables and all their keys, and its edit replaces them', () => {
  const version = drawnVersion({ 0: ['4: c-d 90', '5: b-c 90'], 6: ['1: a-b', '2: c-e', '3: f-z'] })
  const pick = createPicker({ ...smallSettings, level0ShareMin: 0.9 }).pick(version, [], Infinity, new Set())!
  const reservation = reservationOf(pick)
  assert.deepEqual([...reservation.inputs].sort(), [1, 2, 4, 5])
  assert.deepEqual(reservation.levels, [0, 6])
  assert.deepEqual(reservation.extent, { lower: bytesOf('a'), upper: bytesOf('e'), isUpperInside: true })
  const after = applyEdit(version, editOf(pick, [sampleTable(9, 'a-e')]))
  const numbers = after.levels.map(({ tables }) => tables.map(({ fileNum }) => fileNum))
  assert.deepEqual(numbers, [[], [], [], [], [], [], [9, 3]])
})

test('a move keeps its tables', () => {
  const version = drawnVersion({ 0: ['4: c-d'] })
  const pick = createPicker(smallSettings).pick(version, [], Infinity, new Set())!
  const after = applyEdit(version, editOf(pick, inputTables(pick)))
  assert.deepEqual(after.levels[6]!.tables, version.levels[0]!.tables)
})

test('VLG-5: the edit claims what its outputs point to no more; a move lets go of nothing', () => {
  const refer = (fileNum: number, valueCount: number) => ({ fileNum, valueCount, valueBytes: valueCount * 1000 })
  const tables = [
    sampleTable(1, 'a-m', { valueFiles: [refer(7, 2), refer(8, 2)] }),
    sampleTable(2, 'n-z', { valueFiles: [refer(7, 1)] }),
  ]
  const version = applyEdit(emptyVersion, {
    addValueLogs: [sampleValueLog(7, 9000), sampleValueLog(8, 9000)],
    addTables: tables.map((facts) => ({ level: 0, facts })),
  })
  const pick = { inputs: [{ level: 0, tables }], outputLevel: 6 } as unknown as CompactionPick
  const valueFiles = [refer(7, 1), refer(8, 2)]
  const merged = sampleTable(9, 'a-z', { smallestSeqNum: 10, largestSeqNum: 29, valueFiles })
  const edit = editOf(pick, [merged])
  assert.deepEqual(edit.discards, [refer(7, 2)])
  assert.equal(applyEdit(version, edit).valueLogs.get(7)!.liveCount, 1)
  assert.deepEqual(editOf(pick, []).discards, [refer(7, 3), refer(8, 2)])
  const moved = editOf({ ...pick, kind: 'move' }, tables)
  assert.deepEqual(moved.discards, [])
  assert.deepEqual(applyEdit(version, moved).valueLogs, version.valueLogs)
})
