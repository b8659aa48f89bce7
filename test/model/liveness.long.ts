/** What: the whole liveness matrix: test/support/model/liveness.ts. VARVE_LONG scales the bytes of each pattern. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allPatterns, checkLiveness, nameOf } from '../support/model/liveness.js'

const TOTAL_BYTES = Math.ceil(8 * 2 ** 20 * Number(process.env['VARVE_LONG'] ?? 1))
const TOLD_EVERY = 100

test('every pattern: writers progress, and files are bounded by what is live', async () => {
  const failed: string[] = []
  for (const [i, pattern] of allPatterns().entries()) {
    try {
      await checkLiveness(pattern, TOTAL_BYTES)
    } catch (error) {
      failed.push((error as Error).message)
      console.log(`✖ ${(error as Error).message}`)
    }
    if ((i + 1) % TOLD_EVERY !== 0) continue
    console.log(`${i + 1} patterns, the last: ${nameOf(pattern)}; ${failed.length} failed`)
  }
  assert.deepEqual(failed, [])
})
