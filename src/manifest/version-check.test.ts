/** Versions at limits that are too large for text cases; the quick check agrees with the full one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, VarveError } from '../base/index.js'
import type { LogFacts, TableFacts } from '../base/index.js'
import {
  sampleBase, sampleLogFacts, sampleTable, sampleValueLog, sampleVersions,
} from '../../test/support/samples/manifest-samples.js'
import { emptyVersion, levelOf } from './version.js'
import type { Version } from './version.js'
import { applyEdit } from './version-builder.js'
import { findProblem } from './version-check.js'
import type { LevelTableNum, VersionEdit } from './version-edit.js'

const sound = sampleVersions().at(-1)!

function withLevel(level: number, ...tables: TableFacts[]): Version {
  const levels = sound.levels.map((it, i) => (i === level ? levelOf(level, tables) : it))
  const numbers = { nextFileNum: 1000, lastSeqNum: 9999, logPointer: 500, logs: new Map() }
  return { ...sound, ...numbers, levels }
}

function withLog(facts: LogFacts): Version {
  return { ...sound, logs: new Map([[facts.fileNum, facts]]) }
}

test('the samples are sound', () => {
  for (const version of sampleVersions()) assert.equal(findProblem(version), null)
})

const badTables: [string, Partial<TableFacts>][] = [
  ['long key', { largestKey: new Uint8Array(65_536).fill(0xff) }], ['salt', { salt: new Uint8Array(4) }],
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
  ['MAN-6: the name', { ...sound, pins: new Map([['é'.repeat(128), 15]]) }],
  ['MAN-8: log 20 of 128 bytes', withLog(sampleLogFacts(20, 128, { salt: new Uint8Array(7) }))],
  ['settings', { ...sound, settings: 'x'.repeat(2 ** 20 + 1) }],
  ['flush statistics', { ...sound, flushStats: 'é'.repeat(2 ** 19 + 1) }],
  ['position', { ...sound, position: new Uint8Array(65_536) }],
  ['1025 pins', { ...sound, pins: mapOf(1025, (i) => [`pin ${i}`, 15]) }],
  ['65537 logs', { ...sound, logs: mapOf(65_537, (i) => [i + 20, sampleLogFacts(i + 20, 128)]) }],
  ['1048577 value logs', {
    ...sound, valueLogs: mapOf(2 ** 20 + 1, (i) => [i + 20, someValueLog]),
  }],
  ['1048577 tables', { ...sound, levels: [levelOf(0, []), levelOf(1, manyTables), ...emptyVersion.levels.slice(2)] }],
  ['MAN-3: table 30: 65537 value files', withLevel(2,
    sampleTable(30, 'a-z', { valueFiles: new Array(65_537).fill(valueFile) }))],
  ['65 levels', { ...sound, levels: Array.from({ length: 65 }, () => levelOf(1, [])) }],
]
for (const [name, version] of broken) {
  test(`found: ${name}`, () => {
    const problem = findProblem(version)
    assert.ok(problem?.startsWith(name), `${problem}`)
  })
}

function randomEdit(random: SeededRandom, version: Version, fileNum: number): VersionEdit {
  const tables: LevelTableNum[] = version.levels.flatMap(({ tables: it }, level) =>
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
