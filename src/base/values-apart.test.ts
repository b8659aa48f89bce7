import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogCraft } from '../../test/support/samples/log-crafting.js'
import type { CraftedEntry } from '../../test/support/samples/log-crafting.js'
import { crc32 } from './checksum.js'
import { putU32 } from './coding.js'
import { encodingFlags, entryContentStart, entryEnd, EncodingFlag, entryValueEnd, VersionFlag } from './entry.js'
import { NO_FEATURES } from './features.js'
import { fileSeed } from './file-header.js'
import type { FileHeader } from './file-header.js'
import { emptyFrameHeader, FRAME_HEADER_BYTES, FrameFlag, frameBytes, LOG_FRAMES, readFrame } from './frame.js'
import type { FrameState } from './frame.js'
import { EntryKind } from './ids.js'

const header: FileHeader = {
  magic: 'varvelog', features: NO_FEATURES, databaseId: new Uint8Array(16).fill(1), fileNum: 4,
  salt: new Uint8Array(8).fill(2), generation: 3, lineage: 1,
}
const APART = EncodingFlag.checksum
const entries: CraftedEntry[] = [
  { encoding: APART, key: 'large', value: 'l'.repeat(70) },
  { key: 'small', value: 'in between' },
  { kind: EntryKind.tombstone, key: 'gone' },
  { kind: EntryKind.value | VersionFlag.expiry, encoding: APART, key: 'front', value: 'behind it', expiry: 77 },
  { encoding: APART | EncodingFlag.keyspace, key: '', value: '', keyspaceId: 0x01020304 },
]

function sample(): { bytes: Uint8Array; at: number; end: number } {
  const log = LogCraft.begin(header, { fileNum: 0, salt: new Uint8Array(8), lastSeqNum: 0, end: 0 })
  const extensions = [{ type: 1, content: 'p' }]
  const at = log.frame({ firstSeqNum: 1, flags: FrameFlag.valuesApart, entries, extensions })
  return { bytes: log.finish(), at, end: log.end }
}

/** Reads the frame of a file that has `base` other bytes before it in memory. */
function stateOf(bytes: Uint8Array, at: number, base = 0): FrameState {
  const moved = new Uint8Array(base + bytes.length)
  moved.set(bytes, base)
  return readFrame(moved, base + at, moved.length, at, fileSeed(header), LOG_FRAMES, emptyFrameHeader())
}

test('a frame with values apart is read, wherever its file stands in memory', () => {
  const { bytes, at } = sample()
  assert.equal(stateOf(bytes, at), 'good')
  assert.equal(stateOf(bytes, at, 24), 'good')
})

test('every flipped bit of it is found', () => {
  const { bytes, at, end } = sample()
  const frame = emptyFrameHeader()
  readFrame(bytes, at, end, at, fileSeed(header), LOG_FRAMES, frame)
  for (let i = at; i < at + FRAME_HEADER_BYTES + frame.bodyBytes; i++) {
    for (let bit = 0; bit < 8; bit++) {
      bytes[i]! ^= 1 << bit
      assert.equal(stateOf(bytes, at), 'bad', `byte ${i}, bit ${bit}`)
      bytes[i]! ^= 1 << bit
    }
  }
})

test('a value is bound to its place in the file, and its checksum stands in the frame\'s', () => {
  const { bytes, at } = sample()
  const entry = at + FRAME_HEADER_BYTES + 8
  const start = entryContentStart(bytes, entry)
  const end = entryValueEnd(bytes, entry)
  const checksumAt = entryEnd(bytes, entry) - 4
  assert.equal(encodingFlags(bytes, entry), APART)
  bytes[start]! ^= 1
  putU32(bytes, checksumAt, crc32(bytes, start, end, (fileSeed(header) ^ start) >>> 0))
  assert.equal(stateOf(bytes, at), 'bad', 'another value with its own checksum')
})

/** Gives a changed frame a right header and a right checksum of the whole body, as an attacker would. */
function resealWhole(bytes: Uint8Array, at: number, bodyBytes: number): void {
  const seed = (fileSeed(header) ^ at) >>> 0
  putU32(bytes, at + 4, bodyBytes)
  putU32(bytes, at + 8, crc32(bytes, at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + bodyBytes, seed))
  putU32(bytes, at, crc32(bytes, at + 4, at + FRAME_HEADER_BYTES, seed))
}

test('a walk that does not end where the body ends is a bad frame; no length is believed', () => {
  const log = LogCraft.begin(header, { fileNum: 0, salt: new Uint8Array(8), lastSeqNum: 0, end: 0 })
  // No value is apart, so that the checksum of the whole body is right whatever the walk finds.
  const at = log.frame({ firstSeqNum: 1, flags: FrameFlag.valuesApart, entries: [{ key: 'abc', value: 'def' }] })
  const bodyBytes = log.end - at - FRAME_HEADER_BYTES
  const entry = at + FRAME_HEADER_BYTES
  const withChange = (change: (bytes: Uint8Array) => void, bytesOfBody = bodyBytes) => {
    const bytes = log.finish(64)
    change(bytes)
    resealWhole(bytes, at, bytesOfBody)
    return stateOf(bytes, at)
  }
  assert.equal(withChange(() => {}), 'good')
  assert.equal(withChange(() => {}, bodyBytes + 8), 'bad', 'bytes behind the last entry')
  assert.equal(withChange(() => {}, bodyBytes - 8), 'bad', 'half an entry')
  assert.equal(withChange((bytes) => putU32(bytes, at + 24, 2)), 'bad', 'more entries than there are')
  assert.equal(withChange((bytes) => putU32(bytes, at + 24, 2 ** 32 - 1)), 'bad')
  for (const size of [6, 100, 2 ** 31 - 8, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1]) {
    assert.equal(withChange((bytes) => putU32(bytes, entry + 4, size)), 'bad', `value of ${size} bytes`)
  }
  assert.equal(withChange((bytes) => (bytes[entry + 1] = APART)), 'bad', 'no room for a checksum')
  const shortFront = (bytes: Uint8Array) => {
    bytes[entry]! |= VersionFlag.expiry
    bytes[entry + 1] = APART
    bytes[entry + 2] = 0
  }
  assert.equal(withChange(shortFront), 'bad', 'a value shorter than its front')
  assert.equal(frameBytes(bodyBytes), log.end - at)
})
