import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashRange, hashView } from './hash.js'
import { SeededRandom } from './random.js'

const hash = (text: string, seed: number) => hashRange(Buffer.from(text), 0, Buffer.byteLength(text), seed)

test('MurmurHash3_x86_32: the published values; on disk, so they never change', () => {
  assert.equal(hash('', 0), 0)
  assert.equal(hash('', 1), 0x514e28b7)
  assert.equal(hash('', 0xffffffff), 0x81f16f39)
  assert.equal(hash('\0\0\0\0', 0), 0x2362f9de)
  assert.equal(hash('aaaa', 0x9747b28c), 0x5a97808a)
  assert.equal(hash('aaa', 0x9747b28c), 0x283e0130)
  assert.equal(hash('aa', 0x9747b28c), 0x5d211726)
  assert.equal(hash('a', 0x9747b28c), 0x7fa09ea6)
  assert.equal(hash('Hello, world!', 0x9747b28c), 0x24884cba)
})

test('only the range counts', () => {
  const bytes = new Uint8Array(64)
  new SeededRandom(1, 'hash').fill(bytes)
  for (let start = 0; start < 8; start++) {
    for (let end = start; end < 40; end++) {
      const alone = bytes.slice(start, end)
      assert.equal(hashRange(bytes, start, end, 5), hashRange(alone, 0, alone.length, 5))
      assert.equal(hashView(new DataView(bytes.buffer), start, end, 5), hashRange(bytes, start, end, 5))
    }
  }
})
