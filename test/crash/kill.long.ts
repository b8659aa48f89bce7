/** What: as kill.test.ts, two hundred real processes in a row in each mode (VARVE_LONG: times as many). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { newDirectory } from '../support/databases/databases.js'
import { killAgainAndAgain } from '../support/programs/real-kill.js'

const rounds = Math.ceil(200 * Number(process.env['VARVE_LONG'] ?? 1))

for (const mode of ['strict', 'fast'] as const) {
  test(`${rounds} processes in a row are killed while they write, ${mode} mode`, async (t) => {
    const random = new SeededRandom(Number(process.env['VARVE_SEED'] ?? 1), mode)
    const { problems, acknowledged } = await killAgainAndAgain(newDirectory(), { rounds, mode, random })
    t.diagnostic(`${acknowledged} acknowledged batches`)
    assert.deepEqual(problems, [])
  })
}
