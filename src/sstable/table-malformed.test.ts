/** Bad bytes and bad disks give the right data or an error that says where, never anything else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  craft, good, goodRows, pieces, rowsPieces, rowsSample, sample, sampleParts, seed,
} from '../../test/support/samples/table-crafting.js'
import {
  bytesOf, checkWritten, compareEntries, entryAt, expiring, getEntry, newFile, openWritten, sampleEntries, sampleSpans,
  shown, shownPoint, TABLE_NAME, writeTable,
} from '../../test/support/samples/table-samples.js'
import type { Entry, WrittenTable } from '../../test/support/samples/table-samples.js'
import { crc32, FILE_HEADER_BYTES, putU32, runSync, SeededRandom, VarveError } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import type { VfsFile } from '../vfs/index.js'
import { encodeProperties } from './properties.js'
import { readTableFacts, readParts } from './read/table-open.js'
import { Codec, FOOTER_BYTES, putTrailer, SectionSlot } from './table-format.js'
import { drawnNumbers } from '../../test/support/harness/share.js'

// Many thousand errors are made here; their stacks are most of the time.
Error.stackTraceLimit = 3

const entries = sampleEntries()
const expected = new Set(entries.map(shown))
const noCache = new BlockCache(0)
/** Both have the same entries. */
const LAYOUTS = [
  { name: 'columns', sample, good, pieces }, { name: 'rows', sample: rowsSample, good: goodRows, pieces: rowsPieces },
]

/** Runs `read`; true when it ended with CORRUPTION (or what else is allowed) in this file. */
function isRefused(read: () => void, codes = ['CORRUPTION']): boolean {
  try {
    read()
    return false
  } catch (error) {
    if (!VarveError.is(error)) throw error
    if (!codes.includes(error.code)) throw error
    assert.equal(error.file, TABLE_NAME)
    assert.ok(error.offset !== undefined && error.offset >= 0 && error.offset <= 2 ** 32)
    return true
  }
}

/** Scans both ways, checks the order, gets every fifth key; calls `see` with each entry. */
function readAll(written: WrittenTable, turn: number, see: (text: string) => void, all = entries): void {
  const table = openWritten(written, new BlockCache(16 * 1024), turn % 2 === 0)
  isRefused(() => {
    const iterator = table.iterator()
    const forward: Entry[] = []
    const backward: Entry[] = []
    for (iterator.first(); iterator.valid; iterator.next()) forward.push(entryAt(iterator))
    for (iterator.last(); iterator.valid; iterator.prev()) backward.push(entryAt(iterator))
    iterator.close()
    assert.equal(forward.length, all.length)
    assert.deepEqual(backward.reverse(), forward)
    for (let i = 1; i < forward.length; i++) assert.ok(compareEntries(forward[i - 1]!, forward[i]!) < 0)
    for (const entry of forward) see(shown(entry))
  })
  for (let i = turn % 5; i < all.length; i += 5) {
    const entry = all[i]!
    isRefused(() => {
      const found = getEntry(table, entry.key, entry.seqNum)
      see(found !== null && shownPoint(found) === shownPoint(entry) ? shown(entry) : 'another answer')
    })
  }
  table.close()
}

test('the sample is good, and has every part', () => {
  checkWritten(sample)
  for (let turn = 0; turn < 10; turn++) readAll(sample, turn, (text) => assert.ok(expected.has(text), text))
  const { footer, index } = sampleParts()
  const isThere = footer.sections.map((section) => section.bytes > 0)
  assert.deepEqual(isThere, [true, true, true, true, false, false, false, false])
  assert.ok(index.blockCount >= 3)
})

test('a flipped bit anywhere is found by the check; reads give the right entry or CORRUPTION', () => {
  for (const { name, sample, good } of LAYOUTS) {
    const file = newFile(good)
    const one = new Uint8Array(1)
    for (const offset of drawnNumbers(`flipped bits of a table with ${name}`, good.length)) {
      one[0] = good[offset]! ^ (1 << ((offset * 5) % 8))
      file.writeSync(one, 0, 1, offset)
      const written = { file, facts: sample.facts }
      assert.ok(isRefused(() => checkWritten(written)), `${name}, offset ${offset}`)
      isRefused(() => {
        readAll(written, offset, (text) => assert.ok(expected.has(text), `${name}, offset ${offset}: ${text}`))
      })
      one[0] = good[offset]!
      file.writeSync(one, 0, 1, offset)
    }
    checkWritten({ file, facts: sample.facts })
  }
})

for (const codec of [Codec.none, Codec.packed]) {
  test(`so it is of a table with values that expire and range tombstones, with codec ${codec}`, () => {
    const all = expiring(sampleEntries())
    const right = new Set(all.map(shown))
    const { file, facts } = writeTable(all, { blockBytes: 1024, codec, spans: sampleSpans() })
    const whole = bytesOf(file)
    readAll({ file, facts }, 0, (text) => assert.ok(right.has(text), text), all)
    for (const offset of drawnNumbers(`flipped bits of a mixed table, ${codec}`, whole.length)) {
      const bytes = whole.slice()
      bytes[offset]! ^= 1 << ((offset * 5) % 8)
      const written = { file: newFile(bytes), facts }
      assert.ok(isRefused(() => checkWritten(written)), `offset ${offset}`)
      isRefused(() => readAll(written, offset, (text) => assert.ok(right.has(text), `offset ${offset}: ${text}`), all))
    }
  })
}

test('a file of another length is CORRUPTION', () => {
  for (const length of drawnNumbers('lengths of a table', good.length)) {
    const file = newFile(good.slice(0, length))
    assert.ok(isRefused(() => openWritten({ file, facts: sample.facts }, noCache)))
    assert.ok(isRefused(() => openWritten({ file, facts: { ...sample.facts, bytes: length } }, noCache)))
    assert.ok(isRefused(() => void runSync(readTableFacts({ file, name: TABLE_NAME }))))
    assert.ok(isRefused(() => checkWritten({ file, facts: sample.facts })))
  }
  const longer = new Uint8Array(good.length + 8)
  longer.set(good)
  const file = newFile(longer)
  assert.ok(isRefused(() => openWritten({ file, facts: sample.facts }, noCache)))
  assert.ok(isRefused(() => openWritten({ file, facts: { ...sample.facts, bytes: longer.length } }, noCache)))
})

test('a good file that is not the one the manifest means is CORRUPTION', () => {
  const { file, facts } = sample
  assert.ok(isRefused(() => openWritten({ file, facts: { ...facts, fileNum: 8 } }, noCache)))
  assert.ok(isRefused(() => openWritten({ file, facts: { ...facts, salt: new Uint8Array(8) } }, noCache)))
  assert.ok(isRefused(() => openWritten({ file, facts: { ...facts, entryCount: facts.entryCount - 1 } }, noCache)))
  assert.ok(isRefused(() => openWritten({ file, facts: { ...facts, lastLog: 5 } }, noCache)))
  assert.ok(isRefused(() => openWritten({ file, facts: { ...facts, largestKey: new Uint8Array(3) } }, noCache)))
  const valueFiles = [{ fileNum: 1, valueCount: 2, valueBytes: 3 }]
  assert.ok(isRefused(() => openWritten({ file, facts: { ...facts, valueFiles } }, noCache)))
  const other = writeTable(entries, { databaseId: new Uint8Array(16) })
  assert.ok(isRefused(() => openWritten(other, noCache)))
})

const INTERESTING = [
  0, 1, 7, 8, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0xffffff, 0x7fffffff, 0x80000000, 0xffffffff,
]

test('crafted bytes under a right checksum: CORRUPTION or entries, no error of another kind, no hang', () => {
  let refused = 0
  const runs = drawnNumbers('crafted tables', 2000)
  for (const run of runs) {
    const random = new SeededRandom(run, 'crafted')
    const { sample, good, pieces } = LAYOUTS[run % 2]!
    const bytes = good.slice()
    const piece = pieces[(run >> 1) % pieces.length]!
    for (let change = random.below(3); change >= 0; change--) {
      const at = piece.offset + random.below(piece.bytes)
      if (random.chance(0.5)) bytes[at] = random.u32()
      else putU32(bytes, Math.min(at & ~3, piece.offset + piece.bytes - 4), random.pick(INTERESTING))
    }
    piece.seal(bytes)
    const written = { file: newFile(bytes), facts: sample.facts }
    const codes = ['CORRUPTION', 'UNSUPPORTED_FORMAT']
    const isBad = isRefused(() => checkWritten(written), codes)
    isRefused(() => readAll(written, run, () => undefined), codes)
    if (isBad) refused++
  }
  // The rest changed values, kinds, sequence numbers inside the bounds, or nothing.
  assert.ok(refused > runs.length / 2, `${refused} of ${runs.length}`)
})

test('a good block at another place, or of another file, is CORRUPTION', () => {
  const same = Array.from({ length: 12 }, (_, i) => (
    { key: new Uint8Array([i]), seqNum: 1, kind: 1, value: new Uint8Array(600).fill(i) }
  ))
  const written = writeTable(same, { blockBytes: 1024 })
  const other = bytesOf(writeTable(same, { blockBytes: 1024, salt: new Uint8Array(8) }).file)
  const bytes = bytesOf(written.file)
  const parts = runSync(readParts({ file: written.file, name: TABLE_NAME }, { pointHash: false, filter: 'never' }))
  const { index } = parts
  assert.equal(index.bytes(1), index.bytes(0))
  const checkRefused = (): void => {
    const expected = { code: 'CORRUPTION', offset: index.offset(1) }
    assert.throws(() => getEntry(openWritten(written, noCache), same[1]!.key, 9), expected)
  }
  const first = bytes.slice(index.offset(0), index.offset(1))
  written.file.writeSync(first, 0, first.length, index.offset(1))
  assert.ok(isRefused(() => checkWritten(written)))
  checkRefused()
  written.file.writeSync(other, index.offset(1), first.length, index.offset(1))
  checkRefused()
  written.file.writeSync(bytes, index.offset(1), first.length, index.offset(1))
  checkWritten(written)
})

test('the check finds a filter or a point hash that misses a key or has one too many', () => {
  const changes: [number, (content: Uint8Array) => void][] = [
    [SectionSlot.filter, (content) => content.fill(0, 16)],
    [SectionSlot.pointHash, (content) => content.fill(0, 16)],
    [SectionSlot.pointHash, (content) => content.forEach((byte, i) => (content[i] = i < 16 ? byte : byte || 1))],
    [SectionSlot.pointHash, (content) => {
      const slots = new Uint32Array(content.buffer, content.byteOffset + 16, (content.length - 16) >>> 2)
      const { placeMask } = sampleParts().pointHash!
      const last = slots.findLastIndex((slot) => slot !== 0)
      const first = slots.findIndex((slot) => slot !== 0)
      slots[first] = (slots[first]! & ~placeMask) | (slots[last]! & placeMask)
    }],
  ]
  for (const [slot, change] of changes) {
    const written = { file: newFile(craft(sampleParts().footer.sections[slot]!.offset, change)), facts: sample.facts }
    assert.ok(isRefused(() => checkWritten(written)), `section ${slot}`)
  }
})

test('the check finds properties and facts that agree with each other and not with the entries', () => {
  const names = ['tombstoneCount', 'rawBytes', 'smallestSeqNum', 'largestSeqNum', 'keyCount'] as const
  for (const name of names) {
    let properties = sampleParts().properties
    properties = { ...properties, [name]: properties[name] + 1 }
    const { offset } = sampleParts().footer.sections[SectionSlot.properties]!
    const bytes = craft(offset, (content) => content.set(encodeProperties(properties)))
    const facts = { ...sample.facts, ...(name === 'keyCount' ? {} : { [name]: properties[name] }) }
    assert.ok(isRefused(() => checkWritten({ file: newFile(bytes), facts })), name)
  }
})

test('the check finds a smallest key that is not the first', () => {
  const written = writeTable([{ key: new Uint8Array([5]), seqNum: 1, kind: 1, value: new Uint8Array(0) }])
  const source = { file: written.file, name: TABLE_NAME }
  const { footer, properties } = runSync(readParts(source, { pointHash: false, filter: 'never' }))
  const smallestKey = new Uint8Array([4])
  const content = encodeProperties({ ...properties, smallestKey })
  const bytes = bytesOf(written.file)
  const { offset } = footer.sections[SectionSlot.properties]!
  bytes.set(content, offset)
  putTrailer(bytes, offset, offset + content.length, offset, seed)
  const facts = { ...written.facts, smallestKey }
  assert.throws(() => checkWritten({ file: newFile(bytes), facts }), { code: 'CORRUPTION', message: /smallest key/ })
})

test('an unknown codec is UNSUPPORTED_FORMAT', () => {
  const bytes = good.slice()
  const piece = pieces[1]!
  const end = piece.offset + piece.bytes
  bytes[end] = 3
  putU32(bytes, end + 4, crc32(bytes, piece.offset, end + 4, (seed ^ piece.offset) >>> 0))
  const written = { file: newFile(bytes), facts: sample.facts }
  assert.ok(isRefused(() => checkWritten(written), ['UNSUPPORTED_FORMAT']))
})

/** Makes a file whose reads of the byte at `offset` go wrong `times` times. */
function failing(good: Uint8Array, offset: number, times: number, how: 'EIO' | 'flip'): VfsFile {
  const file = newFile(good)
  const readSync = file.readSync.bind(file)
  file.readSync = (target, at, length, position) => {
    const count = readSync(target, at, length, position)
    if (offset < position || offset >= position + length || times-- <= 0) return count
    if (how === 'EIO') throw Object.assign(new Error('disk'), { code: 'EIO' })
    target[at + offset - position]! ^= 1
    return count
  }
  return file
}

test('EIO and a wrong checksum are read once more, then reported with file and offset', () => {
  for (const { sample, good, pieces } of LAYOUTS) {
    for (const { offset } of pieces) {
      for (const how of ['EIO', 'flip'] as const) {
        checkWritten({ file: failing(good, offset, 1, how), facts: sample.facts })
        const code = how === 'EIO' ? 'IO_ERROR' : 'CORRUPTION'
        const isLast = offset === good.length - FOOTER_BYTES
        const written = { file: failing(good, offset, Infinity, how), facts: sample.facts }
        assert.throws(() => checkWritten(written), (error: VarveError) => {
          assert.equal(error.code, code)
          assert.equal(error.file, TABLE_NAME)
          if (how === 'EIO' || (!isLast && offset >= FILE_HEADER_BYTES)) assert.equal(error.offset, offset)
          return true
        })
      }
    }
  }
})

test('a block that passed is checked again when its content has changed, however good its checksum is', () => {
  const [block, next] = pieces.filter(({ offset }) => offset >= FILE_HEADER_BYTES)
  const disordered = craft(block!.offset, (content) => {
    const from = content[16]! | (content[17]! << 8) // where the first key suffix starts: no other key is as small
    content.fill(0xff, from, from + 1)
  })
  const file = newFile(good)
  const table = openWritten({ file, facts: sample.facts }, noCache)
  const [first] = [...entries].sort(compareEntries)
  const walk = (): void => {
    const iterator = table.iterator()
    iterator.first()
    assert.equal(shown(entryAt(iterator)), shown(first!))
    iterator.close()
  }
  walk()
  walk()
  file.writeSync(disordered, block!.offset, next!.offset - block!.offset, block!.offset)
  assert.throws(walk, { code: 'CORRUPTION' })
  assert.throws(walk, { code: 'CORRUPTION' })
  file.writeSync(good, block!.offset, next!.offset - block!.offset, block!.offset)
  walk()
})

test('a file cut while it is open is CORRUPTION where it ends', () => {
  const file = newFile(good)
  const table = openWritten({ file, facts: sample.facts }, noCache)
  file.truncateSync(pieces[1]!.offset + 100)
  const offset = pieces[1]!.offset + 100
  assert.throws(() => getEntry(table, entries[0]!.key, Infinity), { code: 'CORRUPTION', offset })
  assert.throws(() => getEntry(table, entries[entries.length - 1]!.key, Infinity), { code: 'CORRUPTION' })
})

test('other read errors are IO_ERROR at once, and the table can be read again later', () => {
  const table = openWritten(sample, new BlockCache(1 << 20))
  const { readSync } = sample.file
  const iterator = table.iterator()
  sample.file.readSync = () => {
    throw Object.assign(new Error('gone'), { code: 'EBADF' })
  }
  assert.throws(() => iterator.first(), { code: 'IO_ERROR', file: TABLE_NAME, offset: FILE_HEADER_BYTES })
  assert.equal(iterator.valid, false)
  assert.throws(() => getEntry(table, entries[0]!.key, Infinity), { code: 'IO_ERROR' })
  sample.file.readSync = readSync
  iterator.first()
  assert.equal(shown(entryAt(iterator)), shown([...entries].sort(compareEntries)[0]!))
  iterator.close()
})
