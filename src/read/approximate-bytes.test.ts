/** What a range takes is told by whole tables inside it, and by the indexes of the tables that it cuts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWritten, writeTable } from '../../test/support/samples/table-samples.js'
import { handleEntry } from '../../test/support/samples/value-handles.js'
import { EntryKind } from '../base/index.js'
import { BlockCache } from '../cache/index.js'
import { ALL_KEYS, keySuccessor } from '../iterator/index.js'
import { SortedRun } from '../manifest/index.js'
import type { Table } from '../sstable/index.js'
import { approximateBytes } from './approximate-bytes.js'

const keyOf = (n: number): Uint8Array => new Uint8Array([n >>> 8, n & 0xff])

/** Makes a table of a hundred entries of about a hundred bytes, in blocks of a thousand. */
function tableFrom(first: number): Table {
  const entries = Array.from({ length: 100 }, (_, i) =>
    ({ key: keyOf(first + i), seqNum: i + 1, kind: EntryKind.value, value: new Uint8Array(90) }))
  return openWritten(writeTable(entries, { blockBytes: 1024 }), new BlockCache(0))
}

const [low, high, newer] = [tableFrom(1000), tableFrom(2000), tableFrom(1050)]
const runOf = (...tables: Table[]): SortedRun<Table> => {
  const byFacts = new Map(tables.map((table) => [table.facts, table]))
  return SortedRun.of(tables.map(({ facts }) => facts)).map((facts) => byFacts.get(facts)!)
}
const runs = [runOf(newer), runOf(low, high)]
const between = (lower: number, upper: number): number =>
  approximateBytes({ runs }, { lower: keyOf(lower), upper: keyOf(upper) })

test('all of the tables that lie in the range, and nothing of the others', () => {
  const { bytes } = high.facts
  const allBytes = low.facts.bytes + bytes + newer.facts.bytes
  assert.equal(approximateBytes({ runs }, ALL_KEYS), allBytes)
  assert.equal(between(2000, 2100), bytes)
  assert.equal(between(0, 3000), allBytes)
  assert.deepEqual([between(0, 1000), between(1150, 2000), between(2100, 3000)], [0, 0, 0])
  assert.equal(approximateBytes({ runs }, { lower: keyOf(2000), upper: keySuccessor(keyOf(2099)) }), bytes)
})

test('about the share of a table that the range cuts, at either end', () => {
  const { bytes } = high.facts
  for (const [lower, upper] of [[2000, 2050], [2050, 3000], [2025, 2075]] as const) {
    const part = between(lower, upper)
    assert.ok(part > 0.3 * bytes && part < 0.7 * bytes, `${lower} to ${upper}: ${part} of ${bytes}`)
  }
  assert.ok(between(2000, 2099) < bytes, 'the last key is outside')
})

test('A21: values in value logs count with the part of the table that points to them', () => {
  const entries = Array.from({ length: 400 }, (_, i) => {
    const { kind, value } = handleEntry('', 0, { fileNum: 90, offset: 128 + i, length: 65_536 })
    return { key: keyOf(5000 + i), seqNum: i + 1, kind, value }
  })
  const table = openWritten(writeTable(entries, { blockBytes: 1024 }), new BlockCache(0))
  const bytesIn = (lower: number, upper: number): number =>
    approximateBytes({ runs: [runOf(table)] }, { lower: keyOf(lower), upper: keyOf(upper) })
  assert.equal(bytesIn(5000, 5400), table.facts.bytes + 400 * 65_536)
  const half = bytesIn(5000, 5200) / (200 * 65_536)
  assert.ok(half > 0.8 && half < 1.2, `${half}`)
  assert.equal(bytesIn(6000, 7000), 0)
})
