/** Random walks over several children against one sorted array; errors of children come through. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ArrayIterator } from '../../test/support/fakes/array-iterator.js'
import type { TestEntry } from '../../test/support/fakes/array-iterator.js'
import { CheckingIterator } from '../../test/support/fakes/checking-iterator.js'
import {
  checkAgainstModel, collect, describeEntry, randomEntries,
} from '../../test/support/model/iterator-model.js'
import { EntryKind, SeededRandom } from '../base/index.js'
import { MergingIterator, mergeIterators } from './merging-iterator.js'

/** Deals entries to children at random, some of which get none. */
function deal(entries: readonly TestEntry[], childCount: number, random: SeededRandom): TestEntry[][] {
  const children: TestEntry[][] = Array.from({ length: childCount }, () => [])
  const skew = random.chance(0.5)
  for (const entry of entries) {
    const child = skew && random.chance(0.8) ? 0 : random.below(childCount)
    children[child]!.push(entry)
  }
  return children
}

describe('MergingIterator', () => {
  it('walks like one sorted array, whatever the children and the turns', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed, 'merging')
      const entries = randomEntries(random, random.below(40))
      const childCount = 1 + random.below(9)
      const children = deal(entries, childCount, random)
        .map((part) => new CheckingIterator(new ArrayIterator(part)))
      const merged = new CheckingIterator(new MergingIterator(children))
      checkAgainstModel(merged, entries, random, 120)
      merged.close()
    }
  })

  it('gives everything once, in both directions', () => {
    const random = new SeededRandom(7, 'merging')
    const entries = randomEntries(random, 500)
    const merged = new MergingIterator(deal(entries, 8, random).map((part) => new ArrayIterator(part)))
    assert.deepEqual(collect(merged).map(describeEntry), entries.map(describeEntry))
    assert.deepEqual(collect(merged, true).map(describeEntry), entries.map(describeEntry).reverse())
  })

  it('steps only the child that it leaves', () => {
    const key = (n: number): Uint8Array => new Uint8Array([n])
    const entry = (n: number): TestEntry =>
      ({ key: key(n), seqNum: n + 1, kind: EntryKind.value, value: key(n) })
    const low = new ArrayIterator([0, 1, 2, 3].map(entry))
    const high = new ArrayIterator([10, 11].map(entry))
    const merged = new MergingIterator([high, low])
    merged.first()
    const before = high.callCount
    for (let i = 0; i < 3; i++) merged.next()
    assert.equal(high.callCount, before)
  })

  it('throws what a child throws, is not valid then, and can seek again', () => {
    const random = new SeededRandom(3, 'failing')
    const entries = randomEntries(random, 60)
    const dealt = deal(entries, 3, random)
    for (let failAt = 1; failAt <= dealt[1]!.length; failAt++) {
      const parts = dealt.map((part) => new ArrayIterator(part))
      parts[1]!.failAt = failAt
      const merged = new MergingIterator(parts)
      assert.throws(() => collect(merged, failAt % 2 === 0), /read failed/)
      assert.equal(merged.valid, false)
      parts[1]!.failAt = Infinity
      assert.equal(collect(merged).length, entries.length)
    }
  })

  it('throws in a turn as well', () => {
    for (const failing of [0, 1]) {
      const random = new SeededRandom(4, 'failing')
      const parts = deal(randomEntries(random, 30), 2, random).map((part) => new ArrayIterator(part))
      const merged = new MergingIterator(parts)
      merged.first()
      for (let i = 0; i < 10; i++) merged.next()
      parts[failing]!.failAt = 0
      assert.throws(() => merged.prev(), /read failed/)
      assert.equal(merged.valid, false)
    }
  })

  it('closes all children, though one throws', () => {
    const parts = [0, 1, 2].map(() => new ArrayIterator([]))
    const merged = new MergingIterator(parts)
    parts[0]!.close = () => {
      throw new Error('close failed')
    }
    assert.throws(() => merged.close(), /close failed/)
    assert.deepEqual(parts.map((part) => part.isClosed), [false, true, true])
    merged.close()
  })
})

describe('mergeIterators', () => {
  it('adds no layer for none or one', () => {
    const one = new ArrayIterator([])
    assert.equal(mergeIterators([one]), one)
    const none = mergeIterators([])
    none.first()
    assert.equal(none.valid, false)
    assert.ok(mergeIterators([one, new ArrayIterator([])]) instanceof MergingIterator)
  })
})
