/** Memory is passed on when it is large enough, and never to two jobs at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KiB } from '../base/index.js'
import { SpareMemory } from './spare-memory.js'

test('what was given back is taken again when it is large enough and made for such blocks', () => {
  const spare = new SpareMemory()
  const first = spare.take(4 * KiB, 100 * KiB)
  const second = spare.take(4 * KiB, 0)
  assert.notEqual(first, second, 'two jobs at once')
  spare.give(second)
  spare.give(first)
  assert.equal(first.take(64 * KiB), first.bytes.length - 100 * KiB)
  assert.equal(spare.take(4 * KiB, 100 * KiB), first)
  assert.equal(first.take(64 * KiB), first.bytes.length - 100 * KiB, 'what was taken is there again')
  spare.give(first)
  assert.notEqual(spare.take(4 * KiB, 101 * KiB), first, 'too small')
  spare.give(first)
  assert.notEqual(spare.take(8 * KiB, 0), first, 'other blocks')
})
