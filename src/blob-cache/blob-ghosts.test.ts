import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../base/index.js'
import { BlobGhosts } from './blob-ghosts.js'

/** Ghosts in a row, as the class must remember them, up to a batch more or less. */
interface Row {
  readonly low: number
  readonly bytes: number
}

function sumOf(rows: readonly Row[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0)
}

test('ghosts are found until so many bytes of blobs came after them, and once', () => {
  const random = new SeededRandom(1, 'ghosts')
  const BYTES_MAX = 1_000_000
  const ghosts = new BlobGhosts(BYTES_MAX)
  const rows: Row[] = []
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
  // A full bucket forgets its oldest: that is seldom.
  assert.ok(lost < 0.04 * young, `${lost} of ${young} are not found`)
})

test('ghosts are no more than they may be, take 14 bytes each, and give memory back', () => {
  const random = new SeededRandom(2, 'ghosts')
  const ghosts = new BlobGhosts(Infinity)
  for (let i = 0; i < 200_000; i++) {
    ghosts.add(random.u32(), 100, 50_000)
    assert.ok(ghosts.count <= 50_000)
  }
  assert.ok(ghosts.count > 48_000)
  assert.ok(ghosts.bytes / ghosts.count < 15, `${ghosts.bytes / ghosts.count} bytes each`)
  const before = ghosts.bytes
  const kept = Array.from({ length: 1000 }, () => random.u32())
  for (const low of kept) ghosts.add(low, 100, 50_000)
  for (let i = 0; i < 20_000; i++) ghosts.add(kept[i % kept.length]!, 100, 2000)
  assert.ok(ghosts.bytes < before / 4, `${ghosts.bytes} bytes stay`)
  const found = kept.filter((low) => ghosts.take(low)).length
  assert.ok(found > 0.9 * kept.length, `${found} of those that were added last`)
})

test('growing and shrinking the table loses few ghosts, whatever was taken', () => {
  const random = new SeededRandom(3, 'ghosts')
  const ghosts = new BlobGhosts(1e9)
  const rows: Row[] = []
  for (const countMax of [500, 5000, 1500, 20_000, 1100]) {
    for (let i = 0; i < 30_000; i++) {
      const low = random.u32()
      ghosts.add(low, 1, countMax)
      rows.push({ low, bytes: 1 })
      if (random.chance(0.2)) ghosts.take(random.pick(rows.slice(-100)).low)
    }
  }
  const last = rows.slice(-1000)
  assert.equal(sumOf(last), 1000)
  assert.ok(last.filter(({ low }) => ghosts.take(low)).length > 700)
})

test('one blob larger than all may be is a ghost until the next one comes', () => {
  const ghosts = new BlobGhosts(100)
  ghosts.add(1, 5000, 10)
  ghosts.add(2, 1, 10)
  assert.deepEqual([1, 2].map((low) => ghosts.take(low)), [false, true])
})
