/**
 * What: random lives of a version with real contents. Whatever compactions are picked, run and installed, in whatever
 * order, every reader goes on seeing what it saw.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  drawnBlock,
  drawnNarrowSteps,
  drawnSettings,
  drawnSteps,
  KEYS,
  Life,
  VALUE_BYTES,
} from '../../test/support/model/pick-life.js'
import { allTables } from '../manifest/index.js'
import { totalBytes } from './compaction-pick.js'
import { COMPACTION_STYLES, settingsWhenQuiet } from './compaction-settings.js'
import type { CompactionStyle } from './compaction-settings.js'
import { createPicker } from './create-picker.js'

/** The styles that bring everything down in the end. */
const MERGING: readonly CompactionStyle[] = ['leveled', 'simple', 'tiered', 'lazy']
const anySteps = fc.oneof(drawnSteps, drawnNarrowSteps)
const livesOf = (style: CompactionStyle) =>
  fc.tuple(drawnSettings(VALUE_BYTES, style), fc.array(anySteps, { minLength: 1, maxLength: 60 }))
const lives = livesOf('leveled')

for (const style of COMPACTION_STYLES) {
  test(`COMP-1, COMP-2, COMP-7: ${style}: picks are closed and disjoint, readers see what they saw, it ends`, () => {
    fc.assert(fc.property(livesOf(style), ([chosen, todo]) => {
      const life = new Life(chosen)
      for (const step of todo) life.step(step)
      life.settle()
      assert.ok(life.scores().every((score) => score < 1), `at rest nothing is due: ${life.scores().join()}`)
      assert.equal(createPicker(chosen).pendingBytes(life.version), 0)
      life.settle(createPicker(settingsWhenQuiet(chosen)))
    }), { numRuns: style === 'leveled' ? 200 : 100, includeErrorInReport: true })
  })
}

for (const style of MERGING) {
  test(`${style}: when no snapshot is left, what is hidden or a tombstone at the bottom goes by itself`, () => {
    fc.assert(fc.property(livesOf(style), ([chosen, todo]) => {
      const life = new Life({ ...chosen, reclaimShareMin: 0 })
      for (const step of todo) life.step(step)
      life.settle()
      life.held.length = 0
      life.settle()
      const { levels } = life.version
      for (const table of levels.slice(1).flatMap(({ tables }) => tables)) assert.equal(table.hiddenCount, 0)
      for (const table of levels.at(-1)!.tables) assert.equal(table.tombstoneCount, 0)
    }), { numRuns: style === 'leveled' ? 150 : 80, includeErrorInReport: true })
  })
}

test('blocked tables are left alone, and it comes to rest', () => {
  const someBlocked = fc.oneof({ weight: 9, arbitrary: anySteps }, { weight: 1, arbitrary: drawnBlock })
  fc.assert(fc.property(drawnSettings(), fc.array(someBlocked, { minLength: 10, maxLength: 60 }), (chosen, todo) => {
    const life = new Life(chosen)
    for (const step of todo) life.step(step)
    life.settle()
  }), { numRuns: 150, includeErrorInReport: true })
})

test('a range by hand ends in the last level, without tombstones that nobody needs', () => {
  fc.assert(fc.property(lives, fc.nat(KEYS - 1), fc.nat(KEYS), ([chosen, todo], from, span) => {
    const life = new Life(chosen)
    for (const step of todo) life.step(step)
    life.held.length = 0
    life.settle(life.manual(from, from + span))
    for (const [level, { tables }] of life.version.levels.entries()) {
      for (const { smallestKey, largestKey, tombstoneCount, hiddenCount } of tables) {
        const [smallest, largest] = [smallestKey, largestKey].map((key) => new DataView(key.buffer).getUint32(0))
        if (largest! < from || smallest! >= from + span) continue
        assert.equal(level, life.version.levels.length - 1)
        assert.deepEqual([tombstoneCount, hiddenCount], [0, 0])
      }
    }
  }), { numRuns: 150, includeErrorInReport: true })
})

test('a database whose keys are all deleted vanishes when the last snapshot goes', () => {
  const life = new Life({
    style: 'leveled', level0TablesMin: 8, level0ShareMin: 1, baseLevelBytes: 500, levelMultiplier: 8, tableBytes: 500,
    overlapBytesMax: 10_000, inputBytesMax: 10_000, tombstoneRatio: 0.25, reclaimShareMin: 0.25,
    level0CrowdMin: 16, level0HeightMax: Infinity, smallTablesMax: 8, garbageRatio: 0.5, garbageFileRatio: 0.5,
    garbageGate: 0.5, uncoverShareMin: Infinity, uncoverLiveShareMin: 0,
    valueFileBytes: 10_000, movedBytesMax: 10_000, deepRunsMax: 4, newerShareMax: 2, maxBytes: Infinity,
  })
  for (let round = 0; round < 20; round++) {
    life.step({ do: 'flush', from: 0, span: KEYS, count: 20, tombstones: 0, seed: round })
    life.settle()
  }
  life.step({ do: 'hold' })
  for (let from = 0; from < KEYS; from++) {
    life.step({ do: 'flush', from, span: 1, count: 1, tombstones: 1, seed: 0 })
  }
  life.settle()
  assert.ok(totalBytes(allTables(life.version)) > 0, 'a snapshot holds it')
  life.step({ do: 'let go' })
  life.settle()
  assert.equal(totalBytes(allTables(life.version)), 0)
})
