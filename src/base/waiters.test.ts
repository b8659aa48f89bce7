import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Waiters } from './waiters.js'

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('all who wait are woken together; who comes later waits for the next time', async () => {
  const waiters = new Waiters()
  const told: string[] = []
  for (const name of ['a', 'b']) void waiters.next().then(() => told.push(name))
  waiters.wake()
  void waiters.next().then(() => told.push('c'))
  await settled()
  assert.deepEqual(told, ['a', 'b'])
  waiters.wake()
  await settled()
  assert.deepEqual(told, ['a', 'b', 'c'])
})

test('until something is so: asked at once, and again after each wake', async () => {
  const waiters = new Waiters()
  let left = 3
  let isOver = false
  await waiters.until(() => true)
  void waiters.until(() => --left === 0).then(() => (isOver = true))
  for (const expected of [2, 1]) {
    assert.deepEqual([left, isOver], [expected, false])
    waiters.wake()
    await settled()
  }
  assert.deepEqual([left, isOver], [0, true])
})
