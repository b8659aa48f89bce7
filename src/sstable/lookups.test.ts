/** Point hash and filter work over the hashes of real keys: how far a search goes, how often a strange key passes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmurSiblings } from '../../test/support/samples/murmur-siblings.js'
import { drawHashSeed, hashRange, SeededRandom } from '../base/index.js'
import type { HashSeed } from '../base/index.js'
import { BloomFilter, encodeFilter } from './lookup/bloom-filter.js'
import { encodePointHash, placeOf, PointHash } from './lookup/point-hash.js'

const ENTRIES_A_BLOCK = 32

function finish<T>(steps: Generator<undefined, T, unknown>): T {
  let turn = steps.next()
  while (turn.done !== true) turn = steps.next()
  return turn.value
}

function hashesOf(keys: readonly Uint8Array[], seed: HashSeed): Uint32Array {
  return Uint32Array.from(keys, (key) => hashRange(key, 0, key.length, seed))
}

function pointHashOf(hashes: Uint32Array): PointHash {
  const places = Uint32Array.from(hashes, (_, i) => placeOf(Math.floor(i / ENTRIES_A_BLOCK), i % ENTRIES_A_BLOCK))
  return new PointHash(finish(encodePointHash({ hashes, places }, hashes.length, ENTRIES_A_BLOCK - 1, false))!)
}

/** Counts the slots that a search for the i-th key passes before it meets that key. */
function slotsPassed(pointHash: PointHash, hash: number, i: number): number {
  const { slots, placeMask } = pointHash
  const home = pointHash.home(hash)
  let slot = home
  while ((slots[slot]! & placeMask) !== i + 1) slot = (slot + 1) % slots.length
  return (slot - home + slots.length) % slots.length
}

const decimal = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(String(from + i)))

test('keys that were chosen to collide are met after few others', () => {
  const random = new SeededRandom(1, 'lookups')
  const keys = murmurSiblings(14, 16_384)
  for (let round = 0; round < 5; round++) {
    const hashes = hashesOf(keys, drawHashSeed(random))
    const pointHash = pointHashOf(hashes)
    const passed = Array.from(hashes, (hash, i) => slotsPassed(pointHash, hash, i))
    const most = Math.max(...passed)
    const mean = passed.reduce((sum, count) => sum + count, 0) / keys.length
    assert.ok(most < 150 && mean < 2, `${mean} slots are passed, at most ${most}`)
  }
})

test('of strange keys one in a hundred passes the filter, one in some thousands the point hash', () => {
  const random = new SeededRandom(2, 'lookups')
  const siblings = murmurSiblings(15, 32_768)
  for (const keys of [decimal(1_000_000, 32_768), siblings]) {
    const half = keys.length / 2
    let [filterPassed, hashPassed] = [0, 0]
    for (let round = 0; round < 5; round++) {
      const hashes = hashesOf(keys, drawHashSeed(random))
      const filter = new BloomFilter(finish(encodeFilter(hashes.subarray(0, half), half, 10)))
      const pointHash = pointHashOf(hashes.subarray(0, half))
      for (const hash of hashes.subarray(0, half)) assert.equal(filter.mayContain(hash), true)
      for (const hash of hashes.subarray(half)) {
        if (filter.mayContain(hash)) filterPassed++
        if (meetsTag(pointHash, hash)) hashPassed++
      }
    }
    const [filterRate, hashRate] = [filterPassed / (5 * half), hashPassed / (5 * half)]
    assert.ok(filterRate > 0.005 && filterRate < 0.015, `the filter lets ${filterRate} pass`)
    assert.ok(hashRate < 0.001, `the point hash lets ${hashRate} pass`)
  }
})

/** Tells whether a search for a strange key has to look at an entry. */
function meetsTag(pointHash: PointHash, hash: number): boolean {
  const { slots, placeBits } = pointHash
  for (let slot = pointHash.home(hash); slots[slot] !== 0; slot = (slot + 1) % slots.length) {
    if ((slots[slot]! ^ (hash << placeBits)) >>> placeBits === 0) return true
  }
  return false
}
