/**
 * What: schedules that broke other designs of compaction styles, each by its name, asked of the pickers as they are.
 * C3 (snapshots under `fifo`) is in test/api/styles.test.ts, C8 and the long run of C5 and C6 in
 * test/model/tiered-runs.test.ts, C10 (an edit that does not fit) in src/versions/version-set.test.ts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { drawnNarrowSteps, drawnSettings, drawnSteps, Life, VALUE_BYTES } from '../../test/support/model/pick-life.js'
import { assertClosed, drawnVersion, shownPick, smallSettings } from '../../test/support/scenes/pick-scene.js'
import type { LevelNum } from '../base/index.js'
import { allTables, applyEdit, findProblem } from '../manifest/index.js'
import type { Version } from '../manifest/index.js'
import { editOf, inputTables, reservationOf, totalBytes } from './compaction-pick.js'
import type { CompactionPick, RunningCompaction } from './compaction-pick.js'
import { COMPACTION_STYLES } from './compaction-settings.js'
import type { CompactionSettings, CompactionStyle } from './compaction-settings.js'
import { createPicker } from './create-picker.js'
import { manualPicker } from './pick-manual.js'
import { heavyTest } from '../../test/support/harness/share.js'

const settingsOf = (style: CompactionStyle, more: Partial<CompactionSettings> = {}): CompactionSettings =>
  ({ ...smallSettings, style, newerShareMax: style === 'lazy' ? 0.5 : 2, ...more })

function pick(
  settings: CompactionSettings, version: Version, running: readonly RunningCompaction[] = [], blocked: number[] = [],
): CompactionPick | null {
  const found = createPicker(settings).pick(version, running, Infinity, new Set(blocked))
  if (found !== null) assertClosed(version, found)
  return found
}

/** Installs a pick whose merge gives back its inputs' tables of the oldest run, or one table in level 0. */
function after(version: Version, found: CompactionPick): Version {
  const tables = inputTables(found)
  if (found.kind !== 'merge') return applyEdit(version, editOf(found, found.kind === 'move' ? tables : []))
  const oldest = found.inputs.at(-1)!.tables
  const largestSeqNum = Math.max(...tables.map((table) => table.largestSeqNum))
  const merged = oldest.map((table) => ({ ...table, bytes: totalBytes(tables) / oldest.length, largestSeqNum }))
  return applyEdit(version, editOf(found, merged))
}

function usedLevels({ levels }: Version): LevelNum[] {
  return levels.flatMap(({ tables }, level) => (tables.length > 0 ? [level] : []))
}

/** Draws a run of full tables over the whole range, whose numbers begin with `first`. */
const run = (first: number, bytes = 100): string[] =>
  ['a-f', 'g-l', 'm-r', 's-z'].map((keys, i) => `${first + i}: ${keys} ${bytes}`)

test('C1: nothing is slow or stopped for tables that fifo and none leave where they are', () => {
  const version = drawnVersion({ 0: ['1..200: a-z 100'] })
  for (const style of ['fifo', 'none'] as const) {
    assert.deepEqual(createPicker(settingsOf(style, { maxBytes: 1e9 })).pressures(version, new Set()), [])
  }
})

test('C1: with whole runs level 0 and the number of runs slow and stop, and their bytes never do', () => {
  const levels = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [20 + i, [`${40 - i}: a-z 100`]]))
  const settings = settingsOf('tiered')
  const many = createPicker(settings).pressures(drawnVersion(levels), new Set())
  assert.deepEqual(many.map(({ reason, value, slow, full, stops }) => ({ reason, value, slow, full, stops })), [
    { reason: 'level 0 tables', value: 0, slow: 14, full: 22, stops: true },
    { reason: 'compaction debt', value: 0, slow: 2 ** 32, full: 2 ** 34, stops: true },
    { reason: 'sorted runs', value: 40, slow: 14, full: 30, stops: true },
  ])
  const uneven = drawnVersion({ 62: ['2: a-z 1000000000'], 63: ['1: a-z 1'] })
  const large = createPicker(settings).pressures(uneven, new Set())
  assert.ok(large.every(({ value, slow }) => value < slow))
})

test('COMP-7, C2: fifo lets the oldest go, and nothing that lies over something older', () => {
  const version = drawnVersion({ 0: ['1: a-f 100', '2: a-f 100', '3: p-z 100'], 5: [] })
  assert.equal(shownPick(pick(settingsOf('fifo', { maxBytes: 250 }), version)), 'oldest 0: 1 leaves')
  assert.equal(shownPick(pick(settingsOf('fifo', { maxBytes: 150 }), version)), 'oldest 0: 2 | 0: 1 leaves')
  assert.equal(shownPick(pick(settingsOf('fifo', { maxBytes: 300 }), version)), 'nothing')
})

test('C2: of a leveled database the deepest goes first, since it is the oldest wherever keys are shared', () => {
  const version = drawnVersion({ 0: ['9: a-z 100'], 5: ['4: a-f 100'], 6: ['1: a-c 100', '2: d-z 100'] })
  const settings = settingsOf('fifo', { maxBytes: 100 })
  const gone: string[] = []
  for (let now = version, found = pick(settings, now); found !== null; found = pick(settings, now)) {
    gone.push(shownPick(found))
    now = after(now, found)
  }
  assert.deepEqual(gone, ['oldest 6: 1 2 leaves', 'oldest 5: 4 leaves'])
})

test('C4: fifo never lets the newest go, counts values in value logs, and merges small neighbours in age', () => {
  const settings = settingsOf('fifo', { maxBytes: 50, level0TablesMin: 4 })
  assert.equal(pick(settings, drawnVersion({ 0: ['1: a-z 100'] })), null)
  assert.equal(shownPick(pick(settings, drawnVersion({ 0: ['1..2: a-z 100'] }))), 'oldest 0: 1 leaves')
  const valued = applyEdit(drawnVersion({}), {
    addValueLogs: [{
      fileNum: 40, isLog: false, bytes: 5000, salt: new Uint8Array(8), putCount: 4, putBytes: 4000, namedInLog: 0,
    }],
    addTables: [1, 2].map((fileNum) => {
      const [table] = allTables(drawnVersion({ 0: [`${fileNum}: a-z 10`] }))
      const valueFiles = [{ fileNum: 40, valueCount: 2, valueBytes: 2000 }]
      return { level: 0, facts: { ...table!, rawBytes: 2010, valueFiles } }
    }),
  })
  assert.equal(pick({ ...settings, maxBytes: 4100 }, valued), null)
  assert.equal(shownPick(pick({ ...settings, maxBytes: 3000 }, valued)), 'oldest 0: 1 leaves')
  const small = drawnVersion({ 0: ['1: a-z 100', '2..5: a-z 10', '6: a-z 100'] })
  assert.equal(shownPick(pick({ ...settings, maxBytes: 1e6 }, small)), 'small 0: 5 | 0: 4 | 0: 3 | 0: 2 → 0')
})

test('C5: a slice of level 0 that leaves the oldest table out stays in level 0', () => {
  const merging = pick(settingsOf('tiered'), drawnVersion({ 0: ['1..4: a-z 10'] }))!
  assert.equal(merging.outputLevel, 63)
  // Those four run; of what came meanwhile none may pass them.
  assert.equal(pick(settingsOf('tiered'), drawnVersion({ 0: ['1..8: a-z 10'] }), [reservationOf(merging)]), null)
  const above = pick(settingsOf('tiered'), drawnVersion({ 0: ['1..12: a-z 10'] }), [reservationOf(merging)])!
  assert.equal(above.outputLevel, 0)
})

test('C6: runs move into gaps below them before there is no level for another one, the oldest first', () => {
  const settings = settingsOf('tiered')
  let version = drawnVersion({ 3: run(41), 5: run(21), 6: run(11) })
  const moved: string[] = []
  for (let found = pick(settings, version); found?.kind === 'move'; found = pick(settings, version)) {
    moved.push(`${found.inputs[0]!.level}→${found.outputLevel}`)
    version = after(version, found)
    assert.equal(findProblem(version), null)
  }
  assert.deepEqual(moved, ['6→63', '5→62', '3→61'])
})

test('C6: a corrupt table is moved by nobody, and what lies beside it is', () => {
  const found = pick(settingsOf('tiered'), drawnVersion({ 5: run(21), 6: run(11) }), [], [12])!
  assert.deepEqual(found.inputs, [{ level: 6, tables: found.inputs[0]!.tables }])
  assert.deepEqual(inputTables(found).map(({ fileNum }) => fileNum), [11])
})

test('C7: runs of any size are merged in parts of bounded size, and what was begun is ended', () => {
  const settings = settingsOf('tiered', { deepRunsMax: 2, newerShareMax: 1e9, inputBytesMax: 250 })
  const key = (i: number): string => String.fromCharCode(97 + Math.floor(i / 20)) + String.fromCharCode(97 + i % 20)
  const wide = (first: number): string[] =>
    Array.from({ length: 400 }, (_, i) => `${first + i}: ${key(i)}-${key(i)} 100`)
  let version = drawnVersion({ 61: wide(2001), 62: wide(1001), 63: wide(1) })
  let count = 0
  for (let found = pick(settings, version); found !== null; found = pick(settings, version)) {
    assert.ok(totalBytes(inputTables(found)) <= 4 * settings.inputBytesMax, shownPick(found))
    assert.equal(found.outputLevel, 63, 'the same merge goes on')
    version = after(version, found)
    count++
  }
  assert.ok(count > 50, `${count} parts`)
  assert.ok(usedLevels(version).length <= 2)
})

heavyTest('C7: parts of three runs and more are closed, run by run, and readers see what they saw', () => {
  const flush = fc.record({
    do: fc.constant('flush' as const), from: fc.nat(63), span: fc.constantFrom(64, 64, 20), seed: fc.nat(1000),
    count: fc.integer({ min: 5, max: 30 }), tombstones: fc.constantFrom(0, 0.1),
  })
  const others = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ do: 'start' as const }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(3) }) })
  const steps = fc.array(fc.oneof(flush, others), { minLength: 40, maxLength: 120 })
  const chosen = drawnSettings(VALUE_BYTES, 'tiered').map((drawn) => ({
    ...drawn, level0TablesMin: 1, level0CrowdMin: 8, level0HeightMax: Infinity, tableBytes: 3 * VALUE_BYTES,
    inputBytesMax: 2 * VALUE_BYTES, overlapBytesMax: 6 * VALUE_BYTES, newerShareMax: 1000, reclaimShareMin: 10,
  }))
  let wide = 0
  fc.assert(fc.property(chosen, fc.integer({ min: 2, max: 4 }), steps, (drawn, deepRunsMax, todo) => {
    const life = new Life({ ...drawn, deepRunsMax }, { onPick: ({ inputs }) => {
      if (inputs.length > 2 && inputs[0]!.level > 0) wide++
    } })
    for (const step of todo) life.step(step)
    life.settle()
  }), { numRuns: 60, includeErrorInReport: true })
  assert.ok(wide > 100, `${wide} merges of three runs and more`)
})

test('C7: deletes over a run too large for one merge go down by themselves first', () => {
  const settings = settingsOf('tiered', { inputBytesMax: 100 })
  const version = drawnVersion({ 0: ['91: a-z 50 e100 t100'], 63: run(11, 400).map((text) => `${text} e100`) })
  assert.equal(shownPick(pick(settings, version)), 'tombstones 0: 91 → 62')
  const wider = { ...settings, inputBytesMax: 1000 }
  assert.equal(shownPick(pick(wider, version)), 'tombstones 0: 91 | 63: 11 12 13 14 → 63')
})

test('tombstones go on past a small run to one that has much to delete', () => {
  const version = drawnVersion({ 61: ['21: a-z 50 e100 t100'], 62: ['19: c-d 20 e10'], 63: ['1: a-z 300 e150'] })
  assert.equal(shownPick(pick(settingsOf('tiered'), version)), 'tombstones 61: 21 | 62: 19 | 63: 1 → 63')
  const below = drawnVersion({ 61: ['21: a-d 50 e100 t100'], 62: ['19: c-d 200 e100'], 63: ['1: a-z 9000 e100'] })
  assert.equal(shownPick(pick(settingsOf('tiered', { inputBytesMax: 100 }), below)), 'tombstones 61: 21 | 62: 19 → 62')
})

test('C9: the levels of leveled become runs, and younger runs land above them', () => {
  const settings = settingsOf('tiered')
  const version = drawnVersion({ 0: ['91..94: a-z 10'], 4: run(51), 5: run(31), 6: run(11) })
  const first = pick(settings, version)!
  assert.equal(`${first.kind} ${first.inputs[0]!.level}→${first.outputLevel}`, 'move 6→63')
  let now = version
  for (let found: CompactionPick | null = first; found !== null; found = pick(settings, now)) now = after(now, found)
  assert.equal(findProblem(now), null)
})

test('C9: from every style to every other: readers see what they saw, and it comes to rest', () => {
  const any = fc.oneof(drawnSteps, drawnNarrowSteps)
  const steps = fc.array(any, { minLength: 1, maxLength: 30 })
  const styles = fc.constantFrom(...COMPACTION_STYLES.filter((style) => style !== 'fifo'))
  const part = styles.chain((style) => fc.tuple(drawnSettings(VALUE_BYTES, style), steps))
  fc.assert(fc.property(fc.array(part, { minLength: 2, maxLength: 5 }), (parts) => {
    const life = new Life(parts[0]![0])
    for (const [chosen, todo] of parts) {
      life.reopen(chosen)
      for (const step of todo) life.step(step)
    }
    const [last] = parts.at(-1)!
    life.settle()
    assert.ok(life.scores().every((score) => score < 1), life.scores().join())
    assert.equal(createPicker(last).pendingBytes(life.version), 0)
  }), { numRuns: 150, includeErrorInReport: true })
})

test('C9: every pair of styles, fifo too', () => {
  for (const from of COMPACTION_STYLES) {
    for (const to of COMPACTION_STYLES) {
      const drawn = fc.tuple(
        drawnSettings(VALUE_BYTES, from), drawnSettings(VALUE_BYTES, to), fc.array(drawnSteps, { maxLength: 40 }))
      fc.assert(fc.property(drawn, ([first, second, todo]) => {
        const life = new Life(first)
        for (const step of todo) life.step(step)
        life.reopen(second)
        for (const step of todo) life.step(step)
        life.settle()
        assert.ok(life.scores().every((score) => score < 1), life.scores().join())
      }), { numRuns: 5, includeErrorInReport: true })
    }
  }
})

test('C4: a call of compact() ends with every style, and with fifo all stays in level 0', () => {
  for (const style of COMPACTION_STYLES) {
    const steps = fc.array(drawnSteps, { minLength: 5, maxLength: 30 })
    fc.assert(fc.property(drawnSettings(VALUE_BYTES, style), steps, (chosen, todo) => {
      const life = new Life({ ...chosen, maxBytes: Infinity })
      for (const step of todo) life.step(step)
      life.held.length = 0
      life.settle(life.manual(0, 1000))
      const used = usedLevels(life.version)
      if (style === 'fifo') assert.ok(used.every((level) => level === 0))
      else assert.ok(used.length <= 1, `levels ${used.join()}`)
    }), { numRuns: 20, includeErrorInReport: true })
  }
})

test('C11: what leaves unread goes before merges, and reserves no level but its own', () => {
  const version = drawnVersion({
    0: ['31..34: a-z 10 e20 t2'], 62: ['9: a-z 50 e10 da-'], 63: ['1: b-c 100', '2: d-e 100'],
  })
  for (const style of ['tiered', 'lazy', 'leveled', 'simple'] as const) {
    const found = pick(settingsOf(style), version)!
    assert.equal(shownPick(found), 'covered 63: 1 2 leaves', style)
    assert.deepEqual([found.kind, reservationOf(found).levels, found.outputLevel], ['drop', [63], 63])
  }
})

test('what compact() does in a style is closed and ends whatever the level numbers are', () => {
  const version = drawnVersion({ 0: ['91: a-z 10', '92: c-d 10'], 20: run(51), 40: run(31), 63: run(11) })
  const extent = { lower: new Uint8Array(0), upper: null, isUpperInside: false }
  const wanted = { extent, upTo: Infinity, below: Infinity, expiry: null }
  for (const style of ['tiered', 'lazy', 'leveled', 'simple', 'none'] as const) {
    const picker = manualPicker(settingsOf(style), wanted)
    let now = version
    for (let step = 0, found = picker.pick(now, [], Infinity, new Set()); found !== null; step++) {
      assertClosed(now, found)
      now = after(now, found)
      assert.ok(step < 100, style)
      found = picker.pick(now, [], Infinity, new Set())
    }
    assert.deepEqual(usedLevels(now), [63], style)
  }
})
