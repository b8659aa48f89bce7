import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmurHash, murmurSiblings } from '../../test/support/samples/murmur-siblings.js'
import { drawHashSeed, hashRange, hashView, readHashSeed } from './hash.js'
import { SeededRandom } from './random.js'

/**
 * Hashes of no byte, of 0, of 0 and 1, and so on, under the key 0, 1, …, 7. The authors' halfsiphash.c gives them
 * with 1 round a word and 3 at the end; they are written as bytes in hex.
 */
const VECTORS = `
  96c81458 ca64e8e7 300e4bbc 39995301 a69e057e 9bd8e388 650b08a0 d6d9389d
  b1997957 edca39c8 cf32fae4 ee469295 6c09286b d69cdd66 7c8a6516 047b25d0
  01d5318b 4bd01c2b 39237106 67ca2a52 05b61b91 0e5fa690 7bef26f8 eb2d5162
  d70a1557 0735475d 4274c41e d3af64ab d000410a 52e62c6d a3b63123 1a79d808
  8dda6dbc 34c9f6e0 332065b0 cc51989b 7ffb467c cba82b73 7a9942f1 1baac9fc
  b27e3205 1c1310e1 c0e7e5f9 a608d7a7 b15a7911 19166765 91ff5f9f 67529cd8
  eb837700 43627695 629263ab 90137e9c a6dd68c3 55c4dd38 79d313fa e8a49e97
  7ed7ec53 5706e82e 6ab6db33 77053fae ccc4b488 0b487f3e f8ebc174 04831787`.trim().split(/\s+/)

const counting = (length: number, factor = 1, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => i * factor + first)

function shown(bytes: Uint8Array, seed: Uint8Array): string {
  const hash = Buffer.alloc(4)
  hash.writeInt32LE(hashRange(bytes, 0, bytes.length, readHashSeed(seed)))
  return hash.toString('hex')
}

test('HalfSipHash-1-3: the values of the reference implementation; on disk, so they never change', () => {
  for (const [length, expected] of VECTORS.entries()) assert.equal(shown(counting(length), counting(8)), expected)
  const seed = counting(8, -17, 0xff)
  const long = { 250: 'c0406b7f', 255: 'e9f3d9ec', 260: '635ba962', 1000: '8ff76d78' }
  for (const [length, expected] of Object.entries(long)) {
    assert.equal(shown(counting(Number(length), 7, 3), seed), expected)
  }
})

test('only the range counts', () => {
  const bytes = new Uint8Array(64)
  const random = new SeededRandom(1, 'hash')
  random.fill(bytes)
  const seed = drawHashSeed(random)
  for (let start = 0; start < 8; start++) {
    for (let end = start; end < 40; end++) {
      const alone = bytes.slice(start, end)
      assert.equal(hashRange(bytes, start, end, seed), hashRange(alone, 0, alone.length, seed))
      assert.equal(hashView(new DataView(bytes.buffer), start, end, seed), hashRange(bytes, start, end, seed))
    }
  }
})

test('each bit of the seed and of the key changes half the bits of the hash', () => {
  const random = new SeededRandom(2, 'hash')
  const COUNT = 500
  for (const bit of Array.from({ length: 64 + 8 * 19 }, (_, i) => i)) {
    let changed = 0
    for (let i = 0; i < COUNT; i++) {
      // The seed is eight bytes, and the key does not end with a word.
      const bytes = new Uint8Array(8 + 19)
      random.fill(bytes)
      const hash = hashRange(bytes, 8, bytes.length, readHashSeed(bytes))
      bytes[bit >>> 3]! ^= 1 << (bit & 7)
      changed += onesOf(hash ^ hashRange(bytes, 8, bytes.length, readHashSeed(bytes)))
    }
    assert.ok(Math.abs(changed / COUNT - 16) < 1, `bit ${bit}: ${changed / COUNT} bits change`)
  }
})

function onesOf(word: number): number {
  let count = 0
  for (let left = word; left !== 0; left &= left - 1) count++
  return count
}

test('keys with one hash under every seed of MurmurHash3 have different ones here', () => {
  const random = new SeededRandom(3, 'hash')
  const keys = murmurSiblings(12, 4096)
  assert.equal(new Set(keys.map((key) => key.join())).size, keys.length)
  for (let i = 0; i < 20; i++) {
    const seed = drawHashSeed(random)
    assert.equal(new Set(keys.map((key) => murmurHash(key, seed.low))).size, 1)
    const hashes = new Set(keys.map((key) => hashRange(key, 0, key.length, seed)))
    assert.ok(hashes.size >= keys.length - 2, `${hashes.size} hashes of ${keys.length} keys`)
  }
})
