/** What is reserved, and the edit of a pick. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyEdit } from '../manifest/index.js'
import { bytesOf, sampleTable } from '../../test/support/manifest-samples.js'
import { drawnVersion, smallSettings } from '../../test/support/pick-scene.js'
import { canRunBeside, editOf, inputTables, reservationOf } from './compaction-pick.js'
import type { RunningCompaction } from './compaction-pick.js'
import { createPicker } from './create-picker.js'

/** `5→6 a-m 1 2`: levels, keys, input tables. */
function reserved(text: string): RunningCompaction {
  const [levels, keys, ...numbers] = text.split(' ')
  const [from, to] = levels!.split('→').map(Number)
  const [smallest, largest] = keys!.split('-')
  return {
    inputs: new Set(numbers.map(Number)), levels: from === to ? [from!] : [from!, to!], outputLevel: to!,
    keyspaceId: 0, smallestKey: bytesOf(smallest!), largestKey: bytesOf(largest!),
  }
}

for (const [a, b, expected] of [
  ['5→6 a-m 1', '5→6 a-m 1', false],
  ['5→6 a-m 1', '5→6 n-z 1', false],
  ['5→6 a-m 1', '5→6 n-z 2', true],
  ['5→6 a-m 1', '5→6 m-z 2', false],
  // Each writes where the other does not: the inputs tell whether they meet.
  ['4→5 a-m 1', '5→6 a-m 2', true],
  // What passes level 5 meets what is written there.
  ['0→6 a-m 1', '4→5 a-m 2', false],
  ['0→6 a-m 1', '0→5 a-m 2', false],
  ['0→6 a-m 1', '4→5 n-z 2', true],
  ['6→6 a-m 1', '5→6 a-m 2', false],
  ['5→5 a-m 1', '5→6 a-m 2', true],
  ['0→0 a-m 1', '0→5 a-m 2', true],
  ['0→0 a-m 1', '0→0 a-m 2', false],
] as const) {
  test(`COMP-2: ${a} and ${b} ${expected ? 'run side by side' : 'do not'}`, () => {
    assert.equal(canRunBeside(reserved(a), reserved(b)), expected)
    assert.equal(canRunBeside(reserved(b), reserved(a)), expected)
    const other = { ...reserved(b), keyspaceId: 9 }
    const isShared = [...reserved(a).inputs].some((fileNum) => other.inputs.has(fileNum))
    assert.equal(canRunBeside(reserved(a), other), !isShared, 'in another keyspace only tables count')
  })
}

test('a pick reserves its tables and all their keys, and its edit replaces them', () => {
  const version = drawnVersion({ 0: ['4: c-d 90', '5: b-c 90'], 6: ['1: a-b', '2: c-e', '3: f-z'] })
  const pick = createPicker({ ...smallSettings, level0ShareMin: 0.9 }).pick(version, [], Infinity, new Set())!
  const reservation = reservationOf(pick)
  assert.deepEqual([...reservation.inputs].sort(), [1, 2, 4, 5])
  assert.deepEqual(reservation.levels, [0, 6])
  assert.deepEqual([reservation.smallestKey, reservation.largestKey], [bytesOf('a'), bytesOf('e')])
  const after = applyEdit(version, editOf(pick, [sampleTable(9, 'a-e')]))
  assert.deepEqual(after.levels.map((tables) => tables.map(({ fileNum }) => fileNum)), [[], [], [], [], [], [], [9, 3]])
})

test('a trivial move keeps its tables', () => {
  const version = drawnVersion({ 0: ['4: c-d'] })
  const pick = createPicker(smallSettings).pick(version, [], Infinity, new Set())!
  const after = applyEdit(version, editOf(pick, inputTables(pick)))
  assert.deepEqual(after.levels[6], version.levels[0])
})
