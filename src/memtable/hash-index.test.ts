import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmurSiblings } from '../../test/support/samples/murmur-siblings.js'
import { drawHashSeed, hashRange, SeededRandom } from '../base/index.js'
import { HashIndex } from './hash-index.js'

/** Puts `id` for a hash, or replaces the id that `isSame` accepts, as the memtable does. */
function insert(index: HashIndex, hash: number, id: number, isSame: (id: number) => boolean): number {
  let found = index.find(hash)
  while (found !== 0 && !isSame(found - 1)) found = index.next(hash)
  index.put(hash, id)
  return found
}

test('random hashes, many of them equal, against a map', () => {
  const random = new SeededRandom(1, 'hash index')
  const index = new HashIndex()
  const model = new Map<string, number>()
  const keyOf: string[] = []
  for (let id = 0; id < 30_000; id++) {
    const hash = random.chance(0.5) ? (random.below(200) * 0x01000193) | 0 : random.u32() | 0
    const key = `${hash} ${random.below(3)}`
    keyOf.push(key)
    const found = insert(index, hash, id, (other) => keyOf[other] === key)
    assert.equal(found === 0 ? undefined : found - 1, model.get(key))
    model.set(key, id)
  }
  for (const [key, id] of model) {
    const hash = Number(key.split(' ')[0])
    let found = index.find(hash)
    while (found !== 0 && keyOf[found - 1] !== key) found = index.next(hash)
    assert.equal(found - 1, id)
  }
  for (let i = 0; i < 1000; i++) {
    const hash = random.u32() | 0
    if (![...model.keys()].some((key) => key.startsWith(`${hash} `))) assert.equal(index.find(hash), 0)
  }
})

test('hashes that all fall into one place are found, and growth keeps them', () => {
  for (const shape of [(i: number) => i << 26, (i: number) => i << 6, () => -1, () => 0]) {
    const index = new HashIndex()
    for (let id = 0; id < 400; id++) insert(index, shape(id), id, () => false)
    for (let id = 0; id < 400; id++) {
      const hash = shape(id)
      const ids = []
      for (let found = index.find(hash); found !== 0; found = index.next(hash)) ids.push(found - 1)
      assert.ok(ids.includes(id))
    }
  }
})

test('a segment grows by itself: no insertion moves the whole index', () => {
  const index = new HashIndex()
  const before = index.memoryBytes
  for (let id = 0; id < 49; id++) insert(index, id, id, () => false)
  assert.equal(index.memoryBytes - before, 64 * 8)
})

test('keys that were chosen to collide are met after few others', () => {
  const random = new SeededRandom(2, 'hash index')
  const keys = murmurSiblings(12, 4096)
  for (let i = 0; i < 10; i++) {
    const seed = drawHashSeed(random)
    const index = new HashIndex()
    const hashes = keys.map((key) => hashRange(key, 0, key.length, seed))
    for (const [id, hash] of hashes.entries()) insert(index, hash, id, () => false)
    const passed = hashes.map((hash, id) => slotsPassed(index, hash, id))
    const most = Math.max(...passed)
    const mean = passed.reduce((sum, count) => sum + count, 0) / keys.length
    assert.ok(most < 100 && mean < 1.5, `${mean} slots are passed, at most ${most}`)
  }
})

/** Counts the slots between where a search begins and where it meets `id`. */
function slotsPassed(index: HashIndex, hash: number, id: number): number {
  let found = index.find(hash)
  while (found !== id + 1) found = index.next(hash)
  const mask = index['segment'].length - 1
  return ((index['at'] - (hash << 1)) & mask) / 2
}
