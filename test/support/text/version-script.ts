/**
 * What: runs the cases of test/data/manifest.
 *
 *     # A title.
 *     edit from=sample
 *     delete 1: 11 18
 *     add 0: 21 a-b entryCount=5 v12:1:700, 22 c-d
 *     next
 *     log 17 4096 exact
 *     ----
 *     what the edits change, a line each, or the error
 *
 * `edit` applies edits, with `next` between two of them, to the empty version, the base of the samples, or the last one
 * of the samples. `check` changes that last one as no edit could, and asks what is wrong. A table is its number, its
 * keys, facts that are not as usual, and what it points to in value logs: file, values, bytes.
 */
import assert from 'node:assert/strict'
import { VarveError } from '../../../src/base/index.js'
import type { LogFacts, TableFacts } from '../../../src/base/index.js'
import { applyEdits, emptyVersion, findProblem, levelOf, versionToEdit } from '../../../src/manifest/index.js'
import type { Version, VersionEdit } from '../../../src/manifest/index.js'
import type { DataCase } from '../harness/datadriven.js'
import { expectError } from '../harness/expect-error.js'
import {
  bytesOf,
  sampleBase,
  sampleLogFacts,
  sampleTable,
  sampleValueLog,
  sampleVersions,
} from '../samples/manifest-samples.js'

const texts = new TextDecoder()
const sound = sampleVersions().at(-1)!
const starts: Record<string, Version> = { empty: emptyVersion, base: sampleBase, sample: sound }

export function runVersionCase({ command, args, input }: DataCase): string {
  if (command === 'check') return findProblem(input.reduce(changed, sound)) ?? 'sound'
  assert.equal(command, 'edit')
  const start = starts[args.get('from') ?? 'empty']!
  return shownEdits(start, editsOf(input))
}

/** An edit that does not fit changes nothing, and is corruption when a file holds it. */
function shownEdits(start: Version, edits: readonly VersionEdit[]): string {
  const before = structuredClone(versionToEdit(start))
  try {
    return difference(factsOf(start), factsOf(applyEdits(start, edits)))
  } catch (error) {
    assert.ok(VarveError.is(error) && error.code === 'INTERNAL', `${error}`)
    const blame = (what: string): VarveError => new VarveError('CORRUPTION', what)
    const asRead = expectError(() => applyEdits(start, edits, blame), 'CORRUPTION')
    return `refused: ${asRead.message}`
  } finally {
    assert.deepEqual(versionToEdit(start), before, 'the version that edits are applied to stays as it was')
  }
}

function difference(before: readonly string[], after: readonly string[]): string {
  const [gone, come] = [new Set(before), new Set(after)]
  return [
    ...before.filter((line) => !come.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !gone.has(line)).map((line) => `+ ${line}`),
  ].join('\n') || 'nothing'
}

function factsOf(version: Version): string[] {
  const { levels, pins, logs, valueLogs, position, settings, flushStats } = version
  return [
    `${levels.length} levels`,
    ...levels.flatMap(({ tables }, level) =>
      (tables.length === 0 ? [] : [`level ${level}: ${tables.map(({ fileNum }) => fileNum).join(' ')}`])),
    `replay from log ${version.logPointer}`,
    `last sequence number ${version.lastSeqNum}`,
    `next file number ${version.nextFileNum}`,
    ...[...pins].map(([name, log]) => `pin ${name} keeps log ${log} on`),
    ...[...logs.values()].map(({ fileNum, bytes, isExact }) =>
      `log ${fileNum} ${isExact ? 'ends at' : 'reaches'} ${bytes}`),
    ...[...valueLogs.values()].map(({ fileNum, liveCount, liveBytes }) =>
      `value log ${fileNum}: ${liveCount} live values of ${liveBytes} bytes`),
    ...(position === null ? [] : [`position ${texts.decode(position)}`]),
    ...(settings === '' ? [] : [`settings ${settings}`]),
    ...(flushStats === '' ? [] : [`flush statistics ${flushStats}`]),
  ]
}

function editsOf(lines: readonly string[]): VersionEdit[] {
  const edits: VersionEdit[] = [{}]
  for (const line of lines) {
    if (line === 'next') edits.push({})
    else edits.push(joined(edits.pop()!, editOf(line)))
  }
  return edits
}

/** Lists become longer, all else is replaced. */
function joined(edit: VersionEdit, more: VersionEdit): VersionEdit {
  const lists = Object.entries(more).map(([name, value]: [string, unknown]) => {
    const known: unknown = edit[name as keyof VersionEdit]
    return [name, Array.isArray(known) && Array.isArray(value) ? [...known, ...value] : value]
  })
  return { ...edit, ...Object.fromEntries(lists) as VersionEdit }
}

function editOf(line: string): VersionEdit {
  const [word = '', ...rest] = line.split(' ')
  const text = rest.join(' ')
  const [first = 0, second = 0, third = 0] = rest.map(Number)
  switch (word) {
    case 'add': return { addTables: levelTables(text).map(([level, facts]) => ({ level, facts })) }
    case 'delete': {
      const level = Number.parseInt(text)
      return { deleteTables: rest.slice(1).map((n) => ({ level, fileNum: Number(n) })) }
    }
    case 'pin': return { addPins: [{ name: rest[0]!, firstLog: second }] }
    case 'unpin': return { removePins: [text] }
    case 'log': return { logs: [logOf(rest)] }
    case 'value-log': return { addValueLogs: [sampleValueLog(first, second)] }
    case 'remove-value-log': return { removeValueLogs: [first] }
    case 'discard': return { discards: [{ fileNum: first, valueCount: second, valueBytes: third }] }
    case 'position': return { position: bytesOf(text) }
    case 'settings': case 'flushStats': return { [word]: text }
    case 'logPointer': case 'lastSeqNum': case 'nextFileNum': return { [word]: first }
  }
  throw new Error(`no edit ${line}`)
}

/** What no edit could do. A level that is set has room for its numbers. */
function changed(version: Version, line: string): Version {
  const [word = '', ...rest] = line.split(' ')
  const [first = 0, second = 0] = rest.map(Number)
  switch (word) {
    case 'level': {
      const level = Number.parseInt(rest[0]!)
      const tables = levelTables(rest.join(' ')).map(([, facts]) => facts)
      const levels = version.levels.map((it, i) => (i === level ? levelOf(level, tables) : it))
      return { ...version, nextFileNum: 1000, lastSeqNum: 9999, logPointer: 500, logs: new Map(), levels }
    }
    case 'levels': return { ...version, levels: version.levels.slice(0, first) }
    case 'no-logs': return { ...version, logs: new Map() }
    case 'log': return { ...version, logs: new Map([[first, logOf(rest)]]) }
    case 'pin': return { ...version, pins: new Map([[rest[0]!, second]]) }
    case 'value-log': {
      const facts = { ...version.valueLogs.get(first)!, ...numbersIn(rest) }
      return { ...version, valueLogs: new Map([[first, facts]]) }
    }
    case 'logPointer': case 'lastSeqNum': case 'nextFileNum': return { ...version, [word]: first }
  }
  throw new Error(`no change ${line}`)
}

/** `2: 30 a-m, 31 n-z smallestSeqNum=5 v12:1:700 x4:10:90`; the last: four entries expire, from 10 to 90. */
function levelTables(text: string): [level: number, facts: TableFacts][] {
  const [level, tables = ''] = text.split(': ')
  return tables.split(', ').map((table) => [Number(level), tableOf(table.split(' '))])
}

function tableOf([fileNum = '', keys = '', ...words]: readonly string[]): TableFacts {
  const valueFiles = words.filter((word) => word.startsWith('v')).map((word) => {
    const [file = 0, valueCount = 0, valueBytes = 0] = word.slice(1).split(':').map(Number)
    return { fileNum: file, valueCount, valueBytes }
  })
  const [expiring] = words.filter((word) => word.startsWith('x'))
  const [count = 0, earliestMs = 0, latestMs = 0] = expiring?.slice(1).split(':').map(Number) ?? []
  const expiry = expiring === undefined ? null : { count, earliestMs, latestMs, octilesMs: [] }
  return sampleTable(Number(fileNum), keys, { valueFiles, expiry, ...numbersIn(words) })
}

/** `name=5` */
function numbersIn(words: readonly string[]): Record<string, number> {
  const pairs = words.filter((word) => word.includes('=')).map((word) => word.split('='))
  return Object.fromEntries(pairs.map(([name, value]) => [name!, Number(value)]))
}

/** `17 128 exact salt=0`; a salt is the log's number eight times, if not told. */
function logOf([fileNum, bytes, ...words]: readonly string[]): LogFacts {
  const { salt = Number(fileNum) } = numbersIn(words)
  const isExact = words.includes('exact')
  return sampleLogFacts(Number(fileNum), Number(bytes), { isExact, salt: new Uint8Array(8).fill(salt) })
}
