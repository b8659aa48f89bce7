/** Tests the rule against its definition: dropping entries must not change what any reader sees. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ArrayIterator } from '../../test/support/fakes/array-iterator.js'
import type { TestEntry } from '../../test/support/fakes/array-iterator.js'
import { datadriven } from '../../test/support/harness/datadriven.js'
import type { DataCase } from '../../test/support/harness/datadriven.js'
import { collect, describeEntry, randomEntries } from '../../test/support/model/iterator-model.js'
import { compareBytes, EntryKind, SeededRandom, VersionFlag } from '../base/index.js'
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

/** Takes lines of `key number`, with `deleted` behind for a tombstone; gives the kept lines and the bottom tests. */
function keptLines({ args, input }: DataCase): string {
  const entries = input.map((line): TestEntry & { line: string } => {
    const [key = '', seqNum, kind] = line.split(' ')
    return {
      line, key: Buffer.from(key), seqNum: Number(seqNum), value: new Uint8Array(1),
      kind: kind === 'deleted' ? EntryKind.tombstone : EntryKind.value,
    }
  })
  const snapshots = (args.get('snapshots') ?? '').split(',').filter((text) => text !== '').map(Number)
  let askedCount = 0
  const isBottom = () => {
    askedCount++
    return args.has('bottom')
  }
  const kept = filtered(entries, { snapshots, visibleSeqNum: Number(args.get('visible')) }, isBottom)
  const lines = entries.filter((entry) => kept.includes(entry)).map(({ line }) => line)
  const asked = askedCount === 0 ? [] : [`asked ${askedCount} times whether anything lies below`]
  return [...(lines.length === 0 ? ['nothing'] : lines), ...asked].join('\n')
}

describe('RetentionFilter', () => {
  it('drops what expired for all at the bottom, makes it a tombstone elsewhere, keeps it for who sees it', () => {
    const fate = (expiryMs: number, isBottom: boolean, rule: Partial<RetentionRule> = {}): string => {
      const all = { snapshots: [], visibleSeqNum: 20, dropTimeMs: 100, ...rule }
      const filter = new RetentionFilter(all, () => isBottom)
      const isKept = filter.keep(10, EntryKind.value | VersionFlag.expiry, false, Infinity, expiryMs)
      assert.equal(filter.expiredCount, Number(filter.isExpired))
      return !isKept ? 'dropped' : filter.isExpired ? 'tombstone' : 'value'
    }
    assert.deepEqual([fate(100, true), fate(100, false)], ['dropped', 'tombstone'])
    assert.deepEqual([fate(101, true), fate(0, true)], ['value', 'value'])
    const reader = (seqNum: number, timeMs: number) => ({ snapshots: [seqNum], timesMs: [timeMs] })
    assert.equal(fate(50, true, reader(15, 49)), 'value', 'a snapshot sees it')
    assert.equal(fate(50, true, reader(15, 50)), 'dropped', 'the snapshot does not')
    assert.equal(fate(50, true, reader(5, 50)), 'tombstone', 'a snapshot stands below it')
  })

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
})

describe('what is kept', () => {
  datadriven('iterator/retention.txt', keptLines)
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
