/** Tables whose entries are handles of values in value logs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { craftIn, partsOf } from '../../test/support/samples/table-crafting.js'
import {
  bytesOf, checkWritten, DATABASE_ID, getEntry, newFile, openWritten, sampleEntries, shown, TABLE_NAME, writeTable,
} from '../../test/support/samples/table-samples.js'
import type { Entry } from '../../test/support/samples/table-samples.js'
import { handleEntry } from '../../test/support/samples/value-handles.js'
import { EntryKind, getU32, MustKnow, putU32 } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { BuildBuffer, scanBytes, TableBuilder, TableScan } from './index.js'
import { FOOTER_BYTES, SectionSlot } from './table-format.js'

/** Values and handles side by side, of four files, in several blocks. */
const entries: Entry[] = Array.from({ length: 300 }, (_, i) => {
  const key = `key ${String(i).padStart(4, '0')}`
  if (i % 5 === 0) return { key: new TextEncoder().encode(key), seqNum: i + 1, kind: 1, value: new Uint8Array(i % 90) }
  return handleEntry(key, i + 1, { fileNum: 40 + (i % 4), offset: 128 + 8 * i, length: 1000 + i })
})
const handles = entries.filter(({ kind }) => kind === EntryKind.valueHandle)
const references = [40, 41, 42, 43].map((fileNum) => {
  const own = entries.flatMap(({ kind }, i) => (kind === EntryKind.valueHandle && 40 + (i % 4) === fileNum ? [i] : []))
  return { fileNum, valueCount: own.length, valueBytes: own.reduce((sum, i) => sum + 1000 + i, 0) }
})
const written = writeTable(entries, { blockBytes: 1024, layout: 'columns' })
const good = bytesOf(written.file)
const footerAt = good.length - FOOTER_BYTES

test('the facts say what its handles point to, and count values, not handles', () => {
  const { facts } = written
  assert.deepEqual(facts.valueFiles, references)
  const keyBytes = entries.reduce((sum, { key }) => sum + key.length, 0)
  const inline = entries.reduce((sum, { kind, value }) => sum + (kind === 1 ? value.length : 0), 0)
  const separate = references.reduce((sum, { valueBytes }) => sum + valueBytes, 0)
  assert.equal(facts.rawBytes, keyBytes + inline + separate)
  assert.ok(handles.length > 200)
  checkWritten(written)
})

test('reads give handles as they were written', () => {
  const table = openWritten(written, new BlockCache(1024 * 1024))
  for (const { key, kind, value } of entries) assert.deepEqual(getEntry(table, key, 1000), { kind, value })
  table.close()
})

test('the footer of a table says whether handles are in it', () => {
  assert.equal(getU32(good, footerAt + 76), MustKnow.valueHandles)
  const without = bytesOf(writeTable(sampleEntries(), { layout: 'columns' }).file)
  assert.equal(getU32(without, without.length - FOOTER_BYTES + 76), 0)
})

/** A table of the same entries by the other ways into a builder. */
test('entries that are taken from another table, or from shared memory, are counted alike', () => {
  const memory = new BuildBuffer(8192)
  const scan = new TableScan({ memory: new BuildBuffer(1024, scanBytes(16 * 1024)), pieceBytes: 16 * 1024, headAt: 0 })
  scan.open({ file: written.file, name: TABLE_NAME }, written.facts, DATABASE_ID)
  const identity = { fileNum: 7, databaseId: DATABASE_ID, salt: new Uint8Array(8), generation: 1 }
  const merged = new TableBuilder(newFile(), identity, memory)
  while (scan.nextBlock()) {
    for (let i = 0; i < scan.block.count;) i = merged.addFrom(scan, i, scan.block.count)
  }
  assert.deepEqual(merged.finish().valueFiles, references)
  const behind = new TableBuilder(newFile(), identity)
  for (const { key, seqNum, kind, value } of entries) {
    const bytes = new Uint8Array(key.length + value.length + 8)
    bytes.set(key)
    bytes.set(value, key.length)
    behind.addBehind(bytes, new DataView(bytes.buffer), 0, key.length, key.length + value.length, seqNum, kind)
  }
  assert.deepEqual(behind.finish().valueFiles, references)
})

function refused(bytes: Uint8Array, message: RegExp): void {
  assert.throws(() => checkWritten({ file: newFile(bytes), facts: written.facts }), {
    code: 'CORRUPTION', message, file: TABLE_NAME,
  })
}

test('handles without the feature, and the feature without handles, are corruption', () => {
  refused(craftIn(good, footerAt, (content) => putU32(content, 76, 0)), /differ about value handles/)
  const plain = writeTable(sampleEntries(), { layout: 'columns' })
  const crafted = craftIn(bytesOf(plain.file), plain.facts.bytes - FOOTER_BYTES, (content) => putU32(content, 76, 8))
  assert.throws(() => checkWritten({ file: newFile(crafted), facts: plain.facts }), {
    code: 'CORRUPTION', message: /differ about value handles/,
  })
})

test('a handle among entries of a table that says it has none is corruption', () => {
  const value = handleEntry('a', 5, { fileNum: 3, offset: 200, length: 900 }).value
  const plain = writeTable([{ key: new Uint8Array([97]), seqNum: 5, kind: 1, value }], { layout: 'columns' })
  const crafted = craftIn(bytesOf(plain.file), 128, (content) => (content[16 + 3] = EntryKind.valueHandle))
  assert.throws(() => checkWritten({ file: newFile(crafted), facts: plain.facts }), {
    code: 'CORRUPTION', message: /does not say that it has them/,
  })
})

test('handles that are none, and counts that are wrong', () => {
  const { index, footer } = partsOf(good)
  const blockAt = index.offset(0)
  const count = getU32(good, blockAt) & 0xffff
  const value = getU32(good, blockAt + 16 + 4 * count + 4)
  refused(craftIn(good, blockAt, (content) => (content[value + 19] = 1)), /end of a value handle is not zero/)
  refused(craftIn(good, blockAt, (content) => content.fill(0, value + 12, value + 18)), /without a file/)
  refused(craftIn(good, blockAt, (content) => content.fill(0xff, value + 4, value + 8)), /value handle of 4294967295/)
  refused(craftIn(good, blockAt, (content) => (content[value + 12] = 43)), /handles are not those/)
  const properties = footer.sections[SectionSlot.properties]!.offset
  const property = (tag: number): number => {
    for (let at = properties + 8; ; at += 8 + Math.ceil(getU32(good, at + 4) / 8) * 8) {
      if ((getU32(good, at) & 0xffff) === tag) return at - properties + 8
    }
  }
  refused(craftIn(good, properties, (content) => (content[property(24)]! -= 1)), /handleCount is 239, .* have 240/)
  refused(craftIn(good, properties, (content) => (content[property(14)] = 99)), /value files out of order/)
  refused(craftIn(good, properties, (content) => (content[property(14) + 16]! ^= 1)), /valueFiles/)
  refused(craftIn(good, properties, (content) => (content[property(4)]! ^= 1)), /rawBytes/)
})

test('every byte of a table with handles is checked', () => {
  for (const layout of ['columns', 'rows'] as const) {
    const small = writeTable(entries.slice(0, 12), { layout })
    const bytes = bytesOf(small.file)
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 1
      assert.throws(() => checkWritten({ file: newFile(changed), facts: small.facts }), String(at))
    }
  }
  assert.equal(shown(entries[1]!), shown(handles[0]!))
})
