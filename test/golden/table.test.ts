/**
 * The format of a table: a small one is written byte for byte as in table.txt and as in the fixture, and
 * the fixture is read. UPDATE=1 rewrites table.txt, but never an existing fixture: a difference
 * there is a new format version.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { runSync, toHex } from '../../src/base/index.js'
import { BlockCache } from '../../src/cache/index.js'
import { checkTable, describeTable, readTableFacts } from '../../src/sstable/index.js'
import type { LayoutPart } from '../../src/sstable/index.js'
import {
  bytesOf, DATABASE_ID, entryAt, newFile, openWritten, sampleEntries, shown, TABLE_NAME, writeTable,
} from '../support/table-samples.js'
import type { Entry } from '../support/table-samples.js'

/** Tests run from dist/test/golden. */
const root = new URL('../../../', import.meta.url)
const golden = new URL('test/golden/table.txt', root)
const fixture = new URL('test/fixtures/table-format-1.table', root)

const HEX_BYTES_MAX = 16

function print(bytes: Uint8Array, parts: LayoutPart[]): string {
  let text = ''
  let section = ''
  for (const part of parts) {
    if (part.section !== section) text += `\n${part.section}\n`
    section = part.section
    const shownBytes = bytes.subarray(part.offset, part.offset + Math.min(part.bytes, HEX_BYTES_MAX))
    const hex = toHex(shownBytes) + (part.bytes > HEX_BYTES_MAX ? '…' : '')
    text += `${String(part.offset).padStart(6)} ${hex.padEnd(2 * HEX_BYTES_MAX + 1)} ${part.what}\n`
  }
  return text
}

/** A part of the sample that still has two blocks, versions, a tombstone. */
function fewEntries(): Entry[] {
  const entries = sampleEntries()
  return entries.filter((_, i) => i < 3 || (i >= 17 && i < 31) || i >= entries.length - 2)
}

test('a small table is written as the annotated dump says', () => {
  const { file } = writeTable(fewEntries(), { blockBytes: 1024 })
  const parts = runSync(describeTable({ file, name: TABLE_NAME }, true))
  const text = print(bytesOf(file), parts)
  if (process.env['UPDATE'] === '1') writeFileSync(golden, text)
  assert.equal(text, readFileSync(golden, 'utf8'))
})

test('the description covers every byte once, with and without fields', () => {
  const { file } = writeTable(sampleEntries(), { blockBytes: 1024 })
  for (const fields of [true, false]) {
    let end = 0
    for (const { offset, bytes } of runSync(describeTable({ file, name: TABLE_NAME }, fields))) {
      assert.equal(offset, end)
      end += bytes
    }
    assert.equal(end, file.sizeSync())
  }
})

test('the fixture of format 1 is read, and written again it has the same bytes', () => {
  const written = writeTable(sampleEntries(), { blockBytes: 1024 })
  if (process.env['UPDATE'] === '1' && !existsSync(fixture)) writeFileSync(fixture, bytesOf(written.file))
  const bytes = new Uint8Array(readFileSync(fixture))
  const file = newFile(bytes)
  const facts = runSync(readTableFacts({ file, name: TABLE_NAME }))
  const checking = checkTable({ file, name: TABLE_NAME, facts, databaseId: DATABASE_ID })
  while (checking.next().done !== true);
  const iterator = openWritten({ file, facts }, new BlockCache(0)).iterator()
  const found: string[] = []
  for (iterator.first(); iterator.valid; iterator.next()) found.push(shown(entryAt(iterator)))
  iterator.close()
  assert.deepEqual(found, sampleEntries().map(shown))
  assert.equal(toHex(bytesOf(written.file)), toHex(bytes))
})
