/**
 * What: sorts the entries of a slab that a load has filled, and writes them as one table from outside.
 * Owns: the file while it is written; removes it when that fails.
 * Thread: any: plain data and shared memory in, plain data out.
 */
import { entryEnd, entryKeyBytes, entryKeyStart, entryKind, entryValueBytes } from '../base/index.js'
import type { FileHeader, TableFacts } from '../base/index.js'
import { compareEntryKeys, sortEntries } from '../memtable/index.js'
import { JobControl, NewTable, SpareMemory } from '../tables/index.js'
import type { TableJobContext, TableSettings } from '../tables/index.js'
import type { Vfs } from '../vfs/index.js'

/** What the tables of a load have in common. */
export interface LoadTables {
  dir: string
  settings: TableSettings
  /** True: what is made is synced when it is whole. */
  isSynced: boolean
  control: SharedArrayBuffer
}

export interface LoadRunInput extends LoadTables {
  fileName: string
  header: FileHeader
  slab: SharedArrayBuffer
  /** Entries as in a log, without frames, stand in [0, end) of the slab. */
  end: number
  /** True: each key is behind the one before it. */
  isAscending: boolean
}

export interface LoadRunOutput {
  facts: TableFacts
  /** Entries that another one of the slab with the same key replaced. */
  duplicateCount: number
}

/** What is loaded mostly comes to the last level, where a filter beside the point hash is of little use. */
export const NO_FILTER = { filterBitsPerKey: 0 }
const ENTRIES_PER_PAUSE = 1024
/** Entries that are looked at between two pauses before they are sorted. */
const OFFSETS_PER_PAUSE = 16_384

export function* loadRun(
  input: LoadRunInput, { vfs, spare = new SpareMemory() }: { vfs: Vfs } & TableJobContext,
): Generator<undefined, LoadRunOutput, unknown> {
  const control = new JobControl(input.control)
  const bytes = new Uint8Array(input.slab)
  const sorted = input.isAscending ? null : yield* sort(bytes, input.end)
  yield* control.rest()
  const { dir, fileName, header, settings, isSynced } = input
  const memory = spare.take(settings.blockBytes, 0)
  const table = new NewTable({ vfs, dir, fileName, isSynced, table: { ...header, ...settings, ...NO_FILTER }, memory })
  let isDone = false
  try {
    if (sorted === null) yield* writeAll(table, bytes, input.end, control)
    else yield* writeSorted(table, bytes, sorted, control)
    const facts = yield* table.finish(null)
    isDone = true
    return { facts, duplicateCount: sorted === null ? 0 : sorted.offsets.length - facts.entryCount }
  } finally {
    // A caller that gives the job up between two steps comes here too, without an error.
    if (!isDone) table.discard()
    spare.give(memory)
  }
}

/** The offsets of entries as they came, and their places in the order of keys, of one key the latest first. */
interface Sorted {
  offsets: Uint32Array
  order: Uint32Array
}

function* sort(bytes: Uint8Array, end: number): Generator<undefined, Sorted, unknown> {
  let offsets = new Uint32Array(OFFSETS_PER_PAUSE)
  let count = 0
  for (let at = 0; at < end; at = entryEnd(bytes, at)) {
    if (count === offsets.length) {
      const grown = new Uint32Array(2 * count)
      grown.set(offsets)
      offsets = grown
    }
    offsets[count++] = at
    if (count % OFFSETS_PER_PAUSE === 0) yield
  }
  offsets = offsets.subarray(0, count)
  return { offsets, order: sortEntries(bytes, offsets) }
}

/** Writes all entries as they stand. Requires: their keys ascend. */
function* writeAll(
  table: NewTable, bytes: Uint8Array, end: number, control: JobControl,
): Generator<undefined, void, unknown> {
  const view = new DataView(bytes.buffer)
  for (let at = 0, i = 0; at < end; i++) {
    at = put(table, bytes, view, at)
    if (i % ENTRIES_PER_PAUSE === 0) yield* pause(table, control)
  }
}

/** Writes, of several entries with one key, the one that came last: the first in the order. */
function* writeSorted(
  table: NewTable, bytes: Uint8Array, { offsets, order }: Sorted, control: JobControl,
): Generator<undefined, void, unknown> {
  const view = new DataView(bytes.buffer)
  for (let i = 0, last = -1; i < offsets.length; i++) {
    const at = offsets[order[i]!]!
    if (last < 0 || compareEntryKeys(bytes, last, at) !== 0) put(table, bytes, view, at)
    last = at
    if (i % ENTRIES_PER_PAUSE === 0) yield* pause(table, control)
  }
}

/** Adds the entry; gives where it ends. */
function put({ builder }: NewTable, bytes: Uint8Array, view: DataView, at: number): number {
  const keyStart = entryKeyStart(bytes, at)
  const keyEnd = keyStart + entryKeyBytes(bytes, at)
  const valueEnd = keyEnd + entryValueBytes(bytes, at)
  builder.addBehind(bytes, view, keyStart, keyEnd, valueEnd, 0, entryKind(bytes, at))
  return entryEnd(bytes, at)
}

function* pause(table: NewTable, control: JobControl): Generator<undefined, void, unknown> {
  table.syncSome()
  control.addUpTo(table.bytesWritten)
  yield* control.rest()
}
