/**
 * What: stage 2, build: the published frames of one memtable become one sorted file, synced in strict mode.
 * Owns: the new table while it runs; removes it when it fails.
 * Does not own: file numbers (given), the table's final name (publish-tables.ts).
 * Thread: any: plain data and shared memory in, plain data out.
 * Invariants: FLUSH-2 only published frames are read. FLUSH-3 a version is dropped only when neither
 * the newest state nor a held snapshot sees it.
 */
import {
  assert, ENTRY_HEADER_BYTES, entryBytes, entryKeyBytes, entryValueBytes, FRAME_HEADER_BYTES, frameBytes,
  FrameType, getU32, getU53,
} from '../base/index.js'
import type { FileHeader, FileNum, SeqNum, TableFacts } from '../base/index.js'
import { RetentionFilter } from '../iterator/index.js'
import { compareEntryKeys, sortEntries } from '../memtable/index.js'
import { NewTable } from '../output/index.js'
import type { NewTableOptions, TableSettings } from '../output/index.js'
import type { Vfs } from '../vfs/index.js'

export interface FlushBuildInput extends Pick<NewTableOptions, 'dir' | 'fileName' | 'isSynced'> {
  header: FileHeader
  settings: TableSettings
  slab: SharedArrayBuffer
  /** Frames stand at [start, end). */
  start: number
  end: number
  logNum: FileNum
  /** What a reader who comes now sees; at least every sequence number in these frames. */
  visibleSeqNum: SeqNum
  /** Held sequence numbers, ascending. */
  snapshots: SeqNum[]
}

export interface FlushBuildOutput {
  /** Null when nothing is left to write: then there is no file. */
  facts: TableFacts | null
  keptCount: number
  droppedCount: number
}

const ENTRIES_PER_PAUSE = 1024

export function* buildTable(
  input: FlushBuildInput, { vfs }: { vfs: Vfs },
): Generator<undefined, FlushBuildOutput, unknown> {
  const bytes = new Uint8Array(input.slab)
  const { offsets, seqNums } = collectEntries(bytes, input.start, input.end)
  yield
  if (offsets.length === 0) return { facts: null, keptCount: 0, droppedCount: 0 }
  const order = sortEntries(bytes, offsets)
  yield
  const { dir, fileName, isSynced, header, settings, logNum } = input
  const options = { ...header, ...settings, firstLog: logNum, lastLog: logNum }
  const table = new NewTable({ vfs, dir, fileName, isSynced, table: options })
  try {
    return yield* writeTable(input, bytes, { offsets, seqNums, order }, table)
  } catch (error) {
    table.discard()
    throw error
  }
}

interface SortedEntries {
  offsets: Uint32Array
  seqNums: Float64Array
  order: Uint32Array
}

function* writeTable(
  input: FlushBuildInput, bytes: Uint8Array, entries: SortedEntries, table: NewTable,
): Generator<undefined, FlushBuildOutput, unknown> {
  const { offsets, seqNums, order } = entries
  const { builder } = table
  const retention = new RetentionFilter(input)
  for (let i = 0; i < order.length; i++) {
    const ordinal = order[i]!
    const at = offsets[ordinal]!
    const keyStart = at + ENTRY_HEADER_BYTES
    const keyEnd = keyStart + entryKeyBytes(bytes, at)
    const seqNum = seqNums[ordinal]!
    const kind = bytes[at]!
    const isOlder = i > 0 && compareEntryKeys(bytes, offsets[order[i - 1]!]!, at) === 0
    if (retention.keep(seqNum, kind, isOlder)) {
      builder.add(bytes, keyStart, keyEnd, seqNum, kind, bytes, keyEnd, keyEnd + entryValueBytes(bytes, at))
    }
    if (i % ENTRIES_PER_PAUSE !== 0) continue
    table.syncStep()
    yield
  }
  const facts = table.finish()
  const { keptCount, droppedVersionCount, droppedTombstoneCount } = retention
  assert(facts.entryCount === keptCount, 'the table holds what was kept')
  return { facts, keptCount, droppedCount: droppedVersionCount + droppedTombstoneCount }
}

/** Offsets and sequence numbers of all entries, in arrival order. */
function collectEntries(
  bytes: Uint8Array, start: number, end: number,
): { offsets: Uint32Array; seqNums: Float64Array } {
  let count = 0
  for (let at = start; at < end; at += frameBytes(getU32(bytes, at + 4))) {
    if (bytes[at + 12] === FrameType.batch) count += getU32(bytes, at + 24)
  }
  const offsets = new Uint32Array(count)
  const seqNums = new Float64Array(count)
  let i = 0
  for (let at = start; at < end; at += frameBytes(getU32(bytes, at + 4))) {
    if (bytes[at + 12] !== FrameType.batch) continue
    const firstSeqNum = getU53(bytes, at + 16)
    const entryCount = getU32(bytes, at + 24)
    let entry = at + FRAME_HEADER_BYTES + (bytes[at + 14]! | (bytes[at + 15]! << 8))
    for (let n = 0; n < entryCount; n++) {
      offsets[i] = entry
      seqNums[i++] = firstSeqNum + n
      entry += entryBytes(entryKeyBytes(bytes, entry), entryValueBytes(bytes, entry))
    }
  }
  return { offsets, seqNums }
}
