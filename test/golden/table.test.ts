/** The format of a table: a small one is written byte for byte as in table.txt; UPDATE=1 rewrites that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, systemClock } from '../../src/base/index.js'
import { TableFile } from '../../src/ingest/index.js'
import { Codec, describeTable } from '../../src/sstable/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { assertGolden } from '../support/harness/golden.js'
import { expiring, sampleEntries, sampleSpans, TABLE_NAME, writeTable } from '../support/samples/table-samples.js'
import type { Entry } from '../support/samples/table-samples.js'
import { bytesOf } from '../support/samples/manifest-samples.js'
import { sectionsText } from '../support/text/sections-text.js'

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

test('a small table with columns is written as its annotated dump says', () => {
  const { file } = writeTable(fewEntries(), { blockBytes: 1024, layout: 'columns' })
  const describe = () => describeTable({ file, name: TABLE_NAME })
  const data = Array.from(describe(), (section) => `${JSON.stringify(section.data)}\n`).join('')
  assertGolden('table-columns.txt', `${sectionsText(describe())}${data}`)
})

test('a small table with packed blocks is written as its annotated dump says', () => {
  const { file } = writeTable(fewEntries(), { blockBytes: 1024, codec: Codec.packed })
  const describe = () => describeTable({ file, name: TABLE_NAME })
  const data = Array.from(describe(), (section) => `${JSON.stringify(section.data)}\n`).join('')
  assertGolden('table-packed.txt', `${sectionsText(describe())}${data}`)
})

test('a small table with range tombstones and a prefix filter is written as its annotated dump says', () => {
  const { file } = writeTable(fewEntries(), { blockBytes: 1024, spans: sampleSpans(), prefixExtractor: 'until:2f:1' })
  const describe = () => describeTable({ file, name: TABLE_NAME })
  const data = Array.from(describe(), (section) => `${JSON.stringify(section.data)}\n`).join('')
  assertGolden('table-spans.txt', `${sectionsText(describe())}${data}`)
})

for (const [name, codec] of [['table-expiry.txt', Codec.none], ['table-expiry-packed.txt', Codec.packed]] as const) {
  test(`a small table with values that expire is written as ${name} says`, () => {
    const { file } = writeTable(expiring(fewEntries()), { blockBytes: 1024, codec })
    const describe = () => describeTable({ file, name: TABLE_NAME })
    const data = Array.from(describe(), (section) => `${JSON.stringify(section.data)}\n`).join('')
    assertGolden(name, `${sectionsText(describe())}${data}`)
  })
}

test('a small table from outside is written as its annotated dump says', async () => {
  const [vfs, path] = [new MemoryVfs(), '/outside.table']
  const settings = { blockBytes: 1024, codec: Codec.none }
  const call = { vfs, clock: systemClock, random: new SeededRandom(1), settings }
  const writer = await TableFile.begin(path, call)
  for (let i = 0; i < 24; i++) writer.add(`key ${String(i).padStart(3, '0')}`, `value ${i}`.repeat(5), {})
  writer.add('late', 'expires', { expiresAt: 2 ** 41 })
  writer.delRange({ lower: bytesOf('key'), upper: bytesOf('kez') })
  await writer.finish()
  const file = vfs.openSync(path, 'read')
  const describe = () => describeTable({ file, name: '000000.table' })
  const data = Array.from(describe(), (section) => `${JSON.stringify(section.data)}\n`).join('')
  assertGolden('table-outside.txt', `${sectionsText(describe())}${data}`)
})

const LAYOUTS = [{}, { layout: 'columns' }, { codec: Codec.packed }] as const

for (const layout of LAYOUTS) test(`each byte is in exactly one field, with ${JSON.stringify(layout)}`, () => {
  const options = { blockBytes: 1024, ...layout, prefixExtractor: 'bytes:2' }
  const { file } = writeTable(expiring(sampleEntries()), { ...options, spans: sampleSpans() })
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
