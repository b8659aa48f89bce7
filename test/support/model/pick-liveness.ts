/**
 * COMP-6 over drawn versions: what slows writers down or stops them has a compaction that ends it, or something is
 * under way; compactions come to an end; and then there are no more tables than what they hold needs.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MiB } from '../../../src/base/index.js'
import { extentOfTables } from '../../../src/manifest/index.js'
import type { Version } from '../../../src/manifest/index.js'
import { createPicker, settingsWhenQuiet, totalBytes } from '../../../src/pick/index.js'
import type { CompactionSettings, CompactionStyle, Pressure } from '../../../src/pick/index.js'
import { drawnBlock, drawnNarrowSteps, drawnSettings, drawnSteps, Life, VALUE_BYTES } from './pick-life.js'
import type { Step } from './pick-life.js'

/**
 * A value so large that a few flushes make a debt that slows writers down, and tables too large to be merged as one.
 */
const LARGE = 64 * MiB

/** The styles in which nothing ever slows writers, and those whose levels have sizes that they may be behind. */
const NEVER_SLOW: ReadonlySet<CompactionStyle> = new Set(['none', 'fifo'])
const HAVE_DEBT: ReadonlySet<CompactionStyle> = new Set(['leveled', 'simple'])

const isPressing = ({ value, slow, hysteresis }: Pressure): boolean => value >= slow - hysteresis

/** Asserts COMP-6 as it is now; returns the reasons for which writers may be slow. */
function checkPressures(life: Life, settings: CompactionSettings): string[] {
  const picker = createPicker(settings)
  const { version, blocked, reservations } = life
  const pressing = picker.pressures(version, blocked).filter(isPressing)
  if (pressing.length === 0) return []
  // A1: what waits to be moved never stops writers, however much it is.
  for (const { reason, stops } of pressing) assert.equal(stops, reason !== 'value log garbage')
  const text = pressing.map((it) => it.text).join()
  for (const held of [life.held[0] ?? Infinity, 0]) {
    assert.notEqual(picker.pick(version, [], held, blocked), null, `${text}, and nothing is picked`)
    const pick = picker.pick(version, reservations, held, blocked)
    assert.ok(pick !== null || reservations.length > 0, `${text}, and nothing is under way or picked`)
  }
  return pressing.map(({ reason }) => reason)
}

/** Finds three neighbours that would fit into one table, in a deep level that has more than it may. */
function findSmallNeighbours({ levels }: Version, chosen: CompactionSettings): string | null {
  for (const [at, { tables }] of levels.slice(1).entries()) {
    const below = levels[at + 2]
    const belowBytes = totalBytes(below?.tables ?? [])
    const needed = 3 * (totalBytes(tables) / chosen.tableBytes + belowBytes / chosen.overlapBytesMax)
    if (tables.length <= chosen.smallTablesMax + needed) continue
    for (let from = 0; from + 3 <= tables.length; from++) {
      const three = tables.slice(from, from + 3)
      const isCut = totalBytes(below?.overlapping(extentOfTables(three)) ?? []) > chosen.overlapBytesMax
      if (totalBytes(three) <= chosen.tableBytes && !isCut) return three.map(({ fileNum }) => fileNum).join()
    }
  }
  return null
}

interface DrawnLives {
  valueBytes: number
  handleBytes?: number
  step: fc.Arbitrary<Step>
  reasons: string[]
}

/** Kinds of drawn lives, and the reasons for which each must have slowed writers down. */
export const LIVES = {
  'many small tables': { valueBytes: VALUE_BYTES, step: drawnNarrowSteps, reasons: ['level 0 tables'] },
  'tables too large for one file, a large debt': {
    valueBytes: LARGE, step: drawnSteps, reasons: ['compaction debt', 'level 0 tables'],
  },
  'values in value logs': {
    valueBytes: LARGE, handleBytes: VALUE_BYTES, step: drawnNarrowSteps,
    reasons: ['level 0 tables', 'value log garbage'],
  },
}

/** Checks that writers wait only for what is under way or is picked. */
export function checkStyle(style: CompactionStyle, drawn: keyof typeof LIVES, numRuns: number): void {
  const { step, reasons, ...sizes }: DrawnLives = LIVES[drawn]
  const seen = new Set<string>()
  const any = fc.oneof({ weight: 30, arbitrary: step }, { weight: 2, arbitrary: drawnBlock })
  const drawnBytes = sizes.handleBytes ?? sizes.valueBytes
  const lives = fc.tuple(drawnSettings(drawnBytes, style), fc.array(any, { minLength: 20, maxLength: 60 }))
  fc.assert(fc.property(lives, ([chosen, steps]) => {
    const life = new Life(chosen, { ...sizes, isRead: false })
    for (const each of steps) {
      life.step(each)
      for (const reason of checkPressures(life, chosen)) seen.add(reason)
    }
    life.settle()
    assert.deepEqual(checkPressures(life, chosen), [], 'at rest nothing slows writers down')
    const level0 = life.version.levels[0]!.tables.length
    if (NEVER_SLOW.has(style) || life.blocked.size > 0) return
    assert.ok(level0 < chosen.level0CrowdMin, `${level0} tables in level 0 at rest`)
    const runs = life.version.levels.slice(1).filter(({ tables }) => tables.length > 0).length
    if (!HAVE_DEBT.has(style)) assert.ok(runs <= chosen.deepRunsMax, `${runs} runs at rest`)
  }), { numRuns, includeErrorInReport: true })
  const isOf = (reason: string): boolean =>
    !NEVER_SLOW.has(style) && (reason !== 'compaction debt' || HAVE_DEBT.has(style))
  // A life is hardly ever long enough for so many runs; src/pick/pick-styles.test.ts has them.
  if (!HAVE_DEBT.has(style)) seen.delete('sorted runs')
  assert.deepEqual([...seen].sort(), reasons.filter(isOf))
}

/** Checks that at rest there are few tables in level 0, and of small neighbours no more than are allowed. */
export function checkRest(numRuns: number): void {
  const lives = fc.tuple(drawnSettings(), fc.array(drawnNarrowSteps, { minLength: 30, maxLength: 120 }))
  fc.assert(fc.property(lives, ([settings, steps]) => {
    const life = new Life(settings, { isRead: false })
    for (const step of steps) life.step(step)
    for (const chosen of [settings, settingsWhenQuiet(settings)]) {
      life.settle(createPicker(chosen))
      const level0 = life.version.levels[0]!.tables.length
      assert.ok(level0 < chosen.level0CrowdMin, `${level0} tables in level 0`)
      assert.equal(findSmallNeighbours(life.version, chosen), null)
    }
  }), { numRuns, includeErrorInReport: true })
}
