/** Tables with packed blocks: the same answers as without, and nothing worse than an error from bad bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, drawnNumbers } from '../../test/support/harness/share.js'
import { craftCodec, craftIn, partsOf } from '../../test/support/samples/table-crafting.js'
import {
  bytesOf, checkWritten, DATABASE_ID, entryAt, getEntry, newFile, openWritten, shown, TABLE_NAME, writeTable,
} from '../../test/support/samples/table-samples.js'
import type { Entry, WrittenTable } from '../../test/support/samples/table-samples.js'
import { handleEntry } from '../../test/support/samples/value-handles.js'
import { getU32, MustKnow, putU32, SeededRandom, VarveError } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { BuildBuffer, scanBytes, TableBuilder, TableScan } from './index.js'
import { Codec, FOOTER_BYTES } from './table-format.js'

Error.stackTraceLimit = 3

const random = new SeededRandom(1, 'packed table')
/** Values that shrink and values that do not, handles, tombstones, and one value in a block of its own. */
const entries: Entry[] = Array.from({ length: 600 }, (_, i) => {
  const key = `some/path/${String(i).padStart(5, '0')}`
  if (i % 50 === 7) return handleEntry(key, i + 1, { fileNum: 40, offset: 128 + 8 * i, length: 1000 + i })
  const value = new Uint8Array(i === 300 ? 70_000 : i % 9 === 0 ? 0 : 60)
  const isRandom = i >= 200 && i < 320
  for (let k = 0; k < value.length; k++) value[k] = isRandom ? random.below(256) : 97 + (k % 7)
  const seqNum = 1 + i * (i % 3 === 0 ? 1 : 1000)
  return { key: new TextEncoder().encode(key), seqNum, kind: i % 9 === 0 ? 2 : 1, value }
})
const plain = writeTable(entries, { blockBytes: 1024 })
const packed = writeTable(entries, { blockBytes: 1024, codec: Codec.packed })
const good = bytesOf(packed.file)
const footerAt = good.length - FOOTER_BYTES
const { index } = partsOf(good)
const codecs = Array.from({ length: index.blockCount }, (_, i) => good[index.offset(i + 1) - 8])

function walk(written: WrittenTable, cache = new BlockCache(256 * 1024)): string[] {
  const table = openWritten(written, cache)
  const iterator = table.iterator()
  const found: string[] = []
  for (iterator.first(); iterator.valid; iterator.next()) found.push(shown(entryAt(iterator)))
  for (iterator.last(); iterator.valid; iterator.prev()) assert.ok(iterator.valid)
  iterator.close()
  table.close()
  return found
}

function scan(written: WrittenTable, see: (scanned: TableScan) => void, pieceBytes = 64 * 1024): void {
  const scanned = new TableScan({ memory: new BuildBuffer(1024, scanBytes(pieceBytes)), pieceBytes, headAt: 3 })
  scanned.open({ file: written.file, name: TABLE_NAME }, written.facts, DATABASE_ID)
  while (scanned.nextBlock()) see(scanned)
}

test('it has blocks of both kinds, says so, and is smaller', () => {
  assert.ok(codecs.includes(Codec.packed) && codecs.includes(Codec.none), codecs.join())
  assert.equal(getU32(good, footerAt + 76), MustKnow.packedBlocks | MustKnow.valueHandles)
  const saved = plain.facts.bytes - packed.facts.bytes
  assert.ok(saved > 20_000, String(saved))
  assert.deepEqual({ ...packed.facts, bytes: 0 }, { ...plain.facts, bytes: 0 })
  checkWritten(packed)
})

test('a table of which no block becomes smaller says nothing of packed blocks', () => {
  const written = writeTable(entries.slice(205, 215), { codec: Codec.packed })
  assert.equal(getU32(bytesOf(written.file), written.facts.bytes - FOOTER_BYTES + 76), MustKnow.valueHandles)
})

test('walks and point reads answer as without, from the cache and past it', () => {
  const expected = walk(plain)
  for (const cacheBytes of [0, 1024, 16 * 1024, 1024 * 1024]) {
    assert.deepEqual(walk(packed, new BlockCache(cacheBytes)), expected)
  }
  for (const isPointHashed of [true, false]) {
    const [a, b] = [plain, packed].map((written) => openWritten(written, new BlockCache(64 * 1024), isPointHashed))
    for (let round = 0; round < 2; round++) {
      for (const { key } of entries) {
        assert.deepEqual(getEntry(b!, key, 2 ** 40), getEntry(a!, key, 2 ** 40))
        assert.deepEqual(getEntry(b!, key, 3), getEntry(a!, key, 3))
        assert.equal(getEntry(b!, Uint8Array.of(...key, 1), 2 ** 40), null)
      }
    }
  }
})

test('what a merge makes of it is what it makes of the one without', () => {
  for (const pieceBytes of [8, 4096, 64 * 1024, 1 << 20]) {
    const [a, b] = [plain, packed].map((written) => {
      const identity = { fileNum: 8, databaseId: DATABASE_ID, salt: new Uint8Array(8), generation: 1 }
      const builder = new TableBuilder(newFile(), identity)
      scan(written, (scanned) => {
        for (let i = 0; i < scanned.block.count;) i = builder.addFrom(scanned, i, scanned.block.count)
      }, pieceBytes)
      return builder.finish()
    })
    assert.deepEqual(b, a)
  }
})

/** The error that reads of these bytes meet, in every way; null when there is none. */
function problems(bytes: Uint8Array): VarveError[] {
  const written = { file: newFile(bytes), facts: packed.facts }
  const expected = entries.map(shown)
  return [
    () => checkWritten(written),
    () => assert.deepEqual(walk(written), expected),
    () => scan(written, () => undefined),
  ].flatMap((read) => {
    try {
      read()
      return []
    } catch (error) {
      if (!VarveError.is(error)) throw error
      assert.equal(error.file, TABLE_NAME)
      assert.ok(error.offset! >= 0 && error.offset! < bytes.length, `${error.message}`)
      return [error]
    }
  })
}

test('a flipped byte anywhere in packed blocks: CORRUPTION, or the right answers', () => {
  const offsets = codecs.flatMap((codec, i) => {
    return codec === Codec.packed ? Array.from({ length: index.bytes(i) }, (_, k) => index.offset(i) + k) : []
  })
  for (const at of drawnNumbers('flips of packed blocks', Math.floor(offsets.length / 4))) {
    const offset = offsets[4 * at]!
    const bytes = good.slice()
    bytes[offset]! ^= 1 << (at % 8)
    const found = problems(bytes)
    assert.ok(found.length >= 2 && found.every(({ code }) => code === 'CORRUPTION'), String(offset))
  }
})

test('a changed byte under a right checksum: CORRUPTION that names the block, an unknown code, or other values', () => {
  const number = codecs.indexOf(Codec.packed)
  const [offset, end] = [index.offset(number), index.offset(number + 1)]
  let refusedCount = 0
  for (const at of drawnNumbers('crafted bytes of packed blocks', end - offset - 8)) {
    for (const change of [1, 0x80, 0xff]) {
      const bytes = craftIn(good, offset, (content) => (content[at]! ^= change))
      const written = { file: newFile(bytes), facts: packed.facts }
      try {
        scan(written, () => undefined)
        walk(written)
      } catch (error) {
        if (!VarveError.is(error)) throw error
        refusedCount++
        assert.ok(error.offset! >= offset && error.offset! < end, `${error.message}`)
        assert.ok(['CORRUPTION', 'UNSUPPORTED_FORMAT'].includes(error.code))
      }
    }
  }
  assert.ok(refusedCount > atLeast(100), String(refusedCount))
})

test('a packed block without the feature, and the feature without one, are corruption', () => {
  const without = craftIn(good, footerAt, (content) => putU32(content, 76, MustKnow.valueHandles))
  assert.ok(problems(without).length === 3)
  for (const { code, message } of problems(without)) {
    assert.equal(code, 'CORRUPTION')
    assert.match(message, /packed block in a table that does not say/)
  }
  const columns = writeTable(entries, { blockBytes: 1024, layout: 'columns' })
  const said = craftIn(bytesOf(columns.file), columns.facts.bytes - FOOTER_BYTES, (content) => {
    putU32(content, 76, MustKnow.valueHandles | MustKnow.packedBlocks)
  })
  const written = { file: newFile(said), facts: columns.facts }
  assert.throws(() => checkWritten(written), { code: 'CORRUPTION', message: /no block is packed/ })
})

test('a column block that is called packed, and the other way round', () => {
  const isRefused = (bytes: Uint8Array) => assert.ok(problems(bytes).length === 3)
  for (const i of [codecs.indexOf(Codec.none), codecs.lastIndexOf(Codec.none)]) {
    isRefused(craftCodec(good, { offset: index.offset(i), bytes: index.bytes(i) }, Codec.packed))
  }
  const i = codecs.indexOf(Codec.packed)
  isRefused(craftCodec(good, { offset: index.offset(i), bytes: index.bytes(i) }, Codec.none))
  const own = codecs.findIndex((_, number) => index.bytes(number) > 65_536)
  const large = craftCodec(good, { offset: index.offset(own), bytes: index.bytes(own) }, Codec.packed)
  isRefused(large)
  for (const { message } of problems(large)) assert.match(message, /a packed block of 70\d{3} bytes/)
})
