/** Every byte of a log and a manifest, named: a byte that moves shows in the golden file. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesSource, describeLog } from '../../src/dump/index.js'
import { applyEdit, describeManifest, versionText } from '../../src/manifest/index.js'
import { assertGolden } from '../support/harness/golden.js'
import { reservedLog, sampleLog } from '../support/samples/log-samples.js'
import { readAll, sampleTable, sampleVersions, writeSampleManifest } from '../support/samples/manifest-samples.js'
import { runSync, SeededRandom } from '../../src/base/index.js'
import { describeExport, ExportWriter } from '../../src/transfer/index.js'
import { sectionsText } from '../support/text/sections-text.js'

function json(sections: Iterable<{ data: unknown }>): string {
  return Array.from(sections, ({ data }) => `${JSON.stringify(data)}\n`).join('')
}

function closedManifest(): Uint8Array {
  const { vfs, log } = writeSampleManifest()
  runSync(log.closeClean())
  return readAll(vfs, '/db/000007.manifest')
}

test('a log, annotated', () => {
  const bytes = bytesSource(sampleLog())
  const text = sectionsText(describeLog(bytes, '000012.wal'))
  assertGolden('log.txt', `${text}${json(describeLog(bytes, '000012.wal'))}`)
})

test('a log of a later version: what is reserved has its name, and the words of the error beside it', () => {
  assertGolden('log-reserved.txt', sectionsText(describeLog(bytesSource(reservedLog()), '000012.wal')))
})

test('how many versions of a table are hidden stands in its record, and is named', () => {
  const { vfs, log } = writeSampleManifest()
  runSync(log.append([{ addTables: [{ level: 3, facts: sampleTable(20, 'a-z', { hiddenCount: 3 }) }] }]))
  const text = sectionsText(describeManifest(bytesSource(readAll(vfs, '/db/000007.manifest')), '000007.manifest'))
  assert.match(text, /field: hiddenCount \(1\)\n.*flags: ignorable\n.*value, bytes: 8\n.*hidden versions: 3\n/)
})

test('what range deletes a table has stands in its record, and is named', () => {
  const { vfs, log } = writeSampleManifest()
  const bounds = { lower: new TextEncoder().encode('c'), upper: null }
  const spans = { ...bounds, count: 2, widest: [{ ...bounds, upper: new TextEncoder().encode('x'), seqNum: 203 }] }
  const facts = sampleTable(20, 'a-z', { spans })
  runSync(log.append([{ addTables: [{ level: 3, facts }] }]))
  const bytes = readAll(vfs, '/db/000007.manifest')
  const text = sectionsText(describeManifest(bytesSource(bytes), '000007.manifest'))
  assert.match(text, /field: spans \(3\)\n(.*\n)*.*fragments of range tombstones: 2\n/)
  assert.match(text, /field: widestSpans \(4\)\n.*flags: ignorable\n(.*\n)*.*sequence number: 203\n/)
  const version = applyEdit(sampleVersions().at(-1)!, { addTables: [{ level: 3, facts }] })
  assert.match(versionText(version), /2 fragments of range tombstones from "c" to the end/)
})

test('a manifest, annotated, and the version it makes', () => {
  const bytes = bytesSource(closedManifest())
  const text = sectionsText(describeManifest(bytes, '000007.manifest'))
  const data = json(describeManifest(bytes, '000007.manifest'))
  assertGolden('manifest.txt', `${text}${data}\n${versionText(sampleVersions().at(-1)!)}`)
})

test('each byte of a dump is in exactly one field', () => {
  for (const [bytes, sections] of [
    [sampleLog(), describeLog(bytesSource(sampleLog()), 'log')],
    [reservedLog(), describeLog(bytesSource(reservedLog()), 'log')],
    [closedManifest(), describeManifest(bytesSource(closedManifest()), 'manifest')],
  ] as const) {
    let end = 0
    for (const section of sections) {
      assert.equal(section.offset, end)
      for (const field of section.fields) {
        assert.equal(field.offset, end, `${section.title}: ${field.name}`)
        end += field.bytes
      }
      if (section.title === 'zeros') end += section.bytes
    }
    assert.equal(end, bytes.length)
  }
})

test('a damaged file is shown up to its end', () => {
  const bytes = closedManifest()
  bytes[400]! ^= 1
  const titles = Array.from(describeManifest(bytesSource(bytes), 'manifest'), ({ title }) => title)
  assert.deepEqual(titles, [
    'file header', 'frame: editGroup', 'no frame, but frames behind it',
    'frame: editGroup', 'frame: editGroup', 'frame: editGroup', 'frame: editGroup', 'frame: mark',
  ])
})

function sampleExport(): Uint8Array {
  const parts: Uint8Array[] = []
  const origin = { databaseId: new Uint8Array(16).fill(0x5a), lineage: 77, random: new SeededRandom(1) }
  const writer = new ExportWriter(origin, (bytes) => parts.push(bytes))
  writer.add({ key: Buffer.from('apple'), value: Buffer.from('red') })
  writer.add({ key: Buffer.from('pear'), value: Buffer.of(0xff), expiryMs: 1_700_000_000_000 })
  writer.add({
    key: Buffer.from('plum'), value: Buffer.alloc(0), seqNum: 41,
    source: '000012.table', reason: 'it may be an older one',
  })
  writer.add({ key: Buffer.from('quince'), value: Buffer.alloc(1_050_000, 'q') })
  writer.end()
  return new Uint8Array(Buffer.concat(parts))
}

test('a varve stream, annotated, whole and cut off', () => {
  const bytes = sampleExport()
  const whole = bytesSource(bytes)
  const text = sectionsText(describeExport(whole, 'all.varve'))
  assertGolden('export.txt', `${text}${json(describeExport(whole, 'all.varve'))}`)
  assert.doesNotMatch(text, /!/)
  const cut = bytesSource(bytes.subarray(0, bytes.length - 64))
  const shown = sectionsText(describeExport(cut, 'all.varve'))
  assert.match(shown, /! all.varve at offset \d+: the stream is cut off: it has no end/)
})
