/** A seek by heads finds what a seek without them finds, whatever the keys share. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  compareBytes, entryKeyEnd, entryKeyStart, EntryKind, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, SeededRandom,
} from '../base/index.js'
import { frameWriter } from '../../test/support/samples/frame-writer.js'
import { EntryTable } from './entry-table.js'
import { HEAD_STRIDE, mergeNow, newRun, sortNow } from './order-jobs.js'
import type { HeadedRun } from './order-jobs.js'
import { RunIterator } from './run-iterator.js'
import { readRun } from './sorted-tail.js'

interface Keys {
  shared: number
  letters: number[]
  bytesMax: number
  count: number
}

const SHAPES: Record<string, Keys> = {
  'heads decide': { shared: 3, letters: [...Array(256).keys()], bytesMax: 9, count: 1000 },
  'many keys with one head': { shared: 0, letters: [0, 255], bytesMax: 14, count: 700 },
  'all keys with one head': { shared: 9, letters: [0], bytesMax: 300, count: 300 },
  'keys that end in the head': { shared: 2, letters: [0, 1, 255], bytesMax: 5, count: 400 },
  'one key in many versions': { shared: 4, letters: [], bytesMax: 0, count: 100 },
  'fewer than a stride': { shared: 1, letters: [1, 2], bytesMax: 3, count: HEAD_STRIDE - 3 },
}

function keyOf({ shared, letters, bytesMax }: Keys, random: SeededRandom): Uint8Array {
  const own = letters.length === 0 ? 0 : random.below(bytesMax + 1)
  const key = new Uint8Array(shared + own).fill(7)
  for (let i = shared; i < key.length; i++) key[i] = random.pick(letters)
  return key
}

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`seeks: ${name}`, () => {
    const random = new SeededRandom(3, name)
    const buffer = new SharedArrayBuffer(1 << 20)
    const bytes = new Uint8Array(buffer)
    const writer = frameWriter(bytes, FILE_HEADER_BYTES)
    const keys = Array.from({ length: shape.count }, () => keyOf(shape, random))
    const entries = new EntryTable()
    const offsets: number[] = []
    for (const [i, key] of keys.entries()) {
      const offset = writer.end + FRAME_HEADER_BYTES
      writer.batch([{ key, seqNum: i + 1, kind: EntryKind.value, value: new Uint8Array(0) }])
      offsets.push(offset)
      entries.add(offset, i + 1, 0, 0)
    }
    const half = keys.length >>> 1
    const sort = (from: number, to: number): HeadedRun =>
      sortNow(bytes, Uint32Array.from(offsets.slice(from, to)), from)
    const whole = sort(0, keys.length)
    const merged = mergeNow(buffer, [sort(0, half), sort(half, keys.length)])
    assert.deepEqual(merged.ids, whole.ids)
    assert.deepEqual([merged.heads, merged.sharedBytes], [whole.heads, whole.sharedBytes])
    assert.equal(whole.heads.length, Math.ceil(keys.length / HEAD_STRIDE))
    const sorted = [...whole.offsets].map((at) => bytes.slice(entryKeyStart(bytes, at), entryKeyEnd(bytes, at)))
    const iterator = new RunIterator(bytes, entries, 0, readRun(whole))
    for (let i = 0; i < 2000; i++) {
      const target = random.chance(0.5) ? random.pick(sorted) : changed(keyOf(shape, random), random)
      const at = sorted.findIndex((key) => compareBytes(key, target) >= 0)
      iterator.seekGE(Uint8Array.of(9, ...target, 9), 1, 1 + target.length)
      assert.equal(iterator.valid ? iterator.seqNum : -1, at < 0 ? -1 : whole.ids[at]! + 1)
      iterator.seekLT(target, 0, target.length)
      const before = (at < 0 ? sorted.length : at) - 1
      assert.equal(iterator.valid ? iterator.seqNum : -1, before < 0 ? -1 : whole.ids[before]! + 1)
    }
  })
}

test('a run without heads is searched all the same', () => {
  const run = { ...newRun(0), heads: new Float64Array(0), sharedBytes: 0 }
  const iterator = new RunIterator(new Uint8Array(8), new EntryTable(), 0, readRun(run))
  iterator.seekGE(Uint8Array.of(1), 0, 1)
  assert.equal(iterator.valid, false)
})

/** A key that may leave what the others share, or end inside it. */
function changed(key: Uint8Array, random: SeededRandom): Uint8Array {
  if (random.chance(0.2)) return key.subarray(0, random.below(key.length + 1))
  if (random.chance(0.3) && key.length > 0) key[random.below(key.length)] = random.below(256)
  return key
}
