/**
 * What: what a pick is, and what is reserved while it runs. Plain data and pure functions.
 * Thread: any.
 * Invariants: COMP-2 no two runs under way share an input, or a key on a level that one of them writes or
 * passes.
 */
import type { FileNum, LevelNum, SeqNum, TableFacts } from '../base/index.js'
import { extentOfTables, extentsOverlap } from '../manifest/index.js'
import type { Extent, Version, VersionEdit } from '../manifest/index.js'

/** Why a step is taken. */
export type PickReason = 'level0' | 'size' | 'tombstones' | 'hidden' | 'manual' | 'intra0' | 'small'

export interface PickInput {
  readonly level: LevelNum
  readonly tables: readonly TableFacts[]
}

/** What becomes of the inputs: they are merged into new tables, or only change their level, and nothing is read. */
export type PickKind = 'merge' | 'move'

/** One step of work, decided: nothing in it refers to open files. */
export interface CompactionPick {
  readonly kind: PickKind
  readonly reason: PickReason
  /** Sorted runs, newest first: one table each from level 0, then the tables of a deeper level in key order. */
  readonly inputs: readonly PickInput[]
  readonly outputLevel: LevelNum
  /**
   * What is older than the inputs and shares keys with them: for an output in level 0 first the older tables
   * there, one a list; then one list for each level below the output's, in key order. Where none has a key, a
   * tombstone that nobody needs may go.
   */
  readonly below: readonly (readonly TableFacts[])[]
  /** Where outputs are cut. NUMBER_MAX: one output. */
  readonly tableBytes: number
  /** Overlap with the first list in `below` at which an output ends. */
  readonly overlapBytesMax: number
  /** The score of the level at the time of the pick; below 1 for what is picked early. */
  readonly score: number
}

/** What is under way: no pick may take its inputs, or write into its extent on the levels it passes. */
export interface RunningCompaction {
  /** From the first key of its inputs to the end of the last. */
  readonly extent: Extent
  readonly inputs: ReadonlySet<FileNum>
  readonly levels: readonly LevelNum[]
  readonly outputLevel: LevelNum
}

export interface LevelScore {
  readonly level: LevelNum
  /** ≥ 1 asks for work. */
  readonly score: number
  /** Bytes with which the level scores 1; 0 where bytes do not decide. */
  readonly targetBytes: number
}

/** Something that grows while compactions are behind, and for which writers are slowed down and stopped. */
export interface Pressure {
  /** For events. */
  readonly reason: string
  /** For people, with the value. */
  readonly text: string
  readonly unit: 'tables' | 'bytes'
  readonly value: number
  /** Writers are slowed down, and stopped, from these values on; each is left `hysteresis` below where it is met. */
  readonly slow: number
  readonly stop: number
  readonly hysteresis: number
}

/** One style of compaction. All answers are pure functions of the arguments. */
export interface Picker {
  /**
   * The most urgent step that does not touch what is under way, or null. `held` is the oldest held snapshot
   * (Infinity: none): tombstones above it cannot go yet, so such a table is not picked for them. `blocked`
   * tables (corrupt ones) are left where they are; so is what is newer than they and shares their keys.
   */
  pick(
    version: Version, running: readonly RunningCompaction[], held: SeqNum, blocked: ReadonlySet<FileNum>,
  ): CompactionPick | null
  /** Per level. With nothing running and nothing blocked, some level scores ≥ 1 only if there is a pick. */
  scores(version: Version, running: readonly RunningCompaction[]): LevelScore[]
  /** Bytes that compactions still have to read, and write about as many, until every score is below 1. */
  pendingBytes(version: Version): number
  /**
   * What slows writers down and stops them. COMP-6: when one of these is at `slow − hysteresis` or above, `pick` gives
   * a step, unless something is under way; and when it gives none any more, all are below. So what no step can end,
   * as where all is blocked, is not told here.
   */
  pressures(version: Version, blocked: ReadonlySet<FileNum>): readonly Pressure[]
  /**
   * Picks only steps of at most about so many bytes that leave fewer tables, where there are many small ones: for an
   * open or a close, which must not take long.
   */
  tidy(bytesMax: number): Pick<Picker, 'pick'>
}

/** What a pick takes while it runs. */
export function reservationOf(pick: Pick<CompactionPick, 'inputs' | 'outputLevel'>): RunningCompaction {
  const tables = inputTables(pick)
  return {
    extent: extentOfTables(tables),
    inputs: new Set(tables.map(({ fileNum }) => fileNum)),
    levels: pick.inputs.map(({ level }) => level).filter((level, i, all) => level !== all[i - 1]),
    outputLevel: pick.outputLevel,
  }
}

/** COMP-2: true when both can run at the same time. */
export function canRunBeside(a: RunningCompaction, b: RunningCompaction): boolean {
  for (const fileNum of a.inputs) if (b.inputs.has(fileNum)) return false
  const areLevelsShared = firstWritten(a) <= b.outputLevel && firstWritten(b) <= a.outputLevel
  return !(areLevelsShared && extentsOverlap(a.extent, b.extent))
}

/** The first level that it writes or passes. */
function firstWritten({ levels, outputLevel }: RunningCompaction): LevelNum {
  return Math.min(levels[0]! + 1, outputLevel)
}

/** The edit that makes a pick true. A move has its inputs as outputs. */
export function editOf(
  pick: CompactionPick, outputs: readonly TableFacts[],
): Required<Pick<VersionEdit, 'deleteTables' | 'addTables'>> {
  return {
    deleteTables: pick.inputs.flatMap(({ level, tables }) => tables.map(({ fileNum }) => ({ level, fileNum }))),
    addTables: outputs.map((facts) => ({ level: pick.outputLevel, facts })),
  }
}

export function inputTables(pick: Pick<CompactionPick, 'inputs'>): TableFacts[] {
  return pick.inputs.flatMap(({ tables }) => tables)
}

export function totalBytes(tables: readonly TableFacts[]): number {
  let sum = 0
  for (const { bytes } of tables) sum += bytes
  return sum
}
