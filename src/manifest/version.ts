/**
 * What: one state of the database's files: which tables make which level, where replay begins, and
 * what else must survive a restart. Immutable plain data; reads nothing.
 * Thread: any.
 * Invariants: MAN-1 to MAN-8, version-check.ts.
 */
import type { FileNum, HashSeed, LevelNum, LogFacts, SeqNum, TableFacts } from '../base/index.js'
import { compareLowers, extentOf } from './extent.js'
import { Level, SortedRun } from './sorted-run.js'
import { NO_LINEAGE } from './lineage.js'
import type { Lineage } from './lineage.js'

/** The least number of entries in `levels`, so that code may use these levels without a check. */
export const LEVELS_MIN = 7

export interface ValueLogFacts {
  readonly fileNum: FileNum
  /** True for a log that was promoted (`000012.wal`), false for a file of its own (`000012.vlog`). */
  readonly isLog: boolean
  /** Bytes of the file that count. */
  readonly bytes: number
  readonly salt: Uint8Array
  /** The number of values that were put into the file, live or not. */
  readonly putCount: number
  readonly putBytes: number
  /** The log whose entries name the file before a table does; 0 when there is none. */
  readonly namedInLog: FileNum
  /** The number of values in the file that this version's tables point to. */
  readonly liveCount: number
  readonly liveBytes: number
}

/** What a job that destroys expired values says of it. */
export interface DropTime {
  /** What expired up to here may be gone, in milliseconds since 1970. */
  readonly ms: number
  /** The last sequence number that was visible then. */
  readonly seqNum: SeqNum
}

/** How far a scrub of the database came. */
export interface ScrubPosition {
  /** The table that was checked last; tables are checked by ascending number. 0: the scrub is done. */
  readonly table: FileNum
  /** When it began, in milliseconds since 1970. */
  readonly beganMs: number
}

export interface Version {
  /** An entry in a level is newer than entries of the same key in deeper levels and in later runs of its level. */
  readonly levels: readonly Level[]
  /** The first log to replay; the entries of older logs are in tables. */
  readonly logPointer: FileNum
  readonly lineage: Lineage
  /** The seed of the hashes of new tables; null: an older Varve made the database, and none has opened it since. */
  readonly hashSeed: HashSeed | null
  /** The last sequence number that may be in use; none up to it is given out again. */
  readonly lastSeqNum: SeqNum
  /** The next file number; none below it is given out again. */
  readonly nextFileNum: FileNum
  /** The first log that each durable pin keeps, by the name of the pin. */
  readonly pins: ReadonlyMap<string, FileNum>
  /** The caller's position that came with the newest flushed batch that had one. */
  readonly position: Uint8Array | null
  /** Facts of some logs, kept while replay or a pin may still read the log. */
  readonly logs: ReadonlyMap<FileNum, LogFacts>
  readonly valueLogs: ReadonlyMap<FileNum, ValueLogFacts>
  /** Up to when what expired may have been destroyed; null: nothing was. */
  readonly dropTime: DropTime | null
  /** The wall clock at the last clean close after which the clocks had agreed, in milliseconds since 1970; 0: none. */
  readonly closedAtMs: number
  /** Null: none was begun, or an older Varve did not keep it. */
  readonly scrub: ScrubPosition | null
  /** JSON that the engine saves with the database; nothing here reads it. */
  readonly settings: string
  /** JSON about past flushes, for people; nothing here reads it, and it may be lost. */
  readonly flushStats: string
}

export const emptyVersion: Version = Object.freeze({
  levels: Object.freeze(Array.from({ length: LEVELS_MIN }, () => new Level([]))),
  logPointer: 0,
  lineage: NO_LINEAGE,
  hashSeed: null,
  lastSeqNum: 0,
  nextFileNum: 1,
  pins: new Map<string, FileNum>(),
  position: null,
  logs: new Map<FileNum, LogFacts>(),
  valueLogs: new Map<FileNum, ValueLogFacts>(),
  dropTime: null,
  closedAtMs: 0,
  scrub: null,
  settings: '',
  flushStats: '',
})

/** Orders the tables of one level: by age in level 0, by key in the others. */
export function compareTables(level: LevelNum, a: TableFacts, b: TableFacts): number {
  if (level === 0) return b.largestSeqNum - a.largestSeqNum || b.fileNum - a.fileNum
  return compareLowers(extentOf(a), extentOf(b)) || a.fileNum - b.fileNum
}

/** Makes a level of tables that are in its order: one run for each table in level 0, one run in all elsewhere. */
export function levelOf(level: LevelNum, tables: readonly TableFacts[]): Level {
  if (level === 0) return new Level(tables.map((table) => SortedRun.of([table])))
  return new Level(tables.length === 0 ? [] : [SortedRun.of(tables)])
}

/** All tables, level by level, in the order of each level. */
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

/** True when a pin keeps this log. A pin keeps every log from its number on. */
export function isPinned(logNum: FileNum, pins: ReadonlyMap<string, FileNum>): boolean {
  for (const firstKept of pins.values()) if (logNum >= firstKept) return true
  return false
}

/** The names of the pins that keep this log. */
export function pinsOf(logNum: FileNum, pins: ReadonlyMap<string, FileNum>): string[] {
  return [...pins].filter(([, firstKept]) => logNum >= firstKept).map(([name]) => name)
}
