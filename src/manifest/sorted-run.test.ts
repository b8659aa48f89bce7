/** Extents and runs agree with lists of all their keys, whatever the end of an extent is. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compareBytes, SeededRandom } from '../base/index.js'
import { extentCovers, extentOf, extentOfRange, extentsOverlap, joinExtents } from './extent.js'
import type { Extent } from './extent.js'
import { Level, SortedRun } from './sorted-run.js'

const bytes = (...key: number[]): Uint8Array => new Uint8Array(key)

/** All keys of up to three bytes of {0, 1, 2}. Bounds have at most two, and no 0, so their successors are keys. */
const KEYS = [0, 1, 2, 3].flatMap(keysOf).sort(compareBytes)

function keysOf(length: number): Uint8Array[] {
  return length === 0 ? [bytes()] : keysOf(length - 1).flatMap((key) => [0, 1, 2].map((byte) => bytes(...key, byte)))
}

function contains({ lower, upper, isUpperInside }: Extent, key: Uint8Array): boolean {
  if (compareBytes(key, lower) < 0) return false
  if (upper === null) return true
  return isUpperInside ? compareBytes(key, upper) <= 0 : compareBytes(key, upper) < 0
}

const keysIn = (extent: Extent): Uint8Array[] => KEYS.filter((key) => contains(extent, key))

function drawnBound(random: SeededRandom): Uint8Array {
  return bytes(...Array.from({ length: random.below(3) }, () => 1 + random.below(2)))
}

/** Draws an extent that holds at least one key. */
function drawnExtent(random: SeededRandom): Extent {
  for (;;) {
    const lower = drawnBound(random)
    const upper = random.chance(0.1) ? null : drawnBound(random)
    const extent = upper !== null && random.chance(0.5)
      ? extentOf({ smallestKey: lower, largestKey: upper, spans: null }) : extentOfRange({ lower, upper })
    if (keysIn(extent).length > 0) return extent
  }
}

/** Draws a run in which each table is its own extent. Neighbours often touch. */
function drawnRun(random: SeededRandom): SortedRun<Extent> {
  const extents: Extent[] = []
  for (let i = 0; i < 30; i++) {
    const extent = drawnExtent(random)
    if (extents.every((other) => keysIn(other).every((key) => !contains(extent, key)))) extents.push(extent)
  }
  extents.sort((a, b) => compareBytes(a.lower, b.lower))
  return new SortedRun(extents, extents)
}

describe('extents', () => {
  const random = new SeededRandom(5, 'extents')
  const pairs = Array.from({ length: 3000 }, () => [drawnExtent(random), drawnExtent(random)] as const)

  it('overlap when a key is in both', () => {
    for (const [a, b] of pairs) assert.equal(extentsOverlap(a, b), keysIn(a).some((key) => contains(b, key)))
  })

  it('cover one another when every key of one is in the other', () => {
    for (const [a, b] of pairs) assert.equal(extentCovers(a, b), keysIn(b).every((key) => contains(a, key)))
  })

  it('join to one that has the keys of both, and those between', () => {
    for (const [a, b] of pairs) {
      const keys = [...keysIn(a), ...keysIn(b)].sort(compareBytes)
      assert.deepEqual(keysIn(joinExtents(a, b)), KEYS.filter((key) =>
        compareBytes(key, keys[0]!) >= 0 && compareBytes(key, keys.at(-1)!) <= 0))
    }
  })

  it('of a range without bounds has every key', () => {
    assert.deepEqual(keysIn(extentOfRange({ lower: null, upper: null })), KEYS)
  })
})

describe('a sorted run', () => {
  const runs = Array.from({ length: 60 }, (_, seed) => drawnRun(new SeededRandom(seed, 'runs')))

  it('names the one table that may have a key', () => {
    for (const run of runs) {
      for (const key of KEYS) {
        assert.equal(run.tableFor(key, 0, key.length), run.tables.find((table) => contains(table, key)) ?? null)
      }
    }
  })

  it('knows the first table with a key from some key on, and the last with one before it', () => {
    for (const run of runs) {
      for (const key of KEYS) {
        const first = run.tables.findIndex((table) => keysIn(table).some((other) => compareBytes(other, key) >= 0))
        assert.equal(run.firstEndingAtOrAfter(key, 0, key.length), first === -1 ? run.tables.length : first)
        const last = run.tables.findLastIndex((table) => compareBytes(table.lower, key) < 0)
        assert.equal(run.lastBeginningBefore(key, 0, key.length), last)
      }
    }
  })

  it('knows which tables meet an extent, as a list and as places', () => {
    const random = new SeededRandom(9, 'ranges')
    for (const run of runs) {
      for (let i = 0; i < 50; i++) {
        const extent = drawnExtent(random)
        const met = run.tables.filter((table) => extentsOverlap(table, extent))
        assert.deepEqual(run.overlapping(extent), met)
        const start = run.firstIn(extent)
        assert.deepEqual(run.tables.slice(start, run.endIn(extent, start)), met)
      }
    }
  })

  it('is asked with a key inside of other bytes', () => {
    const table = (smallest: number, largest: number) =>
      ({ smallestKey: bytes(smallest), largestKey: bytes(largest), spans: null })
    const run = SortedRun.of([table(1, 2), table(4, 5)])
    const key = bytes(9, 4, 9)
    assert.equal(run.tableFor(key, 1, 2), run.tables[1])
    assert.equal(run.tableFor(key, 0, 1), null)
    assert.deepEqual([run.firstEndingAtOrAfter(key, 1, 2), run.lastBeginningBefore(key, 1, 2)], [1, 0])
  })
})

describe('a level', () => {
  it('asks all of its runs, the newest first', () => {
    const table = (smallest: number, largest: number) =>
      ({ smallestKey: bytes(smallest), largestKey: bytes(largest), spans: null })
    const [a, b, c] = [table(1, 3), table(5, 6), table(3, 5)]
    const level = new Level([SortedRun.of([a, b] as never[]), SortedRun.of([c] as never[])])
    assert.deepEqual(level.tables, [a, b, c])
    assert.deepEqual(level.overlapping(extentOf(table(5, 9))), [b, c])
    assert.deepEqual(level.overlapping(extentOf(table(4, 4))), [c])
  })
})
