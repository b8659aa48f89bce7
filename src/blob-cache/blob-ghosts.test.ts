import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../base/index.js'
import { BlobGhosts } from './blob-ghosts.js'

test('ghosts are found until so many bytes of blobs came after them, and once', () => {
  const random = new SeededRandom(1, 'ghosts')
  const BYTES_MAX = 1_000_000
  const ghosts = new BlobGhosts(BYTES_MAX)
  const rows: { low: number; bytes: number }[] = []
  for (let i = 0; i < 20_000; i++) {
    const row = { low: random.u32(), bytes: 1 + random.below(600) }
    ghosts.add(row.low, row.bytes, Infinity)
    rows.push(row)
  }
  let [bytes, young, lost] = [0, 0, 0]
  for (const { low, bytes: own } of rows.reverse()) {
    bytes += own
    const isThere = ghosts.take(low)
    if (isThere) assert.ok(!ghosts.take(low), 'a ghost is taken once')
    if (bytes < BYTES_MAX * 0.95) {
      young++
      if (!isThere) lost++
    } else if (bytes > BYTES_MAX * 1.05) assert.ok(!isThere, 'an old one is forgotten')
  }
  assert.ok(young > 3000)
  // A full bucket forgets its oldest, which is seldom.
  assert.ok(lost < 0.05 * young, `${lost} of ${young} are not found`)
})

test('ghosts are no more than they may be, take 17 bytes each, and give memory back', () => {
  const random = new SeededRandom(2, 'ghosts')
  const ghosts = new BlobGhosts(Infinity)
  for (let i = 0; i < 200_000; i++) {
    ghosts.add(random.u32(), 100, 50_000)
    assert.ok(ghosts.count <= 50_000)
  }
  assert.ok(ghosts.count > 48_000)
  assert.ok(ghosts.bytes / ghosts.count < 18, `${ghosts.bytes / ghosts.count} bytes each`)
  const before = ghosts.bytes
  const kept = Array.from({ length: 1000 }, () => random.u32())
  for (const low of kept) ghosts.add(low, 100, 50_000)
  for (let i = 0; i < 20_000; i++) ghosts.add(kept[i % kept.length]!, 100, 2000)
  assert.ok(ghosts.bytes < before / 4, `${ghosts.bytes} bytes stay`)
  const found = kept.filter((low) => ghosts.take(low)).length
  assert.ok(found > 0.9 * kept.length, `${found} of those that were added last`)
})

test('growing and shrinking the table loses few ghosts', () => {
  const random = new SeededRandom(3, 'ghosts')
  const ghosts = new BlobGhosts(Infinity)
  const lows = Array.from({ length: 21_800 }, () => random.u32())
  for (const low of lows.slice(0, 20_000)) ghosts.add(low, 1, Infinity)
  assert.ok(takenOf(ghosts, lows.slice(0, 10_000)) > 9500, 'the first ones are found after the table grew')
  // From now on fewer are remembered, and with each the table loses a bucket.
  for (const low of lows.slice(20_000)) ghosts.add(low, 1, 2000)
  assert.ok(takenOf(ghosts, lows.slice(-1700)) > 1600, 'the last ones are found after it shrank')
})

function takenOf(ghosts: BlobGhosts, lows: readonly number[]): number {
  return lows.filter((low) => ghosts.take(low)).length
}

test('one blob larger than all may be is a ghost until the next one comes', () => {
  const ghosts = new BlobGhosts(100)
  ghosts.add(1, 5000, 10)
  ghosts.add(2, 1, 10)
  assert.deepEqual([1, 2].map((low) => ghosts.take(low)), [false, true])
})
