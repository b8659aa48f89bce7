import assert from 'node:assert/strict'
import { test } from 'node:test'
import { follow, puts as operations } from '../../test/support/commit-scene.js'
import { HandClock, settled } from '../../test/support/hand-clock.js'
import { OperationList } from './operation-list.js'
import { WaitingWrites } from './waiting-writes.js'

const puts = (key: string) => OperationList.read(operations(key))
const options = { sync: false, position: null }

test('COM-6: first come, first served, up to a bound in bytes; one call may always wait', async () => {
  const clock = new HandClock()
  const waiting = new WaitingWrites(100, clock)
  const large = follow(waiting.push(puts('large'), options, 1000))
  assert.throws(() => waiting.push(puts('b'), options, 1), { code: 'BUSY' })
  assert.equal(clock.waitingCount, 1, 'the process is kept while one waits')
  waiting.shift(Promise.resolve())
  const answers = ['a', 'b'].map((key) => follow(waiting.push(puts(key), options, 50)))
  assert.throws(() => waiting.push(puts('c'), options, 1), { code: 'BUSY' })
  assert.deepEqual([waiting.count, waiting.bytes, waiting.first?.operations], [2, 100, puts('a')])
  waiting.shift(Promise.reject(Object.assign(new Error('x'), { code: 'NO_SPACE' })))
  assert.deepEqual(waiting.first?.operations, puts('b'))
  waiting.shift(Promise.resolve())
  await settled()
  assert.deepEqual([large, ...answers].map(({ state }) => state), ['done', 'NO_SPACE', 'done'])
  assert.deepEqual([waiting.isEmpty, waiting.first, waiting.bytes], [true, null, 0])
  assert.equal(clock.waitingCount, 0)
})
