/** The head of a queue stays where it is: what a look at it walks over does not grow with what went before. */
import assert from 'node:assert/strict'
import { MemoryVfs } from '../../src/testing.js'
import { runQueue } from '../support/programs/queue-run.js'
import { heavyTest } from '../support/harness/share.js'

const ENTRY_BYTES = 40
const WRITE_BUFFER_BYTES = 64 * 1024

heavyTest('a queue of 1000, 100,000 items go through: a look passes two memtables’ deletes at most', async () => {
  const tenths = await runQueue('/queue', {
    total: 100_000, length: 1000, batch: 100, settleEvery: 200,
    options: { writeBufferSize: WRITE_BUFFER_BYTES, workers: 0, components: { vfs: new MemoryVfs() } },
  })
  const entriesPerMemtable = WRITE_BUFFER_BYTES / ENTRY_BYTES
  for (const { passedEach, passedMax } of tenths) {
    assert.ok(passedMax <= 2 * entriesPerMemtable, `a look passed ${passedMax} deleted keys`)
    assert.ok(passedEach <= 3, `${passedEach} deleted keys passed for each item`)
  }
  const half = (part: typeof tenths): number => part.reduce((sum, { passedEach }) => sum + passedEach, 0)
  assert.ok(half(tenths.slice(5)) <= 1.5 * half(tenths.slice(0, 5)), 'the second half costs as the first')
})
