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
import { sectionsText } from '../../src/dump/index.js'
import { checkTable, describeTable, readTableFacts } from '../../src/sstable/index.js'
import { assertGolden } from '../support/golden.js'
import {
  bytesOf, DATABASE_ID, entryAt, newFile, openWritten, sampleEntries, shown, TABLE_NAME, writeTable,
} from '../support/table-samples.js'
import type { Entry } from '../support/table-samples.js'

/** Tests run from dist/test/golden. */
const root = new URL('../../../', import.meta.url)
const fixture = new URL('test/fixtures/table-format-1.table', root)

/** A part of the sample that still has two blocks, versions, a tombstone. */
function fewEntries(): Entry[] {
  const entries = sampleEntries()
  return entries.filter((_, i) => i < 3 || (i >= 17 && i < 31) || i >= entries.length - 2)
}

test('a small table is written as the annotated dump says', () => {
  const { file } = writeTable(fewEntries(), { blockBytes: 1024 })
  const describe = () => describeTable({ file, name: TABLE_NAME })
  const data = Array.from(describe(), (section) => `${JSON.stringify(section.data)}\n`).join('')
  assertGolden('table.txt', `${sectionsText(describe())}${data}`)
})

test('each byte is in exactly one field', () => {
  const { file } = writeTable(sampleEntries(), { blockBytes: 1024 })
  let end = 0
  for (const section of describeTable({ file, name: TABLE_NAME })) {
    assert.deepEqual([section.offset, section.problems], [end, []])
    for (const field of section.fields) {
      assert.equal(field.offset, end, `${section.title}: ${field.name}`)
      end += field.bytes
    }
    assert.equal(end, section.offset + section.bytes)
  }
  assert.equal(end, file.sizeSync())
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
