/**
 * What: sorts the entries of a slab that a load has filled, and writes them as one table from outside.
 * Owns: the file while it is written; removes it when that fails.
 * Thread: any: plain data and shared memory in, plain data out.
 */
import {
  entryEnd, entryKeyBytes, entryKeyEnd, entryKeyStart, entryKind, entryValueBytes, invalidArgument,
} from '../base/index.js'
import type { FileHeader, TableFacts } from '../base/index.js'
import { printBytes } from '../dump/index.js'
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
  /** True: an entry with a smaller key than the one before it is an error. */
  isSorted: boolean
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
  const { offsets, fallsAt } = yield* collect(bytes, input.end)
  if (input.isSorted && fallsAt >= 0) checkSorted(bytes, offsets, fallsAt)
  const order = fallsAt < 0 ? null : sortEntries(bytes, offsets)
  yield* control.rest()
  const { dir, fileName, header, settings, isSynced } = input
  const memory = spare.take(settings.blockBytes, 0)
  const table = new NewTable({ vfs, dir, fileName, isSynced, table: { ...header, ...settings, ...NO_FILTER }, memory })
  try {
    yield* write(table, bytes, offsets, order, control)
    const facts = yield* table.finish(null)
    return { facts, duplicateCount: offsets.length - facts.entryCount }
  } catch (error) {
    table.discard()
    throw error
  } finally {
    spare.give(memory)
  }
}

/** Collects the offsets of all entries, and the place of the first whose key is not behind the one before; -1: none. */
function* collect(
  bytes: Uint8Array, end: number,
): Generator<undefined, { offsets: Uint32Array; fallsAt: number }, unknown> {
  let offsets = new Uint32Array(OFFSETS_PER_PAUSE)
  let count = 0
  let fallsAt = -1
  for (let at = 0, last = -1; at < end; last = at, at = entryEnd(bytes, at)) {
    if (count === offsets.length) {
      const grown = new Uint32Array(2 * count)
      grown.set(offsets)
      offsets = grown
    }
    if (fallsAt < 0 && last >= 0 && compareEntryKeys(bytes, last, at) >= 0) fallsAt = count
    offsets[count++] = at
    if (count % OFFSETS_PER_PAUSE === 0) yield
  }
  return { offsets: offsets.subarray(0, count), fallsAt }
}

/** Throws for a key that is smaller than the one before it; several entries may have one key. */
function checkSorted(bytes: Uint8Array, offsets: Uint32Array, from: number): void {
  for (let i = from; i < offsets.length; i++) {
    if (compareEntryKeys(bytes, offsets[i - 1]!, offsets[i]!) <= 0) continue
    const [before, key] = [keyAt(bytes, offsets[i - 1]!), keyAt(bytes, offsets[i]!)]
    const what = `key ${printBytes(key, 64)} came behind ${printBytes(before, 64)}`
    throw invalidArgument(`the entries are not sorted: ${what}`)
  }
}

function keyAt(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.slice(entryKeyStart(bytes, at), entryKeyEnd(bytes, at))
}

/** Writes, of several entries with one key, the one that came last: the first in the order. Null: as they came. */
function* write(
  table: NewTable, bytes: Uint8Array, offsets: Uint32Array, order: Uint32Array | null, control: JobControl,
): Generator<undefined, void, unknown> {
  const { builder } = table
  const view = new DataView(bytes.buffer)
  let last = -1
  let doneBytes = 0
  for (let i = 0; i < offsets.length; i++) {
    const at = offsets[order === null ? i : order[i]!]!
    if (order === null || last < 0 || compareEntryKeys(bytes, last, at) !== 0) {
      const keyStart = entryKeyStart(bytes, at)
      const keyEnd = keyStart + entryKeyBytes(bytes, at)
      builder.addBehind(bytes, view, keyStart, keyEnd, keyEnd + entryValueBytes(bytes, at), 0, entryKind(bytes, at))
    }
    last = at
    if (i % ENTRIES_PER_PAUSE !== 0) continue
    table.syncSome()
    control.add(builder.bytesWritten - doneBytes)
    doneBytes = builder.bytesWritten
    yield* control.rest()
  }
}
