import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from './random.js'
import { OWN_BUFFERS, useChunkGuard, UserBytes } from './user-bytes.js'

test('copies are private: neither the source nor other copies change with them', () => {
  const random = new SeededRandom(1, 'user bytes')
  const userBytes = new UserBytes()
  const source = new Uint8Array(new SharedArrayBuffer(12_000))
  const copies: { copy: Uint8Array; expected: Uint8Array }[] = []
  for (let i = 0; i < 1000; i++) {
    random.fill(source)
    const length = random.pick([0, 1, 7, 8, 31, 32, 33, 100, 1023, 1024, 1025, 8192, 8193, random.below(2000)])
    const start = random.below(100)
    const copy = userBytes.copy(source, start, start + length)
    copies.push({ copy, expected: Uint8Array.from(source.subarray(start, start + length)) })
  }
  for (const { copy, expected } of copies) assert.deepEqual(copy, expected)
  for (const { copy } of copies) copy.fill(0x55)
  for (const { copy } of copies) assert.ok(copy.every((byte) => byte === 0x55))
})

test('small copies share a chunk of 8 KiB, larger ones than 1 KiB have a buffer of their own', () => {
  const userBytes = new UserBytes()
  const source = new Uint8Array(9000)
  const first = userBytes.copy(source, 0, 100)
  const second = userBytes.copy(source, 0, 100)
  assert.equal(first.buffer, second.buffer)
  assert.equal(first.buffer.byteLength, 8192)
  const large = userBytes.copy(source, 0, 1025)
  assert.equal(large.buffer.byteLength, 1025)
  for (let i = 0; i < 100; i++) assert.ok(userBytes.copy(source, 0, 1024).buffer.byteLength === 8192)
})

test('the first copy may be empty, and a caller may make the view itself', () => {
  const source = Uint8Array.of(1, 2, 3)
  assert.deepEqual(new UserBytes().copy(source, 1, 1), new Uint8Array(0))
  const userBytes = new UserBytes()
  const at = userBytes.copyTo(source, 1, 3)
  assert.deepEqual(new Uint8Array(userBytes.buffer, at, 2), Uint8Array.of(2, 3))
  assert.equal(userBytes.copyTo(new Uint8Array(2000), 0, 2000), -1)
})

test('a chunk that was transferred away is not filled any more', () => {
  const source = new Uint8Array(5000).fill(7)
  for (const length of [0, 5, 100]) {
    const userBytes = new UserBytes()
    const lost = userBytes.copy(source, 0, 10)
    structuredClone(lost, { transfer: [lost.buffer as ArrayBuffer] })
    assert.equal(lost.length, 0)
    assert.deepEqual(userBytes.copy(source, 0, length), source.slice(0, length))
    structuredClone(userBytes.buffer, { transfer: [userBytes.buffer] })
    const expected = source.slice(0, length)
    assert.deepEqual(userBytes.copyPair(source, 0, length, 2 * length), [expected, expected])
    structuredClone(userBytes.buffer, { transfer: [userBytes.buffer] })
    const at = userBytes.copyTo(source, 0, length)
    assert.deepEqual(new Uint8Array(userBytes.buffer, at, length), source.slice(0, length))
  }
})

test('each chunk is guarded, and a guard that exists by name only is let go', (t) => {
  t.after(() => useChunkGuard(null))
  const guarded: unknown[] = []
  useChunkGuard((chunk) => void guarded.push(chunk))
  const userBytes = new UserBytes()
  const copies = Array.from({ length: 100 }, () => userBytes.copy(new Uint8Array(1000), 0, 1000))
  assert.deepEqual(guarded, [...new Set(copies.map(({ buffer }) => buffer))])
  useChunkGuard(() => { throw new Error('not implemented') })
  assert.deepEqual(new UserBytes().copy(Uint8Array.of(1), 0, 1), Uint8Array.of(1))
})

test('with own buffers nothing is shared', () => {
  const source = new Uint8Array(3000).fill(1)
  for (const length of [0, 1, 1000, 1500]) {
    const views = [
      OWN_BUFFERS.copy(source, 0, length), OWN_BUFFERS.copy(source, 0, length),
      ...OWN_BUFFERS.copyPair(source, 0, length, 2 * length),
    ]
    for (const { buffer, byteLength } of views) assert.deepEqual([buffer.byteLength, byteLength], [length, length])
    assert.equal(new Set(views.map(({ buffer }) => buffer)).size, 4)
    assert.equal(OWN_BUFFERS.copyTo(source, 0, length), -1)
  }
})
