/** What a run says of the values that its outputs point to; the rest of the check is in compactor.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleTable, sampleValueLog } from '../../test/support/samples/manifest-samples.js'
import { CompactorScene } from '../../test/support/scenes/compactor-scene.js'
import type { ValueFileReference } from '../base/index.js'
import { applyEdit, emptyVersion } from '../manifest/index.js'
import { reservationOf } from '../pick/index.js'
import type { CompactionPick } from '../pick/index.js'
import { findOutputProblem } from './compaction-output-check.js'

const refer = (fileNum: number, valueCount: number, valueBytes = valueCount * 1000): ValueFileReference =>
  ({ fileNum, valueCount, valueBytes })

/** Gives what is wrong with an output that points to this; the inputs point to 3 values of 7, 2 of 8, 1 of 9. */
function problemOf(valueFiles: ValueFileReference[], entryCount = 10): string | null {
  const tables = [
    sampleTable(1, 'a-m', { valueFiles: [refer(7, 2), refer(8, 2)] }),
    sampleTable(2, 'n-z', { valueFiles: [refer(7, 1), refer(9, 1)] }),
  ]
  const pick = { inputs: [{ level: 0, tables }], outputLevel: 6, condemned: [] } as unknown as CompactionPick
  const output = sampleTable(20, 'a-z', { entryCount, valueFiles })
  return findOutputProblem({ pick, reservation: reservationOf(pick), outputs: [{ tableNum: 20 }], valueLogs: [] }, {
    outputs: [output], keptCount: entryCount, droppedVersionCount: 20 - entryCount, droppedTombstoneCount: 0,
    readBytes: 0, writtenBytes: 0, valueLogs: [], movedBytes: 0, addedTombstoneCount: 0, expiredCount: 0,
  })
}

test('A13: handles are carried on or go, and a run that says otherwise is thrown away, not the database', () => {
  assert.equal(problemOf([refer(7, 3), refer(8, 2), refer(9, 1)]), null, 'all are carried')
  assert.equal(problemOf([refer(7, 1), refer(8, 2)]), null, 'some go')
  assert.equal(problemOf([]), null, 'all go')
  const lies: [ValueFileReference[], string][] = [
    [[refer(7, 4)], '-1 values of -1000 bytes of value log 7'],
    [[refer(7, 3), refer(11, 1)], '-1 values of -1000 bytes of value log 11'],
    [[refer(7, 3, 2999)], '0 values of 1 bytes of value log 7'],
    [[refer(7, 2, 3001)], '1 values of -1 bytes of value log 7'],
  ]
  for (const [valueFiles, said] of lies) assert.equal(problemOf(valueFiles), `${said} would be let go of`)
  assert.equal(problemOf([refer(7, 3)], 2), 'table 20 points to more values than it has entries')
})

test('A25: a run is not told what its inputs, and the tables below, point to', () => {
  const valueFiles = [refer(7, 2)]
  const version = applyEdit(emptyVersion, {
    addValueLogs: [sampleValueLog(7, 99_000)],
    addTables: [4, 3, 2, 1].map((fileNum) => (
      { level: 0, facts: sampleTable(fileNum, 'a-c', { bytes: 100, valueFiles }) }
    )),
  })
  const scene = new CompactorScene(version)
  scene.compactor.schedule()
  const { inputs, below } = scene.runInput
  assert.equal(inputs.flat().length, 4)
  assert.ok([...inputs, ...below].flat().every((facts) => facts.valueFiles.length === 0))
  scene.ran({ table: { valueFiles: [refer(7, 3)] } })
  scene.published()
  assert.deepEqual(scene.edits[0]!.edit.discards, [refer(7, 5)])
})
