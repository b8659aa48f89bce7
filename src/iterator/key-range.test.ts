import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ALL_KEYS, isEmptyRange, keyRange } from './key-range.js'

const key = (...bytes: number[]): Uint8Array => new Uint8Array(bytes)

describe('keyRange', () => {
  it('is half open', () => {
    assert.deepEqual(keyRange({}), ALL_KEYS)
    assert.deepEqual(keyRange({ gte: key(1), lt: key(2) }), { lower: key(1), upper: key(2) })
    assert.deepEqual(keyRange({ gt: key(1), lte: key(2) }), { lower: key(1, 0), upper: key(2, 0) })
  })

  it('takes the narrowest of several bounds', () => {
    assert.deepEqual(keyRange({ gt: key(1), gte: key(1) }).lower, key(1, 0))
    assert.deepEqual(keyRange({ gt: key(1), gte: key(2) }).lower, key(2))
    assert.deepEqual(keyRange({ lt: key(2), lte: key(2) }).upper, key(2))
    assert.deepEqual(keyRange({ lt: key(3), lte: key(2) }).upper, key(2, 0))
    assert.deepEqual(keyRange({ prefix: key(5), gte: key(5, 3), lt: key(9) }),
      { lower: key(5, 3), upper: key(6) })
    assert.deepEqual(keyRange({ prefix: key(0xff, 0xff) }), { lower: key(0xff, 0xff), upper: null })
    assert.deepEqual(keyRange({ prefix: key() }), { lower: key(), upper: null })
  })

  it('knows when nothing can be inside', () => {
    assert.equal(isEmptyRange(ALL_KEYS), false)
    assert.equal(isEmptyRange(keyRange({ lt: key() })), true)
    assert.equal(isEmptyRange(keyRange({ lte: key() })), false)
    assert.equal(isEmptyRange(keyRange({ gt: key(1), lt: key(1, 0) })), true)
    assert.equal(isEmptyRange(keyRange({ gte: key(1), lte: key(1) })), false)
    assert.equal(isEmptyRange(keyRange({ gte: key(2), lt: key(1) })), true)
  })
})
