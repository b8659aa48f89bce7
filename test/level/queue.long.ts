/** A queue of 50,000 through which a million items go, with threads, on disk. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newDirectory } from '../support/databases/databases.js'
import { runQueue } from '../support/programs/queue-run.js'

test('a million items: the head is as near at the end as at the beginning', async () => {
  const tenths = await runQueue(newDirectory(), {
    total: 1_000_000, length: 50_000, batch: 1000, settleEvery: 50_000, options: { writeBufferSize: 2 ** 20 },
  })
  for (const { passedEach, passedMax } of tenths) {
    assert.ok(passedMax <= 150_000, `a look passed ${passedMax} deleted keys`)
    assert.ok(passedEach <= 10, `${passedEach} deleted keys passed for each item`)
  }
})
