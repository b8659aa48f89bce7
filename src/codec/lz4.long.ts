import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lz4Comparison } from '../../test/support/samples/lz4-comparison.js'
import { SeededRandom } from '../base/index.js'

const COUNT = 250_000 * Number(process.env['VARVE_LONG'] ?? 1)

test('a million blocks and more: both implementations do the same with each', () => {
  const comparison = new Lz4Comparison()
  for (let seed = 0; seed < COUNT; seed++) comparison.run(new SeededRandom(seed, 'lz4 long'))
  const { goodCount, refusedCount } = comparison.tally
  assert.ok(goodCount + refusedCount > 3 * COUNT, JSON.stringify(comparison.tally))
})
