/** Rules of the leveled picker, one by one, over versions that are drawn by hand. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Version } from '../manifest/index.js'
import { assertBelow, assertClosed, drawnVersion, shownPick, smallSettings } from '../../test/support/pick-scene.js'
import { reservationOf } from './compaction-pick.js'
import type { CompactionPick, RunningCompaction } from './compaction-pick.js'
import { settingsWhenQuiet } from './compaction-settings.js'
import { createPicker } from './create-picker.js'

interface Conditions {
  running?: RunningCompaction[]
  held?: number
  blocked?: number[]
  settings?: Partial<typeof smallSettings>
}

function picked(version: Version, conditions: Conditions = {}): CompactionPick | null {
  const { running = [], held = Infinity, blocked = [], settings = {} } = conditions
  const pick = createPicker({ ...smallSettings, ...settings }).pick(version, running, held, new Set(blocked))
  if (pick !== null) {
    assertClosed(version, pick)
    assertBelow(version, pick)
  }
  return pick
}

const shown = (version: Version, conditions: Conditions = {}): string => shownPick(picked(version, conditions))

/** What is reserved by a compaction of these tables. */
function underWay(version: Version, numbers: number[], outputLevel: number): RunningCompaction {
  const inputs = version.levels
    .map((tables, level) => ({ level, tables: tables.filter(({ fileNum }) => numbers.includes(fileNum)) }))
    .filter(({ tables }) => tables.length > 0)
  return reservationOf({ inputs, outputLevel })
}

function scoresOf(version: Version, settings = smallSettings): number[] {
  return createPicker(settings).scores(version, []).map(({ score }) => score)
}

describe('level 0', () => {
  const base = '1: a-z 1000'

  it('goes down when it is high', () => {
    assert.equal(shown(drawnVersion({ 0: ['2: a-z', '3: a-z', '4: a-z'], 6: [base] })), 'nothing')
    const high = drawnVersion({ 0: ['2: a-z', '3: a-z', '4: a-z', '5: a-z'], 6: [base] })
    assert.equal(shown(high), 'level0 0: 5 | 0: 4 | 0: 3 | 0: 2 | 6: 1 → 6')
    assert.equal(scoresOf(high)[0], 1)
  })

  it('goes down when it is as large as what it is merged with, and earlier when all is quiet', () => {
    const version = drawnVersion({ 0: ['2: a-z 250'], 6: [base] })
    assert.equal(shown(version), 'nothing')
    assert.equal(shown(version, { settings: settingsWhenQuiet(smallSettings) }), 'level0 0: 2 | 6: 1 → 6')
    assert.equal(shown(drawnVersion({ 0: ['2: a-z 1000'], 6: [base] })), 'level0 0: 2 | 6: 1 → 6')
  })

  it('COMP-1: takes a stack from its oldest table on, and leaves tables that share no keys with it', () => {
    const version = drawnVersion({
      0: ['2: a-c', '3: x-z', '4: b-e', '5: d-g', '6: c-f'], 6: ['1: a-w 1000', '7: x-z 1000'],
    })
    assert.equal(shown(version), 'level0 0: 6 | 0: 5 | 0: 4 | 0: 2 | 6: 1 → 6')
  })

  it('meets only the tables of the base level that share its keys', () => {
    const version = drawnVersion({ 0: ['9: e-h 300'], 6: ['1: a-d', '2: e-f', '3: g-i', '4: j-z'] })
    assert.equal(shown(version), 'level0 0: 9 | 6: 2 3 → 6')
  })

  it('moves a table that meets none, as deep as it sinks', () => {
    assert.equal(shown(drawnVersion({ 0: ['1: a-c'] })), 'level0 0: 1 moves to 6')
    const levels = { 5: ['1: a-c 1000'], 6: ['2: a-k 9000', '3: l-z 9000'] }
    assert.equal(shown(drawnVersion({ ...levels, 0: ['4: zz-zzz'] })), 'level0 0: 4 moves to 6')
    const cautious = { settings: { overlapBytesMax: 9000 } }
    assert.equal(shown(drawnVersion({ ...levels, 0: ['4: e-f'] }), cautious), 'level0 0: 4 moves to 5')
    assert.equal(shown(drawnVersion({ ...levels, 0: ['4: e-m'] }), cautious), 'nothing', 'it waits for others')
    const high = drawnVersion({ ...levels, 0: ['4: e-m', '5: e-m', '6: e-m', '7: e-m'] })
    assert.equal(shown(high, cautious), 'level0 0: 7 | 0: 6 | 0: 5 | 0: 4 → 5')
  })

  it('is merged in itself while its tables are small and the base is large', () => {
    const version = drawnVersion({
      0: ['2: a-z 500', '3: a-z 1', '4: a-z 1', '5: a-z 1'], 6: ['1: a-z 9000'],
    })
    const pick = picked(version)
    assert.equal(shownPick(pick), 'intra0 0: 5 | 0: 4 | 0: 3 → 0')
    const below = pick!.below.map((tables) => tables.map(({ fileNum }) => fileNum))
    assert.deepEqual(below.filter((numbers) => numbers.length > 0), [[2], [1]])
    assert.ok(pick!.tableBytes > 2 ** 40, 'one output: several would count as several tables')
  })

  it('is merged in itself while a compaction writes where it should go', () => {
    const tables = ['2: a-z', '3: a-z', '4: a-z', '5: a-z', '6: a-z', '7: a-z', '8: a-z', '9: a-z', '10: a-z']
    const version = drawnVersion({ 0: tables, 6: ['1: a-z 500'] })
    const running = [underWay(version, [1, 2], 6)]
    assert.equal(shown(version, { running }), 'intra0 0: 10 | 0: 9 | 0: 8 | 0: 7 | 0: 6 | 0: 5 | 0: 4 | 0: 3 → 0')
    const lower = drawnVersion({ 0: tables.slice(0, 8), 6: ['1: a-z 500'] })
    assert.equal(shown(lower, { running }), 'nothing')
  })

  it('COMP-1: is merged in itself in slices that nothing under way stands between', () => {
    const numbers = Array.from({ length: 14 }, (_, i) => i + 1)
    const version = drawnVersion({ 0: numbers.map((fileNum) => `${fileNum}: a-z`), 6: ['20: a-z 500'] })
    const running = (...between: number[]) => [underWay(version, [1, 20], 6), underWay(version, between, 0)]
    assert.equal(shown(version, { running: running(7, 8) }), 'nothing')
    const slice = '0: 14 | 0: 13 | 0: 12 | 0: 11 | 0: 10 | 0: 9 | 0: 8 | 0: 7 | 0: 6 | 0: 5 | 0: 4'
    assert.equal(shown(version, { running: running(2, 3) }), 'nothing', 'two merges in level 0 with the same keys')
    assert.equal(shown(version, { running: running(2, 3).slice(0, 1), blocked: [2, 3] }), `intra0 ${slice} → 0`)
  })

  it('is merged in itself, 64 small ones at a time, while it is higher than one run may take', () => {
    const numbers = Array.from({ length: 300 }, (_, i) => i + 2)
    const sized = (bytesOf: (fileNum: number) => number, held: readonly number[] = numbers) =>
      drawnVersion({ 0: held.map((fileNum) => `${fileNum}: a-z ${bytesOf(fileNum)}`), 6: ['1: a-z 500'] })
    const taken = (pick: CompactionPick | null) =>
      [pick?.reason, ...[pick?.inputs.at(0), pick?.inputs.at(-1)].map((input) => input?.tables[0]?.fileNum)]
    assert.deepEqual(taken(picked(sized((fileNum) => (fileNum > 100 ? 1000 : 10)))), ['intra0', 100, 37])
    assert.deepEqual(taken(picked(sized((fileNum) => (fileNum > 210 ? 10 : 1000)))), ['intra0', 301, 238])
    const low = picked(sized(() => 100, numbers.slice(0, 255)))
    assert.deepEqual([low?.reason, low?.inputs.length], ['level0', 256])
    const huge = picked(sized(() => 2 ** 30))
    assert.deepEqual([huge?.reason, huge?.inputs.length, huge?.inputs[0]?.tables[0]?.fileNum], ['level0', 256, 256])
  })

  it('COMP-1: leaves what is newer than a blocked table and shares its keys', () => {
    const tables = ['2: a-c', '3: c-e', '4: e-g', '5: m-n']
    const version = drawnVersion({ 0: tables })
    assert.equal(shown(version, { blocked: [2] }), 'level0 0: 5 moves to 6')
    assert.equal(shown(drawnVersion({ 0: tables.slice(0, 3) }), { blocked: [2] }), 'nothing')
    assert.equal(shown(drawnVersion({ 0: tables.slice(0, 3) }), { blocked: [4] }), 'level0 0: 3 | 0: 2 → 6')
  })

  it('does not go where a blocked table is', () => {
    const version = drawnVersion({ 0: ['2: a-c', '3: x-z'], 6: ['1: a-f'] })
    assert.equal(shown(version, { blocked: [1] }), 'level0 0: 3 moves to 6')
    assert.equal(shown(drawnVersion({ 0: ['2: a-c'], 6: ['1: a-f'] }), { blocked: [1] }), 'nothing')
  })

  it('goes down beside a blocked table as far as it does not meet it', () => {
    const version = drawnVersion({ 0: ['3: c-k', '4: a-c'], 6: ['1: a-b'] })
    assert.equal(shown(version, { blocked: [1] }), 'level0 0: 3 moves to 6')
  })

  it('keeps keyspaces apart', () => {
    assert.equal(shown(drawnVersion({ 0: ['2: a-c', '3: a-c 100 k7'] })), 'level0 0: 2 moves to 6')
    const deep = ['1: a-b 100', '2: e-f 100', '3: b-c 100 k7', '4: d-z 100 k7']
    assert.equal(shown(drawnVersion({ 0: ['5: a-c 100'], 6: deep })), 'level0 0: 5 | 6: 1 → 6')
    assert.equal(shown(drawnVersion({ 0: ['5: a-c 100 k7'], 6: deep })), 'level0 0: 5 | 6: 3 → 6')
  })
})

describe('deep levels', () => {
  const last = ['20: a-f 5000', '21: g-m 5000', '22: n-z 5000']

  it('have targets from the deepest level up, and the first one that is large enough takes level 0', () => {
    const sizes = (version: Version) =>
      createPicker(smallSettings).scores(version, []).map(({ targetBytes }) => targetBytes)
    assert.deepEqual(sizes(drawnVersion({ 6: ['1: a-z 9999'] })), [0, 0, 0, 0, 0, 0, 9999])
    assert.deepEqual(sizes(drawnVersion({ 6: ['1: a-z 10000'] })), [0, 0, 0, 0, 0, 1000, 10000])
    assert.deepEqual(sizes(drawnVersion({ 6: ['1: a-z 200000'] })), [0, 0, 0, 0, 2000, 20000, 200000])
    const high = { 0: ['2: a-z 9', '3: a-z 9', '4: a-z 9', '5: a-z 500'] }
    assert.match(shown(drawnVersion({ ...high, 6: ['1: a-z 10000'] })), /→ 5$/)
    assert.match(shown(drawnVersion({ ...high, 6: ['1: a-z 5000'] })), /→ 6$/)
  })

  it('give up a level only when it is much too small, and then empty it', () => {
    const version = (bytes: number) => drawnVersion({ 5: ['1: a-z 400'], 6: [`2: a-z ${bytes}`] })
    assert.equal(shown(version(5000)), 'nothing')
    assert.equal(scoresOf(version(5000))[5], 0.8)
    assert.equal(shown(version(4999)), 'size 5: 1 | 6: 2 → 6')
    const stack = { 0: ['3: a-z 900', '4: a-z 900'], 5: ['1: a-z 400'], 6: ['2: a-z 900'] }
    assert.equal(shown(drawnVersion(stack)), 'level0 0: 4 | 0: 3 | 5: 1 → 5', 'nothing passes a level by')
  })

  it('send down what meets least below, with its neighbours', () => {
    const tables = ['1: a-b 900', '2: c-g 900', '3: gg-m 800']
    const version = drawnVersion({ 5: tables, 6: [...last] })
    assert.equal(shown(version, { settings: { inputBytesMax: 5000 } }), 'size 5: 1 | 6: 20 → 6')
    assert.equal(shown(drawnVersion({ 5: tables, 6: ['20: a-f 9000', '21: g-m 3000', '22: n-z 3000'] }), {
      settings: { inputBytesMax: 5000 },
    }), 'size 5: 3 | 6: 21 → 6')
    const wide = { settings: { inputBytesMax: 20_000 } }
    const many = drawnVersion({ 5: ['1: a-b 700', '2: c-d 700', '3: e-f 700', '4: g-z 700'], 6: [...last] })
    assert.equal(shown(many, wide), 'size 5: 1 | 6: 20 → 6', 'no more than the level has too much')
    const more = drawnVersion({
      5: ['1: a-b 500', '2: c-d 500', '3: e-f 500', '4: g-z 1400'], 6: ['20: a-f 3000', ...last.slice(1)],
    })
    assert.equal(shown(more, wide), 'size 5: 1 2 3 | 6: 20 → 6')
  })

  it('send no more down at once than a pick may take', () => {
    const version = drawnVersion({ 5: ['1: a-b 900', '2: c-d 900', '3: e-f 900', '4: g-z 900'], 6: [...last] })
    assert.equal(shown(version, { settings: { inputBytesMax: 7000 } }), 'size 5: 1 2 | 6: 20 → 6')
    assert.equal(shown(version, { settings: { inputBytesMax: 1 } }), 'size 5: 1 | 6: 20 → 6')
  })

  it('send a table down alone when its neighbour is not available', () => {
    const below = ['20: a-f 500', ...last.slice(1)]
    const version = drawnVersion({ 5: ['1: a-b 1000', '2: c-d 900', '3: g-z 2000'], 6: below })
    const settings = { inputBytesMax: 20_000 }
    assert.equal(shown(version, { settings }), 'size 5: 1 2 | 6: 20 → 6')
    assert.equal(shown(version, { settings, blocked: [2] }), 'size 5: 1 | 6: 20 → 6')
  })

  it('move a table that meets none, unless tombstones go when it is rewritten', () => {
    const version = drawnVersion({ 5: ['1: a-b 1400', '2: zz-zzz 200'], 6: [...last] })
    assert.equal(shown(version), 'size 5: 2 moves to 6')
    const rich = drawnVersion({ 5: ['1: a-b 1400', '2: zz-zzz 200 t9'], 6: [...last] })
    assert.equal(shown(rich), 'size 5: 2 → 6')
    assert.equal(shown(rich, { held: 5 }), 'size 5: 2 moves to 6')
  })

  it('COMP-2: leave what is under way alone, and take the next best', () => {
    const version = drawnVersion({ 5: ['1: a-b 3000', '2: h-i 2000', '3: t-u 1000'], 6: [...last] })
    assert.equal(shown(version), 'size 5: 1 | 6: 20 → 6')
    const one = underWay(version, [1, 20], 6)
    assert.equal(shown(version, { running: [one] }), 'size 5: 2 | 6: 21 → 6')
    assert.equal(shown(version, { running: [one], blocked: [2] }), 'size 5: 3 | 6: 22 → 6')
    const two = underWay(version, [2, 21], 6)
    assert.equal(shown(version, { running: [one, two] }), 'nothing', 'the rest is below the target')
  })

  it('COMP-2: keep out of the keys between those that something under way writes', () => {
    const version = drawnVersion({ 0: ['9: g-h'], 5: ['1: a-f 1000', '2: k-p 1000'], 6: ['20: x-z 50000'] })
    assert.equal(shown(version), 'level0 0: 9 moves to 6')
    assert.equal(shown(version, { running: [underWay(version, [1, 2], 6)] }), 'nothing')
  })

  it('COMP-1: take what lies below and between neighbours', () => {
    const below = ['20: a-b 3000', '21: d-e 100', '22: g-h 3000', '23: x-z 9000']
    const version = drawnVersion({ 5: ['1: a-b 1500', '2: g-h 1500', '3: x-z 1600'], 6: below })
    assert.equal(shown(version, { settings: { inputBytesMax: 20_000 } }), 'size 5: 1 2 | 6: 20 21 22 → 6')
  })

  it('level 0 and a deeper level run side by side when their keys differ', () => {
    const version = drawnVersion({
      0: ['7: t-v', '8: t-v', '9: t-v', '10: t-v'], 5: ['1: a-b 3000', '3: t-u 100'], 6: [...last],
    })
    const running = [underWay(version, [1, 20], 6)]
    assert.equal(shown(version, { running }), 'level0 0: 10 | 0: 9 | 0: 8 | 0: 7 | 5: 3 → 5')
  })
})

describe('tombstones', () => {
  it('sink although every score is below 1', () => {
    const version = drawnVersion({ 5: ['3: a-c 100 t5'], 6: ['1: a-z 100', '2: zz-zzz 9900'] })
    assert.ok(Math.max(...scoresOf(version)) < 1)
    assert.equal(shown(version), 'tombstones 5: 3 | 6: 1 → 6')
    assert.equal(shown(version, { settings: { tombstoneRatio: 0.6 } }), 'nothing')
  })

  it('wait while a snapshot needs one of them', () => {
    const version = drawnVersion({ 6: ['3: a-c 100 t5'] })
    assert.equal(shown(version, { held: 38 }), 'nothing')
    assert.equal(shown(version, { held: 39 }), 'tombstones 6: 3 → 6', 'the table has 30 to 39')
  })

  it('do not make much be rewritten for little, but more when all is quiet', () => {
    const over = (bytes: number, entryCount: number): Version => {
      const drawn = drawnVersion({ 0: ['3: a-c 20 t5'], 6: [`1: a-z ${bytes}`] })
      const levels = drawn.levels.map((tables) => tables.map((it) => (it.fileNum === 1 ? { ...it, entryCount } : it)))
      return { ...drawn, levels }
    }
    const settings = settingsWhenQuiet(smallSettings)
    assert.equal(shown(over(100, 10)), 'tombstones 0: 3 | 6: 1 → 6')
    assert.equal(shown(over(1000, 50)), 'nothing')
    assert.equal(shown(over(1000, 50), { settings }), 'tombstones 0: 3 | 6: 1 → 6')
    assert.equal(shown(over(9000, 450), { settings }), 'nothing')
  })

  it('count themselves as freed only where nothing lies below', () => {
    const version = drawnVersion({ 4: ['3: a-c 100 t9'], 5: ['2: a-c 9 t0'], 6: ['1: a-z 90000'] })
    assert.equal(shown(version, { settings: { baseLevelBytes: 100 } }), 'nothing')
    const bottom = drawnVersion({ 4: ['3: a-c 100 t9'], 5: ['2: a-c 9'], 6: ['1: d-z 90000'] })
    assert.equal(shown(bottom, { settings: { baseLevelBytes: 100 } }), 'tombstones 4: 3 | 5: 2 → 5')
  })

  it('go to the level that has their keys, past one that has not', () => {
    const settings = { overlapBytesMax: 50 }
    const version = drawnVersion({ 0: ['3: a-c 50 t5'], 6: ['1: a-b 100', '2: d-z 20000'] })
    assert.equal(shown(version, { settings }), 'tombstones 0: 3 | 6: 1 → 6')
  })

  it('go when a table of level 0 with nothing below is rewritten, not moved', () => {
    assert.equal(shown(drawnVersion({ 0: ['3: a-c 100 t5'] })), 'level0 0: 3 → 6')
    assert.equal(shown(drawnVersion({ 0: ['3: a-c 100 t5'] }), { held: 0 }), 'level0 0: 3 moves to 6')
  })

  it('are left in a blocked table', () => {
    assert.equal(shown(drawnVersion({ 6: ['3: a-c 100 t5'] }), { blocked: [3] }), 'nothing')
  })
})

describe('debt', () => {
  const pending = (version: Version) => createPicker(smallSettings).pendingBytes(version)

  it('is nothing while every score is below 1', () => {
    assert.equal(pending(drawnVersion({})), 0)
    assert.equal(pending(drawnVersion({ 0: ['2: a-z'], 5: ['3: a-z 900'], 6: ['1: a-z 10000'] })), 0)
  })

  it('counts what has to be merged on all levels', () => {
    const stack = ['2: a-z', '3: a-z', '4: a-z', '5: a-z']
    assert.equal(pending(drawnVersion({ 0: stack, 6: ['1: a-z 1000'] })), 1400)
    // 600 too much in level 5 meet as large a share of level 6.
    assert.equal(pending(drawnVersion({ 5: ['6: a-z 1600'], 6: ['1: a-z 10000'] })), 600 + 3750)
    const both = drawnVersion({ 0: stack, 5: ['6: a-z 1000'], 6: ['1: a-z 10000'] })
    assert.equal(pending(both), 1400 + 400 + 400 / 1400 * 10000)
  })
})

it('the style none does nothing by itself', () => {
  const picker = createPicker({ ...smallSettings, style: 'none' })
  const version = drawnVersion({ 0: ['2: a-z', '3: a-z t9', '4: a-z', '5: a-z'], 1: ['1: a-z 10000'] })
  assert.equal(picker.pick(version, [], Infinity, new Set()), null)
  assert.equal(picker.pendingBytes(version), 0)
  assert.ok(picker.scores(version, []).every(({ score }) => score === 0))
})
