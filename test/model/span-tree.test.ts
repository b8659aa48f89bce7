/**
 * Range tombstones and values that expire in a tree of real tables: after each step each reader finds what the whole
 * history says. (T1, T2, T5, A2, A4 and A6 of the schedules that broke expiry elsewhere are among what is drawn.)
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { SpanTree } from '../support/model/span-tree.js'
import { drawnNumbers, isWholeRun } from '../support/harness/share.js'

test('SPAN-2, SPAN-3, TTL-2, TTL-4: flushes, merges, moves and drops keep what each reader sees at its time', () => {
  const totals = { flushes: 0, merges: 0, moves: 0, drops: 0, cuts: 0, expired: 0, expiredTables: 0, rewrites: 0 }
  for (const seed of drawnNumbers('span trees', 120)) {
    const tree = new SpanTree(new SeededRandom(seed, 'span tree'))
    try {
      for (let step = 0; step < 40; step++) tree.step()
    } catch (error) {
      throw new Error(`seed ${seed}, ${JSON.stringify(tree.counts)}`, { cause: error })
    }
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += tree.counts[name]
  }
  if (isWholeRun) assert.ok(Object.values(totals).every((count) => count > 30), JSON.stringify(totals))
})
