import assert from 'node:assert/strict'
import { test } from 'node:test'
import { touchSlab } from './touch-slab.js'

test('touching changes nothing, whatever the memory holds and however long it is', () => {
  for (const bytes of [0, 3, 4096, 3 * 2 ** 20 + 5]) {
    const memory = new SharedArrayBuffer(bytes)
    const view = new Uint8Array(memory).map((_, i) => i * 7)
    new Uint8Array(memory).set(view)
    const steps = [...touchSlab({ memory })].length
    assert.equal(steps, bytes === 0 || bytes === 3 ? 0 : Math.ceil(bytes / 2 ** 20))
    assert.deepEqual(new Uint8Array(memory), view)
  }
})
