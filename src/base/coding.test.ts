import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BadBytes, ByteReader, ByteWriter, getU32, getU53, putU32, putU53 } from './coding.js'
import { NUMBER_MAX } from './limits.js'
import { SeededRandom } from './random.js'

test('fixed numbers come back, at their borders and at random', () => {
  const random = new SeededRandom(1, 'coding')
  const bytes = new Uint8Array(24).fill(0xee)
  const borders = [0, 1, 0x7f, 0x80, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]
  for (const value of [...borders, ...Array.from({ length: 100 }, () => random.u32())]) {
    putU32(bytes, 3, value)
    assert.equal(getU32(bytes, 3), value)
    assert.equal(new DataView(bytes.buffer).getUint32(3, true), value)
    assert.equal(bytes[2], 0xee)
    assert.equal(bytes[7], 0xee)
  }
  for (const value of [...borders, 2 ** 32, 2 ** 40 + 7, 2 ** 53 - 2, NUMBER_MAX]) {
    putU53(bytes, 5, value)
    assert.equal(getU53(bytes, 5), value)
    assert.equal(new DataView(bytes.buffer).getBigUint64(5, true), BigInt(value))
  }
})

test('a number above 2^53 - 1 is not believed', () => {
  const bytes = new Uint8Array(8)
  for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    new DataView(bytes.buffer).setBigUint64(0, value, true)
    assert.ok(Number.isNaN(getU53(bytes, 0)), String(value))
    assert.throws(() => new ByteReader(bytes).u53(), BadBytes)
  }
})

test('every field that a writer makes, a reader gives back, also from the middle of a buffer', () => {
  const out = new ByteWriter(1)
  out.u8(7).u32(0xdeadbeef).u53(NUMBER_MAX).f64(-1.5e300).raw(Uint8Array.of(1, 2, 3)).align(8)
  out.bytes(Uint8Array.of(9, 8)).text('aß€😀').text('')
  const written = out.finish()
  const buffer = new Uint8Array(written.length + 20).fill(0xee)
  buffer.set(written, 11)
  const reader = new ByteReader(buffer, 11, 11 + written.length)
  assert.equal(reader.u8(), 7)
  assert.equal(reader.u32(), 0xdeadbeef)
  assert.equal(reader.u53(), NUMBER_MAX)
  assert.equal(reader.f64(), -1.5e300)
  assert.deepEqual(reader.raw(3), Uint8Array.of(1, 2, 3))
  assert.deepEqual(reader.raw((8 - ((1 + 4 + 8 + 8 + 3) % 8)) % 8), new Uint8Array(0))
  assert.deepEqual(reader.bytes(2), Uint8Array.of(9, 8))
  assert.equal(reader.text(100), 'aß€😀')
  assert.equal(reader.text(0), '')
  assert.equal(reader.left, 0)
  out.u8(1)
  assert.equal(written.length, out.length - 1, 'finish gives a copy')
})

test('no field is read over the end of its range, whatever stands behind it', () => {
  const buffer = new Uint8Array(64)
  const fields: [string, number, (reader: ByteReader) => unknown][] = [
    ['u8', 1, (reader) => reader.u8()],
    ['u32', 4, (reader) => reader.u32()],
    ['u53', 8, (reader) => reader.u53()],
    ['f64', 8, (reader) => reader.f64()],
    ['raw', 5, (reader) => reader.raw(5)],
  ]
  for (const [name, size, read] of fields) {
    for (let left = 0; left < size; left++) {
      const reader = new ByteReader(buffer, 10, 10 + left)
      assert.throws(() => read(reader), (error) => error instanceof BadBytes && error.offset === 10, name)
      assert.equal(reader.position, 10, 'a failed read takes nothing')
    }
    read(new ByteReader(buffer, 10, 10 + size))
  }
})

test('a length is compared with the limit and with what is left before anything is copied', () => {
  const bytes = new Uint8Array(12)
  putU32(bytes, 0, 0xffffffff)
  assert.throws(() => new ByteReader(bytes).bytes(2 ** 33), BadBytes)
  putU32(bytes, 0, 8)
  assert.equal(new ByteReader(bytes).bytes(8).length, 8)
  assert.throws(() => new ByteReader(bytes).bytes(7), BadBytes)
  putU32(bytes, 0, 9)
  assert.throws(() => new ByteReader(bytes).bytes(100), BadBytes)
  assert.throws(() => new ByteReader(bytes).text(100), /needs 9 bytes, 8 are left/)
  bytes.fill(0xff, 4)
  putU32(bytes, 0, 2)
  assert.throws(() => new ByteReader(bytes).text(100), /not UTF-8/)
})

test('a count must fit into what is left', () => {
  const bytes = new Uint8Array(4 + 12)
  putU32(bytes, 0, 3)
  assert.equal(new ByteReader(bytes).count(4), 3)
  assert.throws(() => new ByteReader(bytes).count(5), BadBytes)
  putU32(bytes, 0, 0xffffffff)
  assert.throws(() => new ByteReader(bytes).count(1), BadBytes)
})
