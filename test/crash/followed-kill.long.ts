/** What: as followed-kill.test.ts, for an hour (VARVE_LONG: times as long), and many random lives. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { FollowedLife } from '../support/model/followed-life.js'
import { followKills } from '../support/programs/followed-kill.js'

const hours = Number(process.env['VARVE_LONG'] ?? 1)
const seed = Number(process.env['VARVE_SEED'] ?? 1)
/** A process lives about this long, with its start. */
const ROUND_SECONDS = 2

for (const mode of ['strict', 'fast'] as const) {
  test(`F5: a storm of processes that are killed, ${mode} mode`, async (t) => {
    const random = new SeededRandom(seed, mode)
    const rounds = Math.ceil(hours * 1800 / ROUND_SECONDS)
    // A directory of its own now and then, so that reading all of it stays short.
    for (let left = rounds; left > 0; left -= 50) {
      const count = await followKills(newDirectory(), { rounds: Math.min(50, left), mode, random, lifeMs: 3000 })
      t.diagnostic(`${count} refreshes`)
    }
  })
}

test('VIEW-1: many random lives, followed', async () => {
  for (let i = 0; i < Math.ceil(500 * hours); i++) {
    const { refreshCount } = await new FollowedLife(seed * 100_000 + i).run(200)
    assert.ok(refreshCount > 0)
  }
})
