/**
 * What: one state of the database's files: which tables make which level, where replay begins, and
 * what else must be true after a restart. Immutable plain data; reads nothing.
 * Thread: any.
 * Invariants: MAN-1 to MAN-8, version-check.ts.
 */
import type { FileNum, LevelNum, LogFacts, SeqNum, TableFacts } from '../base/index.js'
import { compareLowers, extentOf } from './extent.js'
import { Level, SortedRun } from './sorted-run.js'
import { NO_LINEAGE } from './lineage.js'
import type { Lineage } from './lineage.js'

/** `levels` has at least this many, so that they can be named without asking. */
export const LEVELS_MIN = 7

export interface ValueLogFacts {
  readonly fileNum: FileNum
  /** A write-ahead log that was promoted (`000012.wal`), not a file of its own (`000012.vlog`). */
  readonly isLog: boolean
  /** Bytes of the file that count. */
  readonly bytes: number
  readonly salt: Uint8Array
  /** What was put into it, live or not. */
  readonly putCount: number
  readonly putBytes: number
  /** The log whose entries name the file before a table does; 0: none. */
  readonly namedInLog: FileNum
  /** What this version's tables point to in it. */
  readonly liveCount: number
  readonly liveBytes: number
}

export interface Version {
  /** What is in a level is newer than what shares its keys in a deeper one, run by run. */
  readonly levels: readonly Level[]
  /** First log to replay; what older logs held is in the tables. */
  readonly logPointer: FileNum
  readonly lineage: Lineage
  /** No sequence number up to this one is given out again. */
  readonly lastSeqNum: SeqNum
  /** No file number below this one is given out again. */
  readonly nextFileNum: FileNum
  /** Name of each durable retention pin and the first log it keeps. */
  readonly pins: ReadonlyMap<string, FileNum>
  /** The caller's position in some outside history, of the newest flushed batch that had one. */
  readonly position: Uint8Array | null
  /** What is known of logs, kept while replay or a pin may still read them; not of every log. */
  readonly logs: ReadonlyMap<FileNum, LogFacts>
  readonly valueLogs: ReadonlyMap<FileNum, ValueLogFacts>
  /** JSON that the engine saves with the database; opaque here. */
  readonly settings: string
  /** JSON about past flushes, for people; opaque here, may be lost. */
  readonly flushStats: string
}

export const emptyVersion: Version = Object.freeze({
  levels: Object.freeze(Array.from({ length: LEVELS_MIN }, () => new Level([]))),
  logPointer: 0,
  lineage: NO_LINEAGE,
  lastSeqNum: 0,
  nextFileNum: 1,
  pins: new Map<string, FileNum>(),
  position: null,
  logs: new Map<FileNum, LogFacts>(),
  valueLogs: new Map<FileNum, ValueLogFacts>(),
  settings: '',
  flushStats: '',
})

/** Order of the tables in one level: by age in level 0, by key in the others. */
export function compareTables(level: LevelNum, a: TableFacts, b: TableFacts): number {
  if (level === 0) return b.largestSeqNum - a.largestSeqNum || b.fileNum - a.fileNum
  return compareLowers(extentOf(a), extentOf(b)) || a.fileNum - b.fileNum
}

/** The level of these tables, which stand in its order: a run for each table of level 0, one for all of another. */
export function levelOf(level: LevelNum, tables: readonly TableFacts[]): Level {
  if (level === 0) return new Level(tables.map((table) => SortedRun.of([table])))
  return new Level(tables.length === 0 ? [] : [SortedRun.of(tables)])
}

/** Level by level, each in its order. */
export function allTables(version: Version): TableFacts[] {
  return version.levels.flatMap(({ tables }) => tables)
}

export function tableCount(version: Version): number {
  return version.levels.reduce((sum, { tables }) => sum + tables.length, 0)
}

/** The first log that replay or a pin needs. */
export function firstNeededLog(version: Version): FileNum {
  let first = version.logPointer
  for (const log of version.pins.values()) if (log < first) first = log
  return first
}

/** Does a pin keep this log? A pin keeps every log from its number on. */
export function isPinned(logNum: FileNum, pins: ReadonlyMap<string, FileNum>): boolean {
  for (const firstKept of pins.values()) if (logNum >= firstKept) return true
  return false
}
