/**
 * What: checks the invariants of a version; each problem is a sentence that begins with its invariant.
 * Thread: any (pure).
 * Invariants:
 *   MAN-1  the tables of a run are sorted by key and disjoint
 *   MAN-2  a level's runs are newest first; of two tables that share keys, one is newer as a whole
 *   MAN-3  a table's facts agree with themselves: keys, numbers, counts, sizes, expiry, logs
 *   MAN-4  a file number names one table or one value log; all are below nextFileNum, and no table
 *          holds a sequence number above lastSeqNum
 *   MAN-5  the logs that a table was flushed from lie below the log pointer: nothing is read twice
 *   MAN-6  pins have names and keep logs that exist or will
 *   MAN-7  tables point only to listed value logs; live bytes of a value log are the tables' sum
 *   MAN-8  facts of a log are kept while replay or a pin may read the log, and no longer
 *   MAN-9  lastSeqNum, nextFileNum, logPointer, each pin and the facts of a log never go back
 *          (version-builder.ts)
 *   ING-4  all numbers of a table from outside are the one that its record gives it
 *   VLG-3  a promoted log lies below the log pointer: no replay reads it
 */
import {
  FILE_BYTES_MAX, FILE_HEADER_BYTES, KEY_BYTES_MAX, NAME_NUMBER_MAX, POSITION_BYTES_MAX, SALT_BYTES, SEQ_NUM_MAX,
  compareBytes,
} from '../base/index.js'
import type { ExpiryFacts, FileNum, LevelNum, SpanFacts, TableFacts, TableOrigin } from '../base/index.js'
import {
  LEVELS_MAX, LOGS_MAX, PINS_MAX, PIN_NAME_BYTES_MAX, TABLES_MAX, TEXT_BYTES_MAX,
  VALUE_FILES_PER_TABLE_MAX, VALUE_LOGS_MAX, WIDEST_SPANS_MAX,
} from './manifest-format.js'
import { compareLowers, extentCovers, extentOfRange, extentsOverlap, tablesOverlap } from './extent.js'
import type { SortedRun } from './sorted-run.js'
import { LEVELS_MIN, allTables, compareTables, firstNeededLog, tableCount } from './version.js'
import type { Version } from './version.js'

type Problems = Generator<string>

/** The changes that edits made to the tables and value logs of a version. */
export interface VersionChange {
  /** Levels that lost or gained tables. */
  levels: ReadonlySet<LevelNum>
  /** Tables that are new in their level. */
  added: readonly TableFacts[]
  /** Value logs that are new, or of which other values are live. */
  valueLogs: ReadonlySet<FileNum>
}

/** Finds the first problem of a version, as one sentence, or gives null. */
export function findProblem(version: Version): string | null {
  const everything = {
    levels: new Set(version.levels.keys()), added: allTables(version), valueLogs: new Set(version.valueLogs.keys()),
  }
  return first(function* () {
    yield* problems(version, everything)
    yield* liveValueProblems(version)
  }())
}

/** Finds a problem in a version that edits made from a sound one; cheap when little changed. */
export function findProblemAfter(version: Version, change: VersionChange): string | null {
  return first(problems(version, change))
}

function first(problems: Problems): string | null {
  for (const problem of problems) return problem
  return null
}

function* problems(version: Version, change: VersionChange): Problems {
  const { levels, added } = change
  yield* capProblems(version)
  for (const table of added) {
    for (const problem of tableProblems(table)) yield `MAN-3: table ${table.fileNum}: ${problem}`
  }
  for (const level of levels) {
    const { runs = [], tables = [] } = version.levels[level] ?? {}
    for (const run of runs) yield* runProblems(level, run)
    if (runs.length > 1) yield* ageProblems(level, tables)
  }
  yield* numberProblems(version)
  yield* fileNumberProblems(version, change)
  yield* pinProblems(version)
  yield* valueLogProblems(version, change)
  yield* logProblems(version)
}

function* capProblems(version: Version): Problems {
  const { levels, valueLogs, logs, pins, position, settings, flushStats } = version
  if (levels.length < LEVELS_MIN || levels.length > LEVELS_MAX) yield `${levels.length} levels`
  if (tableCount(version) > TABLES_MAX) yield `${tableCount(version)} tables`
  if (valueLogs.size > VALUE_LOGS_MAX) yield `${valueLogs.size} value logs`
  if (logs.size > LOGS_MAX) yield `${logs.size} logs`
  if (pins.size > PINS_MAX) yield `${pins.size} pins`
  if ((position?.length ?? 0) > POSITION_BYTES_MAX) yield 'position is too long'
  if (utf8Bytes(settings) > TEXT_BYTES_MAX) yield 'settings are too long'
  if (utf8Bytes(flushStats) > TEXT_BYTES_MAX) yield 'flush statistics are too long'
}

function* tableProblems(table: TableFacts): Problems {
  const { bytes, entryCount, tombstoneCount, hiddenCount, rawBytes, smallestSeqNum, largestSeqNum } = table
  const { keyspaceId, expiry, firstLog, lastLog, smallestKey, largestKey } = table
  const numbers = [
    bytes, entryCount, tombstoneCount, hiddenCount, rawBytes, smallestSeqNum, largestSeqNum,
    keyspaceId, firstLog, lastLog,
  ]
  if (!numbers.every(isCount)) yield 'a number is not a safe integer ≥ 0'
  if (!isPositive(table.fileNum)) yield 'file number is not a safe integer ≥ 1'
  if (bytes === 0 || bytes > FILE_BYTES_MAX) yield `${bytes} bytes`
  if (entryCount === 0 || tombstoneCount > entryCount) {
    yield `${tombstoneCount} tombstones of ${entryCount} entries`
  }
  if (hiddenCount >= entryCount + (table.spans === null ? 0 : 1)) {
    yield `${hiddenCount} hidden versions of ${entryCount} entries`
  }
  // Readers and pickers do not know keyspaces yet.
  if (keyspaceId !== 0) yield `keyspace ${keyspaceId}`
  if (Math.max(smallestKey.length, largestKey.length) > KEY_BYTES_MAX) yield 'key is too long'
  if (compareBytes(smallestKey, largestKey) > 0) yield 'smallest key is above the largest'
  if (smallestSeqNum > largestSeqNum) yield 'smallest sequence number is above the largest'
  if (firstLog > lastLog || (firstLog === 0 && lastLog !== 0)) yield 'first log is above the last'
  if (table.salt.length !== 8) yield `salt of ${table.salt.length} bytes`
  yield* referenceProblems(table)
  if (table.origin) yield* originProblems(table, table.origin)
  if (expiry !== null) yield* expiryProblems(table, expiry)
  if (table.spans !== null) yield* spanProblems(table, table.spans)
}

function* originProblems(table: TableFacts, { databaseId, seqNum }: TableOrigin): Problems {
  const { smallestSeqNum, largestSeqNum, firstLog, valueFiles } = table
  if (databaseId.length !== 16) yield `a database id of ${databaseId.length} bytes`
  if (!isPositive(seqNum) || seqNum !== smallestSeqNum || seqNum !== largestSeqNum) {
    yield `ING-4: sequence numbers ${smallestSeqNum} to ${largestSeqNum} of a table from outside that has ${seqNum}`
  }
  if (firstLog !== 0 || valueFiles.length > 0) yield 'a table from outside with logs, or with value files'
}

function* expiryProblems({ entryCount }: TableFacts, expiry: ExpiryFacts): Problems {
  const { count, earliestMs, latestMs, octilesMs } = expiry
  if (!isPositive(count) || count > entryCount) yield `${count} of ${entryCount} entries expire`
  const isOrdered = isPositive(earliestMs) && isCount(latestMs) && earliestMs <= latestMs
  if (!isOrdered) yield 'the earliest expiry is above the latest'
  if (octilesMs.length !== 0 && octilesMs.length !== 8) yield `${octilesMs.length} octiles of expiries`
  if (!octilesMs.every(isCount)) yield 'an octile is not a safe integer ≥ 0'
}

function* spanProblems({ smallestSeqNum, largestSeqNum }: TableFacts, spans: SpanFacts): Problems {
  if (!isPositive(spans.count)) yield `${spans.count} fragments of range tombstones`
  if (spans.widest.length > WIDEST_SPANS_MAX) yield `${spans.widest.length} widest range tombstones`
  for (const span of [spans, ...spans.widest]) {
    if (Math.max(span.lower.length, span.upper?.length ?? 0) > KEY_BYTES_MAX) yield 'bound is too long'
    if (span.upper !== null && compareBytes(span.lower, span.upper) >= 0) yield 'a range tombstone has no keys'
    if (!extentCovers(extentOfRange(spans), extentOfRange(span))) yield 'a range tombstone lies outside of all'
  }
  for (const { seqNum } of spans.widest) {
    if (seqNum < smallestSeqNum || seqNum > largestSeqNum) yield `range tombstone ${seqNum} has a strange number`
  }
}

function* referenceProblems({ valueFiles }: TableFacts): Problems {
  if (valueFiles.length > VALUE_FILES_PER_TABLE_MAX) yield `${valueFiles.length} value files`
  const seen = new Set<FileNum>()
  for (const { fileNum, valueCount, valueBytes } of valueFiles) {
    if (!isPositive(fileNum) || !isPositive(valueCount) || !isCount(valueBytes)) {
      yield 'a number of a value file is not a safe integer ≥ 1'
    }
    if (seen.has(fileNum)) yield `value file ${fileNum} stands twice`
    seen.add(fileNum)
  }
}

function* runProblems(level: LevelNum, { tables, extents }: SortedRun<TableFacts>): Problems {
  for (let i = 1; i < tables.length; i++) {
    const which = `tables ${tables[i - 1]!.fileNum} and ${tables[i]!.fileNum} of level ${level}`
    if (compareLowers(extents[i - 1]!, extents[i]!) >= 0) yield `MAN-1: ${which} stand in wrong order`
    if (extentsOverlap(extents[i - 1]!, extents[i]!)) yield `MAN-1: ${which} overlap`
  }
}

/** Checks the order of ages (MAN-2). Requires: each run has one table. */
function* ageProblems(level: LevelNum, tables: readonly TableFacts[]): Problems {
  // Tables are sorted by largest sequence number, so keys are compared only where ranges of numbers intersect.
  let open: TableFacts[] = []
  for (const [i, table] of tables.entries()) {
    const newer = tables[i - 1]
    if (newer !== undefined && compareTables(level, newer, table) >= 0) {
      yield `MAN-2: tables ${newer.fileNum} and ${table.fileNum} stand in wrong order`
    }
    open = open.filter((it) => it.smallestSeqNum <= table.largestSeqNum)
    const clash = open.find((it) => tablesOverlap(it, table))
    if (clash !== undefined) {
      yield `MAN-2: tables ${clash.fileNum} and ${table.fileNum} share keys and sequence numbers`
    }
    open.push(table)
  }
}

/** Checks MAN-4 for the version's own numbers. */
function* numberProblems({ logPointer, lastSeqNum, nextFileNum }: Version): Problems {
  if (![logPointer, lastSeqNum, nextFileNum].every(isCount)) {
    yield 'MAN-4: a number is not a safe integer ≥ 0'
  }
  if (nextFileNum > NAME_NUMBER_MAX) yield `MAN-4: next file number ${nextFileNum} is 2^48 or more`
  if (lastSeqNum > SEQ_NUM_MAX) yield `MAN-4: last sequence number ${lastSeqNum} is 2^51 or more`
  if (logPointer > nextFileNum) {
    yield `MAN-4: log pointer ${logPointer} is above the next file number ${nextFileNum}`
  }
}

/** Checks MAN-4 and MAN-5 for tables and value logs that are new. */
function* fileNumberProblems(version: Version, { added, valueLogs }: VersionChange): Problems {
  const { logPointer, lastSeqNum, nextFileNum } = version
  const suspects = new Set(valueLogs)
  for (const table of added) suspects.add(table.fileNum)
  for (const fileNum of suspects) {
    if (!isPositive(fileNum) || fileNum >= nextFileNum) {
      yield `MAN-4: file ${fileNum} is not below ${nextFileNum}`
    }
  }
  const twice = findUsedTwice(version, suspects)
  if (twice !== null) yield `MAN-4: file number ${twice} is used twice`
  for (const { fileNum, largestSeqNum, lastLog } of added) {
    if (largestSeqNum > lastSeqNum) {
      yield `MAN-4: table ${fileNum} has sequence numbers above ${lastSeqNum}`
    }
    if (lastLog !== 0 && lastLog >= logPointer) {
      yield `MAN-5: table ${fileNum} is from log ${lastLog}, but replay begins at ${logPointer}`
    }
  }
}

function findUsedTwice(version: Version, suspects: ReadonlySet<FileNum>): FileNum | null {
  const seen = new Set<FileNum>()
  for (const { tables } of version.levels) {
    for (const { fileNum } of tables) {
      if (!suspects.has(fileNum)) continue
      if (seen.has(fileNum) || version.valueLogs.has(fileNum)) return fileNum
      seen.add(fileNum)
    }
  }
  return null
}

function* pinProblems(version: Version): Problems {
  for (const [name, firstLog] of version.pins) {
    const nameBytes = utf8Bytes(name)
    if (nameBytes === 0 || nameBytes > PIN_NAME_BYTES_MAX) {
      yield `MAN-6: the name of a pin has ${nameBytes} bytes`
    }
    if (!isCount(firstLog) || firstLog > version.nextFileNum) yield `MAN-6: pin of log ${firstLog}`
  }
}

/** Checks MAN-7 without the sums of live bytes. */
function* valueLogProblems(version: Version, { added, valueLogs }: VersionChange): Problems {
  for (const table of added) {
    for (const { fileNum } of table.valueFiles) {
      if (!version.valueLogs.has(fileNum)) {
        yield `MAN-7: table ${table.fileNum} points to value log ${fileNum}, which is not listed`
      }
    }
  }
  for (const touched of valueLogs) {
    const { fileNum, bytes, salt, liveBytes, isLog } = version.valueLogs.get(touched)!
    if (isLog && fileNum >= version.logPointer) {
      yield `VLG-3: log ${fileNum} is promoted, but replay begins at ${version.logPointer}`
    }
    if (!isCount(bytes) || bytes > FILE_BYTES_MAX || liveBytes > bytes || salt.length !== SALT_BYTES) {
      yield `MAN-7: value log ${fileNum} has ${liveBytes} live bytes of ${bytes}`
    }
  }
}

/** Checks that live counts, which edits keep up to date, are the sums over all tables (MAN-7). */
function* liveValueProblems(version: Version): Problems {
  const counts = new Map<FileNum, number>()
  const bytes = new Map<FileNum, number>()
  for (const { valueFiles } of allTables(version)) {
    for (const { fileNum, valueCount, valueBytes } of valueFiles) {
      counts.set(fileNum, (counts.get(fileNum) ?? 0) + valueCount)
      bytes.set(fileNum, (bytes.get(fileNum) ?? 0) + valueBytes)
    }
  }
  for (const { fileNum, liveCount, liveBytes } of version.valueLogs.values()) {
    if (liveCount !== (counts.get(fileNum) ?? 0) || liveBytes !== (bytes.get(fileNum) ?? 0)) {
      yield `MAN-7: value log ${fileNum} is not as its tables say`
    }
  }
}

function* logProblems(version: Version): Problems {
  const first = firstNeededLog(version)
  for (const { fileNum, salt, bytes, mustExist } of version.logs.values()) {
    if (!isPositive(fileNum) || !isCount(bytes) || bytes > FILE_BYTES_MAX || salt.length !== SALT_BYTES) {
      yield `MAN-8: log ${fileNum} of ${bytes} bytes`
    }
    if (mustExist && bytes < FILE_HEADER_BYTES) yield `MAN-8: log ${fileNum} must exist, without a header`
    if (fileNum < first) yield `MAN-8: log ${fileNum} is listed, but is below ${first}`
    if (fileNum >= version.nextFileNum) {
      yield `MAN-8: log ${fileNum} is not below ${version.nextFileNum}`
    }
  }
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0
}

function isPositive(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 1
}

const encoder = new TextEncoder()

function utf8Bytes(text: string): number {
  return encoder.encode(text).length
}
