/** What a snapshot held back goes by itself when the snapshot is gone: drawn by hand; at random in pick-properties. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { assertBelow, assertClosed, drawnVersion, shownPick, smallSettings } from '../../test/support/pick-scene.js'
import { settingsWhenQuiet } from './compaction-settings.js'
import type { CompactionSettings } from './compaction-settings.js'
import { createPicker } from './create-picker.js'

interface Conditions {
  held?: number
  blocked?: number[]
  settings?: CompactionSettings
}

/** Tables have ten entries; table n has the sequence numbers 10 n to 10 n + 9. */
function shown(levels: Parameters<typeof drawnVersion>[0], conditions: Conditions = {}): string {
  const { held = Infinity, blocked = [], settings = smallSettings } = conditions
  const version = drawnVersion(levels)
  const pick = createPicker(settings).pick(version, [], held, new Set(blocked))
  if (pick === null) return 'nothing'
  assertClosed(version, pick)
  assertBelow(version, pick)
  return shownPick(pick)
}

it('a table is rewritten where it is when no snapshot stands below its newest entry', () => {
  const levels = { 6: ['3: a-c 100 h5', '4: d-f 100 h0'] }
  assert.equal(shown(levels, { held: 38 }), 'nothing')
  assert.equal(shown(levels, { held: 39 }), 'hidden 6: 3 → 6')
  assert.equal(shown(levels), 'hidden 6: 3 → 6')
  assert.equal(shown(levels, { blocked: [3] }), 'nothing')
})

it('it must be worth it; less is enough when all is quiet, and then for tombstones at the bottom too', () => {
  const quiet = settingsWhenQuiet(smallSettings)
  assert.equal(shown({ 6: ['3: a-c 100 h2'] }), 'nothing')
  assert.equal(shown({ 6: ['3: a-c 100 h2'] }, { settings: quiet }), 'hidden 6: 3 → 6')
  assert.equal(shown({ 6: ['3: a-c 100 t1'] }), 'nothing')
  assert.equal(shown({ 6: ['3: a-c 100 t1'] }, { settings: quiet }), 'hidden 6: 3 → 6')
  assert.equal(shown({ 6: ['3: a-c 100 t2 h1'] }), 'hidden 6: 3 → 6', 'both go')
  const over = { 5: ['3: a-c 100 t2 h1'], 6: ['1: a-z 9000'] }
  assert.equal(shown(over), 'nothing', 'tombstones that hide something stay')
})

it('neighbours come along up to the size of a pick; the slice with the largest share is first', () => {
  const levels = { 6: ['3: a-c 1000 h5', '4: d-f 1000 h5', '5: g-i 1000 h5', '6: j-l 1000 h0', '7: m-o 1000 h4'] }
  assert.equal(shown(levels), 'hidden 6: 3 4 → 6')
  assert.equal(shown(levels, { blocked: [4] }), 'hidden 6: 3 → 6')
  assert.equal(shown({ 6: ['3: a-c 1000 h3', '4: d-f 1000 h0', '5: g-i 1000 h6'] }), 'hidden 6: 5 → 6')
  assert.equal(shown({ 6: ['3: a-c 100 h5 k0', '4: a-c 100 h5 k1'] }), 'hidden 6: 3 → 6', 'one keyspace a pick')
})

it('what is due comes first', () => {
  const level0 = ['5: a-z', '6: a-z', '7: a-z', '8: a-z']
  assert.match(shown({ 0: level0, 6: ['3: a-c 1000 h9'] }), /^level0/)
})
