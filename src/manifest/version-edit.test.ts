/** Edits are read back as they were written; a field that breaks the format is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter, SeededRandom, VarveError } from '../base/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import {
  bytesOf, sampleGroups, sampleTable, sampleVersions,
} from '../../test/support/samples/manifest-samples.js'
import { FIELD_IGNORABLE, FieldTag } from './manifest-format.js'
import { encodeTableRecord } from './table-record.js'
import { emptyVersion } from './version.js'
import { applyEdits } from './version-builder.js'
import { decodeGroup, encodeEdit, encodeGroup, versionToEdit } from './version-edit.js'
import type { VersionEdit } from './version-edit.js'

function decode(body: Uint8Array, count = 1): VersionEdit[] {
  return decodeGroup(body, 0, body.length, { count, file: '000007.manifest' })
}

/** Makes the bytes of one edit from fields of tag, value and flags. */
function groupOf(...fields: [number, Uint8Array, number?][]): Uint8Array {
  const edit = new ByteWriter()
  for (const [tag, value, flags = 0] of fields) edit.u32(tag + flags * 2 ** 16).bytes(value)
  return new ByteWriter().bytes(edit.finish()).finish()
}

function u53(...numbers: number[]): Uint8Array {
  return numbers.reduce((out, n) => out.u53(n), new ByteWriter()).finish()
}

test('every field comes back', () => {
  for (const group of sampleGroups) {
    assert.deepEqual(decode(encodeGroup(group), group.length), group)
  }
})

test('a whole version comes back from one edit', () => {
  for (const version of sampleVersions()) {
    const edits = decode(encodeGroup([versionToEdit(version)]))
    assert.deepEqual(applyEdits(emptyVersion, edits), version)
  }
})

test('text comes back as it was: no byte order mark is lost, and empty is not absent', () => {
  const edit = { settings: '\ufeff{"é":"𝄞"}', flushStats: '', position: new Uint8Array(0) }
  assert.deepEqual(decode(encodeGroup([edit])), [edit])
})

test('unknown ignorable fields are left out, others refuse the file', () => {
  const unknown = [99, bytesOf('later'), FIELD_IGNORABLE] as [number, Uint8Array, number]
  const pointer = [FieldTag.logPointer, u53(12)] as [number, Uint8Array]
  assert.deepEqual(decode(groupOf(unknown, pointer, unknown)), [{ logPointer: 12 }])
  const needed = groupOf(pointer, [99, bytesOf('later')])
  const error = expectError(() => decode(needed), 'UNSUPPORTED_FORMAT')
  assert.equal(error.file, '000007.manifest')
  assert.equal(error.offset, 4 + 16)
})

test('a table record has room for fields that come later', () => {
  const facts = sampleTable(11)
  const record = (flags: number): Uint8Array => {
    const out = new ByteWriter()
    encodeTableRecord(out, { level: 0, facts })
    out.u32(99 + flags * 2 ** 16).bytes(bytesOf('prefix filter'))
    return groupOf([FieldTag.addTable, out.finish()])
  }
  assert.deepEqual(decode(record(FIELD_IGNORABLE)), [{ addTables: [{ level: 0, facts }] }])
  expectError(() => decode(record(0)), 'UNSUPPORTED_FORMAT')
})

test('how many versions are hidden stands in the record once, as one number', () => {
  const record = (...values: Uint8Array[]): Uint8Array => {
    const out = new ByteWriter()
    encodeTableRecord(out, { level: 0, facts: sampleTable(11) })
    for (const value of values) out.u32(1 + FIELD_IGNORABLE * 2 ** 16).bytes(value)
    return groupOf([FieldTag.addTable, out.finish()])
  }
  assert.deepEqual(decode(record()), [{ addTables: [{ level: 0, facts: sampleTable(11) }] }])
  const [edit] = decode(record(u53(7)))
  assert.equal(edit!.addTables![0]!.facts.hiddenCount, 7)
  for (const bad of [record(u53(7), u53(7)), record(u53(7, 7)), record(new Uint8Array(4))]) {
    expectError(() => decode(bad), 'CORRUPTION')
  }
})

test('how many handles a table has is what its value files have together', () => {
  const valueFiles = [{ fileNum: 3, valueCount: 2, valueBytes: 9000 }, { fileNum: 5, valueCount: 4, valueBytes: 0 }]
  const facts = { ...sampleTable(11), valueFiles }
  const record = (count: number): Uint8Array => {
    const out = new ByteWriter()
    encodeTableRecord(out, { level: 0, facts })
    const bytes = out.finish()
    bytes[bytes.length - 8] = count
    return groupOf([FieldTag.addTable, bytes])
  }
  assert.deepEqual(decode(record(6)), [{ addTables: [{ level: 0, facts }] }])
  for (const count of [0, 5, 7]) {
    const { message } = expectError(() => decode(record(count)), 'CORRUPTION')
    assert.match(message, /value handles, the value files have 6/)
  }
})

test('another key order refuses the file', () => {
  const group = groupOf([FieldTag.keyOrder, bytesOf('varve.reverse')])
  expectError(() => decode(group), 'UNSUPPORTED_FORMAT')
})

test('a field that stands twice is corruption', () => {
  const table = new ByteWriter()
  encodeTableRecord(table, { level: 0, facts: sampleTable(11) })
  const pin = new ByteWriter().u53(4).raw(bytesOf('follower')).finish()
  const fields: [number, Uint8Array][] = [
    [FieldTag.logPointer, u53(12)], [FieldTag.settings, bytesOf('{}')],
    [FieldTag.addTable, table.finish()], [FieldTag.addPin, pin], [FieldTag.removeValueLog, u53(3)],
    [FieldTag.log, u53(3, 5, 128, 3)], [FieldTag.discard, u53(3, 1, 1)],
  ]
  for (const field of fields) {
    decode(groupOf(field))
    const error = expectError(() => decode(groupOf(field, field)), 'CORRUPTION')
    assert.match(error.message, /stands twice/)
  }
})

test('bad values are corruption, with their offset', () => {
  const bad: [number, Uint8Array][] = [
    [FieldTag.logPointer, u53(12).slice(0, 7)],
    [FieldTag.logPointer, u53(12, 13)],
    [FieldTag.lastSeqNum, new Uint8Array(8).fill(0xff)],
    [FieldTag.settings, new Uint8Array([0xc3])],
    [FieldTag.settings, new Uint8Array(1024 * 1024 + 1)],
    [FieldTag.position, new Uint8Array(65_536)],
    [FieldTag.deleteTable, new ByteWriter().u32(64).u53(5).finish()],
    [FieldTag.addValueLog, new ByteWriter().u53(5).u53(5).u32(2).finish()],
    [FieldTag.log, u53(3, 5, 128, 4)],
    [FieldTag.log, u53(3, 5, 128, 2 ** 32)],
    [FieldTag.log, u53(3, 5, 128)],
    [FieldTag.addPin, new ByteWriter().u53(5).raw(new Uint8Array(256).fill(0x61)).finish()],
  ]
  for (const [tag, value] of bad) {
    const error = expectError(() => decode(groupOf([tag, value])), 'CORRUPTION')
    assert.ok(error.offset! >= 4 && error.file === '000007.manifest', error.message)
  }
})

test('a field that is longer than its edit is corruption, though there are bytes behind', () => {
  const [first, second] = [encodeEdit({ settings: 'abc' }), encodeEdit({ settings: 'def' })]
  const group = new ByteWriter().bytes(first).bytes(second).finish()
  assert.equal(decode(group, 2).length, 2)
  group[4 + 4]! += 1
  expectError(() => decode(group, 2), 'CORRUPTION')
})

test('a count that is not that of the edits is corruption', () => {
  const body = encodeGroup(sampleGroups[1]!)
  expectError(() => decode(body, 1), 'CORRUPTION')
  expectError(() => decode(body, 3), 'CORRUPTION')
  expectError(() => decode(body, 2 ** 32 - 1), 'CORRUPTION')
})

test('every cut of a group is corruption', () => {
  const group = sampleGroups[1]!
  const body = encodeGroup(group)
  for (let cut = 0; cut < body.length; cut++) {
    expectError(() => decode(body.slice(0, cut), group.length), 'CORRUPTION')
  }
})

test('fuzz: changed bytes give an edit or CORRUPTION or UNSUPPORTED_FORMAT, nothing else', () => {
  const random = new SeededRandom(5, 'version-edit')
  const codes = new Set<string>()
  for (let round = 0; round < 3_000; round++) {
    const group = random.pick(sampleGroups)
    const body = encodeGroup(group)
    for (let i = random.below(3); i >= 0; i--) body[random.below(body.length)] = random.u32()
    try {
      decode(body, group.length)
      codes.add('fine')
    } catch (error) {
      if (!VarveError.is(error)) throw error
      codes.add(error.code)
    }
  }
  assert.deepEqual([...codes].sort(), ['CORRUPTION', 'UNSUPPORTED_FORMAT', 'fine'])
})
