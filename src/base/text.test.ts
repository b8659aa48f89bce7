import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from './random.js'
import { bytesBound, bytesLength, copyBytes, writeText } from './text.js'

const encoder = new TextEncoder()
const pieces = [
  'a', 'Z', '\0', '\x7f', '\x80', 'ß', '\u07ff', '\u0800', '€', '\uffff', '😀', '\ud800', '\udbff', '\udc00', '\udfff',
]

function* samples(): Generator<string> {
  yield* ['', ...pieces, '\ud83d\ud83d\ude00', '\udc00\ud800', 'x'.repeat(47), 'x'.repeat(48), 'x'.repeat(49)]
  yield* ['x'.repeat(47) + '€', '€' + 'x'.repeat(60), 'x'.repeat(48) + '\ud800']
  const random = new SeededRandom(1, 'text')
  for (let i = 0; i < 400; i++) {
    yield Array.from({ length: random.below(70) }, () => random.pick(random.chance(0.5) ? ['a'] : pieces)).join('')
  }
}

test('text is written as TextEncoder writes it, lone surrogates too', () => {
  for (const text of samples()) {
    const expected = encoder.encode(text)
    const bytes = new Uint8Array(text.length * 3 + 9).fill(0xee)
    const written = writeText(text, bytes, 4)
    assert.deepEqual(bytes.slice(4, 4 + written), expected, JSON.stringify(text))
    assert.deepEqual(bytes.slice(0, 4), new Uint8Array(4).fill(0xee))
    assert.equal(bytes[4 + text.length * 3], 0xee, 'nothing behind the room it was given')
    assert.equal(bytesLength(text), expected.length)
    assert.ok(bytesBound(text) >= expected.length)
    assert.deepEqual(copyBytes(text), expected)
  }
})

test('a copy of bytes is an own copy, of a Buffer too', () => {
  const buffer = Buffer.from('hello').subarray(1, 4)
  const copy = copyBytes(buffer)
  buffer.fill(0)
  assert.equal(Buffer.from(copy).toString(), 'ell')
  assert.equal(bytesLength(buffer), 3)
  assert.equal(bytesBound(buffer), 3)
})
