import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmurHash, murmurSiblings } from '../../test/support/samples/murmur-siblings.js'
import {
  drawHashSeed, hashRange, hashRangeWide, hashSeedBytes, hashView, KeyHash, readHashSeed,
} from './hash.js'
import type { HashSeed } from './hash.js'
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

/** The 64-bit hashes of the same keys, from the same program. */
const WIDE_VECTORS = `
  76a5d0212320f72a 87e8748d6fd33397 78ee1fe15d3cd732 3e5239a36bde6c3e eb24dba0718cae05 83e7464ecbc3bde6
  af65e0c64df5d602 3c052d0ab24cf18f 3dcda8311dec7a5f bd615fbfc1433bf6 3134fba809e041f2 cd3daa72c20b76fb
  5577cc5cb3e73f93 6d177cca97c22544 7da915ca92ec826b 165bdfa626a2729a 56d7c5b93d3e2ec2 58ec4c13d6ac3a30
  f449a18ad5987ad6 7d1290edf3429ef8 525e23294d7408e4 c3d9b8867fd93be5 af97b53ae66d9bda 70d7de319436aeff
  858192abe6c25324 6d567eb6b6f9e3a8 4a51bfce4c82f9f3 8e4fc32e7bd9c82a b1bcbf18c2f4636a ec7401c48b689e2a
  ad3015d857893ddd cbbb9e1bdecab632 166eee0fc184b8f1 bfb71495d4b66bf4 41359e0034cfd71a 383c31d4759a33fe
  ec905553a43d1ea4 a7cc174db730d667 a2dfb776b83aa58e 7493d377c7cb4649 528567d59dd5ea12 c19fa8fc024c133e
  bb18d53de33a01a4 3ed82d7e5943ff03 690ab33f13714489 277510b796a74b74 47cfa4b806053f1c 594cecf6fefbff14
  fc513a57f23c3903 398975e7a192ee36 42bd3b402ea09f40 365ad62ac3bc8acb 85f276512bd30d97 63d31f1671b19301
  a2e721503778e429 8bbfba9e90fe0a8a d7dd10b7ecfd873a 936c4e9f93c2597b 8b0146ec86c51f3c 5c9d183160dd8291
  49ab1bc394c274f4 c245b4268e3fdd4d 7cdf3ae3b2de5716 3c12c4201914c5c1 0ae13b4da064d6b0 e49c65b415e80c67
  a7a00d7c227dd53a f1220e300d618e8e 88c3cbbf723b3b5e fa35abca8917f1ea 84c40c2d6cc214d7 9d35742ff5f63ace`
  .trim().split(/\s+/)

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

function shownWide(bytes: Uint8Array, seed: Uint8Array): string {
  const [words, hash] = [new Uint32Array(2), Buffer.alloc(8)]
  hashRangeWide(bytes, 0, bytes.length, readHashSeed(seed), words)
  for (const [at, word] of words.entries()) hash.writeUInt32LE(word, 4 * at)
  return hash.toString('hex')
}

test('HalfSipHash-1-3 with 64 bits: the values of the reference implementation; on disk, so they never change', () => {
  assert.equal(WIDE_VECTORS.length, 72)
  for (const [length, expected] of WIDE_VECTORS.entries()) {
    assert.equal(shownWide(counting(length), counting(8)), expected)
  }
  const long = { 250: '6e4b4991c088114f', 255: 'b07a0cb0605dc671', 260: '439cc94b0681e6af', 1000: 'ba3940cc6be21e41' }
  for (const [length, expected] of Object.entries(long)) {
    assert.equal(shownWide(counting(Number(length), 7, 3), counting(8, -17, 0xff)), expected)
  }
})

test('only the range counts', () => {
  const bytes = new Uint8Array(64)
  const random = new SeededRandom(1, 'hash')
  random.fill(bytes)
  const seed = drawHashSeed(random)
  const [wide, wideAlone] = [new Uint32Array(2), new Uint32Array(2)]
  for (let start = 0; start < 8; start++) {
    for (let end = start; end < 40; end++) {
      const alone = bytes.slice(start, end)
      hashRangeWide(bytes, start, end, seed, wide)
      hashRangeWide(alone, 0, alone.length, seed, wideAlone)
      assert.deepEqual(wide, wideAlone)
      assert.equal(hashRange(bytes, start, end, seed), hashRange(alone, 0, alone.length, seed))
      assert.equal(hashView(new DataView(bytes.buffer), start, end, seed), hashRange(bytes, start, end, seed))
    }
  }
})

test('each bit of the seed and of the key changes half the bits of both words of the wide hash', () => {
  const random = new SeededRandom(4, 'hash')
  const COUNT = 500
  const [before, after] = [new Uint32Array(2), new Uint32Array(2)]
  for (const bit of Array.from({ length: 64 + 8 * 19 }, (_, i) => i)) {
    const changed = [0, 0]
    for (let i = 0; i < COUNT; i++) {
      const bytes = new Uint8Array(8 + 19)
      random.fill(bytes)
      hashRangeWide(bytes, 8, bytes.length, readHashSeed(bytes), before)
      bytes[bit >>> 3]! ^= 1 << (bit & 7)
      hashRangeWide(bytes, 8, bytes.length, readHashSeed(bytes), after)
      for (const word of [0, 1]) changed[word]! += onesOf(before[word]! ^ after[word]!)
    }
    for (const ones of changed) assert.ok(Math.abs(ones / COUNT - 16) < 1, `bit ${bit}: ${ones / COUNT} bits change`)
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
    assert.equal(new Set(keys.map((key) => wideText(key, seed))).size, keys.length, 'all 64 bits of no two are equal')
  }
})

function wideText(key: Uint8Array, seed: HashSeed): string {
  const words = new Uint32Array(2)
  hashRangeWide(key, 0, key.length, seed, words)
  return words.join()
}

test('one hash of a key for all who have one seed, and the right one for each other seed', () => {
  const random = new SeededRandom(5, 'key hash')
  const keyHash = new KeyHash()
  const seeds = Array.from({ length: 4 }, () => drawHashSeed(random))
  for (let turn = 0; turn < 500; turn++) {
    const key = new Uint8Array(random.below(30))
    random.fill(key)
    keyHash.begin()
    for (let ask = random.below(6); ask > 0; ask--) {
      const seed = random.pick(seeds)
      assert.equal(keyHash.of(key, 0, key.length, { ...seed }), hashRange(key, 0, key.length, seed))
    }
  }
  for (const seed of seeds) assert.deepEqual(readHashSeed(hashSeedBytes(seed)), seed)
})
