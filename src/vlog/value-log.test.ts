import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scanValueLog } from '../../test/support/samples/value-log-scan.js'
import type { ScannedValue } from '../../test/support/samples/value-log-scan.js'
import {
  crc32, EntryKind, FILE_HEADER_BYTES, fileSeed, handleChecksum, handleFileNum, handleLength, handleOffset,
  newFileHeader, putU32, SeededRandom, VALUE_HANDLE_BYTES,
} from '../base/index.js'
import { bytesSource, describeValueLog } from '../dump/index.js'
import { MemoryVfs } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'
import { VALUE_LOG_END_BYTES, valueFrameBytes, valueHeadBytes } from './value-log-format.js'
import { ValueLogWriter } from './value-log-writer.js'

const NAME = '000014.vlog'
const random = new SeededRandom(3, 'value log')
const header = newFileHeader('varvevlg', {
  databaseId: new Uint8Array(16).fill(5), generation: 7, lineage: 9, random,
}, 14)
const seed = fileSeed(header)

interface Given {
  key: Uint8Array
  value: Uint8Array
}

function draw(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  random.fill(bytes)
  return bytes
}

function newFile(bytes: Uint8Array = new Uint8Array(0)): VfsFile {
  const file = new MemoryVfs().openSync('/' + NAME, 'create')
  file.writeSync(bytes, 0, bytes.length, 0)
  return file
}

function bytesOf(file: VfsFile): Uint8Array {
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0, bytes.length, 0)
  return bytes
}

/** Writes the values, their checksums begun with `checksumSeed`. */
function write(
  given: readonly Given[], checksumSeed = 0,
): { file: VfsFile; writer: ValueLogWriter; handles: Uint8Array[] } {
  const file = newFile()
  const writer = new ValueLogWriter(file, NAME, header)
  const handles = given.map(({ key, value }, i) => {
    // Behind other bytes, as in a slab.
    const slab = new Uint8Array([1, 2, 3, ...key, ...value, 4])
    const end = 3 + key.length + value.length
    const crc = crc32(value, 0, value.length, checksumSeed)
    writer.stage(slab, 3, 3 + key.length, 100 + i, EntryKind.value)
    writer.add(slab, 3 + key.length, end, crc, checksumSeed)
    const handle = new Uint8Array(VALUE_HANDLE_BYTES)
    writer.putHandle(handle, 0)
    return handle
  })
  writer.finish()
  return { file, writer, handles }
}

const scan = (file: VfsFile): ScannedValue[] => [...scanValueLog({ file, name: NAME })]

const LENGTHS = [0, 1, 3, 511, 512, 4093, 4096, 32 * 1024 - 1, 32 * 1024, 70_001, 300_000]
const given = LENGTHS.flatMap((length) => [0, 1, 16, 17].map((keyBytes): Given => {
  return { key: draw(keyBytes), value: draw(length) }
}))

test('what was written is read back, and handles say where it stands', () => {
  for (const checksumSeed of [0, 12345]) {
    const { file, writer, handles } = write(given, checksumSeed)
    const bytes = bytesOf(file)
    assert.equal(writer.bytes, bytes.length)
    assert.equal(writer.valueCount, given.length)
    assert.equal(writer.valueBytes, given.reduce((n, { value }) => n + value.length, 0))
    const scanned = scan(file)
    assert.equal(scanned.length, given.length)
    for (const [i, { seqNum, kind, key, offset, length, checksum }] of scanned.entries()) {
      const handle = handles[i]!
      assert.deepEqual([seqNum, kind], [100 + i, EntryKind.value])
      assert.deepEqual(key, given[i]!.key)
      assert.deepEqual(bytes.slice(offset, offset + length), given[i]!.value)
      assert.equal(checksum, crc32(bytes, offset, offset + length, (seed ^ offset) >>> 0))
      assert.deepEqual([handleOffset(handle, 0), handleLength(handle, 0)], [offset, length])
      assert.deepEqual([handleChecksum(handle, 0), handleFileNum(handle, 0)], [checksum, 14])
    }
  }
})

test('where a value will stand is known before it is there', () => {
  const { handles } = write(given)
  let at = FILE_HEADER_BYTES
  for (const [i, { key, value }] of given.entries()) {
    assert.equal(handleOffset(handles[i]!, 0), at + valueHeadBytes(key.length))
    at += valueFrameBytes({ keyBytes: key.length, valueBytes: value.length })
    assert.equal(at % 8, 0)
  }
})

test('every byte is checked, and a file that was cut is seen', () => {
  const bytes = bytesOf(write(given.slice(10, 14)).file)
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice()
    changed[at]! ^= 4
    assert.throws(() => scan(newFile(changed)), { file: NAME }, `byte ${at}`)
  }
  for (let length = 0; length < bytes.length; length += 5) {
    const cut = newFile(bytes.subarray(0, length))
    assert.throws(() => scan(cut), { code: 'CORRUPTION', file: NAME }, `cut at ${length}`)
  }
  assert.throws(() => scan(newFile(new Uint8Array([...bytes, 0]))), { code: 'CORRUPTION', message: /not at the end/ })
})

test('a file of no values has a header and an end', () => {
  const { file } = write([])
  assert.deepEqual(scan(file), [])
  assert.equal(file.sizeSync(), FILE_HEADER_BYTES + VALUE_LOG_END_BYTES)
})

test('frames of a log, and flags of a later version, are refused by name', () => {
  const { file } = write(given.slice(0, 1))
  const bytes = bytesOf(file)
  const crafted = (at: number, value: number): VfsFile => {
    const changed = bytes.slice()
    const frame = FILE_HEADER_BYTES
    changed[frame + at] = value
    putU32(changed, frame, crc32(changed, frame + 4, frame + 40, (seed ^ frame) >>> 0))
    return newFile(changed)
  }
  assert.throws(() => scan(crafted(12, 1)), { code: 'UNSUPPORTED_FORMAT', message: /frame type 1 \(batch\)/ })
  assert.throws(() => scan(crafted(13, 3)), { code: 'UNSUPPORTED_FORMAT', message: /frame flag 2/ })
  assert.throws(() => scan(crafted(24, 2)), { code: 'CORRUPTION' })
})

test('a dump shows each value and the end, and what is wrong', () => {
  const bytes = bytesOf(write(given.slice(16, 18)).file)
  const titles = (content: Uint8Array) => [...describeValueLog(bytesSource(content), NAME)].map(({ title }) => title)
  assert.deepEqual(titles(bytes), ['file header', 'frame: values', 'frame: values', 'frame: mark'])
  const problems = (content: Uint8Array) =>
    [...describeValueLog(bytesSource(content), NAME)].flatMap((section) => section.problems)
  assert.deepEqual(problems(bytes), [])
  const changed = bytes.slice()
  changed[300]! ^= 1
  assert.equal(problems(changed).length, 1)
})
