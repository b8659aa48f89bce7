/**
 * What: the blob cache's protocol of kills, as a model: with all its mends no crash brings an old value back, and
 * without any one of them some crash does. BC-1, BC-5, BC-9.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareOfRun } from '../support/harness/share.js'
import { ALL_MENDS, BlobKillsLife } from '../support/model/blob-kills.js'
import type { Mends } from '../support/model/blob-kills.js'

const LIVES = 20_000
/** The rarest of the failures comes once in about 3,000 lives. */
const LIVES_MAX = 60_000

function firstStale(mends: Mends, lives: number): string | null {
  for (let seed = 1; seed <= lives; seed++) {
    const stale = new BlobKillsLife(seed, mends).run()
    if (stale !== null) return `seed ${seed}: ${stale}`
  }
  return null
}

test('no crash brings back a value that was overwritten or deleted', () => {
  assert.equal(firstStale(ALL_MENDS, Math.ceil(LIVES * shareOfRun)), null)
})

for (const mend of Object.keys(ALL_MENDS) as (keyof Mends)[]) {
  test(`without ${mend} an old value comes back`, (t) => {
    const stale = firstStale({ ...ALL_MENDS, [mend]: false }, LIVES_MAX)
    assert.ok(stale !== null)
    t.diagnostic(stale)
  })
}
