import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from './checksum.js'
import { putU32 } from './coding.js'
import {
  emptyFrameHeader, FRAME_HEADER_BYTES, frameBytes, FrameFlag, FrameType, LOG_FRAMES, MANIFEST_FRAMES, readFrame,
  readFrameHeader, sealFrame,
} from './frame.js'
import type { FrameHeader } from './frame.js'
import { SeededRandom } from './random.js'

const SEED = 0x12345678
const KNOWN = LOG_FRAMES

const sample: FrameHeader = {
  type: 1, flags: 0, bodyBytes: 0, extensionBytes: 8, firstSeqNum: 2 ** 40 + 5, count: 3,
  generation: 77, markDistance: 9, markBytes: 4096,
}

/** Makes a frame at offset 128 of its file and at 16 in the bytes, with rubbish around it. */
function sampleFrame(bodyBytes: number): { bytes: Uint8Array; end: number } {
  const bytes = new Uint8Array(16 + frameBytes(bodyBytes) + 16)
  new SeededRandom(bodyBytes, 'frame').fill(bytes)
  const total = sealFrame(bytes, 16, 128, SEED, { ...sample, bodyBytes })
  assert.equal(total, frameBytes(bodyBytes))
  assert.equal(total % 8, 0)
  return { bytes, end: 16 + total }
}

test('what is sealed is read back, for bodies of every alignment', () => {
  for (let bodyBytes = 8; bodyBytes < 60; bodyBytes++) {
    const { bytes, end } = sampleFrame(bodyBytes)
    const header = emptyFrameHeader()
    assert.equal(readFrame(bytes, 16, end, 128, SEED, KNOWN, header), 'good')
    assert.deepEqual(header, { ...sample, bodyBytes })
    const padding = bytes.subarray(16 + FRAME_HEADER_BYTES + bodyBytes, end)
    assert.ok(padding.every((byte) => byte === 0), 'padding is zero')
  }
})

test('every flipped bit of header and body is bad', () => {
  const { bytes, end } = sampleFrame(29)
  for (let at = 16; at < 16 + FRAME_HEADER_BYTES + 29; at++) {
    for (let bit = 0; bit < 8; bit++) {
      bytes[at]! ^= 1 << bit
      assert.equal(readFrame(bytes, 16, end, 128, SEED, KNOWN, emptyFrameHeader()), 'bad', `byte ${at}, bit ${bit}`)
      bytes[at]! ^= 1 << bit
    }
  }
  assert.equal(readFrame(bytes, 16, end, 128, SEED, KNOWN, emptyFrameHeader()), 'good')
})

test('a frame of another offset or of another file is bad', () => {
  const { bytes, end } = sampleFrame(16)
  const header = emptyFrameHeader()
  assert.equal(readFrame(bytes, 16, end, 136, SEED, KNOWN, header), 'bad')
  assert.equal(readFrame(bytes, 16, end, 128, SEED ^ 1, KNOWN, header), 'bad')
  assert.equal(readFrameHeader(bytes, 16, 136, SEED, header), false)
  assert.equal(readFrameHeader(bytes, 16, 128, SEED ^ 0x80000000, header), false)
  assert.equal(readFrameHeader(bytes, 16, 128, SEED, header), true)
})

test('a frame that is cut anywhere is bad, or an end when only zeros are left of it', () => {
  const { bytes, end } = sampleFrame(16)
  for (let cut = 17; cut < end; cut++) {
    assert.equal(readFrame(bytes, 16, cut, 128, SEED, KNOWN, emptyFrameHeader()), 'bad', `cut at ${cut}`)
  }
  assert.equal(readFrame(bytes, 16, 16, 128, SEED, KNOWN, emptyFrameHeader()), 'end')
})

test('zeros are an end, wherever the bytes stop', () => {
  const zeros = new Uint8Array(100)
  for (let end = 0; end <= zeros.length; end++) {
    assert.equal(readFrame(zeros, 0, end, 128, SEED, KNOWN, emptyFrameHeader()), 'end')
  }
  zeros[39] = 1
  assert.equal(readFrame(zeros, 0, 100, 128, SEED, KNOWN, emptyFrameHeader()), 'bad')
  assert.equal(readFrame(zeros, 0, 39, 128, SEED, KNOWN, emptyFrameHeader()), 'end')
})

test('no length is believed: longer than the bytes left, extensions longer than the body', () => {
  const bytes = new Uint8Array(256)
  for (const bodyBytes of [220, 0x7fffffff, 0xffffffff]) {
    sealFrame(bytes, 0, 0, SEED, { ...sample, bodyBytes: 16 })
    putU32(bytes, 4, bodyBytes)
    resealHeader(bytes)
    assert.equal(readFrameHeader(bytes, 0, 0, SEED, emptyFrameHeader()), true, 'the header itself is right')
    assert.equal(readFrame(bytes, 0, 256, 0, SEED, KNOWN, emptyFrameHeader()), 'bad')
  }
  sealFrame(bytes, 0, 0, SEED, { ...sample, bodyBytes: 16, extensionBytes: 17 })
  assert.equal(readFrame(bytes, 0, 256, 0, SEED, KNOWN, emptyFrameHeader()), 'bad')
})

test('a right header of an unknown type or with unknown flags is no torn frame, whatever its body is', () => {
  const { bytes, end } = sampleFrame(32)
  const read = (type: number, flags: number, known = KNOWN, limit = end) => {
    const frame = bytes.slice()
    frame[16 + 12] = type
    frame[16 + 13] = flags
    frame[end - 1]! ^= 1
    putU32(frame, 16, crc32(frame, 20, 16 + FRAME_HEADER_BYTES, (SEED ^ 128) >>> 0))
    return readFrame(frame, 16, limit, 128, SEED, known, emptyFrameHeader())
  }
  for (const type of [0, 3, 5, 7, 8, 9, 255]) assert.equal(read(type, 0), 'unknown', `type ${type}`)
  for (const flags of [2, 3, 0x80]) assert.equal(read(FrameType.batch, flags), 'unknown', `flags ${flags}`)
  assert.equal(read(FrameType.mark, FrameFlag.valuesApart), 'unknown')
  assert.equal(read(FrameType.batch, 0, MANIFEST_FRAMES), 'unknown')
  assert.equal(read(FrameType.editGroup, 1, MANIFEST_FRAMES), 'unknown')
  assert.equal(read(9, 0, KNOWN, end - 1), 'unknown', 'the end of the file inside it')
  assert.equal(read(FrameType.batch, 0), 'bad')
})

test('a sequence number above 2^53 - 1 is bad, although its checksum is right', () => {
  const bytes = new Uint8Array(128)
  sealFrame(bytes, 0, 0, SEED, { ...sample, bodyBytes: 16 })
  bytes[23] = 0xff
  resealHeader(bytes)
  assert.equal(readFrame(bytes, 0, 128, 0, SEED, KNOWN, emptyFrameHeader()), 'bad')
})

/** Gives the changed header of a frame at 0 a right checksum, as an attacker would. */
function resealHeader(bytes: Uint8Array): void {
  putU32(bytes, 0, crc32(bytes, 4, FRAME_HEADER_BYTES, SEED))
}
