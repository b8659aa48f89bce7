import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytesLength, EntryKind, FRAME_HEADER_BYTES, POSITION_BYTES_MAX, SeededRandom, VarveError,
} from '../base/index.js'
import type { Bytes } from '../base/index.js'
import { FIRST_BATCH_OFFSET, noPredecessor } from '../wal/index.js'
import { describeEntry, readHistory } from '../../test/support/samples/log-history.js'
import { sampleBuffer } from '../../test/support/samples/write-buffer-samples.js'
import { batchBytesBound, encodeBatch } from './batch-encoder.js'
import type { BatchOptions } from './batch-encoder.js'
import { OperationList } from './operation-list.js'
import type { BatchOperation } from './operation-list.js'
import { frameBytesBound, roomOf } from './write-buffer.js'
import type { WriteBuffer } from './write-buffer.js'

const noSync = { sync: false, position: null }

function begun(capacity = 64 * 1024, lastSeqNum = 0): WriteBuffer {
  const { buffer } = sampleBuffer(1, { capacity, lastSeqNum })
  buffer.begin(noPredecessor(lastSeqNum))
  return buffer
}

const encode = (buffer: WriteBuffer, operations: BatchOperation[], options: BatchOptions, firstSeqNum: number) =>
  encodeBatch(buffer, OperationList.read(operations), options, firstSeqNum)
const boundOf = (operations: BatchOperation[], options: BatchOptions) =>
  batchBytesBound(OperationList.read(operations), options)
const entriesOf = (buffer: WriteBuffer) => readHistory(new Map([[1, buffer.bytes.slice(0, buffer.encodedEnd)]]))
const bytesOf = (data: Bytes) => (typeof data === 'string' ? new TextEncoder().encode(data) : data)

const random = new SeededRandom(7, 'write buffer')

function randomBytes(): Bytes {
  const length = random.pick([0, 1, 2, 3, 5, 30, 47, 48, 49, 64, 65, 200])
  if (random.chance(0.4)) return Array.from({ length }, () => random.pick(['a', 'ß', '€', '\ud83d', '\0'])).join('')
  const bytes = new Uint8Array(length + 3)
  random.fill(bytes)
  return random.chance(0.5) ? bytes.subarray(2, 2 + length) : Buffer.from(bytes.buffer, 1, length)
}

test('random batches of strings, views and buffers come back from the log, and from the memtable', () => {
  const buffer = begun(1 << 20, 9)
  const expected: string[] = []
  let seqNum = 10
  for (let i = 0; i < 300; i++) {
    const operations = Array.from({ length: 1 + random.below(5) }, () => {
      if (random.chance(0.2)) return { type: 'del' as const, key: randomBytes() }
      return { type: 'put' as const, key: randomBytes(), value: randomBytes() }
    })
    const position = random.chance(0.2) ? Uint8Array.of(i, i >> 8) : null
    assert.ok(encode(buffer, operations, { sync: false, position }, seqNum))
    for (const { type, key, value = '' } of operations as { type: 'put' | 'del'; key: Bytes; value?: Bytes }[]) {
      const kind = type === 'put' ? EntryKind.value : EntryKind.tombstone
      expected.push(describeEntry(seqNum++, kind, bytesOf(key), bytesOf(value)))
    }
    assert.equal(buffer.encodedSeqNum, seqNum - 1)
    assert.equal(buffer.encodedEnd % 8, 0)
  }
  assert.deepEqual(entriesOf(buffer), { entries: expected, cut: null })
})

test('one operation is encoded as a batch of one', () => {
  const [one, batch] = [begun(), begun()]
  one.encodeOne(EntryKind.value, 'kß', Uint8Array.of(1, 2, 3), 1)
  one.encodeOne(EntryKind.tombstone, Uint8Array.of(0xff), '', 2)
  encode(batch, [{ type: 'put', key: 'kß', value: Uint8Array.of(1, 2, 3) }], noSync, 1)
  encode(batch, [{ type: 'del', key: Uint8Array.of(0xff) }], noSync, 2)
  assert.equal(one.encodedEnd, batch.encodedEnd)
  assert.deepEqual(one.bytes.slice(0, one.encodedEnd), batch.bytes.slice(0, batch.encodedEnd))
})

test('COM-2: an encoding that does not fit or fails half-way changes nothing that counts', () => {
  const buffer = begun(4096)
  encode(buffer, [{ type: 'put', key: 'a', value: 'first' }], noSync, 1)
  const before = buffer.bytes.slice(0, buffer.encodedEnd)
  const small: BatchOperation = { type: 'put', key: 'b', value: 'x' }
  const tooLong: BatchOperation[] = [small, { type: 'put', key: 'c', value: 'x'.repeat(5000) }]
  const wrong: BatchOperation[] = [small, { type: 'put', key: 'd', value: 5 as never }]
  assert.equal(encode(buffer, tooLong, noSync, 2), false)
  assert.throws(() => encode(buffer, wrong, noSync, 2), VarveError)
  assert.equal(encode(buffer, [], { sync: false, position: new Uint8Array(4096) }, 2), false)
  assert.deepEqual(buffer.bytes.slice(0, buffer.encodedEnd), before)
  assert.equal(buffer.encodedSeqNum, 1)
  encode(buffer, [{ type: 'put', key: 'e', value: 'second' }], noSync, 2)
  assert.deepEqual(entriesOf(buffer).entries, ['1 a first', '2 e second'])
})

test('bounds are above what is written: a buffer made for a batch takes it, filled to the last byte or not', () => {
  for (let i = 0; i < 500; i++) {
    const operations: BatchOperation[] = Array.from({ length: random.below(6) }, () =>
      ({ type: 'put', key: randomBytes(), value: randomBytes() }))
    const position = random.chance(0.3) ? new Uint8Array(random.below(40)) : null
    const bound = boundOf(operations, { sync: false, position })
    const buffer = begun(Math.max(FIRST_BATCH_OFFSET + bound, 512))
    assert.ok(encode(buffer, operations, { sync: false, position }, 1))
    assert.ok(buffer.encodedEnd <= FIRST_BATCH_OFFSET + bound)
    const [key, value] = [randomBytes(), randomBytes()]
    const single = begun(FIRST_BATCH_OFFSET + frameBytesBound(roomOf(key), roomOf(value)))
    single.encodeOne(EntryKind.value, key, value, 1)
    assert.ok(single.encodedEnd <= single.bytes.length)
    assert.equal(entriesOf(single).entries.length, 1)
  }
})

test('a long string is measured, a short one is not', () => {
  const long = '€'.repeat(1000)
  assert.equal(roomOf(long), bytesLength(long))
  assert.equal(roomOf('abc'), 9)
})

test('a batch has at most 2^24 operations and 1 GiB', () => {
  const operations = new Array<BatchOperation>(2 ** 24 + 1)
  assert.throws(() => boundOf(operations, noSync), { code: 'BATCH_TOO_LARGE' })
  assert.throws(() => encode(begun(), operations, noSync, 1), { code: 'BATCH_TOO_LARGE' })
  const value = new Uint8Array(2 ** 30)
  const batch: BatchOperation[] = [{ type: 'put', key: 'a', value }, { type: 'put', key: 'b', value }]
  assert.throws(() => boundOf(batch, noSync), { code: 'BATCH_TOO_LARGE' })
  assert.ok(POSITION_BYTES_MAX < 65_536, 'its length is a u16')
})

/** The class as newer types declare it. The oldest supported Node has it, but its types do not. */
interface ResizableBuffer extends ArrayBuffer {
  resize(length: number): void
}

test('a getter that changes what was read before it cannot smuggle in an unchecked key', () => {
  const Resizable = ArrayBuffer as unknown as new (length: number, options: object) => ResizableBuffer
  const memory = new Resizable(8, { maxByteLength: 200_000 })
  const key = new Uint8Array(memory)
  const growing = { type: 'put' as const, key, get value() { memory.resize(100_000); return 'v' } }
  assert.throws(() => encode(begun(1 << 20), [growing], noSync, 1), { code: 'KEY_TOO_LARGE' })
})

test('memory that another thread makes longer during the call: what was measured counts, or it is refused', () => {
  const buffer = begun(100_000)
  const write = (keyRoom: number, valueRoom: number) => {
    const bodyStart = buffer.encodedEnd + FRAME_HEADER_BYTES
    const [key, value] = [new Uint8Array(70_000).fill(1), new Uint8Array(70_000).fill(2)]
    buffer.seal(bodyStart, buffer.writeEntry(bodyStart, EntryKind.value, key, keyRoom, value, valueRoom), 0, 1, 1)
  }
  assert.throws(() => write(50_000, 10), { code: 'INVALID_ARGUMENT' })
  assert.equal(buffer.isUsed, false)
  write(3, 5)
  assert.deepEqual(entriesOf(buffer).entries, ['1 \x01\x01\x01 \x02\x02\x02\x02\x02'])
})

test('void bytes are written over', () => {
  const buffer = begun()
  buffer.log.writeSync(buffer.bytes, buffer.encodedEnd, 0)
  encode(buffer, [{ type: 'put', key: 'a', value: 'v' }], noSync, 1)
  assert.ok(buffer.isUsed && !buffer.isWritten)
  buffer.voidUnwritten()
  assert.ok(!buffer.isUsed && buffer.isWritten)
  assert.equal(buffer.encodedSeqNum, 0)
})
