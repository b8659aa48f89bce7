/**
 * What: the work of a compaction: merges sorted runs of tables into new tables.
 * Owns: the outputs while it runs; removes them when it fails.
 * Does not own: the choice (pickers), file numbers and names (given), the install (compactor.ts).
 * Thread: any: plain data in, plain data out; the same bytes in a worker and in slices on the main thread.
 * Invariants: COMP-3 a version goes only by the shared retention rule; a tombstone only where no table
 * below has its key range. COMP-5 a failed run changes nothing: its outputs are removed.
 */
import { alignUp, assert, KiB, MiB, sharedPrefixLength, VarveError } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { RetentionFilter, RetentionRule } from '../iterator/index.js'
import type { NewValueLog } from '../manifest/index.js'
import { replacedByMerge, scanBytes } from '../sstable/index.js'
import { SpareMemory } from '../tables/index.js'
import type { TableJobContext } from '../tables/index.js'
import { FilePool } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { BelowTables } from './below-tables.js'
import { CompactionMerge } from './compaction-merge.js'
import type { MergeState } from './compaction-merge.js'
import { CompactionOutputs } from './compaction-outputs.js'
import type { CompactionOutputOptions } from './compaction-outputs.js'
import { keptSpans, MergeCover, OutputSpans, readInputSpans } from './output-spans.js'
import { RunCursor } from './run-cursor.js'
import { ValueMover } from './value-mover.js'
import type { ValueMoves } from './value-mover.js'

export interface CompactionRunInput extends CompactionOutputOptions, RetentionRule {
  databaseId: Uint8Array
  /** Sorted runs, newest first: one for each table of level 0, then the tables of a deeper level in key order. */
  inputs: readonly (readonly TableFacts[])[]
  /** Set for a run that moves values; handles into all other value logs are carried. */
  moves: ValueMoves | null
  /** The most files of the inputs that are open at once. */
  openFilesMax: number
  /** An Int32Array. When [0] is not 0 the run gives up with 'ABORTED'. [1] is its progress in 64 KiB units read. */
  control: SharedArrayBuffer
}

export interface CompactionRunOutput {
  /** The new tables in key order; empty when no entry is left. */
  outputs: TableFacts[]
  /** The bytes of blocks that were read, without indexes and properties. */
  readBytes: number
  writtenBytes: number
  /** The value logs that values were moved to. */
  valueLogs: NewValueLog[]
  /** The bytes of values that were moved. */
  movedBytes: number
  keptCount: number
  droppedVersionCount: number
  droppedTombstoneCount: number
  /** Values that had expired for everybody: they went, or tombstones are in their place. */
  expiredCount: number
  /** Tombstones that were added to outputs with range tombstones alone. */
  addedTombstoneCount: number
}

const ENTRIES_PER_PAUSE = 2048
const PROGRESS_UNIT_BYTES = 64 * KiB
/** Bytes of one read of an input. With many inputs reads are shorter, to keep to `PIECES_BYTES_MAX` in all. */
const PIECE_BYTES_MIN = 64 * KiB
const PIECE_BYTES_MAX = 256 * KiB
const PIECES_BYTES_MAX = 16 * MiB

export function* compactionRun(
  input: CompactionRunInput, { vfs, spare = new SpareMemory() }: { vfs: Vfs } & TableJobContext,
): Generator<undefined, CompactionRunOutput, unknown> {
  const tables = input.inputs.flat()
  const headAt = sharedBytes(tables)
  const { inputs } = input
  const share = alignUp(PIECES_BYTES_MAX / Math.max(1, inputs.length), 8)
  const pieceBytes = Math.max(PIECE_BYTES_MIN, Math.min(PIECE_BYTES_MAX, share))
  const memory = spare.take(input.settings.blockBytes, inputs.length * scanBytes(pieceBytes))
  const options = { memory, pieceBytes, headAt }
  const { dir, databaseId } = input
  const place = { vfs, dir, databaseId, pool: new FilePool({ max: input.openFilesMax }) }
  const runs = inputs.map((run) => new RunCursor(place, run, options))
  const replaced = replacedByMerge(tables, input.unlisted)
  const mover = input.moves === null ? null : new ValueMover(place, input.moves, input.isSynced)
  let outputs: CompactionOutputs | null = null
  let isMerged = false
  try {
    const all = readInputSpans(place, tables, input)
    yield
    const kept = all === null ? null : keptSpans(all, input, input.below)
    const spans = kept === null ? null : new OutputSpans(kept)
    outputs = new CompactionOutputs({ vfs, memory, headAt, replaced, mover, spans }, input)
    const cover = all === null ? null : new MergeCover(all, tables[0]!.smallestKey, headAt)
    const merged = yield* merge(input, runs, { outputs, mover, cover })
    const { keptCount, droppedVersionCount, droppedTombstoneCount, expiredCount } = merged
    while (outputs.noteRest()) yield* outputs.end(false)
    yield* outputs.end(true)
    const { made: valueLogs = [], movedBytes = 0 } = mover ?? {}
    const { facts, writtenBytes, addedTombstoneCount } = outputs
    const written = facts.reduce((sum, { entryCount }) => sum + entryCount, 0)
    assert(written === keptCount + addedTombstoneCount, 'the outputs hold what was kept')
    isMerged = true
    return {
      outputs: facts, readBytes: readBytes(runs), writtenBytes, valueLogs, movedBytes,
      keptCount, droppedVersionCount, droppedTombstoneCount, expiredCount, addedTombstoneCount,
    }
  } finally {
    // A caller that gives the job up between two steps comes here too, without an error.
    if (!isMerged) {
      outputs?.discard()
      mover?.discard()
    }
    mover?.close()
    for (const run of runs) run.close()
    spare.give(memory)
  }
}

interface MergeParts {
  outputs: CompactionOutputs
  mover: ValueMover | null
  cover: MergeCover | null
}

function* merge(
  input: CompactionRunInput, runs: readonly RunCursor[], { outputs, mover, cover }: MergeParts,
): Generator<undefined, RetentionFilter, unknown> {
  const control = new Int32Array(input.control)
  const merging = new CompactionMerge(runs, input, { outputs, below: new BelowTables(input.below), cover })
  merging.begin()
  for (let state: MergeState = 'paused'; state !== 'done';) {
    checkGoingOn(control)
    state = merging.advance(ENTRIES_PER_PAUSE)
    if (mover !== null) yield* moveValues(mover, control, state === 'done')
    Atomics.store(control, 1, Math.floor(readBytes(runs) / PROGRESS_UNIT_BYTES))
    if (state === 'output ends') yield* outputs.end(false)
    else outputs.syncSome()
    yield
  }
  return merging.retention
}

/** Moves the values of the handles that were kept so far. */
function* moveValues(mover: ValueMover, control: Int32Array, isLast: boolean): Generator<undefined, void, unknown> {
  for (const step of isLast ? mover.finish() : mover.moveAll()) {
    checkGoingOn(control)
    yield step
  }
}

function checkGoingOn(control: Int32Array): void {
  if (Atomics.load(control, 0) !== 0) throw new VarveError('ABORTED', 'the compaction was given up')
}

function readBytes(runs: readonly RunCursor[]): number {
  return runs.reduce((sum, { scan }) => sum + scan.readBytes, 0)
}

/** The number of leading bytes that all keys of the tables share. */
function sharedBytes(tables: readonly TableFacts[]): number {
  const key = tables[0]?.smallestKey ?? new Uint8Array(0)
  let shared = key.length
  for (const { smallestKey, largestKey } of tables) {
    for (const bound of [smallestKey, largestKey]) {
      shared = sharedPrefixLength(key, 0, shared, bound, 0, bound.length)
    }
  }
  return shared
}
