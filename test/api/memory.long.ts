/** What: 2 GiB loaded in random order and scanned: resident memory stays under the budget and the stated overhead. */
import { test } from 'node:test'
import { checkMemory } from '../support/programs/memory-run.js'

const loadMiB = Math.ceil(2048 * Number(process.env['VARVE_LONG'] ?? 1))

for (const [budgetMiB, workers] of [[256, 2], [64, 2], [16, 2], [256, 0]] as const) {
  test(`BUD-1: ${loadMiB} MiB, a budget of ${budgetMiB} MiB, ${workers} workers`, (t) => {
    t.diagnostic(checkMemory(loadMiB, budgetMiB, workers))
  })
}

test('BUD-1: entries of 17 bytes, a budget of 32 MiB', (t) => {
  t.diagnostic(checkMemory(loadMiB / 8, 32, 2, 1))
})
