import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runSync, SeededRandom } from '../base/index.js'
import { MemoryVfs } from '../vfs/index.js'
import { sampleSegment, sampleValue } from '../../test/support/samples/blob-samples.js'
import type { SampleSegment } from '../../test/support/samples/blob-samples.js'
import {
  CHUNK_BYTES, emptyRecordHeader, isKeyGood, isValueGood, readRecordHeader, recordBytes, recordTime,
} from './segment-format.js'
import { readSegment, readSegmentHeader } from './segment-scan.js'
import type { SegmentContent } from './segment-scan.js'

const THREE = [
  { key: 'one', value: sampleValue(100) },
  { key: 'two', value: sampleValue(0), header: { expiresMs: 1_800_000_000_001, staleMs: 5, namespace: 77 } },
  { key: 'three', value: sampleValue(500, 3), header: { checkedSeqNum: 9 } },
]

function read(bytes: Uint8Array, limit = Infinity): SegmentContent {
  const vfs = new MemoryVfs()
  vfs.mkdirSync('/c')
  const file = vfs.openSync('/c/000013.segment', 'create')
  file.writeSync(bytes, 0, bytes.length, 0)
  const header = runSync(readSegmentHeader(file, '000013.segment'))
  return runSync(readSegment(file, header, limit))
}

function checkRecords(segment: SampleSegment): void {
  const header = emptyRecordHeader()
  for (const [i, { offset, bytes, key }] of segment.entries.entries()) {
    assert.ok(readRecordHeader(segment.bytes, offset, segment.end, offset, segment.seed, header))
    assert.ok(isKeyGood(segment.bytes, offset, offset, segment.seed, header))
    assert.ok(isValueGood(segment.bytes, offset, offset, segment.seed, header))
    assert.deepEqual([header.recordNum, header.keyBytes, recordBytes(header)], [i, key.length, bytes])
  }
}

describe('a segment', () => {
  it('is read by its footer, and the same without one (BC-4)', () => {
    const sealed = sampleSegment(THREE, true)
    checkRecords(sealed)
    const found = read(sealed.bytes)
    assert.equal(found.hasFooter, true)
    assert.deepEqual(found.entries, sealed.entries)
    const scanned = read(sealed.bytes.subarray(0, sealed.end))
    assert.equal(scanned.hasFooter, false)
    assert.deepEqual(scanned.entries, sealed.entries)
    assert.deepEqual([found.end, scanned.end], [sealed.end, sealed.end])
    assert.equal(found.entries[1]!.expires, 1_800_000_001, 'seconds, rounded up')
  })

  it('is read without records, and without anything behind its header', () => {
    for (const isSealed of [true, false]) {
      const { bytes } = sampleSegment([], isSealed)
      assert.deepEqual(read(bytes), { entries: [], end: 128, hasFooter: isSealed })
    }
  })

  it('has a checksum for each part of a large value', () => {
    const sizes = [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 9]
    const segment = sampleSegment(sizes.map((size, i) => ({ key: `k${i}`, value: sampleValue(size, i) })), false)
    checkRecords(segment)
    assert.deepEqual(read(segment.bytes).entries, segment.entries)
    const header = emptyRecordHeader()
    const { offset, bytes } = segment.entries[3]!
    const random = new SeededRandom(1)
    for (let i = 0; i < 20; i++) {
      const at = offset + 74 + random.below(5 * CHUNK_BYTES + 9)
      const was = segment.bytes[at]!
      segment.bytes[at] = was ^ (1 << random.below(8))
      readRecordHeader(segment.bytes, offset, offset + bytes, offset, segment.seed, header)
      assert.equal(isValueGood(segment.bytes, offset, offset, segment.seed, header), false)
      const found = read(segment.bytes)
      assert.equal(found.entries.length, 3, 'the scan ends before the bad record')
      segment.bytes[at] = was
    }
  })

  it('counts only up to its limit', () => {
    const { bytes, entries } = sampleSegment(THREE, false)
    assert.deepEqual(read(bytes, entries[2]!.offset).entries, entries.slice(0, 2))
    assert.deepEqual(read(bytes, entries[2]!.offset + 8).entries, entries.slice(0, 2))
    assert.deepEqual(read(bytes, 128).entries, [])
  })

  it('gives no record that was not written there, whichever byte is flipped', () => {
    const { bytes, entries, end } = sampleSegment(THREE, true)
    const known = new Set(entries.map((entry) => JSON.stringify(entry)))
    for (let at = 128; at < bytes.length; at++) {
      const flipped = bytes.slice()
      flipped[at]! ^= 1 << at % 8
      const found = read(flipped)
      for (const entry of found.entries) assert.ok(known.has(JSON.stringify(entry)), `byte ${at}`)
      if (at >= end) assert.deepEqual(found.entries, entries, `byte ${at}: a scan finds what a bad footer told`)
    }
  })

  it('gives the records before the place where it is cut off', () => {
    const { bytes, entries } = sampleSegment(THREE, false)
    for (let length = 128; length <= bytes.length; length++) {
      const found = read(bytes.subarray(0, length))
      assert.deepEqual(found.entries, entries.filter((entry) => entry.offset + entry.bytes <= length))
    }
  })

  it('takes no record of another place or another file for its own', () => {
    const inner = sampleSegment([{ key: 'inner', value: sampleValue(40) }], false)
    const quoted = inner.bytes.slice(128)
    const outer = sampleSegment([{ key: 'outer', value: quoted }], false)
    const header = emptyRecordHeader()
    for (let at = 136; at < outer.bytes.length; at++) {
      assert.equal(readRecordHeader(outer.bytes, at, outer.bytes.length, at, outer.seed, header), false)
    }
    const moved = new Uint8Array(inner.bytes.length + 8)
    moved.set(inner.bytes.subarray(0, 128))
    moved.set(quoted, 136)
    assert.deepEqual(read(moved).entries, [])
    assert.equal(readRecordHeader(inner.bytes, 128, inner.bytes.length, 128, inner.seed + 1, header), false)
  })

  it('survives random bytes', () => {
    const random = new SeededRandom(3)
    const { bytes } = sampleSegment(THREE, true)
    for (let i = 0; i < 300; i++) {
      const crafted = bytes.slice()
      const from = 128 + random.below(bytes.length - 128)
      random.fill(crafted.subarray(from, from + random.below(40)))
      read(crafted)
    }
  })
})

it('a time is kept in whole milliseconds, within six bytes', () => {
  assert.deepEqual([recordTime(0.2), recordTime(-5), recordTime(Infinity)], [1, 0, 2 ** 48 - 1])
})
