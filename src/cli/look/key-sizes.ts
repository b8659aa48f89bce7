/**
 * What: how many bytes keys of each prefix take: about, from the indexes of the tables and what stands in the logs, or
 * exactly, from every entry that readers see.
 * Thread: main. Holds a row for each prefix, up to a limit, and the largest keys and values.
 */
import { openCursor, readersOf } from '../../api/index.js'
import type { Varve } from '../../api/index.js'
import { compareBytes } from '../../base/index.js'
import type { Table } from '../../sstable/index.js'

/** Prefixes behind this many have one row together. */
const PREFIXES_MAX = 100_000
/** How many of the largest keys and values are kept. */
const BIGGEST = 10
/** Classes of sizes: below 1, 2, 4, … 2^31 bytes. */
const CLASSES = 32

/** How keys are grouped: by their first bytes, or up to a separator. */
export interface PrefixRule {
  readonly separator: Uint8Array
  /** The separator that ends the prefix, from 1 on. */
  readonly depth: number
  /** The first so many bytes instead; null for separators. */
  readonly length: number | null
}

/** What keys of one prefix take. */
export interface PrefixRow {
  /** The common beginning; null for keys without the separator, and for all that are too many. */
  prefix: Uint8Array | null
  entries: number
  /** Bytes of tables and logs; exactly: bytes of keys. */
  bytes: number
  /** Bytes of large values; exactly: of all values. */
  valueBytes: number
}

/** Gives the prefix of a key; null when it has not so many separators. */
function prefixOf(key: Uint8Array, { separator, depth, length }: PrefixRule): Uint8Array | null {
  if (length !== null) return key.subarray(0, length)
  let at = 0
  for (let i = 0; i < depth; i++) {
    const found = indexOf(key, separator, at)
    if (found === -1) return null
    at = found + separator.length
  }
  return key.subarray(0, at)
}

function indexOf(key: Uint8Array, separator: Uint8Array, from: number): number {
  return Buffer.from(key.buffer, key.byteOffset, key.length).indexOf(separator, from)
}

class PrefixRows {
  private readonly rule: PrefixRule
  private readonly rows = new Map<string, PrefixRow>()
  private readonly none: PrefixRow = { prefix: null, entries: 0, bytes: 0, valueBytes: 0 }

  constructor(rule: PrefixRule) {
    this.rule = rule
  }

  add(key: Uint8Array, entries: number, bytes: number, valueBytes: number): void {
    const row = this.rowOf(prefixOf(key, this.rule))
    row.entries += entries
    row.bytes += bytes
    row.valueBytes += valueBytes
  }

  private rowOf(prefix: Uint8Array | null): PrefixRow {
    if (prefix === null) return this.none
    const name = Buffer.from(prefix).toString('latin1')
    const known = this.rows.get(name)
    if (known !== undefined) return known
    if (this.rows.size === PREFIXES_MAX) return this.none
    const row = { prefix: prefix.slice(), entries: 0, bytes: 0, valueBytes: 0 }
    this.rows.set(name, row)
    return row
  }

  /** The largest first. */
  get sorted(): PrefixRow[] {
    const rows = [...this.rows.values(), ...(this.none.bytes + this.none.valueBytes === 0 ? [] : [this.none])]
    return rows.sort((a, b) => b.bytes + b.valueBytes - a.bytes - a.valueBytes)
  }
}

/** Estimates from the indexes of the tables, in whole blocks, and from the entries of the logs. Reads no data block. */
export function estimateSizes(db: Varve, rule: PrefixRule): PrefixRow[] {
  const { state } = readersOf(db).view
  const rows = new PrefixRows(rule)
  for (const memtable of state.memtables) {
    if (memtable.entryCount === 0) continue
    const entries = memtable.iterator()
    for (entries.first(); entries.valid; entries.next()) {
      const { keyBytes, keyStart, keyEnd, valueStart, valueEnd } = entries
      rows.add(keyBytes.subarray(keyStart, keyEnd), 1, keyEnd - keyStart + valueEnd - valueStart, 0)
    }
    entries.close()
  }
  for (const { tables } of state.runs) for (const table of tables) addTable(rows, rule, table)
  return rows.sorted
}

/** A block between two prefixes counts for either by half. */
function addTable(rows: PrefixRows, rule: PrefixRule, table: Table): void {
  const { facts } = table
  const valueBytes = facts.valueFiles.reduce((sum, file) => sum + file.valueBytes, 0)
  let before = facts.smallestKey
  for (const { bound, bytes, entries } of table.blockSizes()) {
    const values = facts.entryCount === 0 ? 0 : valueBytes * entries / facts.entryCount
    const keys = keysOf(before, bound, rule)
    for (const key of keys) rows.add(key, entries / keys.length, bytes / keys.length, values / keys.length)
    before = bound
  }
}

/** The keys whose prefixes a block counts for. A bound may be cut before a separator that all keys around it have. */
function keysOf(before: Uint8Array, bound: Uint8Array, rule: PrefixRule): Uint8Array[] {
  const [first, last] = [prefixOf(before, rule), prefixOf(bound, rule)]
  if (last === null) return [first === null ? bound : before]
  return first === null || compareBytes(first, last) === 0 ? [bound] : [before, bound]
}

/** A large key or value. */
export interface BigItem {
  key: Uint8Array
  bytes: number
}

export interface ExactSizes {
  prefixes: PrefixRow[]
  biggestKeys: BigItem[]
  biggestValues: BigItem[]
  /** How many keys, and values, have less than 2^i bytes and not less than the class before. */
  histogram: { keys: number; values: number }[]
}

/** Walks along every entry that readers see; no large value is read. `step` is awaited after each. */
export async function exactSizes(db: Varve, rule: PrefixRule, step: () => Promise<void> | null): Promise<ExactSizes> {
  const rows = new PrefixRows(rule)
  const histogram = Array.from({ length: CLASSES }, () => ({ keys: 0, values: 0 }))
  const [biggestKeys, biggestValues] = [new Biggest(), new Biggest()]
  const cursor = openCursor(readersOf(db).view, {})
  try {
    while (cursor.next()) {
      const [key, valueBytes] = [cursor.key(), cursor.valueBytes]
      rows.add(key, 1, key.length, valueBytes)
      histogram[classOf(key.length)]!.keys++
      histogram[classOf(valueBytes)]!.values++
      biggestKeys.add(key, key.length)
      biggestValues.add(key, valueBytes)
      await step()
    }
  } finally {
    cursor.close()
  }
  while (histogram.length > 1 && histogram.at(-1)!.keys + histogram.at(-1)!.values === 0) histogram.pop()
  return { prefixes: rows.sorted, biggestKeys: biggestKeys.items, biggestValues: biggestValues.items, histogram }
}

/** The class i of a size has the sizes from 2^(i-1) on and below 2^i; class 0 has 0. */
function classOf(bytes: number): number {
  return bytes === 0 ? 0 : 32 - Math.clz32(bytes)
}

class Biggest {
  readonly items: BigItem[] = []

  add(key: Uint8Array, bytes: number): void {
    const { items } = this
    if (items.length === BIGGEST && bytes <= items.at(-1)!.bytes) return
    const at = items.findIndex((item) => item.bytes < bytes)
    items.splice(at === -1 ? items.length : at, 0, { key, bytes })
    if (items.length > BIGGEST) items.pop()
  }
}
