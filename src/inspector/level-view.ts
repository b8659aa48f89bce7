/**
 * What: the tables of a version as rectangles: where each lies in the order of all bounds, in which row of its level,
 * how large it is; and all that is known of one of them.
 * Thread: main (pure).
 */
import { compareBytes, tableFileName } from '../base/index.js'
import type { FileNum, TableFacts } from '../base/index.js'
import type { Level, Version } from '../manifest/index.js'
import type { Stats } from '../stats/index.js'
import type { Subject } from './subject.js'
import { keyText } from './texts.js'

/** More tables than this are not drawn one by one: the answer would be over a mebibyte. */
const TABLES_MAX = 10_000

/** What the numbers of a table in `tables` are; `age`, `deletes` and `reads` are shares, which colour it. */
const TABLE_FIELDS = [
  'file', 'level', 'y', 'height', 'from', 'to', 'bytes', 'entries', 'tombstones', 'age', 'deletes', 'reads', 'flags',
] as const
/** Pixels of a picture: between levels, of tables of the smallest and the largest size, and of the rows of a stack. */
const [GAP, LOW, HIGH, ROW, STACK_MAX] = [14, 12, 56, 9, 220]
const IN_COMPACTION = 1
const BLOCKED = 2

/** The levels as the page draws them; `live` is absent for a version of the past. */
export function levelsView(version: Version, live?: { stats: Stats; subject: Subject }): object {
  const running = live === undefined ? new Set() : tablesInCompactions(live.subject)
  const stats = live?.stats
  const bounds = version.levels.flatMap(({ tables }) => tables.flatMap((facts) => [facts.smallestKey,
    facts.largestKey]))
  const ranks = rankKeys(bounds)
  const blocked = new Set(stats?.compaction.blockedTables ?? [])
  const largest = version.levels.reduce((most, { tables }) => tables.reduce((n, t) => Math.max(n, t.bytes), most), 1)
  let [place, end] = [0, 6]
  const rows: number[][] = []
  const readCounts: number[] = []
  const levels = version.levels.map((level, number) => {
    const spans = level.tables.map(() => [ranks[place++]!, ranks[place++]!] as const)
    const stack = rowsOf(level, spans)
    const rowCount = Math.max(0, ...stack.map((row) => row + 1))
    const tall = rowCount > 1 ? Math.min(rowCount * ROW, STACK_MAX) : HIGH
    const top = end
    if (rowCount > 0) end += tall + GAP
    for (const [i, facts] of level.tables.entries()) {
      const flags = (running.has(facts.fileNum) ? IN_COMPACTION : 0) | (blocked.has(facts.fileNum) ? BLOCKED : 0)
      const [from, to] = spans[i]!
      const { fileNum, bytes, entryCount, tombstoneCount, largestSeqNum } = facts
      const { hits, misses } = readsOf(live?.subject, fileNum)
      readCounts.push(hits + misses)
      const height = rowCount > 1 ? Math.max(2, tall / rowCount - 1.5) : LOW + ((HIGH - LOW) * bytes) / largest
      const y = rowCount > 1 ? top + (stack[i]! * tall) / rowCount : top + tall - height
      const numbers = [fileNum, number, round(y), round(height), from, to, bytes, entryCount, tombstoneCount,
        share(version.lastSeqNum - largestSeqNum, version.lastSeqNum), share(2 * tombstoneCount, entryCount), 0, flags]
      if (rows.length < TABLES_MAX) rows.push(numbers)
    }
    const known = stats?.compaction.levels.find((each) => each.level === number)
    return {
      level: number, tables: level.tables.length, bottom: top + tall,
      bytes: level.tables.reduce((sum, { bytes }) => sum + bytes, 0),
      entries: level.tables.reduce((sum, { entryCount }) => sum + entryCount, 0),
      score: known?.score ?? null, targetBytes: known?.targetBytes || null,
    }
  })
  const mostReads = readCounts.reduce((most, count) => Math.max(most, count), 1)
  const at = TABLE_FIELDS.indexOf('reads')
  for (const [i, row] of rows.entries()) row[at] = share(Math.log1p(readCounts[i]!), Math.log1p(mostReads))
  const ends = [...bounds].sort(compareBytes)
  return {
    fields: TABLE_FIELDS, levels, tables: rows, height: end,
    ranks: ranks.reduce((most, rank) => Math.max(most, rank), 0) + 1,
    total: bounds.length / 2, firstKey: ends.length === 0 ? '' : keyText(ends[0]!),
    lastKey: ends.length === 0 ? '' : keyText(ends.at(-1)!),
  }
}

function share(part: number, whole: number): number {
  return Math.round(100 * Math.min(1, part / Math.max(1, whole))) / 100
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10
}

/** The rank of each key among all of them; equal keys have one rank. */
function rankKeys(keys: readonly Uint8Array[]): number[] {
  const order = keys.map((_, i) => i).sort((a, b) => compareBytes(keys[a]!, keys[b]!))
  const ranks = new Array<number>(keys.length)
  let rank = -1
  for (const [i, at] of order.entries()) {
    if (i === 0 || compareBytes(keys[order[i - 1]!]!, keys[at]!) !== 0) rank++
    ranks[at] = rank
  }
  return ranks
}

/** The row of each table in its level: level 0 is packed into as few rows without overlap as go, the newest on top. */
function rowsOf({ runs, tables }: Level, spans: readonly (readonly [number, number])[]): number[] {
  if (runs.length <= 1) return tables.map(() => 0)
  const taken: (readonly [number, number])[][] = []
  const rows = new Array<number>(tables.length).fill(0)
  // From the oldest on: a table lies on all those that it overlaps.
  for (let i = tables.length - 1; i >= 0; i--) {
    const [from, to] = spans[i]!
    let row = taken.length
    while (row > 0 && !taken[row - 1]!.some(([start, end]) => start <= to && from <= end)) row--
    ;(taken[row] ??= []).push([from, to])
    rows[i] = row
  }
  return rows.map((row) => taken.length - 1 - row)
}

/** Tables that compactions read at the moment. */
function tablesInCompactions({ engine }: Subject): Set<FileNum> {
  const found = new Set<FileNum>()
  for (const { reservation } of engine?.compactor.running ?? []) for (const file of reservation.inputs) found.add(file)
  return found
}

/** How often blocks of a table were read; nobody counts that for a version of the past, or where files are read. */
function readsOf(subject: Subject | undefined, fileNum: FileNum): { hits: number; misses: number } {
  return subject?.engine?.setup.tables.find(fileNum)?.reads ?? { hits: 0, misses: 0 }
}

/** All that is known of a table; null when the version has none of this number. */
export function tableView(subject: Subject, fileNum: FileNum): object | null {
  for (const [level, { tables }] of subject.version.levels.entries()) {
    const facts = tables.find((each) => each.fileNum === fileNum)
    if (facts !== undefined) return { level, ...tableFacts(facts), ...readsOf(subject, fileNum) }
  }
  return null
}

function tableFacts(facts: TableFacts): object {
  const { fileNum, smallestKey, largestKey, expiry, spans, valueFiles } = facts
  const { bytes, rawBytes, entryCount, tombstoneCount, hiddenCount, smallestSeqNum, largestSeqNum, firstLog,
    lastLog } = facts
  return {
    file: tableFileName(fileNum), fileNum, bytes, rawBytes, entryCount, tombstoneCount, hiddenCount,
    firstKey: keyText(smallestKey), lastKey: keyText(largestKey), smallestSeqNum, largestSeqNum,
    expiring: expiry?.count ?? 0, earliestExpiry: expiry?.earliestMs ?? null, rangeTombstones: spans?.count ?? 0,
    origin: firstLog > 0 ? `logs ${firstLog} to ${lastLog}` : 'a compaction',
    valuesIn: valueFiles.length === 0 ?
      'the table' : `${valueFiles.length} value logs: ${valueFiles.slice(0, 9).map((each) => each.fileNum).join(', ')}`,
  }
}
