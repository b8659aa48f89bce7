import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { drawnVersion, shownPick, smallSettings } from '../../test/support/pick-scene.js'
import { FILE_BYTES_MAX } from '../base/index.js'
import type { Version } from '../manifest/index.js'
import { reservationOf } from './compaction-pick.js'
import type { CompactionPick } from './compaction-pick.js'
import { createPicker } from './create-picker.js'

/** Level 0 may have five tables before neighbours are brought together. */
const picker = createPicker({ ...smallSettings, level0CrowdMin: 6 })

interface More {
  running?: CompactionPick[]
  blocked?: number[]
}

function picked(version: Version, more: More = {}): CompactionPick | null {
  return picker.pick(version, (more.running ?? []).map(reservationOf), Infinity, new Set(more.blocked))
}

const shown = (...args: Parameters<typeof picked>) => shownPick(picked(...args))

/** One table for each letter, two letters wide, with so many bytes. */
const small = (letters: string, bytes = 1) =>
  [...letters].map((letter, i) => `${i + 10}: ${letter}a-${letter}b ${bytes}`)

describe('a crowd in level 0', () => {
  const base = ['1: a-hz 3000', '2: i-pz 3000', '3: q-z 3000']

  it('is left alone while it is small: each table lies alone over a base that is much larger', () => {
    const version = drawnVersion({ 0: small('bdfhj'), 6: base })
    assert.equal(shown(version), 'nothing')
    assert.equal(picker.scores(version, [])[0]!.score, 5 / 6)
  })

  it('becomes one table where the base is not worth rewriting', () => {
    const version = drawnVersion({ 0: small('bdfhjl'), 6: base })
    assert.equal(shown(version), 'intra0 0: 15 | 0: 14 | 0: 13 | 0: 12 | 0: 11 | 0: 10 → 0')
    assert.equal(picker.scores(version, [])[0]!.score, 1)
  })

  it('goes down together where it is worth it: those for whom least is rewritten', () => {
    const version = drawnVersion({ 0: small('bdfhjl', 100), 6: ['1: a-hz 900', '2: i-pz 900', '3: q-z 900'] })
    const pick = picked(version)
    assert.equal(shownPick(pick), 'level0 0: 13 | 0: 12 | 0: 11 | 0: 10 | 6: 1 → 6')
    assert.equal(pick?.score, 1)
    const even = drawnVersion({ 0: small('bdfhjl', 100), 6: ['1: a-z 1800'] })
    assert.equal(shown(even), 'level0 0: 15 | 0: 14 | 0: 13 | 0: 12 | 0: 11 | 0: 10 | 6: 1 → 6')
  })

  it('is brought together in steps no larger than a pick may be, if there are such', () => {
    const version = drawnVersion({ 0: small('bdfhjl', 90), 6: base })
    assert.equal(shown(version), 'intra0 0: 15 | 0: 14 | 0: 13 | 0: 12 | 0: 11 | 0: 10 → 0')
    const slim = createPicker({ ...smallSettings, level0CrowdMin: 6, inputBytesMax: 450 })
    assert.equal(shownPick(slim.pick(version, [], Infinity, new Set())),
      'intra0 0: 14 | 0: 13 | 0: 12 | 0: 11 | 0: 10 → 0')
  })

  it('leaves out what is due by itself: tables that may only move are not merged', () => {
    const free = [...'bdfhjlnp'].map((key, i) => `${i + 30}: ${key}a-${key}b`)
    const version = drawnVersion({ 0: [...free, '20: qa-qb 1', '21: sa-sb 1'], 6: ['3: q-z 3000'] })
    assert.equal(shown(version), 'level0 0: 30 moves to 6')
    assert.equal(picker.scores(version, [])[0]!.score, 1)
  })

  it('begins with what costs least for each table that goes, if that leaves half of the crowd', () => {
    const tables = [...small('bdf', 400), ...['20: ja-jb 1', '21: la-lb 1', '22: na-nb 1', '23: pa-pb 1']]
    assert.equal(shown(drawnVersion({ 0: tables, 6: base })), 'intra0 0: 23 | 0: 22 | 0: 21 | 0: 20 → 0')
  })

  it('counts what lies over one another too: the newest of a stack may be merged alone', () => {
    const tables = [
      '10: ba-bb 900', '11: ba-bb 1', '12: ba-bb 1', '13: na-nb 900', '14: na-nb 2', '15: na-nb 2',
    ]
    const tidied = picker.tidy(100).pick(drawnVersion({ 0: tables, 6: base }), [], Infinity, new Set())
    assert.equal(shownPick(tidied), 'intra0 0: 12 | 0: 11 → 0')
  })

  it('COMP-1: is not merged across a table that stands between in age, nor across what is under way', () => {
    const over = [...'cdefhjln'].map((key, i) => `${i + 12}: ${key}a-${key}b 1`)
    const stuck = drawnVersion({ 0: ['10: ba-bb 1', '11: c-z 1', ...over], 6: base })
    assert.equal(shown(stuck, { blocked: [11] }),
      'intra0 0: 19 | 0: 18 | 0: 17 | 0: 16 | 0: 15 | 0: 14 | 0: 13 | 0: 12 → 0', 'without 10, which is older than 11')
    const running = [picked(drawnVersion({ 0: small('hjlnpr'), 6: base }))!]
    const beside = ['20: ba-bb 1', '21: da-db 1', '22: fa-fb 1', '23: sa-sb 1', '24: ta-tb 1', '25: ua-ub 1']
    const version = drawnVersion({ 0: [...small('hjlnpr'), ...beside], 6: base })
    assert.equal(shown(version, { running }), 'intra0 0: 22 | 0: 21 | 0: 20 → 0')
  })

  it('goes down at any cost where it cannot be merged in itself', () => {
    const [giant, largest] = [1.5 * 2 ** 30, FILE_BYTES_MAX]
    const giants = [...'bdfhjl'].map((key, i) => `${i + 10}: ${key}a-${key}b ${giant}`)
    const level6 = [...'abcdefghijklmnop'].map((key, i) => `${i + 30}: ${key}-${key}z ${largest}`)
    const cautious = createPicker({ ...smallSettings, level0CrowdMin: 6, levelMultiplier: 1, baseLevelBytes: 2 ** 50 })
    assert.equal(shownPick(cautious.pick(drawnVersion({ 0: giants, 6: level6 }), [], Infinity, new Set())),
      'level0 0: 12 | 0: 11 | 0: 10 | 6: 31 32 33 34 35 → 6')
  })

  it('keeps keyspaces apart', () => {
    const tables = small('bdf').concat(['20: b-c 1 k7', '21: d-e 1 k7', '22: f-g 1 k7'])
    const both = ['1: a-z 3000', '2: a-z 3000 k7']
    assert.equal(shown(drawnVersion({ 0: tables, 6: both })), 'intra0 0: 12 | 0: 11 | 0: 10 → 0')
  })

  it('is tidied up by steps of a few bytes', () => {
    const tables = [...small('bd', 400), ...['20: fa-fb 1', '21: ha-hb 1', '22: ja-jb 1', '23: la-lb 1']]
    const tidy = (bytesMax: number) =>
      shownPick(picker.tidy(bytesMax).pick(drawnVersion({ 0: tables, 6: base }), [], Infinity, new Set()))
    assert.equal(tidy(100), 'intra0 0: 23 | 0: 22 | 0: 21 | 0: 20 → 0')
    assert.match(tidy(3), /^intra0 0: 2\d \| 0: 2\d( \| 0: 2\d)? → 0$/)
    assert.equal(tidy(1), 'nothing')
  })
})

describe('COMP-6: pressures', () => {
  const levels = (count: number) =>
    drawnVersion({ 0: Array.from({ length: count }, (_, i) => `${i + 10}: a-z 1`), 6: ['1: a-z 9000'] })
  const valuesOf = (version: Version, blocked: number[] = []) =>
    createPicker(smallSettings).pressures(version, new Set(blocked)).map(({ value }) => value)

  it('are the tables of level 0, and the debt while those are few', () => {
    const [level0, debt] = createPicker(smallSettings).pressures(levels(3), new Set())
    assert.deepEqual([level0!.value, level0!.slow, level0!.stop, level0!.hysteresis], [3, 14, 22, 2])
    assert.deepEqual([debt!.value, debt!.unit], [0, 'bytes'])
    assert.equal(level0!.text, '3 tables in level 0 wait for compaction')
  })

  it('do not count what is blocked, and are none where no step is left', () => {
    assert.deepEqual(valuesOf(levels(30)), [30, 0])
    assert.deepEqual(valuesOf(levels(30), [10, 11, 12]), [27, 0], 'the rest may still be merged in itself')
    const others = Array.from({ length: 30 }, (_, i) => i + 10).filter((fileNum) => fileNum % 2 === 0)
    assert.deepEqual(valuesOf(levels(30), others), [], 'no two of them are neighbours in age')
  })

  it('are none for the style none', () => {
    const none = createPicker({ ...smallSettings, style: 'none' })
    assert.deepEqual(none.pressures(levels(99), new Set()), [])
    assert.equal(none.tidy(Infinity).pick(levels(99), [], Infinity, new Set()), null)
  })
})
