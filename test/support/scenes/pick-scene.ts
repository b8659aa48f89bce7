/** Versions for pickers, drawn as texts, and what must hold of every pick. */
import assert from 'node:assert/strict'
import type { FileNum, LevelNum, SpanFacts, TableFacts } from '../../../src/base/index.js'
import { applyEdit, emptyVersion, extentsOverlap, tablesOverlap } from '../../../src/manifest/index.js'
import type { LevelTable, NewValueLog, Version } from '../../../src/manifest/index.js'
import { canRunBeside, defaultCompactionSettings, inputTables, reservationOf } from '../../../src/pick/index.js'
import type { CompactionPick, CompactionSettings, RunningCompaction } from '../../../src/pick/index.js'
import { sampleTable, sampleValueLog } from '../samples/manifest-samples.js'

/** Settings of small numbers: a table has 100 bytes, a base level 1000. */
export const smallSettings: CompactionSettings = {
  ...defaultCompactionSettings(),
  level0TablesMin: 4, level0ShareMin: 1, baseLevelBytes: 1000, levelMultiplier: 10, tableBytes: 100,
  overlapBytesMax: 2500, inputBytesMax: 2500, valueFileBytes: 1600, movedBytesMax: 1000,
}

/**
 * Draws `5..7: a-c 100 e20 t8 h2 dc-x+y- v40:300+41:20`: one table, or several alike, with keys, bytes, entries, how
 * many of these are tombstones and hidden, ranges that its newest numbers delete, and the bytes of values that it
 * points to in value logs. The colon may be left out.
 */
export function drawnTables(text: string): TableFacts[] {
  const [drawn = '', values = ''] = text.split(/ v(?=\d)/)
  const found =
    /^(\d+)(?:\.\.(\d+))?:? (\S+-\S+)(?: (\d+))?(?: e(\d+))?(?: t(\d+))?(?: h(\d+))?(?: d(\S+))?$/.exec(drawn)
  assert.ok(found !== null, text)
  const [, first = '', last = first, keys, ...numbers] = found
  const [bytes = '100', entries = '10', tombstones = '0', hidden = '0', deleted = ''] = numbers
  const counts = {
    bytes: Number(bytes), entryCount: Number(entries), tombstoneCount: Number(tombstones), hiddenCount: Number(hidden),
  }
  const valueFiles = values.split('+').filter((it) => it !== '').map((it) => it.split(':').map(Number))
    .map(([fileNum = 0, valueBytes = 0]) => ({ fileNum, valueBytes, valueCount: Math.ceil(valueBytes / 10) }))
  const rawBytes = counts.bytes + valueFiles.reduce((sum, { valueBytes }) => sum + valueBytes, 0)
  return numbersOf(first, last).map((fileNum) =>
    sampleTable(fileNum, keys, { ...counts, rawBytes, valueFiles, spans: drawnSpans(deleted, 10 * fileNum + 9) }))
}

/** Draws `c-x+y-`: ranges that are deleted, the last of which has no end; `c-x@95` by two tombstones, the older 95. */
function drawnSpans(text: string, newest: number): SpanFacts | null {
  if (text === '') return null
  let count = 0
  const widest = text.split('+').map((range) => {
    const [keys = '', oldest] = range.split('@')
    const [lower = '', upper = ''] = keys.split('-')
    count += oldest === undefined ? 1 : 2
    const seqNum = oldest === undefined ? newest : Number(oldest)
    return { lower: Buffer.from(lower), upper: upper === '' ? null : Buffer.from(upper), seqNum }
  })
  return { count, lower: widest[0]!.lower, upper: widest.at(-1)!.upper, widest }
}

/** Draws `40..43w 1000 named8`: value logs of so many bytes, logs that were promoted, named in a log. */
export function drawnValueLogs(text: string): NewValueLog[] {
  const found = /^(\d+)(?:\.\.(\d+))?(w?) (\d+)(?: named(\d+))?$/.exec(text)
  assert.ok(found !== null, text)
  const [, first = '', last = first, promoted, bytes = '', named = '0'] = found
  const facts = { isLog: promoted === 'w', putBytes: Number(bytes), namedInLog: Number(named) }
  return numbersOf(first, last).map((fileNum) => sampleValueLog(fileNum, Number(bytes), facts))
}

function numbersOf(first: string, last: string): FileNum[] {
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i)
}

/** Draws a version of tables by level; the higher the number, the newer. */
export function drawnVersion(levels: Partial<Record<LevelNum, readonly string[]>>): Version {
  const addTables: LevelTable[] = Object.entries(levels).flatMap(([level, texts]) =>
    texts!.flatMap(drawnTables).map((facts) => ({ level: Number(level), facts })))
  return applyEdit(emptyVersion, { addTables })
}

/** Shows a pick as `level0 0: 3 2 | 6: 1 → 6`: reason, inputs as runs, output level. */
export function shownPick(pick: CompactionPick | null): string {
  if (pick === null) return 'nothing'
  const inputs = pick.inputs.map(({ level, tables }) => `${level}: ${tables.map((it) => it.fileNum).join(' ')}`)
  if (pick.kind === 'drop') return `${pick.reason} ${inputs.join(' | ')} leaves`
  const way = pick.kind === 'move' ? 'moves to' : '→'
  const condemned = pick.condemned.length === 0 ? '' : ` out of ${pick.condemned.join(' ')}`
  return `${pick.reason} ${inputs.join(' | ')} ${way} ${pick.outputLevel}${condemned}`
}

/** Checks COMP-1, told independently of how picks are made. */
export function assertClosed(version: Version, pick: CompactionPick): void {
  const inputs = new Set(inputTables(pick))
  const { outputLevel } = pick
  for (const { level, tables } of pick.inputs) {
    for (const input of tables) {
      assert.ok(version.levels[level]!.tables.includes(input), `${input.fileNum} is in level ${level}`)
      for (const [otherLevel, { tables: others }] of version.levels.entries()) {
        for (const other of others) {
          if (inputs.has(other) || !tablesOverlap(input, other)) continue
          const isOlder = otherLevel > level || (otherLevel === level && other.largestSeqNum < input.smallestSeqNum)
          const isAbove = otherLevel < outputLevel || (otherLevel === outputLevel && !isOlder)
          const where = `${shownPick(pick)}: ${other.fileNum} in ${otherLevel} and ${input.fileNum}`
          if (otherLevel === outputLevel) assert.equal(outputLevel, 0, `${where} share an output level`)
          assert.equal(isAbove, !isOlder, `${where} change their order`)
        }
      }
    }
  }
}

/** Checks COMP-2, and that tables which must be left alone are. */
export function assertAvailable(
  pick: CompactionPick, running: readonly RunningCompaction[], blocked: ReadonlySet<number>,
): void {
  const own = reservationOf(pick)
  for (const { fileNum } of inputTables(pick)) assert.ok(!blocked.has(fileNum), `${fileNum} is blocked`)
  for (const other of running) {
    for (const fileNum of own.inputs) assert.ok(!other.inputs.has(fileNum), `${fileNum} is taken`)
    const isMet = other.outputLevel === own.outputLevel && extentsOverlap(own.extent, other.extent)
    assert.ok(!isMet, 'two write the same keys')
    assert.ok(canRunBeside(own, other) && canRunBeside(other, own))
  }
}

/** Checks that every older table that shares keys with the inputs is told, and nothing else. */
export function assertBelow(version: Version, pick: CompactionPick): void {
  const inputs = new Set(inputTables(pick))
  const told = new Set(pick.below.flat())
  for (const [level, { tables }] of version.levels.entries()) {
    for (const table of tables) {
      if (inputs.has(table)) continue
      const isOlder = level > pick.outputLevel || (level === 0 && pick.outputLevel === 0 &&
        [...inputs].every((input) => table.largestSeqNum < input.smallestSeqNum))
      const isMet = isOlder && [...inputs].some((input) => tablesOverlap(input, table))
      if (isMet) assert.ok(told.has(table), `${table.fileNum} is told`)
      if (!isOlder) assert.ok(!told.has(table), `${table.fileNum} is not told`)
    }
  }
}
