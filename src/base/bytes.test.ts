import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alignUp, compareBytes, compareRanges, equalRanges, prefixSuccessor, sharedPrefixLength, toHex,
} from './bytes.js'
import { SeededRandom } from './random.js'

const random = new SeededRandom(1, 'bytes')

function randomKey(): Uint8Array {
  return Uint8Array.from({ length: random.below(6) }, () => random.pick([0, 1, 0x61, 0xfe, 0xff]))
}

test('the order is bytewise, shorter first: that of Buffer.compare, in ranges too', () => {
  for (let i = 0; i < 3000; i++) {
    const [a, b] = [randomKey(), randomKey()]
    const expected = Buffer.compare(a, b)
    assert.equal(Math.sign(compareBytes(a, b)), expected)
    const [longA, longB] = [Buffer.concat([Buffer.of(9), a, Buffer.of(0)]), Buffer.concat([b, Buffer.of(0xff)])]
    assert.equal(Math.sign(compareRanges(longA, 1, 1 + a.length, longB, 0, b.length)), expected)
    assert.equal(equalRanges(longA, 1, 1 + a.length, longB, 0, b.length), expected === 0)
    const shared = sharedPrefixLength(longA, 1, 1 + a.length, longB, 0, b.length)
    assert.deepEqual(a.slice(0, shared), b.slice(0, shared))
    assert.ok(shared === Math.min(a.length, b.length) || a[shared] !== b[shared])
  }
})

test('the successor of a prefix is above all keys that begin with it, and below all others above', () => {
  for (let i = 0; i < 2000; i++) {
    const [prefix, key] = [randomKey(), randomKey()]
    const successor = prefixSuccessor(prefix)
    const begins = compareBytes(key.subarray(0, prefix.length), prefix) === 0 && key.length >= prefix.length
    const isInside = compareBytes(key, prefix) >= 0 && (successor === null || compareBytes(key, successor) < 0)
    assert.equal(isInside, begins, `${toHex(prefix)} ${toHex(key)}`)
  }
  assert.equal(prefixSuccessor(new Uint8Array(0)), null)
  assert.equal(prefixSuccessor(Uint8Array.of(0xff, 0xff)), null)
})

test('sizes are rounded up', () => {
  assert.deepEqual([0, 1, 8, 9].map((n) => alignUp(n, 8)), [0, 8, 8, 16])
  assert.equal(alignUp(2 ** 32 + 1, 8), 2 ** 32 + 8)
})
