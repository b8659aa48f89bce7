/** Memory that is not filled: only where it is long, and only when it is of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownCopy, unfilledBytes, useUnfilledBytes } from './unfilled-bytes.js'

const LONG = 16 * 1024

test('long memory comes from the platform, short memory does not', (t) => {
  t.after(() => useUnfilledBytes(null))
  useUnfilledBytes((length) => new Uint8Array(length).fill(7))
  assert.equal(unfilledBytes(LONG)[5], 7)
  assert.equal(unfilledBytes(LONG - 1)[5], 0)
  const bytes = Uint8Array.from({ length: LONG + 9 }, (_, i) => i)
  for (const end of [4, 3 + LONG]) {
    const copy = ownCopy(bytes, 3, end)
    assert.deepEqual(copy, bytes.slice(3, end))
    assert.equal(copy.buffer.byteLength, end - 3)
  }
})

test('memory that others share is not taken', (t) => {
  t.after(() => useUnfilledBytes(null))
  useUnfilledBytes((length) => new Uint8Array(new ArrayBuffer(length + 8), 8).fill(7))
  const bytes = unfilledBytes(LONG)
  assert.deepEqual([bytes.buffer.byteLength, bytes[5]], [LONG, 0])
})
