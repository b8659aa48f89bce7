/**
 * What: stage 2, build: the published frames of one memtable become one sorted file, synced in strict mode.
 * Owns: the file while it runs; removes it when it fails.
 * Does not own: file numbers (given), the table's final name (flush-install.ts).
 * Thread: any: plain data and shared memory in, plain data out.
 * Invariants: FLUSH-2 only published frames are read. FLUSH-3 a version is dropped only when neither
 * the newest state nor a held snapshot sees it. FLUSH-4 in strict mode the file is synced before anyone hears of it.
 */
import {
  assert, ENTRY_HEADER_BYTES, entryBytes, entryKeyBytes, entryValueBytes, FRAME_HEADER_BYTES, frameBytes,
  FrameType, getU32, getU53, ioError, MiB,
} from '../base/index.js'
import type { FileHeader, FileNum, SeqNum, TableFacts } from '../base/index.js'
import { RetentionFilter } from '../iterator/index.js'
import { sortEntries } from '../memtable/index.js'
import { TableBuilder } from '../sstable/index.js'
import type { TableBuilderOptions } from '../sstable/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

/** How tables are laid out; the same for every table of an open database. */
export type TableSettings = Pick<TableBuilderOptions, 'blockBytes'>

export interface FlushBuildInput {
  dir: string
  /** File to make; the name does not exist yet. A temp name in strict mode, the table's in fast mode. */
  fileName: string
  /** Strict: the file is synced before anyone hears of it. */
  isSynced: boolean
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
/** The kernel gets the file in pieces, so that the last sync is not one long one. */
const SYNC_STEP_BYTES = 8 * MiB

export function* buildTable(
  input: FlushBuildInput, { vfs }: { vfs: Vfs },
): Generator<undefined, FlushBuildOutput, unknown> {
  const bytes = new Uint8Array(input.slab)
  const { offsets, seqNums } = collectEntries(bytes, input.start, input.end)
  yield
  if (offsets.length === 0) return { facts: null, keptCount: 0, droppedCount: 0 }
  const order = sortEntries(bytes, offsets)
  yield
  const { fileName } = input
  const path = vfs.join(input.dir, fileName)
  const file = attempt(() => vfs.openSync(path, 'create'), 'create', fileName)
  try {
    const output = yield* writeTable(input, bytes, { offsets, seqNums, order }, file)
    if (input.isSynced) attempt(() => file.syncSync(), 'sync', fileName)
    attempt(() => file.closeSync(), 'close', fileName)
    return output
  } catch (error) {
    discard(vfs, file, path)
    throw error
  }
}

interface SortedEntries {
  offsets: Uint32Array
  seqNums: Float64Array
  order: Uint32Array
}

function* writeTable(
  input: FlushBuildInput, bytes: Uint8Array, entries: SortedEntries, file: VfsFile,
): Generator<undefined, FlushBuildOutput, unknown> {
  const { offsets, seqNums, order } = entries
  const { fileName, logNum } = input
  const builder = new TableBuilder(file, { ...input.header, ...input.settings, firstLog: logNum, lastLog: logNum })
  const retention = new RetentionFilter(input)
  const entry = { keyBytes: bytes, keyStart: 0, keyEnd: 0, seqNum: 0, kind: 0 }
  let syncedBytes = 0
  for (let i = 0; i < order.length; i++) {
    const ordinal = order[i]!
    const at = offsets[ordinal]!
    const keyStart = at + ENTRY_HEADER_BYTES
    const keyEnd = keyStart + entryKeyBytes(bytes, at)
    entry.keyStart = keyStart
    entry.keyEnd = keyEnd
    entry.seqNum = seqNums[ordinal]!
    entry.kind = bytes[at]!
    if (retention.keep(entry)) {
      builder.add(
        bytes, keyStart, keyEnd, entry.seqNum, entry.kind, bytes, keyEnd, keyEnd + entryValueBytes(bytes, at),
      )
    }
    if (i % ENTRIES_PER_PAUSE !== 0) continue
    if (input.isSynced && builder.bytesWritten - syncedBytes >= SYNC_STEP_BYTES) {
      attempt(() => file.dataSyncSync(), 'sync', fileName)
      syncedBytes = builder.bytesWritten
    }
    yield
  }
  const facts = builder.finish()
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

function attempt<T>(operation: () => T, what: string, name: string): T {
  try {
    return operation()
  } catch (error) {
    throw ioError(error, what, name)
  }
}

/** What is left of a failed attempt goes; if it cannot, the next open removes it. */
function discard(vfs: Vfs, file: VfsFile, path: string): void {
  try {
    file.closeSync()
  } catch {
    // The handle is gone all the same.
  }
  try {
    vfs.unlinkSync(path)
  } catch {
    // Counted as a temp file at the next open.
  }
}
