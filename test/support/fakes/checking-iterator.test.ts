/** The checker must catch what it is for: otherwise the other tests prove less than they say. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ArrayIterator } from './array-iterator.js'
import type { TestEntry } from './array-iterator.js'
import { EntryKind } from '../../../src/base/index.js'
import { CheckingIterator } from './checking-iterator.js'

function entries(...keys: number[]): TestEntry[] {
  return keys.map((n, i) =>
    ({ key: new Uint8Array([n]), seqNum: 100 - i, kind: EntryKind.value, value: new Uint8Array([n]) }))
}

function checking(...keys: number[]): CheckingIterator {
  return new CheckingIterator(new ArrayIterator(entries(...keys)))
}

describe('CheckingIterator', () => {
  it('overwrites what it lent at the next call', () => {
    const iterator = checking(1, 2)
    iterator.first()
    const { keyBytes, valueBytes } = iterator
    assert.deepEqual([keyBytes[0], valueBytes[0]], [1, 1])
    iterator.next()
    assert.deepEqual([keyBytes[0], valueBytes[0]], [0xdd, 0xdd])
  })

  it('refuses steps without an entry and calls after close', () => {
    const iterator = checking(1)
    assert.throws(() => iterator.next(), { code: 'INTERNAL' })
    iterator.first()
    iterator.next()
    assert.throws(() => iterator.prev(), { code: 'INTERNAL' })
    iterator.close()
    iterator.close()
    assert.throws(() => iterator.first(), { code: 'INTERNAL' })
  })

  it('finds entries out of order', () => {
    for (const wrong of [checking(2, 1), new CheckingIterator(new ArrayIterator(
      [...entries(1)].concat({ ...entries(1)[0]!, seqNum: 101 })))]) {
      wrong.first()
      assert.throws(() => wrong.next(), /next did not go forward/)
      wrong.last()
      assert.throws(() => wrong.prev(), /prev did not go backward/)
    }
  })

  it('finds a seek that went wrong, and a value outside its bytes', () => {
    const child = new ArrayIterator(entries(1, 2))
    child.seekGE = () => child.first()
    child.seekLT = () => child.last()
    const iterator = new CheckingIterator(child)
    assert.throws(() => iterator.seekGE(new Uint8Array([2]), 0, 1), /seekGE/)
    assert.throws(() => iterator.seekLT(new Uint8Array([2]), 0, 1), /seekLT/)
    child.next = () => {
      child.valueEnd = 1e6
    }
    iterator.first()
    assert.throws(() => iterator.next(), /outside its bytes/)
  })
})
