/** A part of a block passes exactly when all that a get looks at has the bytes of the block that was noted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes, EntryKind, SeededRandom } from '../../base/index.js'
import { drawn } from '../../../test/support/harness/share.js'
import { BlockBuilder } from './block-builder.js'
import { BlockParts } from './block-parts.js'
import { BlockReader } from './block-reader.js'
import { BuildBuffer } from './build-buffer.js'
import { FOUND, PointEntries } from './point-entries.js'

/** Lays out a block as random as its seed says: lengths alike or not, tombstones, numbers of every width. */
function randomBlock(random: SeededRandom): { content: Uint8Array; keys: Uint8Array[] } {
  const memory = new BuildBuffer()
  const builder = new BlockBuilder(memory)
  const [keyBytes, valueBytes, width] = [random.below(12), random.below(90), random.pick([1, 2 ** 20, 2 ** 40])]
  const [keysAlike, valuesAlike] = [random.chance(0.5), random.chance(0.5)]
  const set = new Map<string, Uint8Array>()
  for (let i = 0; i < 1 + random.below(80); i++) {
    const key = new Uint8Array(2 + keyBytes + (keysAlike ? 0 : random.below(5)))
    random.fill(key)
    key[0] = 7
    set.set(key.join(), key)
  }
  const keys = [...set.values()].sort(compareBytes)
  for (const key of keys) {
    const value = new Uint8Array(valuesAlike ? valueBytes : random.below(valueBytes + random.pick([1, 200])))
    random.fill(value)
    builder.stage(key, 0, key.length)
    builder.measure()
    builder.push(random.below(4) * width, valuesAlike || random.chance(0.9) ? 1 : EntryKind.tombstone, value.length)
    builder.putValues(value, 0, value.length)
  }
  const length = builder.encode(0)
  return { content: memory.bytes.slice(0, length), keys }
}

/** Turns a reader to these bytes, with others behind them. */
function partOf(bytes: Uint8Array): BlockReader {
  const room = new Uint8Array(40_000).fill(0xab)
  room.set(bytes)
  const reader = new BlockReader()
  reader.open(room, new Uint32Array(room.buffer), 0)
  return reader
}

const NUMBER = 1

/** Notes the block as the second of three. */
function noted(content: Uint8Array, keys: Uint8Array[]): { parts: BlockParts; entries: PointEntries } {
  const block = partOf(content)
  block.check(content.length)
  const [parts, entries] = [new BlockParts(), new PointEntries(3, Infinity)]
  entries.keepShapes(true)
  entries.note(block, NUMBER)
  parts.note(block, NUMBER, Uint32Array.of(4, keys.length, 2))
  return { parts, entries }
}

test('what is read for an entry has all of it, and gives what the block gives', () => {
  for (const seed of drawn('parts', Array.from({ length: 200 }, (_, i) => i))) {
    const random = new SeededRandom(seed, 'parts')
    const { content, keys } = randomBlock(random)
    const { parts, entries } = noted(content, keys)
    const whole = partOf(content)
    for (const [i, key] of keys.entries()) {
      const bytes = Math.min(content.length, parts.bytesFor(NUMBER, i))
      const part = partOf(content.subarray(0, bytes))
      assert.ok(parts.holds(part, NUMBER, i, bytes), `seed ${seed}, entry ${i}`)
      const out = { kind: 0, valueBytes: part.bytes, valueStart: 0, valueEnd: 0 }
      assert.equal(entries.read(part, 0, NUMBER, i, key, key.length, Infinity, out), FOUND)
      const expected = [whole.kindAt(i), whole.valueStart(i), whole.valueEnd(i)]
      assert.deepEqual([out.kind, out.valueStart, out.valueEnd], expected)
      assert.ok(out.valueEnd <= bytes)
    }
    assert.equal(parts.bytesFor(NUMBER, keys.length), 0, 'it has no such entry')
    assert.deepEqual([parts.bytesFor(0, 0), parts.bytesFor(2, 0)], [0, 0], 'these were not noted')
    assert.equal(parts.memoryBytes, BlockParts.memoryBytes(3, 6 + keys.length))
    parts.forget()
    assert.deepEqual([parts.isEmpty, parts.memoryBytes, parts.bytesFor(NUMBER, 0)], [true, 0, 0])
  }
})

test('a part reads half of a block on average when values have one length', () => {
  const memory = new BuildBuffer()
  const builder = new BlockBuilder(memory)
  const keys = Array.from({ length: 64 }, (_, i) => Buffer.from(`key ${i + 100}`))
  for (const [i, key] of keys.entries()) {
    builder.stage(key, 0, key.length)
    builder.measure()
    builder.push(i, 1, 100)
    builder.putValues(new Uint8Array(100), 0, 100)
  }
  const content = memory.bytes.slice(0, builder.encode(0))
  const { parts } = noted(content, keys)
  const sum = keys.reduce((bytes, _, i) => bytes + parts.bytesFor(NUMBER, i), 0)
  assert.ok(sum / 64 < 0.6 * content.length, `${sum / 64} of ${content.length}`)
  assert.ok(Math.abs(parts.bytesFor(NUMBER, 63) - content.length) < 16)
})

test('a flipped byte that a get looks at is found, and none throws or reads outside', () => {
  for (const seed of drawn('flipped parts', Array.from({ length: 60 }, (_, i) => i))) {
    const random = new SeededRandom(seed, 'flipped')
    const { content, keys } = randomBlock(random)
    const { parts, entries } = noted(content, keys)
    for (let turn = 0; turn < 60; turn++) {
      const i = random.below(keys.length)
      const bytes = Math.min(content.length, parts.bytesFor(NUMBER, i))
      const flipped = content.slice(0, bytes)
      const at = random.below(bytes)
      flipped[at]! ^= 1 << random.below(8)
      const part = partOf(flipped)
      if (!parts.holds(part, NUMBER, i, bytes)) continue
      // Then the byte is one of another entry: the answer is the same.
      const whole = partOf(content)
      const key = keys[i]!
      const out = { kind: 0, valueBytes: part.bytes, valueStart: 0, valueEnd: 0 }
      const below = whole.seqNumAt(i) - 1
      assert.notEqual(entries.read(part, 0, NUMBER, i, key, key.length, below, out), FOUND)
      assert.equal(entries.read(part, 0, NUMBER, i, key, key.length, below + 1, out), FOUND)
      const value = part.bytes.subarray(out.valueStart, out.valueEnd)
      const expected = content.subarray(whole.valueStart(i), whole.valueEnd(i))
      assert.deepEqual([out.kind, compareBytes(value, expected)], [whole.kindAt(i), 0], `seed ${seed}, byte ${at}`)
    }
  }
})

test('random bytes never pass, nor throw', () => {
  const random = new SeededRandom(5, 'hostile')
  const { content, keys } = randomBlock(random)
  const { parts } = noted(content, keys)
  for (let turn = 0; turn < 3000; turn++) {
    const i = random.below(keys.length)
    const bytes = Math.min(content.length, parts.bytesFor(NUMBER, i))
    const hostile = content.slice(0, bytes)
    const from = random.below(Math.min(bytes, 40))
    random.fill(hostile.subarray(from, from + 1 + random.below(bytes - from)))
    const part = partOf(hostile)
    if (compareBytes(hostile, content.subarray(0, bytes)) === 0) continue
    if (from < 16) assert.equal(parts.holds(part, NUMBER, i, bytes), false)
    else parts.holds(part, NUMBER, i, bytes)
  }
})
