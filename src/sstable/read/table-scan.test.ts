/** A scan sees what an iterator sees, of good tables and of bad ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { craft, pieces, sample } from '../../../test/support/samples/table-crafting.js'
import {
  bytesOf, DATABASE_ID, entryAt, newFile, openWritten, sampleEntries, shown, TABLE_NAME, writeTable,
} from '../../../test/support/samples/table-samples.js'
import type { Entry, WrittenTable } from '../../../test/support/samples/table-samples.js'
import { EntryKind, runSync, SeededRandom, VarveError } from '../../base/index.js'
import { BlockCache } from '../../cache/index.js'
import type { VfsFile } from '../../vfs/index.js'
import { BuildBuffer } from '../block/build-buffer.js'
import { encodeProperties } from '../properties.js'
import { contentBytes, putTrailer, SectionSlot } from '../table-format.js'
import { readParts } from './table-open.js'
import { scanBytes, TableScan } from './table-scan.js'
import { atLeast, drawnNumbers } from '../../../test/support/harness/share.js'

function scanAll({ file, facts }: WrittenTable, pieceBytes = 4096, headAt = 0): Entry[] {
  const memory = new BuildBuffer(1024, scanBytes(pieceBytes))
  const scan = new TableScan({ memory, pieceBytes, headAt })
  scan.open({ file, name: TABLE_NAME }, facts, DATABASE_ID)
  const entries: Entry[] = []
  while (scan.nextBlock()) {
    const { block } = scan
    for (let i = 0; i < block.count; i++) {
      const key = new Uint8Array(block.keyBytesAt(i))
      block.copyKey(i, key)
      const value = block.bytes.slice(block.valueStart(i), block.valueEnd(i))
      entries.push({ key, seqNum: block.seqNumAt(i), kind: block.kindAt(i), value })
    }
  }
  return entries
}

function iterateAll(written: WrittenTable): Entry[] {
  const table = openWritten(written, new BlockCache(0), false)
  const iterator = table.iterator()
  const entries: Entry[] = []
  for (iterator.first(); iterator.valid; iterator.next()) entries.push(entryAt(iterator))
  iterator.close()
  return entries
}

/** Gives what is read, or null when the file is refused. */
function outcome(read: () => Entry[]): string[] | null {
  try {
    return read().map(shown)
  } catch (error) {
    const isRefused = VarveError.is(error) && (error.code === 'CORRUPTION' || error.code === 'UNSUPPORTED_FORMAT')
    if (isRefused && error.file === TABLE_NAME) return null
    throw error
  }
}

test('the entries of a table, read in pieces of any size', () => {
  const expected = sampleEntries().map(shown)
  for (const pieceBytes of [8, 1024, 1504, 3000, 1 << 20]) {
    assert.deepEqual(scanAll(sample, pieceBytes).map(shown), expected, String(pieceBytes))
  }
})

test('large values, alone in blocks that no piece can hold', () => {
  const value = (length: number) => new Uint8Array(length).fill(length & 0xff)
  const entries = [5, 70_000, 7, 300_000, 65_536, 2_000_000, 3].map((length, i) => ({
    key: Buffer.from(`k${i}`), seqNum: i + 1, kind: EntryKind.value, value: value(length),
  }))
  assert.deepEqual(scanAll(writeTable(entries), 100_000).map(shown), entries.map(shown))
})

test('crafted blocks under right checksums: what an iterator refuses a scan refuses, and nothing else', () => {
  const blocks = pieces.filter(({ offset }) => offset >= 128).slice(0, -5)
  const first = shown(sampleEntries()[0]!)
  let refused = 0
  for (const round of drawnNumbers('crafted blocks', 4000)) {
    const random = new SeededRandom(round, 'scan')
    const { offset, bytes } = random.pick(blocks)
    const file = newFile(craft(offset, (content) => {
      const byte = random.pick([0, 1, 4, 0xff, random.below(256)])
      for (let n = 1 + random.below(2); n > 0; n--) content[random.below(bytes)] = byte
    }))
    const byIterator = outcome(() => iterateAll({ file, facts: sample.facts }))
    const byScan = outcome(() => scanAll({ file, facts: sample.facts }))
    // Only the scan knows that the first key of all was changed.
    if (byScan === null && byIterator !== null && byIterator[0] !== first) continue
    assert.deepEqual(byScan, byIterator)
    if (byScan === null) refused++
  }
  assert.ok(refused >= atLeast(1000), String(refused))
})

test('a table whose first key is not the smallest key of its facts is refused', () => {
  const { file, facts } = writeTable(sampleEntries().slice(1, 5))
  const bytes = bytesOf(file)
  const { source, footer, properties } = runSync(
    readParts({ file, name: TABLE_NAME }, { pointHash: false, filter: 'never' }))
  const { offset, bytes: length } = footer.sections[SectionSlot.properties]!
  const smallestKey = Buffer.from('fruit/a1')
  assert.equal(smallestKey.length, properties.smallestKey.length)
  bytes.set(encodeProperties({ ...properties, smallestKey }), offset)
  putTrailer(bytes, offset, offset + contentBytes(length), offset, source.seed)
  const crafted = { file: newFile(bytes), facts: { ...facts, smallestKey } }
  assert.equal(iterateAll(crafted).length, 4)
  assert.throws(() => scanAll(crafted), { code: 'CORRUPTION', file: TABLE_NAME, message: /smallest key is another/ })
})

/** Makes a file whose reads go wrong as `fail` says: it gets the place and length and may change what was read. */
function failing(
  file: VfsFile, fail: (position: number, length: number, target: Uint8Array, at: number) => number,
): VfsFile {
  return Object.assign(Object.create(file) as VfsFile, {
    readSync(target: Uint8Array, at: number, length: number, position: number): number {
      file.readSync(target, at, length, position)
      return fail(position, length, target, at)
    },
  })
}

test('a large read that fails, is short or brings wrong bytes once is made good block by block', () => {
  const expected = scanAll(sample).map(shown)
  for (const fault of ['EIO', 'short', 'bit'] as const) {
    let count = 0
    const file = failing(sample.file, (position, length, target, at) => {
      if (position !== 128 || length < 1100 || count++ > 0) return length
      if (fault === 'EIO') throw Object.assign(new Error('EIO'), { code: 'EIO' })
      if (fault === 'bit') target[at + 1000]! ^= 1
      return fault === 'short' ? length - 1 : length
    })
    assert.deepEqual(scanAll({ file, facts: sample.facts }).map(shown), expected, fault)
    assert.equal(count, 1)
  }
})
