/** The rule against its definition: dropping entries must not change what any reader sees. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ArrayIterator } from '../../test/support/array-iterator.js'
import type { TestEntry } from '../../test/support/array-iterator.js'
import { collect, describeEntry, randomEntries } from '../../test/support/iterator-model.js'
import { compareBytes, EntryKind, SeededRandom } from '../base/index.js'
import { mergeIterators } from './merging-iterator.js'
import { RetentionFilter, isVersionSeen } from './retention.js'
import type { BottomTest, RetentionRule } from './retention.js'
import { VisibleIterator } from './visible-iterator.js'

function filtered(entries: readonly TestEntry[], rule: RetentionRule, isBottom?: BottomTest): TestEntry[] {
  const filter = new RetentionFilter(rule, isBottom)
  const kept = entries.filter(({ key, seqNum, kind }, i) => {
    const isOlder = i > 0 && compareBytes(entries[i - 1]!.key, key) === 0
    return filter.keep(seqNum, kind, isOlder)
  })
  assert.equal(filter.keptCount, kept.length)
  assert.equal(filter.droppedVersionCount + filter.droppedTombstoneCount, entries.length - kept.length)
  return kept
}

function seenAt(snapshot: number, ...sources: (readonly TestEntry[])[]): string[] {
  const merged = mergeIterators(sources.map((entries) => new ArrayIterator(entries)))
  return collect(new VisibleIterator(merged, snapshot)).map(describeEntry)
}

function put(seqNum: number, kind: number = EntryKind.value): TestEntry {
  return { key: new Uint8Array([0x6b]), seqNum, kind, value: new Uint8Array(1) }
}

function keptNumbers(
  entries: readonly TestEntry[], snapshots: number[], visibleSeqNum: number, bottom = false,
): number[] {
  return filtered(entries, { snapshots, visibleSeqNum }, () => bottom).map((entry) => entry.seqNum)
}

const TOMBSTONE = EntryKind.tombstone

describe('RetentionFilter', () => {
  it('changes nothing that a held snapshot or a later reader sees', () => {
    let dropped = 0
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed, 'retention')
      const all = randomEntries(random, random.below(60))
      const visibleSeqNum = random.below(130)
      const snapshots = Array.from({ length: random.below(4) }, () => random.below(visibleSeqNum + 1))
        .sort((a, b) => a - b)
      // Either the output is the bottom, or the oldest entries lie below it, untouched.
      const isBottom = random.chance(0.5)
      const below = isBottom ? [] : all.filter((entry) => entry.seqNum < 40)
      const input = isBottom ? all : all.filter((entry) => entry.seqNum >= 40)
      const output = filtered(input, { snapshots, visibleSeqNum }, () => isBottom)
      const readers = [...snapshots]
      for (let reader = visibleSeqNum; reader <= 130; reader += 2) readers.push(reader)
      for (const reader of readers) {
        assert.deepEqual(seenAt(reader, output, below), seenAt(reader, input, below), `seed ${seed} at ${reader}`)
      }
      dropped += input.length - output.length
    }
    assert.ok(dropped > 500, 'the filter drops something')
  })

  it('without readers below, keeps one version a key and, at the bottom, no tombstone', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const entries = randomEntries(new SeededRandom(seed, 'retention'), 60)
      const rule = { snapshots: [], visibleSeqNum: 1000 }
      const keys = new Set(entries.map((entry) => entry.key.join()))
      assert.equal(filtered(entries, rule).length, keys.size)
      assert.equal(filtered(entries, rule, () => true).length, seenAt(1000, entries).length)
    }
  })

  it('H11: an entry that a snapshot between two versions will need stays, held yet or not', () => {
    // 20 is not visible when the build starts; someone takes a snapshot at 15 before it is installed.
    assert.deepEqual(keptNumbers([put(20), put(10)], [], 15), [20, 10])
    assert.deepEqual(keptNumbers([put(20), put(16), put(10)], [], 15), [20, 16, 10])
    assert.deepEqual(keptNumbers([put(20), put(10)], [], 20), [20])
  })

  it('C05: a put that a snapshot sees stays below a newer tombstone, and so does the tombstone', () => {
    assert.deepEqual(keptNumbers([put(100, TOMBSTONE), put(30)], [50], 100, true), [100, 30])
    assert.deepEqual(keptNumbers([put(100, TOMBSTONE), put(30)], [], 100, true), [])
  })

  it('C06: a snapshot sees the entry of its own number, and only that', () => {
    assert.deepEqual(keptNumbers([put(60), put(50), put(40)], [50], 100), [60, 50])
    assert.deepEqual(keptNumbers([put(60), put(50), put(40)], [49], 100), [60, 40])
    assert.deepEqual(keptNumbers([put(60), put(50), put(40)], [60], 100), [60])
    assert.deepEqual(keptNumbers([put(60, TOMBSTONE), put(50)], [60], 100, true), [])
    assert.deepEqual(keptNumbers([put(60, TOMBSTONE)], [59], 100, true), [60])
  })

  it('keeps tombstones where something older may lie below', () => {
    const tombstones = [put(60, TOMBSTONE), put(50, TOMBSTONE)]
    assert.deepEqual(keptNumbers(tombstones, [], 100), [60])
    let askedCount = 0
    filtered([...tombstones, put(40)], { snapshots: [], visibleSeqNum: 100 }, () => {
      askedCount++
      return false
    })
    assert.equal(askedCount, 1, 'about tombstones that would be kept, and nothing else')
  })

  it('does not take a key for an older version of the one before it', () => {
    const other = { ...put(5), key: new Uint8Array([0x6b, 0]) }
    assert.deepEqual(keptNumbers([put(10), other], [], 100), [10, 5])
  })
})

describe('isVersionSeen', () => {
  it('is its definition', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed, 'seen')
      const visibleSeqNum = random.below(20)
      const snapshots = Array.from({ length: random.below(5) }, () => random.below(visibleSeqNum + 1))
        .sort((a, b) => a - b)
      const seqNum = random.below(25)
      const newer = random.chance(0.2) ? Infinity : seqNum + 1 + random.below(10)
      const readers = [...snapshots]
      for (let reader = visibleSeqNum; reader < 60; reader++) readers.push(reader)
      const expected = readers.some((reader) => seqNum <= reader && reader < newer)
      assert.equal(isVersionSeen({ snapshots, visibleSeqNum }, seqNum, newer), expected)
    }
  })
})
