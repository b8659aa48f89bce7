/** The list of snapshots against a plain multiset. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { SeededRandom } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { SnapshotList } from './snapshot-list.js'
import type { Snapshot } from './snapshot-list.js'

function manualClock(): Clock & { timeMs: number } {
  return {
    timeMs: 0,
    nowMs() {
      return this.timeMs
    },
    wallMs: () => 0,
    after: () => ({ cancel() {} }),
    defer() {},
    deferWork() {},
    keepAlive: () => ({ cancel() {} }),
  }
}

describe('SnapshotList', () => {
  it('holds each number until its last holder lets go', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = new SeededRandom(seed, 'snapshots')
      const list = new SnapshotList(manualClock(), () => 20)
      const held: Snapshot[] = []
      for (let i = 0; i < 60; i++) {
        if (held.length > 0 && random.chance(0.45)) {
          const [snapshot] = held.splice(random.below(held.length), 1)
          snapshot!.release()
          snapshot!.release()
        } else held.push(list.hold(random.below(10)))
        const numbers = [...new Set(held.map((snapshot) => snapshot.seqNum))].sort((a, b) => a - b)
        assert.deepEqual(list.takeRule(), {
          snapshots: numbers, visibleSeqNum: 20, timesMs: numbers.map(() => 0), dropTimeMs: 0,
        })
        assert.equal(list.count, held.length)
        assert.equal(list.oldest, numbers[0] ?? null)
      }
    }
  })

  it('gives an array of the caller\'s own', () => {
    const list = new SnapshotList(manualClock(), () => 20)
    list.hold(5)
    list.seqNums().pop()
    assert.deepEqual(list.seqNums(), [5])
  })

  it('knows how long the oldest is held', () => {
    const clock = manualClock()
    const list = new SnapshotList(clock, () => 20)
    assert.equal(list.oldestAgeMs, 0)
    const old = list.hold(5)
    clock.timeMs = 100
    list.hold(9)
    list.hold(5)
    clock.timeMs = 150
    assert.equal(list.oldestAgeMs, 150)
    old.release()
    assert.equal(list.oldestAgeMs, 150)
  })

  it('compares few numbers, whether the oldest or the newest of very many go first', () => {
    const count = 30_000
    for (const order of ['oldest first', 'newest first']) {
      let comparisons = 0
      const list = new SnapshotList(manualClock(), () => 20)
      const held = Array.from({ length: count }, (_, i) => {
        const counted = { valueOf: () => (comparisons++, i) } as unknown as number
        return list.hold(counted)
      })
      if (order === 'newest first') held.reverse()
      for (const snapshot of held) snapshot.release()
      assert.equal(list.oldest, null)
      assert.ok(comparisons <= 4 * count, `${comparisons} comparisons, ${order}`)
    }
  })
})

test('the earliest time of all readers at a number or above counts, since the clock may have been set back', () => {
  const list = new SnapshotList(manualClock(), () => 20)
  const held = [list.hold(5, 100), list.hold(9, 50), list.hold(9, 70), list.hold(12, 80)]
  assert.deepEqual([1, 6, 9, 10, 13].map((seqNum) => list.earliestTimeFrom(seqNum)), [50, 50, 50, 80, Infinity])
  for (const snapshot of held) snapshot.release()
  assert.equal(list.earliestTimeFrom(1), Infinity)
})
