/**
 * What: tables without files, for the simulator: entries as numbers in arrays, merged by the same rules as
 * real ones.
 * Owns: the entries of each table, by its number.
 * Thread: any.
 */
import type { FileNum, TableFacts, ValueFileReference } from '../../src/base/index.js'
import { isVersionSeen } from '../../src/iterator/index.js'
import type { RetentionRule } from '../../src/iterator/index.js'
import type { NewValueLog, Version, VersionEdit } from '../../src/manifest/index.js'
import { editOf, inputTables } from '../../src/pick/index.js'
import type { CompactionPick } from '../../src/pick/index.js'

/** The entries of a table, in the order key ascending, sequence number descending. */
export interface SimulatedEntries {
  keys: number[]
  seqNums: number[]
  isTombstone: boolean[]
  /** The value log that has the value; 0: it stands in the table. */
  valueLogs: FileNum[]
}

export interface EntrySizes {
  readonly valueBytes: number
  readonly tombstoneBytes: number
  /** Bytes of an entry in a table that points to its value in a value log. Without it all values stand in tables. */
  readonly handleBytes?: number
  /** Bytes of a value for each byte that it takes in a table, as `compression` makes them; default 1. */
  readonly ratio?: number
  /** Bytes of a key and of framing in a value log; default 0. */
  readonly framingBytes?: number
}

/** What a flush or a run makes. */
export interface Made {
  readonly tables: TableFacts[]
  /** The value log that it lists: the log of the flush, or the file to which the run moved values. */
  readonly valueLogs: NewValueLog[]
}

/** A flush promotes a log of which at least so much is large values, as docs/design/0032-value-log.md says. */
const PROMOTE_SHARE_MIN = 3 / 4

export class SimulatedTables {
  nextFileNum = 1
  private readonly entries = new Map<FileNum, SimulatedEntries>()
  private readonly sizes: EntrySizes

  constructor(sizes: EntrySizes) {
    this.sizes = sizes
  }

  hasKey(fileNum: FileNum, key: number): boolean {
    const { keys } = this.entriesOf(fileNum)
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return keys[low] === key
  }

  entriesOf(fileNum: FileNum): SimulatedEntries {
    return this.entries.get(fileNum)!
  }

  /** Makes one table of all entries that the rule keeps, or none. */
  flush(entries: SimulatedEntries, rule: RetentionRule): Made {
    const kept = noEntries()
    for (const i of keptEntries(entries, rule, () => false)) append(kept, entries, i)
    if (kept.keys.length === 0) return { tables: [], valueLogs: [] }
    return { valueLogs: this.setApart(entries, kept), tables: [this.add(kept)] }
  }

  /** The values of a flush stand in its log from now on, or in a copy. */
  private setApart(written: SimulatedEntries, kept: SimulatedEntries): NewValueLog[] {
    const { handleBytes, framingBytes = 0, valueBytes, tombstoneBytes } = this.sizes
    const count = kept.isTombstone.filter((it) => !it).length
    if (handleBytes === undefined || count === 0) return []
    const logBytes = written.isTombstone
      .reduce((sum, isTombstone) => sum + framingBytes + (isTombstone ? tombstoneBytes : valueBytes), 0)
    const isLog = count * valueBytes >= PROMOTE_SHARE_MIN * logBytes
    const fileNum = this.nextFileNum++
    kept.valueLogs = kept.isTombstone.map((isTombstone) => (isTombstone ? 0 : fileNum))
    return [this.valueLog(fileNum, { count, isLog, bytes: isLog ? logBytes : count * (valueBytes + framingBytes) })]
  }

  private valueLog(
    fileNum: FileNum, { count, isLog, bytes }: { count: number; isLog: boolean; bytes: number },
  ): NewValueLog {
    return {
      fileNum, isLog, bytes, salt: new Uint8Array(8), namedInLog: 0,
      putCount: count, putBytes: count * this.sizes.valueBytes,
    }
  }

  /** Makes the outputs of a pick; its inputs stay readable until `drop`. */
  run(pick: CompactionPick, rule: RetentionRule): Made {
    const merged = pick.inputs.map(({ tables }) => concat(tables.map((table) => this.entriesOf(table.fileNum))))
      .reduceRight((older, newer) => merge(newer, older))
    const below = pick.below.map((tables) => new Passing(tables))
    const isBottom = (key: number): boolean => below.every((tables) => !tables.cover(key))
    const cut = new Passing(pick.below[0] ?? [])
    const moving = new Set(pick.condemned)
    const target = moving.size > 0 ? this.nextFileNum++ : 0
    let movedCount = 0
    const tables: TableFacts[] = []
    let output = noEntries()
    let bytes = 0
    for (const i of keptEntries(merged, rule, isBottom)) {
      const key = merged.keys[i]!
      const isFull = bytes >= pick.tableBytes || cut.entersBeyond(key, pick.overlapBytesMax)
      if (isFull && output.keys.length > 0 && key !== output.keys.at(-1)) {
        tables.push(this.add(output))
        output = noEntries()
        bytes = 0
        cut.restart(key)
      }
      append(output, merged, i)
      if (moving.has(merged.valueLogs[i]!)) {
        output.valueLogs[output.keys.length - 1] = target
        movedCount++
      }
      bytes += this.entryBytes(merged, i)
    }
    if (output.keys.length > 0) tables.push(this.add(output))
    const valueBytes = this.sizes.valueBytes + (this.sizes.framingBytes ?? 0)
    const moved = { count: movedCount, isLog: false, bytes: movedCount * valueBytes }
    return { tables, valueLogs: movedCount === 0 ? [] : [this.valueLog(target, moved)] }
  }

  private entryBytes({ isTombstone, valueLogs }: SimulatedEntries, i: number): number {
    const { handleBytes, valueBytes, tombstoneBytes, ratio = 1 } = this.sizes
    return isTombstone[i]! ? tombstoneBytes : valueLogs[i] === 0 ? Math.ceil(valueBytes / ratio) : handleBytes!
  }

  drop(tables: readonly TableFacts[]): void {
    for (const { fileNum } of tables) this.entries.delete(fileNum)
  }

  /** Bytes of the entries in a table, before they are packed. */
  private plainBytes({ isTombstone, valueLogs }: SimulatedEntries): number {
    const { handleBytes, valueBytes, tombstoneBytes } = this.sizes
    const valuePart = (i: number): number => (valueLogs[i] === 0 ? valueBytes : handleBytes!)
    return isTombstone.reduce((sum, isDeleted, i) => sum + (isDeleted ? tombstoneBytes : valuePart(i)), 0)
  }

  private add(entries: SimulatedEntries): TableFacts {
    const { keys, seqNums, isTombstone } = entries
    const fileNum = this.nextFileNum++
    const tombstoneCount = isTombstone.filter(Boolean).length
    const hiddenCount = keys.filter((key, i) => key === keys[i - 1]).length
    const bytes = keys.reduce((sum, _, i) => sum + this.entryBytes(entries, i), 0)
    const valueFiles = referencesOf(entries, this.sizes.valueBytes)
    this.entries.set(fileNum, entries)
    return {
      fileNum, bytes, entryCount: keys.length, tombstoneCount, hiddenCount, valueFiles,
      rawBytes: valueFiles.reduce((sum, { valueBytes }) => sum + valueBytes, this.plainBytes(entries)),
      smallestKey: keyOf(keys[0]!), largestKey: keyOf(keys.at(-1)!),
      smallestSeqNum: seqNums.reduce((a, b) => Math.min(a, b)),
      largestSeqNum: seqNums.reduce((a, b) => Math.max(a, b)),
      firstLog: 0, lastLog: 0, salt: new Uint8Array(8), keyspaceId: 0, expiry: null,
      spans: null,
    }
  }
}

function referencesOf({ valueLogs }: SimulatedEntries, valueBytes: number): ValueFileReference[] {
  const counts = new Map<FileNum, number>()
  for (const fileNum of valueLogs) if (fileNum !== 0) counts.set(fileNum, (counts.get(fileNum) ?? 0) + 1)
  return [...counts].map(([fileNum, valueCount]) => ({ fileNum, valueCount, valueBytes: valueCount * valueBytes }))
}

/** The edit of a run, and of a move with its inputs. */
export function editOfRun(pick: CompactionPick, made: Made): VersionEdit {
  return { ...editOf(pick, made.tables), addValueLogs: made.valueLogs }
}

/** What a pick makes: a move has its inputs as outputs, a drop nothing. */
export function madeBy(tables: SimulatedTables, pick: CompactionPick, rule: RetentionRule): Made {
  switch (pick.kind) {
    case 'merge': return tables.run(pick, rule)
    case 'move': return { tables: inputTables(pick), valueLogs: [] }
    case 'drop': return { tables: [], valueLogs: [] }
  }
}

/** Takes out the value logs that no table points into. */
export function sweepOf({ valueLogs }: Version): VersionEdit {
  const dead = [...valueLogs.values()].filter(({ liveCount }) => liveCount === 0)
  return { removeValueLogs: dead.map(({ fileNum }) => fileNum) }
}

export function noEntries(): SimulatedEntries {
  return { keys: [], seqNums: [], isTombstone: [], valueLogs: [] }
}

/** Sorts a memtable's entries into the order of a table. */
export function sortedEntries({ keys, seqNums, isTombstone, valueLogs }: SimulatedEntries): SimulatedEntries {
  const order = [...keys.keys()].sort((a, b) => keys[a]! - keys[b]! || seqNums[b]! - seqNums[a]!)
  const pick = <T>(values: readonly T[]): T[] => order.map((i) => values[i]!)
  return { keys: pick(keys), seqNums: pick(seqNums), isTombstone: pick(isTombstone), valueLogs: pick(valueLogs) }
}

function append(to: SimulatedEntries, from: SimulatedEntries, i: number): void {
  to.keys.push(from.keys[i]!)
  to.seqNums.push(from.seqNums[i]!)
  to.isTombstone.push(from.isTombstone[i]!)
  to.valueLogs.push(from.valueLogs[i]!)
}

function* keptEntries(
  { keys, seqNums, isTombstone }: SimulatedEntries, rule: RetentionRule, isBottom: (key: number) => boolean,
): Generator<number> {
  const readersFrom = Math.min(rule.visibleSeqNum, rule.snapshots[0] ?? Infinity)
  for (let i = 0; i < keys.length; i++) {
    const newer = i > 0 && keys[i - 1] === keys[i] ? seqNums[i - 1]! : Infinity
    if (!isVersionSeen(rule, seqNums[i]!, newer)) continue
    if (isTombstone[i]! && seqNums[i]! <= readersFrom && isBottom(keys[i]!)) continue
    yield i
  }
}

function concat(parts: readonly SimulatedEntries[]): SimulatedEntries {
  return {
    keys: parts.flatMap((part) => part.keys),
    seqNums: parts.flatMap((part) => part.seqNums),
    isTombstone: parts.flatMap((part) => part.isTombstone),
    valueLogs: parts.flatMap((part) => part.valueLogs),
  }
}

function merge(a: SimulatedEntries, b: SimulatedEntries): SimulatedEntries {
  const merged = noEntries()
  let [i, j] = [0, 0]
  while (i < a.keys.length || j < b.keys.length) {
    const isFirst = j === b.keys.length || (i < a.keys.length &&
      (a.keys[i]! - b.keys[j]! || b.seqNums[j]! - a.seqNums[i]!) < 0)
    if (isFirst) append(merged, a, i++)
    else append(merged, b, j++)
  }
  return merged
}

/** The tables of one list, asked with rising keys. */
class Passing {
  private readonly tables: readonly TableFacts[]
  private readonly smallest: readonly number[]
  private readonly largest: readonly number[]
  /** The number of tables that begin at or before the key. */
  private end = 0
  private bytes = 0

  constructor(tables: readonly TableFacts[]) {
    this.tables = tables
    this.smallest = tables.map((table) => numberOf(table.smallestKey))
    this.largest = tables.map((table) => numberOf(table.largestKey))
  }

  cover(key: number): boolean {
    this.passedBytes(key)
    return this.end > 0 && this.largest[this.end - 1]! >= key
  }

  /** Bytes of the tables between the last restart and this key. */
  passedBytes(key: number): number {
    while (this.end < this.tables.length && this.smallest[this.end]! <= key) {
      this.bytes += this.tables[this.end++]!.bytes
    }
    return this.bytes
  }

  /** True when the key is the first in another table, and those since the last restart are larger than this. */
  entersBeyond(key: number, bytesMax: number): boolean {
    const { end } = this
    return this.passedBytes(key) > bytesMax && this.end > end
  }

  /** Requires: this key was asked for. */
  restart(key: number): void {
    this.bytes = this.cover(key) ? this.tables[this.end - 1]!.bytes : 0
  }
}

/** Makes a key of four bytes, big-endian: such keys have the order of their numbers. */
export function keyOf(n: number): Uint8Array {
  const key = new Uint8Array(4)
  new DataView(key.buffer).setUint32(0, n)
  return key
}

function numberOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0)
}
