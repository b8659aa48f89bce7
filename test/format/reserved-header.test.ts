/**
 * File headers as later versions, or earlier ones, write them: what a reader must know and does not is refused by its
 * name, before anything is changed; what only a writer must know leaves the database to readers; the rest says nothing.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, decodeFileHeader, FILE_HEADER_BYTES, putU32, putU53 } from '../../src/base/index.js'
import type { FileMagic } from '../../src/base/index.js'
import { expectError } from '../support/harness/expect-error.js'
import { assertOpens, assertRefused, dumpProblem, killedImage, nameIn, outcome } from '../support/databases/refusals.js'
import { withFile } from '../support/databases/vfs-image.js'
import type { Image } from '../support/databases/vfs-image.js'

const image = await killedImage()
/** A file of each kind that the manifest needs, and the manifest. */
const NAMES = ['.wal', '.table', '.manifest'].map((ending) => nameIn(image, ending))

/** The file with its header changed, whose checksum is right. */
function changed(name: string, change: (header: Uint8Array) => void): Image {
  const bytes = image.get(name)!.slice()
  change(bytes)
  putU32(bytes, 124, crc32(bytes, 0, 124))
  return withFile(image, name, bytes)
}

const withWord = (name: string, at: number, word: number) => changed(name, (header) => putU32(header, at, word))
const bitWord = (bit: number) => 2 ** bit

const MUST_KNOW = [
  'entries with expiry', 'merge operands', 'range tombstones', 'value handles', 'row blocks', 'packed blocks',
  'a dictionary', 'values packed one by one', 'feature 8',
]

test('the image opens as it is', async () => {
  for (const name of NAMES) await assertOpens(image, name)
})

for (const [bit, feature] of [...MUST_KNOW.entries(), [31, 'feature 31'] as const]) {
  test(`must know, bit ${bit}: ${feature}`, async () => {
    const word = bitWord(bit)
    for (const name of NAMES) {
      await assertRefused(withWord(name, 12, word), name, `${name} has ${feature}, which this Varve cannot read`)
    }
  })
}

test('several bits are told together', async () => {
  const name = NAMES[1]!
  const message = `${name} has value handles, packed blocks, feature 20, which this Varve cannot read`
  await assertRefused(withWord(name, 12, bitWord(3) + bitWord(5) + bitWord(20)), name, message)
})

for (const bit of [0, 7, 31]) {
  test(`read-only, bit ${bit}: the database opens for reading, and for nothing else`, async () => {
    for (const name of NAMES) {
      const crafted = withWord(name, 16, bitWord(bit))
      assert.equal(await outcome(crafted, true), 'opens')
      assert.equal(
        await outcome(crafted, false),
        `UNSUPPORTED_FORMAT: ${name} has writer feature ${bit}, beside which this Varve cannot write`,
      )
      assert.equal(dumpProblem(crafted, name), '')
    }
  })
}

test('ignorable: every bit', async () => {
  for (const name of NAMES) await assertOpens(withWord(name, 20, 0xffffffff), name)
})

test('versions: those before the first release, and later ones', async () => {
  for (const name of NAMES) {
    for (const version of [1, 0x8002]) {
      const message = `${name} has format ${version}, made before the first release`
      await assertRefused(withWord(name, 8, version), name, message)
    }
    for (const version of [0, 3, 2 ** 31]) {
      const message = `${name} has format ${version}; this Varve reads format 2`
      await assertRefused(withWord(name, 8, version), name, message)
    }
  }
})

test('an encrypted file', async () => {
  for (const name of NAMES) {
    for (const keyId of [1, 2 ** 40]) {
      await assertRefused(changed(name, (header) => putU53(header, 64, keyId)), name, `${name} is encrypted`)
    }
  }
})

test('a value log: nothing opens one yet, and its header is read as the others are', () => {
  const header = image.get(NAMES[0]!)!.slice(0, FILE_HEADER_BYTES)
  const read = (at: number, word: number) => {
    const bytes = header.slice()
    for (let i = 0; i < 8; i++) bytes[i] = 'varvevlg'.charCodeAt(i)
    putU32(bytes, at, word)
    putU32(bytes, 124, crc32(bytes, 0, 124))
    return decodeFileHeader(bytes, 'varvevlg' satisfies FileMagic, '000014.vlog')
  }
  for (const [bit, feature] of MUST_KNOW.entries()) {
    const { message } = expectError(() => read(12, bitWord(bit)), 'UNSUPPORTED_FORMAT')
    assert.equal(message, `000014.vlog has ${feature}, which this Varve cannot read`)
  }
  assert.deepEqual(read(16, 1).features, { mustKnow: 0, readOnly: 1, ignorable: 0 })
})

test('a file that no manifest needs: a table of a later version stays, and the database opens', async () => {
  const name = '000099.table'
  const bytes = image.get(NAMES[1]!)!.slice()
  putU32(bytes, 12, bitWord(4))
  putU53(bytes, 40, 99)
  putU32(bytes, 124, crc32(bytes, 0, 124))
  for (const readOnly of [true, false]) assert.equal(await outcome(withFile(image, name, bytes), readOnly), 'opens')
})
