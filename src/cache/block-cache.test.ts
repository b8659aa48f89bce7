/** The cache keeps its bound, keeps what is used and what is held, and never lets two blocks overlap. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KiB, MiB, SeededRandom } from '../base/index.js'
import { BlockCache, MARK_HIT, MARK_POINT, MARK_SCAN } from './block-cache.js'
import type { CacheSlots } from './block-cache.js'

/** Takes block `index` from the cache as a table does, or "reads" it; false when the cache did not take it in. */
function use(cache: BlockCache, slots: CacheSlots, index: number, bytes: number, mark: number): boolean {
  if (slots.frames[index] !== 0) {
    slots.marks[index] = MARK_HIT
    return true
  }
  if (mark === MARK_SCAN) mark = cache.scanMark(slots, index, bytes)
  const frame = cache.reserve(bytes, mark)
  if (frame === 0) return false
  const base = cache.baseOf(frame)
  assert.ok(base % 8 === 0 && base + bytes <= cache.chunkOf(frame).bytes.length)
  cache.chunkOf(frame).bytes.fill(index, base, base + bytes)
  cache.insert(slots, index, frame, bytes, mark)
  return true
}

function byteAt(cache: BlockCache, frame: number, offset: number): number {
  return cache.chunkOf(frame).bytes[cache.baseOf(frame) + offset]!
}

function presentCount(slots: CacheSlots): number {
  const { length } = slots.frames.filter((frame) => frame !== 0)
  assert.equal(slots.count, length)
  return length
}

test('blocks are kept up to the capacity, then the ones without use go first', () => {
  const cache = new BlockCache(64 * KiB)
  const slots = cache.attach(100)
  for (let i = 0; i < 8; i++) use(cache, slots, i, 8 * KiB, MARK_POINT)
  assert.equal(cache.usedBytes, 64 * KiB)
  assert.equal(presentCount(slots), 8)
  for (const i of [1, 5]) use(cache, slots, i, 8 * KiB, MARK_POINT)
  for (let i = 10; i < 16; i++) use(cache, slots, i, 8 * KiB, MARK_POINT)
  assert.ok(slots.frames[1] !== 0 && slots.frames[5] !== 0)
  assert.equal(cache.evictionCount, 6)
  assert.equal(cache.usedBytes, 64 * KiB)
  assert.equal(cache.blockCount, 8)
})

/** A cache of 64 blocks, with `hot` blocks of the first table that point reads brought in. */
function withHotBlocks(hot: number): { cache: BlockCache; slots: CacheSlots; scan(from: number, to: number): void } {
  const cache = new BlockCache(512 * KiB)
  const slots = cache.attach(hot)
  const scanned = cache.attach(100_000)
  for (let i = 0; i < hot; i++) use(cache, slots, i, 8 * KiB, MARK_POINT)
  const scan = (from: number, to: number): void => {
    for (let i = from; i < to; i++) use(cache, scanned, i, 8 * KiB, MARK_SCAN)
  }
  return { cache, slots, scan }
}

test('a scan over everything, however long, takes nothing from what point reads use', () => {
  for (const hot of [10, 60, 64]) {
    const { slots, scan } = withHotBlocks(hot)
    scan(0, 100_000)
    assert.equal(presentCount(slots), hot)
    scan(0, 100_000)
    assert.equal(presentCount(slots), hot, 'the second scan over everything')
  }
})

test('a scan that comes in pieces, each of which reads its first block again, takes nothing either', () => {
  const { slots, scan } = withHotBlocks(64)
  for (let i = 0; i < 10_000; i++) for (let piece = 0; piece < 3; piece++) scan(i, i + 1)
  assert.equal(presentCount(slots), 64)
})

test('what is scanned again and again gets in, also when point reads have filled the cache', () => {
  const { cache, slots, scan } = withHotBlocks(64)
  for (let turn = 0; turn < 12; turn++) scan(0, 16)
  assert.equal(presentCount(slots), 64 - 16)
  assert.equal(cache.blockCount, 64)
  const { evictionCount } = cache
  scan(0, 16)
  assert.equal(cache.evictionCount, evictionCount, 'all of it is there')
})

/** Gets block `index` as a table does for a get; true when it was in the cache. */
function get(cache: BlockCache, slots: CacheSlots, index: number, bytes = 8 * KiB): boolean {
  if (slots.frames[index] !== 0) {
    slots.marks[index] = MARK_HIT
    return true
  }
  cache.missCount++
  if (cache.admits(slots, index, bytes)) use(cache, slots, index, bytes, MARK_POINT)
  return false
}

test('gets that pass over everything once leave what is used between them', () => {
  const cache = new BlockCache(512 * KiB)
  const used = cache.attach(48)
  const passed = cache.attach(4000)
  const random = new SeededRandom(1, 'pass')
  for (let turn = 0; turn < 400; turn++) get(cache, used, random.below(48))
  let lost = 0
  for (let i = 0; i < 4000; i++) {
    get(cache, passed, i)
    if (!get(cache, used, random.below(48))) lost++
  }
  assert.ok(lost < 100, `${lost} of 4000; 1679 when every block came in`)
  assert.ok(presentCount(passed) > 0, 'one in many comes in')
})

test('a full cache takes a block at its second miss, if that comes soon', () => {
  const cache = new BlockCache(512 * KiB)
  const slots = cache.attach(2000)
  for (let i = 0; i < 64; i++) get(cache, slots, i)
  assert.equal(presentCount(slots), 64, 'all come in while there is room')
  get(cache, slots, 64)
  assert.ok(slots.frames[64] !== 0, 'it is full when one has to go')
  const missTwice = (index: number, between: number, from: number): boolean => {
    cache.missCount = 0
    get(cache, slots, index)
    assert.equal(slots.frames[index], 0)
    for (let i = 0; i < between; i++) get(cache, slots, from + i)
    cache.missCount = 0
    get(cache, slots, index)
    return slots.frames[index] !== 0
  }
  assert.equal(missTwice(100, 0, 0), true)
  assert.equal(missTwice(101, 7, 200), true)
  assert.equal(missTwice(102, 17, 300), false)
  assert.equal(missTwice(103, 200, 400), false)
  assert.equal(cache.admits(slots, 500, 33 * KiB), true, 'there is no room aside for it')
})

test('a block that stands aside is found until another one does, or its table goes', () => {
  const { aside } = new BlockCache(0)
  const [a, b] = [{}, {}]
  aside.makeRoom(5000)
  const { bytes } = aside
  assert.ok(bytes.length >= 5000 && bytes.buffer === aside.words.buffer)
  aside.set(a, 3, false)
  assert.deepEqual([aside.has(a, 3), aside.has(a, 2), aside.has(b, 3)], [true, false, false])
  aside.forget(b)
  assert.ok(aside.has(a, 3))
  aside.makeRoom(100)
  assert.equal(aside.has(a, 3), false, 'the next one is being read over it')
  assert.equal(aside.bytes, bytes)
  aside.set(b, 0, false)
  aside.forget(b)
  assert.equal(aside.has(b, 0), false)
})

test('the capacity falls at once, held blocks excepted, and rises again', () => {
  const cache = new BlockCache(8 * MiB)
  const slots = cache.attach(2000)
  for (let i = 0; i < 1024; i++) use(cache, slots, i, 8 * KiB, MARK_POINT)
  assert.equal(cache.allocatedBytes, 8 * MiB)
  const frame = slots.frames[900]!
  cache.hold(frame)
  cache.setCapacity(2 * MiB)
  assert.equal(cache.allocatedBytes, 8 * MiB, 'chunks have numbers: those below the held block stay')
  assert.equal(cache.usedBytes, 2 * MiB + 8 * KiB)
  assert.equal(byteAt(cache, frame, 0), 900 & 0xff)
  for (let i = 1024; i < 1500; i++) use(cache, slots, i, 8 * KiB, MARK_POINT)
  assert.equal(cache.usedBytes, 2 * MiB + 8 * KiB, 'nothing comes in above the capacity')
  cache.release(frame)
  assert.equal(slots.frames[900], 0)
  assert.deepEqual([cache.allocatedBytes, cache.usedBytes], [2 * MiB, 2 * MiB])
  cache.setCapacity(3 * MiB)
  for (let i = 0; i < 2000; i++) use(cache, slots, i, 8 * KiB, MARK_POINT)
  assert.deepEqual([cache.allocatedBytes, cache.usedBytes], [3 * MiB, 3 * MiB])
  cache.setCapacity(0)
  assert.deepEqual([cache.allocatedBytes, cache.blockCount, presentCount(slots)], [0, 0, 0])
  assert.equal(use(cache, slots, 1, 8 * KiB, MARK_POINT), false)
})

test('memory is taken as it is needed, up to the capacity', () => {
  const cache = new BlockCache(3 * 1024 * KiB)
  const slots = cache.attach(2000)
  const sizes = new Set<number>()
  for (let i = 0; i < 700; i++) {
    use(cache, slots, i, 4 * KiB, MARK_POINT)
    sizes.add(cache.allocatedBytes)
    for (const k of [0, i >> 1, i]) assert.equal(byteAt(cache, slots.frames[k]!, 4 * KiB - 1), k & 0xff)
  }
  assert.equal(cache.evictionCount, 0)
  assert.deepEqual([...sizes], [1, 2, 3].map((n) => n * 1024 * KiB))
  for (let i = 700; i < 2000; i++) use(cache, slots, i, 4 * KiB, MARK_POINT)
  assert.ok(cache.usedBytes <= 3 * 1024 * KiB && cache.evictionCount > 1000)
})

test('capacity 0 and blocks too large take nothing in', () => {
  const none = new BlockCache(0)
  assert.equal(none.reserve(40, MARK_POINT), 0)
  const cache = new BlockCache(64 * KiB)
  assert.equal(cache.reserve(8 * KiB + 8, MARK_POINT), 0)
  assert.equal(cache.allocatedBytes, 0)
  assert.notEqual(cache.reserve(8 * KiB, MARK_POINT), 0)
})

test('all held: nothing is taken in; after unpin it is', () => {
  const cache = new BlockCache(64 * KiB)
  const slots = cache.attach(20)
  for (let i = 0; i < 8; i++) {
    use(cache, slots, i, 8 * KiB, MARK_HIT)
    cache.hold(slots.frames[i]!)
  }
  assert.equal(use(cache, slots, 9, 8 * KiB, MARK_POINT), false)
  cache.release(slots.frames[3]!)
  assert.ok(use(cache, slots, 9, 8 * KiB, MARK_POINT))
  assert.equal(slots.frames[3], 0)
})

test('detach frees what is not held, and the rest when it is released', () => {
  const cache = new BlockCache(64 * KiB)
  const slots = cache.attach(8)
  for (let i = 0; i < 8; i++) use(cache, slots, i, 5 * KiB, MARK_POINT)
  const frame = slots.frames[2]!
  cache.hold(frame)
  cache.hold(frame)
  cache.detach(slots)
  cache.detach(slots)
  assert.equal(cache.usedBytes, 5 * KiB)
  cache.release(frame)
  assert.equal(cache.usedBytes, 5 * KiB)
  cache.release(frame)
  assert.equal(cache.usedBytes, 0)
  assert.equal(cache.blockCount, 0)
})

function useAtRandom(capacityKiB: number, blocks: number): void {
  const random = new SeededRandom(1, 'cache')
  const cache = new BlockCache(capacityKiB * KiB)
  let pinnedAbove = 0
  const tables = [cache.attach(blocks), cache.attach(blocks), cache.attach(blocks)]
  const sizes = Array.from({ length: blocks }, () => 40 + random.below(12 * KiB))
  const held: { frame: number; index: number }[] = []
  for (let turn = 0; turn < 30_000; turn++) {
    const at = random.below(tables.length)
    const index = random.below(blocks)
    if (use(cache, tables[at]!, index, sizes[index]!, random.below(2))) {
      const frame = tables[at]!.frames[index]!
      for (const offset of [0, sizes[index]! - 1]) assert.equal(byteAt(cache, frame, offset), index & 0xff)
      if (held.length < 6 && random.chance(0.1)) {
        cache.hold(frame)
        held.push({ frame, index })
      }
    }
    if (random.chance(0.08) && held.length > 0) {
      cache.release(held.splice(random.below(held.length), 1)[0]!.frame)
    }
    for (const { frame, index: i } of held) {
      assert.ok(byteAt(cache, frame, 0) === (i & 0xff) && byteAt(cache, frame, sizes[i]! - 1) === (i & 0xff))
    }
    if (random.chance(0.002)) {
      cache.detach(tables[at]!)
      tables[at] = cache.attach(blocks)
    }
    if (random.chance(0.001)) {
      cache.setCapacity((random.chance(0.2) ? random.below(capacityKiB) : capacityKiB) * KiB)
      pinnedAbove = 6 * 12 * KiB
    }
    assert.ok(cache.usedBytes <= cache.capacityBytes + pinnedAbove)
  }
  for (const { frame } of held) cache.release(frame)
  assert.ok(cache.allocatedBytes <= cache.capacityBytes)
  let bytes = 0
  for (const slots of tables) {
    slots.frames.forEach((frame, i) => (bytes += frame === 0 ? 0 : Math.ceil(sizes[i]! / KiB) * KiB))
  }
  assert.equal(cache.usedBytes, bytes)
  assert.ok(cache.evictionCount > 5000)
}

test('random use: blocks keep their bytes, held ones stay, the counts are right', () => {
  useAtRandom(100, 60)
  useAtRandom(2500, 500)
})

test('hits are counted by table, and stay counted when it is closed', () => {
  const cache = new BlockCache(512 * KiB)
  const [one, two] = [cache.attach(4), cache.attach(4)]
  one.hitCount += 3
  two.hitCount += 4
  assert.equal(cache.hitCount, 7)
  cache.detach(one)
  cache.detach(one)
  assert.equal(cache.hitCount, 7)
  two.hitCount++
  assert.equal(cache.hitCount, 8)
})
