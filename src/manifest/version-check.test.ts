/** Each invariant, broken by one change, is named; the quick check agrees with the whole one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, VarveError } from '../base/index.js'
import type { LogFacts, TableFacts } from '../base/index.js'
import {
  sampleBase, sampleLogFacts, sampleTable, sampleValueLog, sampleVersions,
} from '../../test/support/manifest-samples.js'
import { emptyVersion } from './version.js'
import type { ValueLogFacts, Version } from './version.js'
import { applyEdit } from './version-builder.js'
import { findProblem } from './version-check.js'
import type { LevelTableNum, VersionEdit } from './version-edit.js'

const sound = sampleVersions().at(-1)!

function withLevel(level: number, ...tables: TableFacts[]): Version {
  const levels = sound.levels.map((it, i) => (i === level ? tables : it))
  const numbers = { nextFileNum: 1000, lastSeqNum: 9999, logPointer: 500, logs: new Map() }
  return { ...sound, ...numbers, levels }
}

function withValueLog(more: Partial<ValueLogFacts>): Version {
  return { ...sound, valueLogs: new Map([[12, { ...sound.valueLogs.get(12)!, ...more }]]) }
}

function withLog(facts: LogFacts): Version {
  return { ...sound, logs: new Map([[facts.fileNum, facts]]) }
}

test('the samples are sound', () => {
  for (const version of sampleVersions()) assert.equal(findProblem(version), null)
  assert.equal(findProblem(withLevel(0, sampleTable(31), sampleTable(30))), null)
})

const badTables: [string, Partial<TableFacts>][] = [
  ['keys', { smallestKey: new Uint8Array([2]), largestKey: new Uint8Array([1]) }],
  ['long key', { largestKey: new Uint8Array(65_536).fill(0xff) }],
  ['numbers', { smallestSeqNum: 500 }], ['no number', { smallestSeqNum: NaN }],
  ['size 0', { bytes: 0 }], ['size', { bytes: 2 ** 32 }], ['half', { rawBytes: 0.5 }],
  ['negative', { rawBytes: -1 }], ['empty', { entryCount: 0, tombstoneCount: 0 }],
  ['tombstones', { tombstoneCount: 11 }], ['hidden', { hiddenCount: 10 }], ['keyspace', { keyspaceId: 2 ** 32 }],
  ['logs', { firstLog: 5, lastLog: 4 }], ['first log', { firstLog: 0, lastLog: 4 }],
  ['expiry', { expiryMin: 2, expiryMax: 1 }], ['salt', { salt: new Uint8Array(4) }],
  ['file number', { fileNum: 0 }],
  ['value file twice', { valueFiles: [
    { fileNum: 12, valueCount: 1, valueBytes: 1 }, { fileNum: 12, valueCount: 1, valueBytes: 1 },
  ] }],
  ['no values', { valueFiles: [{ fileNum: 12, valueCount: 0, valueBytes: 1 }] }],
]
for (const [name, more] of badTables) {
  test(`MAN-3: ${name}`, () => {
    const version = withLevel(2, sampleTable(30, 'a-z', more))
    assert.match(findProblem(version) ?? 'nothing', /^MAN-3: table/)
  })
}

const valueFile = { fileNum: 77, valueCount: 1, valueBytes: 5 }
const someValueLog = sound.valueLogs.get(12)!
const manyTables = new Array<TableFacts>(2 ** 20 + 1).fill(sampleTable(30))

function mapOf<K, V>(size: number, make: (i: number) => [K, V]): Map<K, V> {
  return new Map(Array.from({ length: size }, (_, i) => make(i)))
}

const broken: [string, Version][] = [
  ['MAN-1: tables 30 and 31 of level 2 overlap', withLevel(2,
    sampleTable(30, 'a-m'), sampleTable(31, 'm-z'))],
  ['MAN-1: tables 30 and 31 of level 2 stand', withLevel(2,
    sampleTable(30, 'n-z'), sampleTable(31, 'a-m'))],
  ['MAN-1: tables 30 and 31 of level 2 stand', withLevel(2,
    sampleTable(30, 'a-c', { keyspaceId: 1 }), sampleTable(31, 'd-e'))],
  ['MAN-2: tables 30 and 31 stand', withLevel(0, sampleTable(30), sampleTable(31))],
  ['MAN-2: tables 31 and 30 share', withLevel(0,
    sampleTable(31, 'a-f', { smallestSeqNum: 309 }), sampleTable(30, 'f-z'))],
  ['MAN-2: tables 40 and 30 share', withLevel(0,
    sampleTable(40, 'a-f', { smallestSeqNum: 1 }), sampleTable(35, 'g-h'), sampleTable(30, 'b-c'))],
  ['MAN-4: file number 11 is used twice', withLevel(0, sampleTable(11))],
  ['MAN-4: file number 12 is used twice', withLevel(0, sampleTable(12))],
  ['MAN-4: file 18 is not below', { ...sound, nextFileNum: 18, logs: new Map() }],
  ['MAN-4: table 18 has', { ...sound, lastSeqNum: 148 }],
  ['MAN-4: log pointer', { ...sound, logPointer: 22, logs: new Map() }],
  ['MAN-4: a number is not', { ...sound, lastSeqNum: Infinity }],
  ['MAN-5: table 11', { ...sound, logPointer: 9 }],
  ['MAN-6: the name', { ...sound, pins: new Map([['', 15]]) }],
  ['MAN-6: the name', { ...sound, pins: new Map([['é'.repeat(128), 15]]) }],
  ['MAN-6: pin of log', { ...sound, pins: new Map([['p', 22]]) }],
  ['MAN-7: table 30 points', withLevel(0, sampleTable(30, 'a-z', { valueFiles: [valueFile] }))],
  ['MAN-7: value log 12 is not as', withValueLog({ liveCount: 2 })],
  ['MAN-7: value log 12 has', withValueLog({ bytes: 19_999 })],
  ['MAN-8: log 14 is listed, but', withLog(sampleLogFacts(14, 128))],
  ['MAN-8: log 21 is not below', withLog(sampleLogFacts(21, 128))],
  ['MAN-8: log 20 of -1 bytes', withLog(sampleLogFacts(20, -1))],
  ['MAN-8: log 20 of 128 bytes', withLog(sampleLogFacts(20, 128, { salt: new Uint8Array(7) }))],
  ['MAN-8: log 20 must exist', withLog(sampleLogFacts(20, 127))],
  ['settings', { ...sound, settings: 'x'.repeat(2 ** 20 + 1) }],
  ['flush statistics', { ...sound, flushStats: 'é'.repeat(2 ** 19 + 1) }],
  ['position', { ...sound, position: new Uint8Array(65_536) }],
  ['1025 pins', { ...sound, pins: mapOf(1025, (i) => [`pin ${i}`, 15]) }],
  ['65537 logs', { ...sound, logs: mapOf(65_537, (i) => [i + 20, sampleLogFacts(i + 20, 128)]) }],
  ['1048577 value logs', {
    ...sound, valueLogs: mapOf(2 ** 20 + 1, (i) => [i + 20, someValueLog]),
  }],
  ['1048577 tables', { ...sound, levels: [manyTables, ...emptyVersion.levels.slice(1)] }],
  ['MAN-3: table 30: 65537 value files', withLevel(2,
    sampleTable(30, 'a-z', { valueFiles: new Array(65_537).fill(valueFile) }))],
  ['65 levels', { ...sound, levels: Array.from({ length: 65 }, () => []) }],
  ['6 levels', { ...sound, levels: sound.levels.slice(0, 6) }],
]
for (const [name, version] of broken) {
  test(`found: ${name}`, () => {
    const problem = findProblem(version)
    assert.ok(problem?.startsWith(name), `${problem}`)
  })
}

test('tables of one flush may share sequence numbers while their keys do not', () => {
  const more = { smallestSeqNum: 300, largestSeqNum: 330 }
  const version = withLevel(0, sampleTable(31, 'n-z', more), sampleTable(30, 'a-m', more))
  assert.equal(findProblem(version), null)
})

function randomEdit(random: SeededRandom, version: Version, fileNum: number): VersionEdit {
  const tables: LevelTableNum[] = version.levels.flatMap((it, level) =>
    it.map((facts) => ({ level, fileNum: facts.fileNum })))
  const letter = () => String.fromCharCode(97 + random.below(26))
  const keys = [letter(), letter()].sort().join('-')
  const valueFiles = random.chance(0.3) ? [{ fileNum: 5, valueCount: 1, valueBytes: 7 }] : []
  const tableNum = random.chance(0.1) ? random.below(fileNum) + 1 : fileNum
  const facts = sampleTable(tableNum, keys, { valueFiles })
  return {
    ...(tables.length > 0 && random.chance(0.6) ? { deleteTables: [random.pick(tables)] } : {}),
    addTables: [{ level: random.below(4), facts }],
    ...(random.chance(0.05) ? { removeValueLogs: [5] } : {}),
    ...(random.chance(0.05) ? { addValueLogs: [sampleValueLog(5, 300)] } : {}),
  }
}

test('what edits check of what they touch is as good as checking everything', () => {
  const random = new SeededRandom(3, 'edits')
  let version = applyEdit(sampleBase, { addValueLogs: [sampleValueLog(5, 300)] })
  let [refused, applied] = [0, 0]
  for (let i = 20; i < 1200; i++) {
    try {
      version = applyEdit(version, randomEdit(random, version, i))
      applied++
    } catch (error) {
      if (!VarveError.is(error)) throw error
      refused++
    }
    assert.equal(findProblem(version), null)
  }
  assert.ok(refused > 200 && applied > 200, `${refused} refused, ${applied} applied`)
})
