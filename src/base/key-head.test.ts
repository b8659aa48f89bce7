/** A smaller head is a smaller key, whatever the keys' lengths. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { compareBytes } from './bytes.js'
import { keyHead } from './key-head.js'
import { SeededRandom } from './random.js'

it('orders keys as their bytes do, as far as it goes', () => {
  const random = new SeededRandom(1, 'heads')
  const letters = [0, 1, 127, 128, 255]
  const draw = (): Uint8Array => Uint8Array.from({ length: random.below(9) }, () => random.pick(letters))
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [draw(), draw()]
    const order = keyHead(a, 0, a.length) - keyHead(b, 0, b.length)
    if (order !== 0) assert.equal(Math.sign(compareBytes(a, b)), Math.sign(order), `${a} and ${b}`)
    else assert.deepEqual(padded(a), padded(b))
  }
})

it('takes the key inside of other bytes', () => {
  const bytes = Uint8Array.of(9, 1, 2, 3, 4, 5, 6, 7, 9)
  assert.equal(keyHead(bytes, 1, 8), 0x010203040506)
  assert.equal(keyHead(bytes, 1, 3), 0x010200000000)
  assert.equal(keyHead(bytes, 2, 2), 0)
})

/** The six bytes that a head is made of. */
function padded(key: Uint8Array): number[] {
  return Array.from({ length: 6 }, (_, i) => key[i] ?? 0)
}
