/** A range by hand, step by step, over versions that are drawn by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALL_KEYS, keyRange } from '../iterator/index.js'
import { applyEdit } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { bytesOf } from '../../test/support/manifest-samples.js'
import { assertBelow, assertClosed, drawnVersion, shownPick, smallSettings } from '../../test/support/pick-scene.js'
import { editOf, inputTables, reservationOf, spanOf } from './compaction-pick.js'
import { manualPicker } from './pick-manual.js'
import type { ManualRange } from './pick-manual.js'

const everything: ManualRange = { keyspaceId: 0, range: ALL_KEYS, upTo: Infinity }
const settings = { ...smallSettings, style: 'none' } as const

/** All steps to the end, where a merge gives one table without tombstones. */
function steps(version: Version, wanted: ManualRange, held = Infinity): string[] {
  const picker = manualPicker(settings, wanted)
  const shown: string[] = []
  for (;;) {
    const pick = picker.pick(version, [], held, new Set())
    if (pick === null) return shown
    assertClosed(version, pick)
    assertBelow(version, pick)
    shown.push(shownPick(pick))
    const tables = inputTables(pick)
    const merged = { ...tables[0]!, ...spanOf(tables), tombstoneCount: 0 }
    version = applyEdit(version, editOf(pick, pick.isTrivialMove ? tables : [merged]))
  }
}

test('everything goes down level by level, in the style none too', () => {
  const version = drawnVersion({ 0: ['5: a-c', '6: b-d'], 3: ['4: m-n'], 5: ['2: a-d', '3: x-y'], 6: ['1: a-z'] })
  assert.deepEqual(steps(version, everything), [
    // The first level that holds anything takes level 0: nothing passes it by.
    'manual 0: 6 | 0: 5 → 3', 'manual 3: 6 4 | 5: 2 → 5', 'manual 5: 6 3 | 6: 1 → 6',
  ])
})

test('a range takes what it meets, and nothing else', () => {
  const version = drawnVersion({ 0: ['5: a-c', '6: m-n'], 5: ['2: d-e', '3: f-g'], 6: ['1: a-z'] })
  const range = keyRange({ gte: bytesOf('e'), lt: bytesOf('f') })
  assert.deepEqual(steps(version, { ...everything, range }), ['manual 5: 2 | 6: 1 → 6'])
  assert.deepEqual(steps(version, { ...everything, keyspaceId: 1 }), [])
})

test('what was written later is left alone', () => {
  const version = drawnVersion({ 0: ['5: a-c', '6: m-n'], 6: ['1: a-z'] })
  assert.deepEqual(steps(version, { ...everything, upTo: 59 }), ['manual 0: 5 | 6: 1 → 6'])
  assert.deepEqual(steps(version, { ...everything, upTo: 49 }), [])
})

test('a table in the last level is rewritten once if tombstones go, else not at all', () => {
  const version = drawnVersion({ 6: ['1: a-c t1', '2: d-f', '3: g-i t9'] })
  assert.deepEqual(steps(version, everything), ['manual 6: 1 → 6', 'manual 6: 3 → 6'])
  assert.deepEqual(steps(version, everything, 20), ['manual 6: 1 → 6'])
})

test('tables that meet none are moved, unless tombstones go', () => {
  const version = drawnVersion({ 5: ['2: a-b', '3: c-d t2', '4: e-f'], 6: ['1: x-z'] })
  assert.deepEqual(steps(version, everything), ['manual 5: 2 moves to 6', 'manual 5: 3 4 → 6'])
})

test('one step takes no more than a pick may', () => {
  const version = drawnVersion({ 5: ['2: a-b 900', '3: c-d 900', '4: e-f 900'], 6: ['1: a-d 500', '5: e-z 500'] })
  assert.equal(steps(version, everything)[0], 'manual 5: 2 3 | 6: 1 → 6')
})

test('while something runs it waits, and takes the rest meanwhile', () => {
  const version = drawnVersion({ 5: ['2: a-b', '3: m-n'], 6: ['1: a-d', '4: m-z'] })
  const picker = manualPicker(settings, everything)
  const ask = (running: number, blocked: number[] = []) => {
    const pick = picker.pick(version, [], Infinity, new Set())!
    return shownPick(picker.pick(version, running === 0 ? [] : [reservationOf({
      inputs: [{ level: 5, tables: version.levels[5]!.slice(0, running) }], outputLevel: pick.outputLevel,
    })], Infinity, new Set(blocked)))
  }
  assert.equal(ask(0), 'manual 5: 2 3 | 6: 1 4 → 6')
  assert.equal(ask(1), 'manual 5: 3 | 6: 4 → 6')
  assert.equal(ask(2), 'nothing')
  assert.equal(ask(0, [1]), 'manual 5: 3 | 6: 4 → 6')
})
