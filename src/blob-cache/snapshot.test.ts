import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32, decodeFileHeader, fileSeed, putU32, runSync, SeededRandom } from '../base/index.js'
import { MemoryVfs } from '../vfs/index.js'
import { sampleSnapshot } from '../../test/support/samples/blob-samples.js'
import { BlobIndex } from './blob-index.js'
import { snapshotBytes } from './snapshot-format.js'
import { readSnapshot } from './snapshot-reader.js'
import type { Snapshot } from './snapshot-reader.js'

const SEGMENTS = [
  { segment: 13, isMain: false, wasKept: false, bytes: 4096, items: 2, expiresMs: Infinity },
  { segment: 11, isMain: true, wasKept: true, bytes: 8192, items: 1, expiresMs: 1_800_000_000_000 },
  { segment: 14, isMain: true, wasKept: false, bytes: 0, items: 0, expiresMs: 1000 },
]

function read(bytes: Uint8Array): Snapshot | null {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/c')
  const file = vfs.openSync('/c/000015.index', 'create')
  file.writeSync(bytes, 0, bytes.length, 0)
  return runSync(readSnapshot(file, decodeFileHeader(bytes, 'varvebix', '000015.index')))
}

/** Three items of which two have the same upper half of their hashes. */
function smallIndex(): BlobIndex {
  const index = new BlobIndex()
  index.set(2 ** 31 + 5, 7, 13, 128, 96, 0, 3)
  index.set(5, 7, 13, 224, 104, 1, 0)
  index.set(1, 2 ** 32 - 1, 11, 2 ** 32 - 8, 2 ** 32 - 1, 2 ** 26 - 1, 1)
  return index
}

/** Everything that an index says. */
function itemsOf(index: BlobIndex): string[] {
  const items: string[] = []
  for (let page = 0; page < index.pageCount; page++) {
    index.forEachInPage(page, (slot) => {
      const hash = `${index.highAt(slot)}.${index.lowAt(slot)}`
      const place = `${index.segmentAt(slot)}:${index.recordNumAt(slot)} at ${index.offsetAt(slot)}`
      items.push(`${hash} ${place} +${index.bytesAt(slot)} ${index.visitsAt(slot)}`)
    })
  }
  return items.sort()
}

describe('a snapshot of the index', () => {
  it('gives every item and every segment as it was, of no item and of one page', () => {
    for (const index of [new BlobIndex(), smallIndex()]) {
      const bytes = sampleSnapshot(index, SEGMENTS)
      assert.equal(bytes.length, snapshotBytes({ items: index.count, segments: 3, blocks: 1 }))
      const found = read(bytes)!
      assert.deepEqual(itemsOf(found.index), itemsOf(index))
      assert.equal(found.index.count, index.count)
      assert.deepEqual(found.segments, SEGMENTS)
    }
  })

  it('gives an index of many pages, of different depths, that goes on as the one that it was made of', () => {
    const random = new SeededRandom(12, 'snapshot')
    const index = new BlobIndex()
    // Half of the hashes begin alike: their pages are split more often.
    for (let i = 0; i < 60_000; i++) {
      const high = i % 2 === 0 ? random.u32() : 0xabc00000 + random.below(2 ** 20)
      index.set(random.u32(), high, 1 + random.below(9), 8 * i, i, i, i % 4)
    }
    const depths = new Set(index.pagesInOrder().map(({ depth }) => depth))
    assert.ok(depths.size > 2, `${[...depths]}`)
    const found = read(sampleSnapshot(index, []))!.index
    assert.equal(found.pageCount, index.pageCount)
    assert.deepEqual(itemsOf(found), itemsOf(index))
    for (const each of [index, found]) {
      const calls = new SeededRandom(13, 'snapshot')
      for (let i = 0; i < 20_000; i++) each.set(calls.u32(), calls.u32(), 1, 8 * i, i, i, 0)
    }
    assert.deepEqual(itemsOf(found), itemsOf(index))
  })

  it('takes at most 40 bytes of memory an item when it was read', () => {
    const random = new SeededRandom(14, 'snapshot')
    const index = new BlobIndex()
    for (let i = 1; i <= 90_000; i++) {
      index.set(random.u32(), random.u32(), 1, 8 * i, i, i, 0)
      if (i % 18_000 > 0) continue
      const { bytes, count } = read(sampleSnapshot(index, []))!.index
      assert.ok(bytes / count < 40, `${bytes / count} bytes an item of ${count}`)
    }
  })

  it('is nothing with any byte of it flipped, and wherever it is cut off', () => {
    const bytes = sampleSnapshot(smallIndex(), SEGMENTS)
    for (let at = 128; at < bytes.length; at++) {
      const flipped = bytes.slice()
      flipped[at]! ^= 1 << at % 8
      assert.equal(read(flipped), null, `byte ${at}`)
      assert.equal(read(bytes.subarray(0, at)), null, `cut at ${at}`)
    }
    assert.notEqual(read(bytes), null)
  })

  it('is nothing when its items are not in order, in another part of the hashes, or nowhere', () => {
    const bytes = sampleSnapshot(smallIndex(), SEGMENTS)
    const seed = fileSeed(decodeFileHeader(bytes, 'varvebix', '000015.index'))
    const [block, items] = [128, 144]
    const crafted = (change: (bytes: Uint8Array) => void): Snapshot | null => {
      const made = bytes.slice()
      change(made)
      putU32(made, block, crc32(made, items, items + 3 * 24, (seed ^ items) >>> 0))
      putU32(made, block + 12, crc32(made, block, block + 12, (seed ^ block) >>> 0))
      return read(made)
    }
    assert.notEqual(crafted(() => undefined), null)
    const changes: Record<string, (bytes: Uint8Array) => void> = {
      'the same hash twice': (made) => putU32(made, items, 2 ** 31 + 5),
      'a smaller lower half': (made) => putU32(made, items + 24, 1),
      'a smaller upper half': (made) => putU32(made, items + 2 * 24 + 4, 6),
      'no segment': (made) => putU32(made, items + 8, 0),
      'too many visits': (made) => putU32(made, items + 12, 128 + 4),
      'half of all hashes': (made) => putU32(made, block + 8, 1),
      'a depth that there is not': (made) => putU32(made, block + 8, 17),
      'fewer items': (made) => putU32(made, block + 4, 2),
    }
    for (const [what, change] of Object.entries(changes)) assert.equal(crafted(change), null, what)
  })
})
