import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawnVersion, shownPick, smallSettings } from '../../test/support/pick-scene.js'
import { createPicker } from './create-picker.js'

/** A table ends at 100 bytes, and four small ones may stand in a deep level. */
const settings = { ...smallSettings, smallTablesMax: 4 }
const picker = createPicker(settings)
const none = new Set<number>()

const tables = (letters: string, bytes = 1) =>
  [...letters].map((letter, i) => `${i + 1}: ${letter}a-${letter}b ${bytes}`)
const shown = (levels: Parameters<typeof drawnVersion>[0], blocked: number[] = []) =>
  shownPick(picker.pick(drawnVersion(levels), [], Infinity, new Set(blocked)))

test('small neighbours in a deep level are merged where they are, when there are more than a few', () => {
  assert.equal(shown({ 6: tables('abcd') }), 'nothing')
  assert.equal(shown({ 6: tables('abcde') }), 'small 6: 1 2 3 4 5 → 6')
  assert.ok(picker.scores(drawnVersion({ 6: tables('abcde') }), [])[6]!.score > 1)
  assert.equal(picker.scores(drawnVersion({ 6: tables('abcd') }), [])[6]!.score, 0)
})

test('a level may have three tables for each full one that it holds', () => {
  assert.equal(shown({ 6: tables('abcdefghijklm', 30) }), 'nothing', 'four, and eleven for 390 bytes')
  const alphabet = tables('abcdefghijklmnopqrstuvwxyz', 10)
  assert.equal(shown({ 6: alphabet }), 'small 6: 1 2 3 4 5 6 7 8 9 10 → 6', 'to a full one')
})

test('what costs least for each table that goes', () => {
  const tiny = ['6: ga-gb 1', '7: h-i 1', '8: j-k 1', '9: l-m 1', '10: n-o 1']
  assert.equal(shown({ 6: [...tables('abcd', 20), '5: e-f 90', ...tiny] }), 'small 6: 6 7 8 9 10 → 6')
})

test('a merge that would be cut again into as many is none', () => {
  const below = [...'abcdef'].map((letter, i) => `${i + 20}: ${letter}a-${letter}c 2400`)
  const cut = { 5: tables('abcdef', 10), 6: below }
  assert.doesNotMatch(shown(cut), /^small/)
  const scores = picker.scores(drawnVersion(cut), [])
  assert.ok(scores[5]!.score < 1, 'and does not ask for work')
})

test('blocked tables and those of other keyspaces stand between', () => {
  assert.equal(shown({ 6: tables('abcdefg') }, [4]), 'small 6: 1 2 3 → 6')
  const other = tables('abc').concat(['4: a-c 1 k7', '5: d-e 1 k7'])
  assert.equal(shown({ 6: other }), 'small 6: 1 2 3 → 6')
})

test('they are merged at open or close as far as it takes not long', () => {
  const version = drawnVersion({ 6: tables('abcdefg', 10) })
  const tidy = (bytesMax: number) => shownPick(picker.tidy(bytesMax).pick(version, [], Infinity, none))
  assert.deepEqual([tidy(29), tidy(40), tidy(1000)], ['nothing', 'small 6: 1 2 3 4 → 6', 'small 6: 1 2 3 4 5 6 7 → 6'])
})
