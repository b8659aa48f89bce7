import assert from 'node:assert/strict'
import { test } from 'node:test'
import { follow, puts as operations } from '../../test/support/scenes/commit-scene.js'
import { HandClock, settled } from '../../test/support/fakes/hand-clock.js'
import { OperationList } from './operation-list.js'
import { PackedOperations } from './packed-operations.js'
import { WaitingWrites } from './waiting-writes.js'

const puts = (key: string) => PackedOperations.pack(OperationList.read(operations(key)))
const options = { sync: false, position: null }
/** Memory of a call that waits with a key and a value of one byte each. */
const CALL_BYTES = 384 + 2 + 17

test('COM-6: first come, first served, up to a bound in bytes; one call may always wait', async () => {
  const clock = new HandClock()
  const waiting = new WaitingWrites(2 * CALL_BYTES, clock)
  const large = follow(waiting.push(puts('large'.repeat(1000)), options))
  assert.throws(() => waiting.push(puts('b'), options), { code: 'BUSY' })
  assert.equal(clock.waitingCount, 1, 'the process is kept while one waits')
  waiting.shift(Promise.resolve())
  const answers = ['a', 'b'].map((key) => follow(waiting.push(puts(key), options)))
  assert.throws(() => waiting.push(puts('c'), options), { code: 'BUSY' })
  assert.deepEqual([waiting.count, waiting.bytes, waiting.first?.operations], [2, 2 * CALL_BYTES, puts('a')])
  waiting.shift(Promise.reject(Object.assign(new Error('x'), { code: 'NO_SPACE' })))
  assert.deepEqual(waiting.first?.operations, puts('b'))
  waiting.shift(Promise.resolve())
  await settled()
  assert.deepEqual([large, ...answers].map(({ state }) => state), ['done', 'NO_SPACE', 'done'])
  assert.deepEqual([waiting.isEmpty, waiting.first, waiting.bytes], [true, null, 0])
  assert.equal(clock.waitingCount, 0)
})
