/** What: views follow processes that are killed while they write; the long form is an hour's storm. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { followKills } from '../support/programs/followed-kill.js'

for (const mode of ['strict', 'fast'] as const) {
  test(`F5, VIEW-2: two views follow two processes that are killed, ${mode} mode; nothing moves`, async () => {
    const random = new SeededRandom(1, mode)
    assert.ok(await followKills(newDirectory(), { rounds: 2, mode, random, lifeMs: 200 }) > 0)
  })
}
