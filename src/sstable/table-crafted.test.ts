/** Each rule of the format that a crafted file may break is refused by the check made for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { craft, good, sample, sampleParts, seed } from '../../test/support/samples/table-crafting.js'
import {
  checkWritten, getEntry, newFile, openWritten, sampleEntries, TABLE_NAME,
} from '../../test/support/samples/table-samples.js'
import { alignUp, getU32, KEY_BYTES_MAX, putU32 } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { decodeProperties, encodeProperties } from './properties.js'
import { contentBytes, emptySections, encodeFooter, FOOTER_BYTES, putTrailer, SectionSlot } from './table-format.js'
import type { Extent } from './table-format.js'

type Change = (content: Uint8Array) => void

function put(at: number, value: number): Change {
  return (content) => putU32(content, at, value)
}

function check(bytes: Uint8Array, facts: TableFacts = sample.facts): void {
  checkWritten({ file: newFile(bytes), facts })
}

function checkRefused(offset: number, changes: [string, Change, RegExp][]): void {
  for (const [what, change, message] of changes) {
    const bytes = craft(offset, change)
    assert.throws(() => check(bytes), { code: 'CORRUPTION', message, file: TABLE_NAME }, what)
  }
}

/** Block 0 of the sample: 20 entries or so, sequence column 4 bytes wide. */
const blockAt = 128
const count = getU32(good, blockAt) & 0xffff
const valueColumn = 16 + 4 * count
const seqColumn = valueColumn + 4 * count + 4
const dataStart = seqColumn + 4 * count

test('data block', () => {
  assert.ok(count > 10 && getU32(good, blockAt) >>> 16 === 4)
  const end = getU32(good, blockAt + valueColumn + 4 * count)
  assert.notEqual(end % 8, 0, 'the block has padding')
  checkRefused(blockAt, [
    ['no entries', put(0, 4 << 16), /0 entries/],
    ['too many entries', put(0, 1025 | (4 << 16)), /1025 entries/],
    ['width', put(0, count | (3 << 16)), /sequence column 3 bytes wide/],
    ['prefix too long', put(4, 65_536), /prefix/],
    ['prefix outside', put(4, 9000), /do not fit/],
    ['columns outside', put(0, 1024 | (4 << 16)), /do not fit/],
    ['base above 2^53', put(12, 0x200000), /2\^51/],
    ['base above 2^51', put(12, 0x80000), /sequence number above 2\^51/],
    ['sum above 2^53', (content) => content.fill(0xff, 8, 14).fill(0x1f, 14, 15), /sequence number/],
    ['a tombstone with expiry', put(16, dataStart | (0x12 << 24)), /tombstone\) with version flag 0x10/],
    ['first key start', put(16, (dataStart + 1) | (1 << 24)), /key start/],
    ['key start back', put(16 + 4 * 3, dataStart | (1 << 24)), /key start/],
    ['key start outside', put(16 + 4 * (count - 1), 0xffffff | (1 << 24)), /key start/],
    ['values before keys', put(valueColumn, dataStart), /end of keys/],
    ['values beyond 24 bits', put(valueColumn, 0x1000000), /end of keys/],
    ['value start back', put(valueColumn + 8, dataStart), /value start/],
    ['values end outside', put(valueColumn + 4 * count, 100_000), /end of values/],
    ['values end early', put(valueColumn + 4 * count, end - 8), /value start|end of values/],
    ['padding', (content) => (content[content.length - 1] = 1), /padding/],
    ['order', (content) => content.copyWithin(dataStart + 8, dataStart, dataStart + 8), /out of order/],
    ['bounds', (content) => (content[dataStart] = 0xff), /out of order|index speaks of/],
  ])
})

test('versions of one key out of order', () => {
  const { index } = sampleParts()
  const number = 1
  const seqNums = 16 + 4 * (2 * index.counts[number]! + 1)
  const second = getU32(good, index.offset(number) + seqNums + 4)
  checkRefused(index.offset(number), [['same number twice', put(seqNums, second), /out of order/]])
})

test('index', () => {
  const { index, footer } = sampleParts()
  const n = index.blockCount
  const countColumn = 8 + 4 * (n + 1)
  const keyColumn = countColumn + 4 * n
  const keysAt = alignUp(keyColumn + 4 * (n + 1), 8) + 8 * n
  checkRefused(footer.sections[SectionSlot.index]!.offset, [
    ['block count', put(0, n + 1), /index of/],
    ['key bytes', put(4, index.keyBytes.length + 8), /length differs/],
    ['first block', put(8, 136), /data part/],
    ['data end', put(8 + 4 * n, index.offset(n) + 8), /data part/],
    ['block too small', put(12, 128 + 32), /bad place/],
    ['block not aligned', put(12, index.offset(1) + 4), /bad place/],
    ['blocks overlap', put(16, index.offset(1) - 8), /bad place/],
    ['no entries', put(countColumn, 0), /entry count/],
    ['too many entries', put(countColumn, 1025), /entry count/],
    ['sum of entries', put(countColumn, index.counts[0]! + 1), /number of entries/],
    ['first key', put(keyColumn, 1), /bound keys/],
    ['key ends', put(keyColumn + 4 * n, index.keyBytes.length - 1), /bound keys/],
    ['key backwards', put(keyColumn + 4, 0xffffffff), /bad bound/],
    ['order of bounds', (content) => (content[keysAt] = 0xff), /bounds are out of order/],
    ['padding', (content) => (content[content.length - 1] ||= 1), /padding|largest key/],
    ['entries moved', (content) => {
      putU32(content, countColumn, index.counts[0]! + 1)
      putU32(content, countColumn + 4, index.counts[1]! - 1)
    }, /index speaks of/],
    ['border moved', put(12, index.offset(1) + (index.bytes(1) > index.bytes(0) ? 8 : -8)), /checksum/],
  ])
})

test('point hash and filter', () => {
  const { footer, pointHash, filter } = sampleParts()
  const slotCount = pointHash!.slots.length
  checkRefused(footer.sections[SectionSlot.pointHash]!.offset, [
    ['no slots', put(0, 0), /0 slots/],
    ['more slots', put(0, slotCount + 2), /slots/],
    ['more keys than slots', put(4, slotCount), /keys in/],
    ['other keys', put(4, pointHash!.keyCount - 1), /number of keys/],
    ['entry bits', put(8, 11 | (20 << 8)), /width of a place/],
    ['place bits', put(8, 5 | (27 << 8)), /width of a place/],
    ['no block bits', put(8, 5 | (5 << 8)), /width of a place/],
    ['reserved', (content) => (content[11] = 1), /not zero/],
    ['reserved too', put(12, 1), /not zero/],
  ])
  checkRefused(footer.sections[SectionSlot.filter]!.offset, [
    ['no lines', put(0, 0), /0 lines/],
    ['more lines', put(0, filter!.lineCount + 1), /lines/],
    ['kind', put(4, 2 | (6 << 8)), /unknown filter/],
    ['no probes', put(4, 1), /unknown filter/],
    ['too many probes', put(4, 1 | (17 << 8)), /unknown filter/],
    ['reserved', put(12, 1), /not zero/],
  ])
})

test('a point hash that names what is not there, or has no empty slot, ends the lookup', () => {
  const { footer, pointHash } = sampleParts()
  const { offset } = footer.sections[SectionSlot.pointHash]!
  const { placeMask, entryBits } = pointHash!
  const keys = sampleEntries().map((entry) => entry.key)
  const setAll = (word: (slot: number) => number): Change => (content) => {
    const slots = new Uint32Array(content.buffer, content.byteOffset + 16, pointHash!.slots.length)
    slots.forEach((slot, i) => (slots[i] = word(slot)))
  }
  const withPlace = (place: number) => (slot: number): number => (slot === 0 ? 0 : (slot & ~placeMask) | place)
  const changes = [withPlace(placeMask), withPlace(0), withPlace((1 << entryBits) - 1), () => 0xffffffff]
  for (const change of changes) {
    const bytes = craft(offset, setAll(change))
    const table = openWritten({ file: newFile(bytes), facts: sample.facts }, new BlockCache(0))
    for (const key of keys) assert.throws(() => getEntry(table, key, Infinity), { code: 'CORRUPTION' })
  }
})

test('properties', () => {
  const { footer, properties } = sampleParts()
  const { offset } = footer.sections[SectionSlot.properties]!
  checkRefused(offset, [
    ['more', put(0, 19), /needs|left/],
    ['fewer', put(0, 17), /behind the last/],
    ['far too many', put(0, 0xffffffff), /cannot fit/],
    ['reserved', put(4, 1), /not zero/],
    ['order of tags', put(8 + 8 + 16, 1), /do not ascend/],
    ['flags', put(8, 1 | (2 << 16)), /orderName with flags 2/],
    ['length', put(12, 0xfffffff0), /length|limit/],
    ['order name', (content) => (content[16]! ^= 1), /key order/],
    ['not a number', put(8 + 8 + 16 + 4, 7), /not a number/],
    ['missing', put(8 + 8 + 16, 0), /do not ascend/],
    ['padding', (content) => (content[8 + 8 + 15] = 1), /padding/],
  ])
  for (const name of ['smallestKey', 'largestKey'] as const) {
    const content = encodeProperties({ ...properties, [name]: new Uint8Array(KEY_BYTES_MAX + 1) })
    assert.throws(() => decodeProperties(content), { message: /too long/ })
  }
  const changed = { ...properties, hashSeed: new Uint8Array(7) }
  const bytes = craft(offset, (content) => content.set(encodeProperties(changed)))
  assert.throws(() => check(bytes), { code: 'CORRUPTION', message: /hashSeed is not eight bytes/ })
})


/** Makes the sample without filter and point hash, as its builder never writes it. */
function withoutLookups(): Uint8Array {
  const { footer } = sampleParts()
  const [index, filter, , properties] = footer.sections as [Extent, Extent, Extent, Extent]
  const shift = properties.offset - filter.offset
  const bytes = good.slice(0, good.length - shift)
  bytes.set(good.subarray(properties.offset, properties.offset + properties.bytes), filter.offset)
  putTrailer(bytes, filter.offset, filter.offset + contentBytes(properties.bytes), filter.offset, seed)
  const sections = emptySections()
  sections[SectionSlot.index] = index
  sections[SectionSlot.properties] = { ...properties, offset: filter.offset }
  bytes.set(encodeFooter({ ...footer, sections, fileBytes: bytes.length }, seed), bytes.length - FOOTER_BYTES)
  return bytes
}

test('footer', () => {
  const { footer } = sampleParts()
  const footerAt = good.length - FOOTER_BYTES
  const [index, filter] = footer.sections as [{ offset: number; bytes: number }, { offset: number; bytes: number }]
  const change = (at: number, value: number): Uint8Array => craft(footerAt, put(at, value))
  const cases: [string, Uint8Array, RegExp][] = [
    ['index moved', change(0, index.offset + 8), /section|data part/],
    ['index in the header', change(0, 64), /inside the file header/],
    ['no index', change(4, 0), /missing/],
    ['index too long', change(4, index.bytes + 8), /section/],
    ['length not aligned', change(4, index.bytes + 4), /section/],
    ['length beyond the file', change(4, 0xfffffff8), /section/],
    ['filter left out', craft(footerAt, (content) => content.fill(0, 8, 16)), /section/],
    ['filter without length', change(12, 0), /missing/],
    ['filter elsewhere', change(8, filter.offset - 8), /section/],
    ['sections end early', change(28, footer.sections[3]!.bytes - 8), /footer/],
    ['block count', change(64, footer.blockCount + 1), /index of/],
    ['file bytes', change(72, good.length - 8), /bytes/],
    ['reserved', change(100, 1), /reserved/],
    ['neither filter nor point hash', withoutLookups(), /neither filter nor point hash/],
  ]
  for (const [what, bytes, message] of cases) {
    const facts = { ...sample.facts, bytes: bytes.length }
    assert.throws(() => check(bytes, facts), { code: 'CORRUPTION', message }, what)
  }
  for (const at of [68, 112]) {
    assert.throws(() => check(change(at, 24)), { code: 'UNSUPPORTED_FORMAT', file: TABLE_NAME })
  }
})
