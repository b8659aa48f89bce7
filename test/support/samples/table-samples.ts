/** Small tables and their entries, for tests of the sstable layer. */
import { compareBytes, EntryKind, EXPIRY_BYTES, KeyHash, putExpiry, runSync } from '../../../src/base/index.js'
import type { InternalIterator, PointResult, TableFacts } from '../../../src/base/index.js'
import type { BlockCache } from '../../../src/cache/index.js'
import { Spans } from '../../../src/iterator/index.js'
import { checkTable, openTable, TableBuilder } from '../../../src/sstable/index.js'
import type { Replaces, Table, TableBuilderOptions } from '../../../src/sstable/index.js'
import { MemoryVfs } from '../../../src/vfs/index.js'
import type { VfsFile } from '../../../src/vfs/index.js'

export interface Entry {
  key: Uint8Array
  seqNum: number
  kind: number
  value: Uint8Array
}

export const TABLE_NAME = '000007.table'
export const DATABASE_ID = new Uint8Array(16).fill(9)
const SALT = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])

/** The third output of a compaction says this. */
const SAMPLE_REPLACES: Replaces = {
  group: 5, index: 2, isLast: true, lower: new Uint8Array(0), upper: null, inputs: [2, 4], unlisted: [1],
}

export interface WrittenTable {
  file: VfsFile
  facts: TableFacts
}

export function newFile(bytes: Uint8Array = new Uint8Array(0)): VfsFile {
  const file = new MemoryVfs().openSync('/' + TABLE_NAME, 'create')
  if (bytes.length > 0) file.writeSync(bytes, 0, bytes.length, 0)
  return file
}

export function writeTable(
  entries: Entry[], { spans, ...options }: Partial<TableBuilderOptions> & { spans?: Spans } = {}, file = newFile(),
  replaces: Replaces | null = SAMPLE_REPLACES,
): WrittenTable {
  const identity = { fileNum: 7, databaseId: DATABASE_ID, salt: SALT, generation: 1 }
  const builder = new TableBuilder(file, { ...identity, ...options })
  for (const { key, seqNum, kind, value } of entries) {
    builder.add(key, 0, key.length, seqNum, kind, value, 0, value.length)
  }
  if (spans !== undefined) builder.addSpans(spans)
  return { file, facts: builder.finish(replaces) }
}

export function openWritten({ file, facts }: WrittenTable, cache: BlockCache, pointHash = true): Table {
  const lookup = pointHash ? 'pointHash' : 'filter'
  return runSync(openTable({ file, name: TABLE_NAME, databaseId: DATABASE_ID, facts, cache, lookup }))
}

/** Reads every byte of it; throws the first thing that is wrong. */
export function checkWritten({ file, facts }: WrittenTable): void {
  const checking = checkTable({ file, name: TABLE_NAME, databaseId: DATABASE_ID, facts }, ({ error }) => {
    throw error
  })
  while (checking.next().done !== true);
}

export function bytesOf(file: VfsFile): Uint8Array {
  const bytes = new Uint8Array(file.sizeSync())
  file.readSync(bytes, 0, bytes.length, 0)
  return bytes
}

/** Compares two entries in the order of internal keys. */
export function compareEntries(a: Entry, b: Entry): number {
  return compareBytes(a.key, b.key) || b.seqNum - a.seqNum
}

/** Shows an entry as one line, to compare and to print. */
export function shown({ key, seqNum, kind, value }: Entry): string {
  return `${latin1(key)} ${seqNum} ${kind} ${value.length} ${latin1(value)}`
}

/** Shows the result of a point read as `shown` does an entry. */
export function shownPoint({ kind, value }: Pick<Entry, 'kind' | 'value'>): string {
  return `${kind} ${value.length} ${latin1(value)}`
}

function latin1(bytes: Uint8Array): string {
  if (bytes.length <= 200) return String.fromCharCode(...bytes)
  return String.fromCharCode(...bytes.subarray(0, 9), ...bytes.subarray(-9))
}

/** Gives the entry of an iterator. Throws RangeError when it lends anything outside its bytes. */
export function entryAt(iterator: InternalIterator): Entry {
  const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd, seqNum, kind } = iterator
  const key = range(keyBytes, keyStart, keyEnd)
  return { key, seqNum, kind, value: range(valueBytes, valueStart, valueEnd) }
}

function emptyResult(): PointResult {
  return { kind: 0, valueBytes: new Uint8Array(0), valueStart: 0, valueEnd: 0 }
}

/** Gives what `get` finds, or null. It does not tell sequence numbers: versions are told apart by their values. */
export function getEntry(table: Table, key: Uint8Array, snapshot: number): Pick<Entry, 'kind' | 'value'> | null {
  const out = emptyResult()
  const padded = new Uint8Array([...key, 0])
  if (!table.get(padded, key.length, snapshot, out, new KeyHash())) return null
  const value = range(out.valueBytes, out.valueStart, out.valueEnd)
  return { kind: out.kind, value }
}

function range(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start >= 0 && start <= end && end <= bytes.length) return bytes.slice(start, end)
  throw new RangeError(`[${start}, ${end}) of ${bytes.length}`)
}

/** Gives a fixed table with everything in it: versions over blocks, tombstones, empty values, a long key. */
export function sampleEntries(): Entry[] {
  const entries: Entry[] = []
  const add = (key: string, seqNum: number, value: string | null): void => {
    const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
    const kind = value === null ? EntryKind.tombstone : EntryKind.value
    entries.push({ key: encode(key), seqNum, kind, value: encode(value ?? '') })
  }
  add('', 90, 'the empty key')
  for (let i = 0; i < 16; i++) add(`fruit/${String.fromCharCode(97 + i)}${i}`, 100 + i, `value ${i}`)
  for (let version = 28; version > 0; version--) add('hot', 200 + version * 3, 'x'.repeat(60))
  add('k'.repeat(150), 60, 'long')
  add('zero', 2 ** 40, '')
  add('zero', 50, null)
  return entries.sort(compareEntries)
}

/** Gives these entries, of which every third value expires, each an hour after the one before it. */
export function expiring(entries: readonly Entry[]): Entry[] {
  return entries.map((entry, i) => {
    if (i % 3 !== 0 || entry.kind !== EntryKind.value) return entry
    const value = new Uint8Array(EXPIRY_BYTES + entry.value.length)
    const kind = putExpiry(value, 0, entry.kind, Date.UTC(2030, 0, 1, i))
    value.set(entry.value, EXPIRY_BYTES)
    return { ...entry, kind, value }
  })
}

/** Two range tombstones that overlap, one of them to the last key. */
export function sampleSpans(): Spans {
  const key = (text: string): Uint8Array => Buffer.from(text)
  return Spans.join([
    Spans.of({ lower: key('fruit/a'), upper: key('fruit/c'), seqNum: 95 }),
    Spans.of({ lower: key('fruit/b'), upper: null, seqNum: 97 }),
  ])!
}
