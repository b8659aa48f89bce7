/**
 * What: the figures of a run as they are kept in the repository: for each row of each engine one number a round,
 * rounded to four digits. Ratios are made of these, round by round, since the engines of one round ran next to each
 * other.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Machine } from '../machine.js'
import { median } from '../report.js'
import type { LoadResult } from './load.js'
import type { RowResult } from './measure.js'
import type { SessionName } from './sessions.js'
import type { SessionAnswer } from './session-process.js'

/** The figures that are kept in the repository. */
export const KEPT_FILE = 'bench/kept/matrix.json'

const FIGURES = ['perSecond', 'cpuUs', 'p50Us', 'p99Us', 'p999Us', 'loopP99Ms', 'loopMaxMs'] as const
export type Figure = (typeof FIGURES)[number]

/** What a row is named by. */
export interface RowName {
  set: string
  state: string
  row: string
}

export interface RowFigures extends RowName, Record<Figure, number[]> {
  engine: string
  session: SessionName
}

/** What a session costs beside its rows. */
export interface SessionFigures {
  set: string
  session: SessionName
  engine: string
  openMs: number[]
  firstGetMs: number[]
  memoryBytes: number[]
  keptBytes: number[]
  /** The part of its pace that the writer beside the reads kept, in sessions that have one. */
  writerPart: number[]
}

export interface LoadFigures extends Omit<LoadResult, 'row'> {
  set: string
  engine: string
  /** Bytes of the directory when the database is at rest and closed: what it removes late is gone then. */
  keptBytes: number
}

export interface RunSettings {
  rounds: number
  seconds: number
  warmSeconds: number
  scale: number
}

export interface Figures {
  format: 1
  when: string
  machine: Machine
  versions: Record<string, string>
  settings: RunSettings
  /** Entries of each data set. */
  entryCounts: Record<string, number>
  /** The days of sets that an earlier run measured, which this one left as they were. */
  olderSets?: Record<string, string>
  rows: RowFigures[]
  sessions: SessionFigures[]
  loads: LoadFigures[]
  failures: string[]
}

const DIGITS = 4

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS))
}

/** Adds what one session gave, as the next round of its rows. */
export function addAnswer(
  figures: Figures, { set, session, engine }: { set: string; session: SessionName; engine: string },
  answer: SessionAnswer,
): void {
  for (const row of answer.rows) addRow(figures, { set, session, engine }, row)
  const { openMs, firstGetMs, memoryBytes, keptBytes, load, writerPart } = answer
  let found = figures.sessions.find((one) => one.set === set && one.session === session && one.engine === engine)
  if (found === undefined) {
    found = { set, session, engine, openMs: [], firstGetMs: [], memoryBytes: [], keptBytes: [], writerPart: [] }
    figures.sessions.push(found)
  }
  found.openMs.push(rounded(openMs))
  found.firstGetMs.push(rounded(firstGetMs))
  found.memoryBytes.push(memoryBytes)
  found.keptBytes.push(keptBytes)
  if (writerPart !== undefined) found.writerPart.push(rounded(writerPart))
  if (load !== undefined) {
    const { row: _, ...costs } = load
    figures.loads.push({ set, engine, ...costs, keptBytes })
  }
}

function addRow(
  figures: Figures, { set, session, engine }: Pick<RowFigures, 'set' | 'session' | 'engine'>, result: RowResult,
): void {
  const { state, row } = result
  let found = figures.rows.find((one) =>
    one.set === set && one.engine === engine && one.state === state && one.row === row)
  if (found === undefined) {
    found = {
      set, state, row, engine, session,
      perSecond: [], cpuUs: [], p50Us: [], p99Us: [], p999Us: [], loopP99Ms: [], loopMaxMs: [],
    }
    figures.rows.push(found)
  }
  for (const figure of FIGURES) found[figure].push(rounded(result[figure]))
}

export function readFigures(file: string): Figures {
  const figures = JSON.parse(readFileSync(file, 'utf8')) as Figures
  if (figures.format !== 1) throw new Error(`${file} has another format than this version reads`)
  return figures
}

/** Puts the sets of a run in the place of those that were kept, whole; the others stay, and their day with them. */
export function replaceSets(kept: Figures, run: Figures): Figures {
  const isMeasured = (set: string): boolean => set in run.entryCounts
  const others = Object.keys(kept.entryCounts).filter((set) => !isMeasured(set))
  const dayOf = (set: string): string => kept.olderSets?.[set] ?? kept.when.slice(0, 10)
  const inOrder = <T extends { set: string }>(old: readonly T[], own: readonly T[]): T[] => {
    const sets = Object.keys(kept.entryCounts)
    return sets.flatMap((name) => (isMeasured(name) ? own : old).filter(({ set }) => set === name))
  }
  return {
    ...run,
    entryCounts: { ...kept.entryCounts, ...run.entryCounts },
    olderSets: Object.fromEntries(others.map((set) => [set, dayOf(set)])),
    rows: inOrder(kept.rows, run.rows),
    sessions: inOrder(kept.sessions, run.sessions),
    loads: inOrder(kept.loads, run.loads),
    failures: [...kept.failures, ...run.failures],
  }
}

/** Writes JSON with one line for each row, so that a change of one shows as one line. */
export function writeFigures(file: string, figures: Figures): void {
  const parts = Object.entries(figures).map(([name, value]) => {
    const isList = Array.isArray(value) && value.length > 0
    const text = isList ? `[\n${value.map((one) => JSON.stringify(one)).join(',\n')}\n]` : JSON.stringify(value)
    return `${JSON.stringify(name)}: ${text}`
  })
  writeFileSync(file, `{\n${parts.join(',\n')}\n}\n`)
}

/** Gives every row's name once, in the order in which they were measured. */
export function rowNames(figures: Figures): RowName[] {
  const found = new Map(figures.rows.map(({ set, state, row }) => [`${set}\n${state}\n${row}`, { set, state, row }]))
  return [...found.values()]
}

export function findRow(figures: Figures, name: RowName, engine: string): RowFigures | undefined {
  return figures.rows.find((one) =>
    one.engine === engine && one.set === name.set && one.state === name.state && one.row === name.row)
}

export function isOurs(engine: string): boolean {
  return engine.startsWith('varve')
}

/** Gives the peer that does a row fastest, by the medians of its rounds. */
export function bestPeer(figures: Figures, name: RowName): string | undefined {
  const peers = figures.rows.filter((one) =>
    !isOurs(one.engine) && one.set === name.set && one.state === name.state && one.row === name.row)
  peers.sort((a, b) => median(b.perSecond) - median(a.perSecond))
  return peers[0]?.engine
}

/** Gives how much faster one engine does a row than another, as the median of the rounds' ratios. */
export function ratioOf(figures: Figures, name: RowName, engine: string, other: string): number | undefined {
  const [one, two] = [findRow(figures, name, engine), findRow(figures, name, other)]
  if (one === undefined || two === undefined) return undefined
  const count = Math.min(one.perSecond.length, two.perSecond.length)
  return median(Array.from({ length: count }, (_, round) => one.perSecond[round]! / two.perSecond[round]!))
}

/** Gives half the distance between the extremes, as a part of the median. */
export function spreadOf(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values)
}
