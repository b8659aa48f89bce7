import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPinned } from './version.js'

test('FLUSH-7: a pin keeps its log and every later one', () => {
  assert.equal(isPinned(7, new Map()), false)
  const pins = new Map([['a', 9], ['b', 7]])
  assert.deepEqual([6, 7, 8, 20].map((log) => isPinned(log, pins)), [false, true, true, true])
})
