import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectError } from '../../test/support/harness/expect-error.js'
import { crc32 } from './checksum.js'
import { putU32 } from './coding.js'
import { checkMayWrite, listFeatures, NO_FEATURES } from './features.js'
import type { Features } from './features.js'
import { decodeFileHeader, encodeFileHeader, FILE_HEADER_BYTES, fileSeed, FORMAT_VERSION } from './file-header.js'
import type { FileHeader } from './file-header.js'

const header: FileHeader = {
  magic: 'varvetab', features: NO_FEATURES, databaseId: new Uint8Array(16).fill(0xd1), fileNum: 2 ** 33 + 1,
  salt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), generation: 12, lineage: 2 ** 53 - 1,
}

function encoded(): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES + 5).fill(0xee)
  encodeFileHeader(header, bytes)
  return bytes
}

test('the header comes back', () => {
  const bytes = encoded()
  assert.deepEqual(decodeFileHeader(bytes, 'varvetab', 'x'), header)
  assert.equal(bytes[FILE_HEADER_BYTES], 0xee)
})

test('every flipped bit is corruption, and names the file', () => {
  const bytes = encoded()
  for (let bit = 0; bit < FILE_HEADER_BYTES * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    const error = expectError(() => decodeFileHeader(bytes, 'varvetab', 'some.table'), 'CORRUPTION')
    assert.equal(error.file, 'some.table')
    bytes[bit >> 3]! ^= 1 << (bit & 7)
  }
})

test('every short header is corruption', () => {
  for (let length = 0; length < FILE_HEADER_BYTES; length++) {
    const error = expectError(() => decodeFileHeader(encoded().subarray(0, length), 'varvetab', 'x'), 'CORRUPTION')
    assert.equal(error.offset, length, 'where it ends')
  }
})

test('another kind of file is corruption, a newer format says so', () => {
  expectError(() => decodeFileHeader(encoded(), 'varvelog', 'x'), 'CORRUPTION')
  const changed = (at: number, value: number) => {
    const bytes = encoded()
    putU32(bytes, at, value)
    putU32(bytes, 124, crc32(bytes, 0, 124))
    return () => decodeFileHeader(bytes, 'varvetab', 'x')
  }
  for (const version of [0, FORMAT_VERSION + 1]) {
    assert.match(expectError(changed(8, version), 'UNSUPPORTED_FORMAT').message, /this Varve reads format 2$/)
  }
  for (const version of [1, 0x8002]) {
    assert.match(expectError(changed(8, version), 'UNSUPPORTED_FORMAT').message, /made before the first release/)
  }
  expectError(changed(64, 1), 'UNSUPPORTED_FORMAT')
  expectError(changed(76, 0x200000), 'CORRUPTION')
  for (const high of [0x10000, 0x200000, 0xffffffff]) {
    for (const at of [44, 60]) expectError(changed(at, high), 'CORRUPTION')
  }
})

test('features: one that must be known refuses the file by its name, the others are told to whoever writes', () => {
  const read = (features: Partial<Features>) => {
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    encodeFileHeader({ ...header, features: { ...NO_FEATURES, ...features } }, bytes)
    return decodeFileHeader(bytes, 'varvetab', 'x').features
  }
  for (let bit = 0; bit < 32; bit++) {
    const word = (1 << bit) >>> 0
    const error = expectError(() => read({ mustKnow: word }), 'UNSUPPORTED_FORMAT')
    assert.equal(error.message, `x has ${listFeatures(word)}, which this Varve cannot read`)
    assert.deepEqual(read({ ignorable: word }), { ...NO_FEATURES, ignorable: word })
    const features = read({ readOnly: word })
    const refused = expectError(() => checkMayWrite(features, { file: 'x', offset: 12 }), 'UNSUPPORTED_FORMAT')
    assert.match(refused.message, new RegExp(`^x has writer feature ${bit},`))
    checkMayWrite(read({ ignorable: word }), { file: 'x', offset: 12 })
  }
  assert.equal(listFeatures(0b1000_1000), 'value handles, values packed one by one')
  assert.equal(listFeatures(2 ** 31 + 2 ** 8), 'feature 8, feature 31')
})

test('the seed of the checksums differs with the file number and with each byte of the salt', () => {
  const seeds = new Set([fileSeed(header), fileSeed({ ...header, fileNum: header.fileNum + 1 })])
  for (let i = 0; i < 8; i++) {
    const salt = header.salt.slice()
    salt[i]! ^= 1
    seeds.add(fileSeed({ ...header, salt }))
  }
  assert.equal(seeds.size, 10)
})
