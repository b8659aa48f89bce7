/**
 * What: the data of a pick, and what a pick reserves while it runs. Plain data and pure functions.
 * Thread: any.
 * Invariants: COMP-2 no two runs under way share an input, or a key on a level that one of them writes or
 * passes.
 */
import type { FileNum, LevelNum, SeqNum, TableFacts, ValueFileReference } from '../base/index.js'
import { extentOfTables, extentsOverlap } from '../manifest/index.js'
import type { Extent, Version, VersionEdit } from '../manifest/index.js'

/** The reason for a compaction. */
export type PickReason =
  | 'level0' | 'size' | 'tombstones' | 'hidden' | 'manual' | 'intra0' | 'small' | 'uncover' | 'values'
  | 'covered' | 'expired' | 'oldest'

export interface PickInput {
  readonly level: LevelNum
  readonly tables: readonly TableFacts[]
}

/**
 * A merge makes new tables of the inputs; a move only changes their level, and reads nothing; a drop lets them go,
 * since newer tables delete all that they have, all of it has expired, or there is too much; it reads nothing either.
 */
export type PickKind = 'merge' | 'move' | 'drop'

/** A compaction that was decided, as plain data; it refers to no open files. */
export interface CompactionPick {
  readonly kind: PickKind
  readonly reason: PickReason
  /** Sorted runs, newest first: one for each table of level 0, then the tables of a deeper level in key order. */
  readonly inputs: readonly PickInput[]
  readonly outputLevel: LevelNum
  /**
   * The tables that are older than the inputs and share keys with them. For an output in level 0 each older table
   * there is a list of its own; one list for each level below the output level follows, in key order, that by which
   * outputs are cut before the others. A tombstone may go only where none of these tables may have its key.
   */
  readonly below: readonly (readonly TableFacts[])[]
  /** The size at which an output is cut; NUMBER_MAX gives one output. */
  readonly tableBytes: number
  /** The bytes of the first list in `below` that an output may overlap before it is cut. */
  readonly overlapBytesMax: number
  /** The score of the level at the time of the pick; below 1 for a pick that is made early. */
  readonly score: number
  /** Value logs whose values the run moves; handles into all others are carried. Only of reason 'values'. */
  readonly condemned: readonly FileNum[]
  /** Up to when what a drop lets go of has expired; only of reason 'expired'. */
  readonly dropTimeMs?: number
}

/** What a running compaction reserves: its inputs, and its extent on the levels that it passes or writes. */
export interface RunningCompaction {
  /** The extent around all inputs. */
  readonly extent: Extent
  readonly inputs: ReadonlySet<FileNum>
  readonly levels: readonly LevelNum[]
  readonly outputLevel: LevelNum
  /** It moves values. One such run at a time. */
  readonly movesValues: boolean
}

export interface LevelScore {
  readonly level: LevelNum
  /** How full the level is; from 1 on it asks for work. */
  readonly score: number
  /** The bytes with which the level scores 1; 0 where bytes do not decide. */
  readonly targetBytes: number
}

/** The names of pressures in events. */
export type PressureReason = 'level 0 tables' | 'sorted runs' | 'compaction debt' | 'value log garbage'

/** A backlog that slows writers down, and may stop them, while compactions are behind. */
export interface Pressure {
  readonly reason: PressureReason
  /** A sentence for people, with the value. */
  readonly text: string
  readonly unit: 'tables' | 'runs' | 'bytes'
  readonly value: number
  /** Writers are slowed down from `slow` on, most at `full`, until the value is `hysteresis` below. */
  readonly slow: number
  readonly full: number
  readonly hysteresis: number
  /** Writers are stopped from `full` on. Otherwise the pressure only ever slows them down. */
  readonly stops: boolean
}

/** A style of compaction. All answers are pure functions of the arguments. */
export interface Picker {
  /**
   * Picks the most urgent compaction that does not touch a running one, or gives null. `held` is the oldest held
   * snapshot, or Infinity: tombstones above it cannot go yet, so no table is picked for them. `blocked` tables, which
   * are corrupt, stay where they are, and so do newer tables that share keys with them.
   */
  pick(
    version: Version, running: readonly RunningCompaction[], held: SeqNum, blocked: ReadonlySet<FileNum>,
  ): CompactionPick | null
  /** Makes a picker of which a run that moves values writes at most so much; other runs cannot be done without. */
  within(roomBytes: number): Pick<Picker, 'pick'>
  /** The score of each level. With nothing running or blocked, a score ≥ 1 means that there is a pick. */
  scores(version: Version, running: readonly RunningCompaction[]): LevelScore[]
  /** The bytes that compactions have to read, and roughly also to write, until every score is below 1. */
  pendingBytes(version: Version): number
  /**
   * The pressures on writers. COMP-6: while one of them is at `slow − hysteresis` or above and nothing is running,
   * `pick` gives a compaction. So a backlog that no compaction can end, such as blocked tables, is not reported.
   */
  pressures(version: Version, blocked: ReadonlySet<FileNum>): readonly Pressure[]
  /**
   * Makes a picker for an open or a close, which must not take long: it picks only compactions of at most about
   * `bytesMax` bytes that leave fewer tables where there are many small ones.
   */
  tidy(bytesMax: number): Pick<Picker, 'pick'>
}

/** Makes the reservation of a pick. */
export function reservationOf(
  pick: Pick<CompactionPick, 'inputs' | 'outputLevel' | 'condemned'>,
): RunningCompaction {
  const tables = inputTables(pick)
  return {
    extent: extentOfTables(tables),
    inputs: new Set(tables.map(({ fileNum }) => fileNum)),
    levels: pick.inputs.map(({ level }) => level).filter((level, i, all) => level !== all[i - 1]),
    outputLevel: pick.outputLevel,
    movesValues: pick.condemned.length > 0,
  }
}

/** True when both compactions can run at the same time (COMP-2). */
export function canRunBeside(a: RunningCompaction, b: RunningCompaction): boolean {
  for (const fileNum of a.inputs) if (b.inputs.has(fileNum)) return false
  const areLevelsShared = firstWritten(a) <= b.outputLevel && firstWritten(b) <= a.outputLevel
  return !(areLevelsShared && extentsOverlap(a.extent, b.extent))
}

/** The first level that a compaction writes or passes. */
function firstWritten({ levels, outputLevel }: RunningCompaction): LevelNum {
  return Math.min(levels[0]! + 1, outputLevel)
}

/** Makes the edit that installs a pick. The outputs of a move are its inputs. */
export function editOf(
  pick: CompactionPick, outputs: readonly TableFacts[],
): Required<Pick<VersionEdit, 'deleteTables' | 'addTables' | 'discards'>> {
  return {
    deleteTables: pick.inputs.flatMap(({ level, tables }) => tables.map(({ fileNum }) => ({ level, fileNum }))),
    addTables: outputs.map((facts) => ({ level: pick.outputLevel, facts })),
    discards: letGoOf(inputTables(pick), outputs).filter(({ valueCount }) => valueCount > 0),
  }
}

/**
 * What the inputs point to in value logs and the outputs do not, file by file, where that is not nothing. Below 0: the
 * outputs point to more.
 */
export function letGoOf(inputs: readonly TableFacts[], outputs: readonly TableFacts[]): ValueFileReference[] {
  const sums = new Map<FileNum, ValueFileReference>()
  for (const { valueFiles } of inputs) addUp(sums, valueFiles, 1)
  for (const { valueFiles } of outputs) addUp(sums, valueFiles, -1)
  return [...sums.values()].filter(({ valueCount, valueBytes }) => valueCount !== 0 || valueBytes !== 0)
}

function addUp(sums: Map<FileNum, ValueFileReference>, files: readonly ValueFileReference[], sign: 1 | -1): void {
  for (const { fileNum, valueCount, valueBytes } of files) {
    let sum = sums.get(fileNum)
    if (sum === undefined) sums.set(fileNum, (sum = { fileNum, valueCount: 0, valueBytes: 0 }))
    sum.valueCount += sign * valueCount
    sum.valueBytes += sign * valueBytes
  }
}

export function inputTables(pick: Pick<CompactionPick, 'inputs'>): TableFacts[] {
  return pick.inputs.flatMap(({ tables }) => tables)
}

/**
 * An output ends at `tableBytes` of its file, or when what it stands for has so many times as many bytes: otherwise one
 * table of handles would stand for gigabytes, and nothing about them could be done in small steps.
 */
export const RAW_BYTES_SHARE = 64

/** How much of an output a table is. */
export function outputShare({ bytes, rawBytes, valueFiles }: TableFacts): number {
  return valueFiles.length === 0 ? bytes : Math.max(bytes, rawBytes / RAW_BYTES_SHARE)
}

/** Bytes of the values that tables point to in value logs, or in some of them. */
export function valueBytesOf(tables: readonly TableFacts[], logs?: ReadonlySet<FileNum>): number {
  let sum = 0
  for (const { valueFiles } of tables) {
    for (const { fileNum, valueBytes } of valueFiles) if (logs === undefined || logs.has(fileNum)) sum += valueBytes
  }
  return sum
}

export function totalBytes(tables: readonly TableFacts[]): number {
  let sum = 0
  for (const { bytes } of tables) sum += bytes
  return sum
}
