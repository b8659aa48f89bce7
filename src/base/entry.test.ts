import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodingFlags, entryContentStart, entryEnd, entryEndWithin, entryKeyEnd, entryKeyStart, entryKind, entryValueEnd,
  finishEntry, hasValueChecksum, newKeyStart, valueChecksum, viewedKeyBytes, viewedKeyStart,
} from './entry.js'
import { putU32 } from './coding.js'
import { EntryKind } from './ids.js'

const AT = 12

/** Makes an entry at 12 with these two bytes, a key and a value of these lengths, as far as there is room. */
function entry(kind: number, flags: number, keyBytes: number, valueBytes: number): Uint8Array {
  const bytes = new Uint8Array(128).fill(0xee)
  bytes.set([kind, flags, keyBytes & 0xff, keyBytes >>> 8], AT)
  putU32(bytes, AT + 4, valueBytes)
  return bytes
}

/** Gives key start and end, value start behind its front, value end and entry end, counted from the entry's start. */
function places(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer)
  assert.equal(viewedKeyStart(view, AT), entryKeyStart(bytes, AT))
  assert.equal(viewedKeyStart(view, AT) + viewedKeyBytes(view, AT), entryKeyEnd(bytes, AT))
  return [
    entryKeyStart(bytes, AT), entryKeyEnd(bytes, AT), entryContentStart(bytes, AT), entryValueEnd(bytes, AT),
    entryEnd(bytes, AT),
  ].map((place) => place - AT)
}

test('the fields of an entry stand where the format says, with every flag that moves one', () => {
  assert.deepEqual(places(entry(1, 0, 5, 6)), [8, 13, 13, 19, 20])
  assert.deepEqual(places(entry(1, 0, 0, 0)), [8, 8, 8, 8, 8])
  assert.deepEqual(places(entry(1, 1, 5, 6)), [12, 17, 17, 23, 24])
  assert.deepEqual(places(entry(1, 4, 5, 6)), [8, 13, 13, 19, 24])
  assert.deepEqual(places(entry(0x11, 5, 5, 9)), [12, 17, 25, 26, 32])
  assert.deepEqual(places(entry(0x31, 0xfa, 300, 0)), [8, 308, 316, 308, 308], 'other flags move nothing')
})

test('what is finished is read back', () => {
  const bytes = new Uint8Array(64).fill(0xee)
  bytes.set([1, 2, 3, 4, 5], newKeyStart(AT))
  assert.equal(finishEntry(bytes, AT, EntryKind.tombstone, 3, 2), AT + 16)
  assert.deepEqual(bytes.subarray(AT, AT + 17), Uint8Array.of(2, 0, 3, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0xee))
  assert.deepEqual([entryKind(bytes, AT), encodingFlags(bytes, AT), entryEnd(bytes, AT)], [2, 0, AT + 16])
})

test('the checksum behind a value is the last word of its entry', () => {
  const bytes = entry(1, 4, 3, 3)
  putU32(bytes, AT + 16, 0x12345678)
  assert.deepEqual([hasValueChecksum(bytes, AT), valueChecksum(bytes, AT)], [true, 0x12345678])
  assert.equal(hasValueChecksum(entry(1, 0xfb, 3, 3), AT), false)
})

test('an entry that reaches over its limit has no end, whatever its lengths say', () => {
  for (const flags of [0, 1, 4, 5]) {
    const bytes = entry(1, flags, 5, 6)
    const end = entryEnd(bytes, AT)
    assert.equal(entryEndWithin(bytes, AT, end), end)
    for (let limit = AT; limit < end; limit++) assert.equal(entryEndWithin(bytes, AT, limit), -1, `${flags} ${limit}`)
  }
  for (const size of [2 ** 30, 2 ** 31 - 13, 2 ** 31, 2 ** 32 - 20, 2 ** 32 - 1]) {
    const bytes = entry(1, 4, 5, size)
    assert.equal(entryEndWithin(bytes, AT, 128), -1)
    const end = entryEnd(bytes, AT)
    assert.equal(end, AT + Math.ceil((8 + 5 + size) / 4) * 4 + 4)
    assert.equal(entryEndWithin(bytes, AT, 2 ** 33), end)
  }
})
