/** Random walks against a model of what a snapshot sees; bounds, versions and tombstones included. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ArrayIterator } from '../../test/support/fakes/array-iterator.js'
import type { TestEntry } from '../../test/support/fakes/array-iterator.js'
import { CheckingIterator } from '../../test/support/fakes/checking-iterator.js'
import {
  checkAgainstModel, collect, describeEntry, randomEntries, randomKey,
} from '../../test/support/model/iterator-model.js'
import { EntryKind, SeededRandom, compareBytes } from '../base/index.js'
import { keyRange } from './key-range.js'
import type { KeyBounds } from './key-range.js'
import { mergeIterators } from './merging-iterator.js'
import { VisibleIterator } from './visible-iterator.js'

function satisfies(key: Uint8Array, bounds: KeyBounds): boolean {
  const { gt, gte, lt, lte, prefix } = bounds
  return (gt === undefined || compareBytes(key, gt) > 0) &&
    (gte === undefined || compareBytes(key, gte) >= 0) &&
    (lt === undefined || compareBytes(key, lt) < 0) &&
    (lte === undefined || compareBytes(key, lte) <= 0) &&
    (prefix === undefined || compareBytes(key.subarray(0, prefix.length), prefix) === 0)
}

/** Finds the newest version of each key that the snapshot sees, straight from the definition. */
function visibleModel(entries: readonly TestEntry[], snapshot: number, bounds: KeyBounds): TestEntry[] {
  const newest = new Map<string, TestEntry>()
  for (const entry of entries) {
    const name = entry.key.join()
    if (entry.seqNum <= snapshot && !newest.has(name)) newest.set(name, entry)
  }
  return [...newest.values()]
    .filter((entry) => entry.kind !== EntryKind.tombstone && satisfies(entry.key, bounds))
}

function randomBounds(random: SeededRandom): KeyBounds {
  const bounds: KeyBounds = {}
  for (const name of ['gt', 'gte', 'lt', 'lte', 'prefix'] as const) {
    if (random.chance(0.25)) bounds[name] = randomKey(random)
  }
  return bounds
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function versions(text: string, seqNums: readonly number[]): TestEntry[] {
  return seqNums.map((seqNum) =>
    ({ key: bytes(text), seqNum, kind: EntryKind.value, value: bytes(`${text}${seqNum}`) }))
}

/** An iterator that pauses after every few entries, and goes on at once. */
class PausingIterator extends VisibleIterator {
  pauseCount = 0

  override first(): void {
    super.first()
    this.goOn()
  }

  override last(): void {
    super.last()
    this.goOn()
  }

  override seekGE(key: Uint8Array, start: number, end: number): void {
    super.seekGE(key, start, end)
    this.goOn()
  }

  override seekLT(key: Uint8Array, start: number, end: number): void {
    super.seekLT(key, start, end)
    this.goOn()
  }

  override next(): void {
    super.next()
    this.goOn()
  }

  override prev(): void {
    super.prev()
    this.goOn()
  }

  private goOn(): void {
    while (this.isPaused) {
      assert.equal(this.valid, false)
      this.pauseCount++
      this.resume()
    }
  }
}

describe('VisibleIterator', () => {
  it('walks the same with pauses, and passes no more entries in between than it may', () => {
    let pauseCount = 0
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed, 'pausing')
      const entries = randomEntries(random, random.below(60))
      const snapshot = random.below(130)
      const bounds = random.chance(0.3) ? {} : randomBounds(random)
      const visible = new PausingIterator(new CheckingIterator(new ArrayIterator(entries)), snapshot, keyRange(bounds))
      visible.stepsMax = random.pick([1, 2, 3, 7])
      const expected = visibleModel(entries, snapshot, bounds)
      checkAgainstModelWithin(new CheckingIterator(visible), expected, bounds, random)
      pauseCount += visible.pauseCount
    }
    assert.ok(pauseCount > 5000, `${pauseCount} pauses`)
    const tombstones = versions('a', [1]).concat(...Array.from({ length: 999 }, (_, i) =>
      versions(`b${i + 1000}`, [i + 2]).map((entry) => ({ ...entry, kind: EntryKind.tombstone, value: bytes('') }))))
    for (const [call, many] of [['first', tombstones.slice(1)], ['last', tombstones.slice(1)]] as const) {
      const child = new ArrayIterator(many)
      const visible = new VisibleIterator(child, 5000)
      visible.stepsMax = 10
      for (visible[call](); visible.isPaused; visible.resume()) {
        assert.ok(child.callCount <= 25, `${child.callCount} calls in a step`)
        child.callCount = 0
      }
      assert.equal(visible.valid, false)
    }
  })

  it('walks like the model, with any snapshot, bounds and turns', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = new SeededRandom(seed, 'visible')
      const entries = randomEntries(random, random.below(60))
      const snapshot = random.below(130)
      const bounds = random.chance(0.3) ? {} : randomBounds(random)
      const expected = visibleModel(entries, snapshot, bounds)
      const parts: TestEntry[][] = [[], [], []]
      for (const entry of entries) parts[random.below(parts.length)]!.push(entry)
      const children = parts.map((part) => new CheckingIterator(new ArrayIterator(part)))
      const child = new CheckingIterator(mergeIterators(children))
      const visible = new CheckingIterator(new VisibleIterator(child, snapshot, keyRange(bounds)))
      checkAgainstModelWithin(visible, expected, bounds, random)
    }
  })

  it('sees an entry whose number is the snapshot\'s', () => {
    const entries = versions('k', [30, 20, 10])
    for (const [snapshot, seen] of [[9, []], [10, [10]], [19, [10]], [20, [20]], [31, [30]]] as const) {
      const visible = new VisibleIterator(new ArrayIterator(entries), snapshot)
      assert.deepEqual(collect(visible).map((entry) => entry.seqNum), seen)
      assert.deepEqual(collect(visible, true).map((entry) => entry.seqNum), seen)
    }
  })

  it('seeks past a key with many versions instead of stepping over all', () => {
    const hot = Array.from({ length: 10_000 }, (_, i) => 20_001 - i)
    const entries = [...versions('a', [20_003]), ...versions('b', hot), ...versions('c', [20_002])]
    const keysSeen = (walk: (visible: VisibleIterator) => void, snapshot = 30_000): [string, number] => {
      const child = new ArrayIterator(entries)
      const visible = new VisibleIterator(child, snapshot)
      walk(visible)
      return [new TextDecoder().decode(visible.keyBytes.slice(visible.keyStart, visible.keyEnd)),
        child.callCount]
    }
    const [afterHot, forwardCalls] = keysSeen((visible) => {
      visible.seekGE(bytes('b'), 0, 1)
      visible.next()
    })
    assert.equal(afterHot, 'c')
    assert.ok(forwardCalls < 50, `${forwardCalls} calls forward`)
    // The snapshot sees the oldest version only: backward, the newer ones are skipped.
    const [hotKey, backwardCalls] = keysSeen((visible) => visible.last(), 10_002)
    assert.equal(hotKey, 'b')
    assert.ok(backwardCalls < 50, `${backwardCalls} calls backward`)
  })

  it('keeps the current entry while it looks back', () => {
    const large = new Uint8Array(5000).fill(7)
    const entries = [
      { key: bytes('a'), seqNum: 1, kind: EntryKind.value, value: large },
      { key: bytes('b'), seqNum: 2, kind: EntryKind.valueHandle, value: bytes('handle') },
    ]
    const found = collect(new VisibleIterator(new ArrayIterator(entries), 9), true)
    assert.deepEqual(found.map(describeEntry), [...entries].reverse().map(describeEntry))
  })

  it('throws what the child throws, wherever it happens, and is not valid then', () => {
    const entries = randomEntries(new SeededRandom(5, 'visible'), 40)
    for (const backward of [false, true]) {
      const healthy = new ArrayIterator(entries)
      const expected = collect(new VisibleIterator(healthy, 1000), backward).map(describeEntry)
      for (let failAt = 1; failAt <= healthy.callCount; failAt++) {
        const child = new ArrayIterator(entries)
        child.failAt = failAt
        const visible = new VisibleIterator(child, 1000)
        assert.throws(() => collect(visible, backward), /read failed/)
        assert.equal(visible.valid, false)
        child.failAt = Infinity
        assert.deepEqual(collect(visible, backward).map(describeEntry), expected)
      }
    }
  })

  it('closes its child', () => {
    const child = new ArrayIterator([])
    new VisibleIterator(child, 1).close()
    assert.equal(child.isClosed, true)
  })
})

/** Seeks of the model know no bounds: a target outside gives the same as the nearest one inside. */
function checkAgainstModelWithin(
  visible: CheckingIterator, expected: TestEntry[], bounds: KeyBounds, random: SeededRandom,
): void {
  assert.ok(expected.every((entry) => satisfies(entry.key, bounds)))
  checkAgainstModel(visible, expected, random, 100)
  assert.deepEqual(collect(visible).map(describeEntry), expected.map(describeEntry))
  assert.deepEqual(collect(visible, true).map(describeEntry), expected.map(describeEntry).reverse())
  visible.close()
}
