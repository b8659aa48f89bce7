/** What: what a new run is said to have lost beside the kept figures, and the figures' file. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { bestPeer, findRow, ratioOf, readFigures, replaceSets, writeFigures } from './figures.js'
import type { Figures } from './figures.js'
import { compareBytes, compareRows, LOSS_MAX } from './losses.js'
import type { Comparison } from './losses.js'
import { sampleFigures } from './sample-figures.js'

const NAME = { set: 'base', state: 'loaded', row: 'get, awaited' }

/** Gives the sample with other rates of one engine's row. */
function withRates(engine: string, rates: number[]): Figures {
  const figures = sampleFigures()
  findRow(figures, NAME, engine)!.perSecond = rates
  return figures
}

test('a ratio is the median of the ratios of the rounds', () => {
  const figures = withRates('varve', [100, 300, 900])
  findRow(figures, NAME, 'lmdb')!.perSecond = [100, 100, 900]
  assert.equal(ratioOf(figures, NAME, 'varve', 'lmdb'), 1)
  assert.equal(ratioOf(figures, NAME, 'varve', 'nobody'), undefined)
})

test('the best peer is none of ours', () => {
  assert.equal(bestPeer(withRates('varve', [1e9, 1e9, 1e9]), NAME), 'lmdb')
  assert.equal(bestPeer(withRates('lmdb', [1, 1, 1]), NAME), 'classic-level')
})

test('what both runs have is compared, by the peer that was fastest in the kept one', () => {
  const kept = sampleFigures()
  assert.deepEqual(compareRows(kept, kept).map(({ loss }) => loss), compareRows(kept, kept).map(() => 0))
  const now = withRates('varve', [50, 50, 50])
  const compared = (other: Figures): Comparison =>
    compareRows(kept, other).find((one) => one.set === NAME.set && one.state === NAME.state && one.row === NAME.row)!
  const found = compared(now)
  assert.equal(found.peer, 'lmdb')
  assert.ok(found.loss > LOSS_MAX && found.now < found.kept)
  // A peer that became slow changes nothing in who is compared with.
  assert.equal(compared(withRates('lmdb', [1, 1, 1])).peer, 'lmdb')
  assert.ok(compareRows(kept, kept).every(({ session }) => session !== 'load'), 'loads are measured once')
  assert.equal(compareRows(kept, { ...kept, rows: [] }).length, 0)
  assert.equal(compareRows({ ...kept, rows: [] }, kept).length, 0)
})

test('more bytes than before beside LevelDB are a loss', () => {
  const kept = sampleFigures()
  assert.ok(compareBytes(kept, kept).length > 0 && compareBytes(kept, kept).every(({ loss }) => loss === 0))
  const now = sampleFigures()
  for (const load of now.loads) if (load.engine === 'varve') load.keptBytes *= 1.5
  const lost = compareBytes(kept, now).filter(({ loss }) => loss > LOSS_MAX)
  assert.deepEqual([...new Set(lost.map(({ what }) => what))], ['kept'])
})

test('figures come back from their file, which has a line for each row', (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'varve-matrix-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const file = path.join(dir, 'figures.json')
  const figures = sampleFigures()
  writeFigures(file, figures)
  assert.deepEqual(readFigures(file), figures)
  const lines = readFileSync(file, 'utf8').split('\n')
  assert.equal(lines.filter((line) => line.startsWith('{"set":')).length,
    figures.rows.length + figures.sessions.length + figures.loads.length)
  writeFigures(file, { ...figures, format: 2 as 1 })
  assert.throws(() => readFigures(file), /another format/)
})

test('sets that are measured anew stand in the place of those that were kept, and the others keep their day', () => {
  const kept = sampleFigures()
  const sets = Object.keys(kept.entryCounts)
  const run = withRates('varve', [7, 7, 7])
  const only = <T extends { set: string }>(list: readonly T[]): T[] => list.filter(({ set }) => set === sets[0])
  const part = {
    ...run, when: '2031-01-01T00:00:00Z', entryCounts: { [sets[0]!]: 5 },
    rows: only(run.rows), sessions: only(run.sessions), loads: only(run.loads),
  }
  const joined = replaceSets(kept, part)
  assert.deepEqual(findRow(joined, NAME, 'varve')!.perSecond, [7, 7, 7])
  assert.deepEqual(joined.rows.map(({ set }) => set), kept.rows.map(({ set }) => set))
  assert.deepEqual(Object.keys(joined.olderSets!), sets.slice(1))
  assert.ok(Object.values(joined.olderSets!).every((day) => day === kept.when.slice(0, 10)))
  const again = replaceSets(joined, { ...part, when: '2032-01-01T00:00:00Z' })
  assert.deepEqual(again.olderSets, joined.olderSets)
})
