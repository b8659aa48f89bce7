import assert from 'node:assert/strict'
import { crc32 as zlibCrc32 } from 'node:zlib'
import { test } from 'node:test'
import { crc32, reseedCrc32, useNativeCrc32 } from './checksum.js'
import { SeededRandom } from './random.js'

const random = new SeededRandom(1, 'checksum')
const bytes = new Uint8Array(5000)
random.fill(bytes)

test('the table gives the checksum of zlib, for every short length and alignment, with and without a seed', () => {
  useNativeCrc32(null)
  for (let start = 0; start < 9; start++) {
    for (let length = 0; length < 80; length++) {
      const seed = length % 3 === 0 ? 0 : random.u32()
      const expected = zlibCrc32(bytes.subarray(start, start + length), seed)
      assert.equal(crc32(bytes, start, start + length, seed), expected, `${start}, ${length}, ${seed}`)
    }
  }
  assert.equal(crc32(bytes, 0, 5000), zlibCrc32(bytes))
  assert.equal(crc32(new TextEncoder().encode('123456789'), 0, 9), 0xcbf43926)
})

test('a checksum goes on where another ended', () => {
  for (const cut of [0, 1, 7, 300, 4999]) {
    assert.equal(crc32(bytes, cut, 5000, crc32(bytes, 0, cut)), crc32(bytes, 0, 5000))
  }
})

test('the native function is asked for long ranges only, and gives the same', () => {
  let calls = 0
  const table = [255, 256, 5000].map((length) => crc32(bytes, 3, 3 + length - (length === 5000 ? 3 : 0), 9))
  useNativeCrc32((data, seed) => {
    calls++
    return zlibCrc32(data, seed)
  })
  const native = [255, 256, 5000].map((length) => crc32(bytes, 3, 3 + length - (length === 5000 ? 3 : 0), 9))
  useNativeCrc32(null)
  assert.deepEqual(native, table)
  assert.equal(calls, 2)
})

test('shared memory has the same checksum', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(5000))
  shared.set(bytes)
  assert.equal(crc32(shared, 1, 4999, 5), crc32(bytes, 1, 4999, 5))
})

test('a checksum begun with one seed gives the one begun with another, without the bytes', () => {
  for (const length of [0, 1, 2, 3, 7, 8, 255, 512, 1000, 4096, 4999, 5000]) {
    for (let round = 0; round < 5; round++) {
      const [seed, newSeed] = [round === 0 ? 0 : random.u32(), round === 1 ? 0 : random.u32()]
      const given = crc32(bytes, 0, length, seed)
      assert.equal(reseedCrc32(given, seed, newSeed, length), crc32(bytes, 0, length, newSeed), `${length}, ${seed}`)
    }
  }
  const long = new Uint8Array(2 ** 26 + 12_345).fill(3)
  assert.equal(reseedCrc32(zlibCrc32(long, 9), 9, 1234, long.length), zlibCrc32(long, 1234))
})
