/** Values of 4 KiB and more: each has a checksum of its own in the log, and the frame around it says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleBuffer, sampleDatabaseId } from '../../test/support/samples/write-buffer-samples.js'
import {
  crc32, emptyFrameHeader, encodingFlags, EncodingFlag, entryContentStart, entryEnd, entryValueEnd, EntryKind,
  FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameFlag, hasValueChecksum, LOG_FRAMES, MiB, readFrame,
  VALUE_CHECKSUM_BYTES_MIN, valueChecksum,
} from '../base/index.js'
import type { FrameHeader } from '../base/index.js'
import { noPredecessor, scanLog } from '../wal/index.js'
import { encodeBatch } from './batch-encoder.js'
import { OperationList } from './operation-list.js'
import type { BatchOperation } from './operation-list.js'

import type { WriteBuffer } from './write-buffer.js'

function newBuffer(capacity = MiB): WriteBuffer {
  const { buffer } = sampleBuffer(5, { capacity })
  buffer.begin(noPredecessor(0))
  return buffer
}

/** The frame at `at`, which must be good. */
function frameAt({ bytes, encodedEnd, log }: WriteBuffer, at: number): FrameHeader {
  const frame = emptyFrameHeader()
  assert.equal(readFrame(bytes, at, encodedEnd, at, log.seed, LOG_FRAMES, frame), 'good')
  return frame
}

function put(key: string, length: number): BatchOperation {
  return { type: 'put', key, value: new Uint8Array(length).fill(7) }
}

function encode(buffer: WriteBuffer, operations: BatchOperation[], position: Uint8Array | null = null): boolean {
  return encodeBatch(buffer, OperationList.read(operations), { sync: false, position }, buffer.encodedSeqNum + 1)
}

test('the flag stands where a value has a checksum, and nowhere else', () => {
  const buffer = newBuffer()
  for (const length of [0, 4095, 4096, 4097, 70_000, 10]) {
    const at = buffer.encodedEnd
    buffer.encodeOne(EntryKind.value, 'key', new Uint8Array(length), buffer.encodedSeqNum + 1)
    const isApart = length >= VALUE_CHECKSUM_BYTES_MIN
    assert.equal(frameAt(buffer, at).flags, isApart ? FrameFlag.valuesApart : 0)
    assert.equal(encodingFlags(buffer.bytes, at + FRAME_HEADER_BYTES), isApart ? EncodingFlag.checksum : 0)
  }
})

test('in a batch each large value has its own, from the place where it stands', () => {
  const buffer = newBuffer()
  const at = buffer.encodedEnd
  const lengths = [5, 4096, 4095, 9001, 0]
  assert.ok(encode(buffer, lengths.map((length, i) => put(`k${i}`, length)), new Uint8Array(30)))
  const frame = frameAt(buffer, at)
  const { bytes, log: { seed } } = buffer
  let entry = at + FRAME_HEADER_BYTES + frame.extensionBytes
  for (const length of lengths) {
    const [start, end] = [entryContentStart(bytes, entry), entryValueEnd(bytes, entry)]
    assert.deepEqual([end - start, hasValueChecksum(bytes, entry)], [length, length >= 4096])
    if (length >= 4096) assert.equal(valueChecksum(bytes, entry), crc32(bytes, start, end, (seed ^ start) >>> 0))
    entry = entryEnd(bytes, entry)
  }
})

test('a batch that does not fit, or is refused, leaves no flag to the next frame', () => {
  const buffer = newBuffer(64 * 1024)
  assert.equal(encode(buffer, [put('a', 5000), put('b', 70_000)]), false)
  const at = buffer.encodedEnd
  encode(buffer, [put('c', 10)])
  assert.equal(frameAt(buffer, at).flags, 0)
  assert.throws(() => encode(buffer, [put('a', 5000), { type: 'put', key: 'b', value: null as never }]))
  const next = buffer.encodedEnd
  buffer.encodeOne(EntryKind.tombstone, 'a', new Uint8Array(0), buffer.encodedSeqNum + 1)
  assert.equal(frameAt(buffer, next).flags, 0)
})

test('a reader of the log takes it, and finds every changed byte of a value', () => {
  const buffer = newBuffer()
  encode(buffer, [put('a', 4096), put('b', 3)])
  encode(buffer, [put('c', 6000)])
  const { bytes, encodedEnd } = buffer
  const scan = (content: Uint8Array) => scanLog(5, content, encodedEnd, sampleDatabaseId)
  assert.deepEqual([scan(bytes).goodEnd, scan(bytes).entryCount], [encodedEnd, 3])
  for (let at = FILE_HEADER_BYTES; at < encodedEnd; at += 61) {
    const changed = bytes.slice()
    changed[at]! ^= 8
    assert.ok(scan(changed).goodEnd <= at, String(at))
  }
})

test('values that just fit into what is left of the slab, and those that do not', () => {
  for (let over = -12; over <= 40; over++) {
    const buffer = newBuffer(64 * 1024)
    const length = buffer.roomBytes - FRAME_HEADER_BYTES - 8 - 1 - over
    const isIn = buffer.encodeOne(EntryKind.value, 'k', new Uint8Array(length), 1)
    if (isIn) assert.ok(buffer.encodedEnd <= 64 * 1024 && frameAt(buffer, 200).flags === FrameFlag.valuesApart)
    else assert.ok(over < 28, `${over} bytes are too few`)
  }
})
