/**
 * What: runs the cases of test/data/pick: questions to the pickers about one version, which is drawn level by level.
 *
 *     # A title.
 *     version level0CrowdMin=6
 *     0: 4 e-f, 5 a-c 250 e50 t5 h2
 *     6: 1..3 a-z 1000 v40:300+41:70
 *     value logs: 40 1000, 41w 90 named8
 *     pick held=38 blocked=5,1 running=4,1→6;3→0 quiet inputBytesMax=7000
 *     ----
 *     level0 0: 5 | 6: 1 → 6
 *
 * A table is its number, or the numbers of many alike, its keys, and, where they are not 100, 10, 0 and 0, its bytes,
 * its entries, how many of these are tombstones and hidden, `dc-x`, the ranges that it deletes with number 10 n + 9
 * (`dc-x@95`: a part with that number, a part with 95), and the bytes that it points to in value logs. These are
 * told with the bytes put into each; `w` is a log that was promoted, and `named` says which log names its values.
 * Table n has the sequence numbers 10 n to 10 n + 9, so the higher the number, the newer. Settings stand behind
 * `version`, or behind one question. Each question is answered by one line, except `manual`, which has a line for each
 * compaction.
 */
import assert from 'node:assert/strict'
import type { FileNum, LevelNum, TableFacts } from '../../../src/base/index.js'
import { keyRange } from '../../../src/iterator/index.js'
import { applyEdit, emptyVersion, extentOf, extentOfRange, extentOfTables } from '../../../src/manifest/index.js'
import type { LevelTable, Version } from '../../../src/manifest/index.js'
import {
  canRunBeside, createPicker, editOf, inputTables, manualPicker, reservationOf, settingsWhenPaused, settingsWhenQuiet,
} from '../../../src/pick/index.js'
import type { CompactionPick, CompactionSettings, Picker, RunningCompaction } from '../../../src/pick/index.js'
import type { DataCase } from '../harness/datadriven.js'
import { bytesOf } from '../samples/manifest-samples.js'
import {
  assertBelow, assertClosed, drawnTables, drawnValueLogs, shownPick, smallSettings,
} from '../scenes/pick-scene.js'

export function runPickCase({ command, args, input }: DataCase): string {
  if (command === 'beside') return shownBeside(input)
  assert.equal(command, 'version')
  const levels = input.filter((line) => /^\d+: /.test(line))
  const valueLogs = input.filter((line) => line.startsWith('value logs: '))
  const addValueLogs = valueLogs
    .flatMap((line) => line.slice('value logs: '.length).split(', ').flatMap(drawnValueLogs))
  const logPointer = Math.max(0, ...addValueLogs.map(({ isLog, fileNum }) => (isLog ? fileNum + 1 : 0)))
  const version = applyEdit(emptyVersion, { addTables: levels.flatMap(drawnLevel), addValueLogs, logPointer })
  const questions = input.filter((line) => !levels.includes(line) && !valueLogs.includes(line))
  return questions.map((question) => answer(version, new Question(question, args))).join('\n')
}

/** `6: 2 a-c 100 t5, 3..5 d-e` */
function drawnLevel(line: string): LevelTable[] {
  const [level, tables] = line.split(': ')
  return tables!.split(', ').flatMap(drawnTables).map((facts) => ({ level: Number(level), facts }))
}

class Question {
  readonly command: string
  private readonly args: ReadonlyMap<string, string>
  private readonly asked = new Set<string>()

  constructor(line: string, common: ReadonlyMap<string, string>) {
    const [command = '', ...own] = line.split(' ')
    this.command = command
    const pairs = own.map((arg) => arg.split('=')).map(([name = '', value = '']) => [name, value] as const)
    this.args = new Map([...common, ...pairs])
  }

  has(name: string): boolean {
    this.asked.add(name)
    return this.args.has(name)
  }

  text(name: string, otherwise = ''): string {
    this.asked.add(name)
    return this.args.get(name) ?? otherwise
  }

  number(name: string, otherwise = Infinity): number {
    const text = this.text(name)
    return text === '' ? otherwise : Number(text)
  }

  numbers(name: string): number[] {
    return this.text(name).split(',').filter((text) => text !== '').map(Number)
  }

  get settings(): CompactionSettings {
    const changed = Object.entries(smallSettings).map(([name, value]) =>
      [name, typeof value === 'number' ? this.number(name, value) : this.text(name, value)])
    const settings = Object.fromEntries(changed) as CompactionSettings
    if (this.has('paused')) return settingsWhenPaused(settings)
    return this.has('quiet') ? settingsWhenQuiet(settings) : settings
  }

  /** `4,1→6;3→0;2→6*`: what merges of these tables into these levels reserve; `*` moves values. */
  running(version: Version): RunningCompaction[] {
    return this.text('running').split(';').filter((text) => text !== '').map((text) => {
      const [numbers, outputLevel = ''] = text.split('→')
      const wanted = new Set(numbers!.split(',').map(Number))
      const inputs = version.levels
        .map(({ tables }, level) => ({ level, tables: tables.filter(({ fileNum }) => wanted.has(fileNum)) }))
        .filter(({ tables }) => tables.length > 0)
      const condemned = outputLevel.endsWith('*') ? [0] : []
      return reservationOf({ inputs, outputLevel: parseInt(outputLevel, 10), condemned })
    })
  }

  /** A word that nobody looked at is a mistake in the case. */
  end(): void {
    for (const name of this.args.keys()) assert.ok(this.asked.has(name), `${this.command} knows no ${name}`)
  }
}

const answers: Record<string, (version: Version, question: Question) => string> = {
  pick: (version, question) => shownPick(pickOf(version, question, createPicker(question.settings))),
  tidy: (version, question) =>
    shownPick(pickOf(version, question, createPicker(question.settings).tidy(question.number('bytes')))),
  ends: (version, question) => shownEnds(pickOf(version, question, createPicker(question.settings))),
  below: (version, question) => shownBelow(pickOf(version, question, createPicker(question.settings))),
  scores: (version, question) => scoresOf(version, question).map(({ score }) => shownNumber(score)).join(' '),
  targets: (version, question) => scoresOf(version, question).map(({ targetBytes }) => targetBytes).join(' '),
  debt: (version, question) => shownNumber(createPicker(question.settings).pendingBytes(version)),
  pressures: shownPressures,
  manual: (version, question) => manualSteps(version, question).join('\n') || 'nothing',
  'manual-pick': (version, question) => shownPick(pickOf(version, question, manualOf(question))),
}

function answer(version: Version, question: Question): string {
  const run = answers[question.command]
  assert.ok(run !== undefined, `no question ${question.command}`)
  const text = run(version, question)
  question.end()
  return text
}

/** COMP-1 is asserted of whatever is picked. */
function pickOf(version: Version, question: Question, picker: Pick<Picker, 'pick'>): CompactionPick | null {
  const blocked = new Set<FileNum>(question.numbers('blocked'))
  const pick = picker.pick(version, question.running(version), question.number('held'), blocked)
  if (pick !== null) {
    assertClosed(version, pick)
    assertBelow(version, pick)
  }
  return pick
}

function scoresOf(version: Version, question: Question): ReturnType<Picker['scores']> {
  return createPicker(question.settings).scores(version, [])
}

/** Shows a pick of many inputs: how many there are, and the first and the last. */
function shownEnds(pick: CompactionPick | null): string {
  if (pick === null) return 'nothing'
  const [first, last] = [pick.inputs[0]!, pick.inputs.at(-1)!]
  return `${pick.reason} ${pick.inputs.length} runs from ${shownInput(first)} to ${shownInput(last)}`
}

function shownInput({ level, tables }: { level: LevelNum; tables: readonly TableFacts[] }): string {
  return `${level}: ${tables.map(({ fileNum }) => fileNum).join(' ')}`
}

/** Shows what is older than the inputs and shares keys with them, and where the output is cut. */
function shownBelow(pick: CompactionPick | null): string {
  if (pick === null) return 'nothing'
  const below = pick.below.filter((tables) => tables.length > 0)
    .map((tables) => tables.map(({ fileNum }) => fileNum).join(' '))
  return `${below.join(' | ')}; ${pick.tableBytes > 2 ** 40 ? 'one output' : `outputs of ${pick.tableBytes}`}`
}

function shownNumber(n: number): string {
  return String(Math.round(n * 1000) / 1000)
}

function shownPressures(version: Version, question: Question): string {
  const pressures = createPicker(question.settings).pressures(version, new Set(question.numbers('blocked')))
  return pressures.map(({ reason, value, unit, slow, full, stops, hysteresis, text }) =>
    `${reason}: ${value} ${unit}, slow ${slow}, ${stops ? 'stop' : 'full'} ${full}, ` +
    `hysteresis ${hysteresis}: ${text}`).join(' | ') || 'none'
}

function manualOf(question: Question): ReturnType<typeof manualPicker> {
  const [gte, lt] = question.text('range').split('-').filter((key) => key !== '').map(bytesOf)
  return manualPicker({ ...question.settings, style: 'none' }, {
    extent: extentOfRange(keyRange({ gte, lt })), upTo: question.number('upTo'), below: Infinity, expiry: null,
  })
}

/** Shows all compactions to the end, where a merge gives one table without tombstones. */
function manualSteps(version: Version, question: Question): string[] {
  const picker = manualOf(question)
  const pick = pickOf(version, question, picker)
  if (pick === null) return []
  const tables = inputTables(pick)
  const { lower, upper } = extentOfTables(tables)
  const merged = { ...tables[0]!, smallestKey: lower, largestKey: upper!, tombstoneCount: 0 }
  const next = applyEdit(version, editOf(pick, pick.kind === 'move' ? tables : [merged]))
  return [shownPick(pick), ...manualSteps(next, question)]
}

/** `5→6 a-m 1 2`: levels, keys and input tables of what runs. */
function drawnReservation(text: string): RunningCompaction {
  const [levels, keys, ...numbers] = text.split(' ')
  const [from, to] = levels!.split('→').map(Number)
  const [smallestKey, largestKey] = keys!.split('-').map(bytesOf)
  return {
    inputs: new Set(numbers.map(Number)), levels: from === to ? [from!] : [from!, to!], outputLevel: to!,
    movesValues: false,
    extent: extentOf({ smallestKey: smallestKey!, largestKey: largestKey!, spans: null }),
  }
}

/** One line for each pair `5→6 a-m 1 | 5→6 n-z 2`. */
function shownBeside(pairs: readonly string[]): string {
  return pairs.map((pair) => {
    const [a, b] = pair.split(' | ').map(drawnReservation)
    const may = canRunBeside(a!, b!)
    assert.equal(canRunBeside(b!, a!), may, pair)
    return `${pair}: ${may ? 'side by side' : 'not'}`
  }).join('\n')
}
