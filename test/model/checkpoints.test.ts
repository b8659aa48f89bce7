/** Checkpoints at random moments of random lives: each is the moment that it says, and a database of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawnNumbers, isWholeRun } from '../support/harness/share.js'
import { CheckpointLife } from '../support/model/checkpoint-life.js'

const LIVES = 120
const STEPS = 60

test('CP-1, CP-6, CP-7, C1, C2, C13: copies of random lives equal the source at their sequence number', async () => {
  const total = { checkpoints: 0, linkedBytes: 0, copiedBytes: 0, reusedBytes: 0 }
  for (const seed of drawnNumbers('checkpoint lives', LIVES)) {
    try {
      const counts = await new CheckpointLife(seed).run(STEPS)
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += counts[key]
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
  if (isWholeRun) assert.ok(Object.values(total).every((count) => count > 0), JSON.stringify(total))
})
