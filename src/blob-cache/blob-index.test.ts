import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmurHash, murmurSiblings } from '../../test/support/samples/murmur-siblings.js'
import { drawHashSeed, SeededRandom } from '../base/index.js'
import { hashKey } from './blob-hash.js'
import { BlobIndex } from './blob-index.js'

interface Item {
  readonly low: number
  readonly high: number
  segment: number
  offset: number
  bytes: number
  recordNum: number
  visits: number
}

const idOf = (low: number, high: number): string => `${high}:${low}`

function itemAt(index: BlobIndex, slot: number): Item {
  return {
    low: index.lowAt(slot), high: index.highAt(slot), segment: index.segmentAt(slot), offset: index.offsetAt(slot),
    bytes: index.bytesAt(slot), recordNum: index.recordNumAt(slot), visits: index.visitsAt(slot),
  }
}

/** Gives a place where the item is not, as like its own as can be. */
function otherPlace(random: SeededRandom, item: Item | undefined): { segment: number; recordNum: number } {
  const { segment, recordNum } = item ?? { segment: 5, recordNum: 5 }
  if (random.chance(0.5)) return { segment, recordNum: (recordNum ^ 1) >>> 0 }
  return { segment: (segment ^ 1) >>> 0, recordNum }
}

function assertSame(index: BlobIndex, items: ReadonlyMap<string, Item>): void {
  assert.equal(index.count, items.size)
  const seen = new Set<string>()
  for (let page = 0; page < index.pageCount; page++) {
    let before = -1
    index.forEachInPage(page, (slot) => {
      const item = itemAt(index, slot)
      const id = idOf(item.low, item.high)
      assert.deepEqual(item, items.get(id))
      assert.equal(index.find(item.low, item.high), slot)
      assert.ok(item.high >= before, 'in the order of hashes')
      before = item.high
      seen.add(id)
    })
  }
  assert.equal(seen.size, items.size)
}

/** How hashes are drawn: well spread, or so that they crowd in few homes, at either end, or at one word. */
const SPREADS: Readonly<Record<string, (random: SeededRandom) => [number, number]>> = {
  even: (random) => [random.below(2000), Math.imul(random.below(300), 0x9e3779b1) >>> 0],
  low: (random) => [random.u32(), random.below(3)],
  high: (random) => [random.u32(), 0xffffffff - random.below(3)],
  signs: (random) => [random.below(4) * 0x3fffffff, random.pick([0, 0x7fffffff, 0x80000000, 0xffffffff])],
  one: (random) => [random.below(500), 0x80000001],
}

for (const [name, draw] of Object.entries(SPREADS)) {
  test(`the index is a map, whatever is done to it: hashes ${name}`, () => {
    const random = new SeededRandom(7, name)
    const index = new BlobIndex()
    const items = new Map<string, Item>()
    for (let step = 0; step < 12_000; step++) {
      // Times in which it grows are followed by some in which it shrinks.
      const isShrinking = step % 4000 > 2400
      const [low, high] = draw(random)
      const item = items.get(idOf(low, high))
      const slot = index.find(low, high)
      assert.equal(slot >= 0, item !== undefined)
      const action = random.below(10)
      if (item !== undefined && action < 2) {
        index.visit(slot)
        item.visits = Math.min(3, item.visits + 1)
      } else if (action < (isShrinking ? 3 : 7)) {
        const [segment, offset] = [1 + random.below(2 ** 32 - 1), (random.u32() & ~7) >>> 0]
        const [bytes, recordNum, visits] = [random.u32(), random.u32(), random.below(4)]
        index.set(low, high, segment, offset, bytes, recordNum, visits)
        items.set(idOf(low, high), { low, high, segment, offset, bytes, recordNum, visits })
      } else {
        const right = random.chance(0.7) ? item : undefined
        const { segment, recordNum } = right ?? otherPlace(random, item)
        if (random.chance(0.3)) {
          assert.equal(index.moveIf(low, high, segment, recordNum, 9, 2 ** 31, 4, 1), right !== undefined)
          if (right !== undefined) Object.assign(right, { segment: 9, offset: 2 ** 31, recordNum: 4, visits: 1 })
        } else {
          assert.equal(index.removeIf(low, high, segment, recordNum), right !== undefined)
          if (right !== undefined) items.delete(idOf(low, high))
        }
      }
      if (step % 3999 === 0) assertSame(index, items)
    }
    assertSame(index, items)
    for (const { low, high, segment, recordNum } of items.values()) {
      assert.ok(index.removeIf(low, high, segment, recordNum))
    }
    assert.equal(index.count, 0)
    assert.equal(index.find(0, 0), -1)
  })
}

test('an item has at most 40 bytes, no step copies more than a page, and memory comes back', () => {
  const random = new SeededRandom(8, 'index')
  const index = new BlobIndex()
  const COUNT = 150_000
  const hashes = Uint32Array.from({ length: 2 * COUNT }, () => random.u32())
  let [copied, most, bytesMost] = [0, 0, 0]
  for (let i = 0; i < COUNT; i++) {
    index.set(hashes[2 * i]!, hashes[2 * i + 1]!, 1, 8 * i, i, i, 0)
    if (i % 64 > 0) continue
    most = Math.max(most, index.copiedSlots - copied)
    copied = index.copiedSlots
    if (i > 1000) bytesMost = Math.max(bytesMost, index.bytes / (i + 1))
  }
  assert.equal(index.count, COUNT)
  assert.ok(index.pageCount >= 4)
  // In 64 steps a few pages may grow, as many as there are here.
  assert.ok(most <= 4 * 32 * 1024, `${most} slots copied`)
  assert.ok(bytesMost < 40, `${bytesMost} bytes an item`)
  assert.ok(copied < 6 * COUNT, `${copied} slots copied in all`)
  for (let i = 0; i < COUNT; i++) {
    assert.equal(index.recordNumAt(index.find(hashes[2 * i]!, hashes[2 * i + 1]!)), i)
  }
  for (let i = 0; i < COUNT; i++) index.removeIf(hashes[2 * i]!, hashes[2 * i + 1]!, 1, i)
  assert.ok(index.bytes < 100_000, `${index.bytes} bytes stay`)
})

test('a walk over pages misses nothing that was there all the time, though pages split meanwhile', () => {
  const random = new SeededRandom(9, 'index')
  const index = new BlobIndex()
  const first = Array.from({ length: 60_000 }, () => [random.u32(), random.u32()] as const)
  for (const [low, high] of first) index.set(low, high, 1, 0, 0, 0, 0)
  const before = index.pageCount
  const seen = new Set<number>()
  for (let page = 0; page < index.pageCount; page++) {
    index.forEachInPage(page, (slot) => seen.add(index.highAt(slot) * 2 ** 21 + (index.lowAt(slot) >>> 11)))
    for (let i = 0; i < 20_000; i++) index.set(random.u32(), random.u32(), 2, 0, 0, 0, 0)
  }
  assert.ok(index.pageCount > before)
  for (const [low, high] of first) assert.ok(seen.has(high * 2 ** 21 + (low >>> 11)))
})

test('keys that collide under every seed of MurmurHash3 all stay', () => {
  const random = new SeededRandom(10, 'index')
  const keys = murmurSiblings(12, 4096)
  const seed = drawHashSeed(random)
  const index = new BlobIndex()
  const out = new Uint32Array(2)
  for (const [at, key] of keys.entries()) {
    hashKey(key, 0, key.length, seed, out)
    index.set(out[0]!, out[1]!, 1, 8 * at, 100, at, 0)
  }
  assert.equal(new Set(keys.map((key) => murmurHash(key, seed.low))).size, 1)
  assert.equal(index.count, keys.length)
  for (const [at, key] of keys.entries()) {
    hashKey(key, 0, key.length, seed, out)
    assert.equal(index.recordNumAt(index.find(out[0]!, out[1]!)), at)
  }
})

test('hashes that share half their bits cost time, but are found', () => {
  const index = new BlobIndex()
  // So many that a page is split, which does not help.
  const COUNT = 26_000
  for (let i = 0; i < COUNT; i++) index.set(i, 0x12345678, 1, 8 * i, 0, i, 0)
  assert.equal(index.count, COUNT)
  assert.ok(index.pageCount > 1)
  for (const i of [0, 1, 13_333, COUNT - 1]) assert.equal(index.recordNumAt(index.find(i, 0x12345678)), i)
})
