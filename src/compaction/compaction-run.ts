/**
 * What: a compaction's work: sorted runs of tables are merged into new tables.
 * Owns: the outputs while it runs; removes them when it fails.
 * Does not own: the choice (pickers), file numbers and names (given), the install (compactor.ts).
 * Thread: any: plain data in, plain data out; the same bytes in a worker and in slices on the main thread.
 * Invariants: COMP-3 a version goes only by the shared retention rule; a tombstone only where no table
 * below has its key range. COMP-5 a failed run changes nothing: its outputs are removed.
 */
import { assert, KiB, VarveError } from '../base/index.js'
import type { SeqNum, TableFacts } from '../base/index.js'
import { RetentionFilter } from '../iterator/index.js'
import type { Vfs } from '../vfs/index.js'
import { BelowTables } from './below-tables.js'
import { CompactionInputs } from './compaction-inputs.js'
import { CompactionOutputs } from './compaction-outputs.js'
import type { CompactionOutputOptions } from './compaction-outputs.js'

export interface CompactionRunInput extends CompactionOutputOptions {
  databaseId: Uint8Array
  /** Sorted runs, newest first: one table each from level 0, then the tables of a deeper level in key order. */
  inputs: readonly (readonly TableFacts[])[]
  /** Held sequence numbers, ascending. */
  snapshots: SeqNum[]
  /** What a reader who comes now sees. */
  visibleSeqNum: SeqNum
  /** Int32Array: [0] not 0: give up ('ABORTED', outputs removed); [1] 64 KiB units read so far, for progress. */
  control: SharedArrayBuffer
}

export interface CompactionRunOutput {
  /** In key order; empty when nothing is left. */
  outputs: TableFacts[]
  readBytes: number
  writtenBytes: number
  keptCount: number
  droppedVersionCount: number
  droppedTombstoneCount: number
  /** Whole blocks that were copied without decoding their entries. */
  copiedBlockCount: number
}

const ENTRIES_PER_PAUSE = 1024
/** Of values, which take time without being many entries. */
const BYTES_PER_PAUSE = 512 * KiB
const PROGRESS_UNIT_BYTES = 64 * KiB

export function* compactionRun(
  input: CompactionRunInput, { vfs }: { vfs: Vfs },
): Generator<undefined, CompactionRunOutput, unknown> {
  const tables = input.inputs.flat()
  const keyspaceId = tables[0]?.keyspaceId ?? 0
  assert(tables.every((table) => table.keyspaceId === keyspaceId), 'a compaction has one keyspace')
  assert(tables.every((table) => table.valueFiles.length === 0), 'no table points into value files yet')
  const inputs = new CompactionInputs(vfs, input.dir, input.databaseId, input.inputs)
  const outputs = new CompactionOutputs(vfs, input, keyspaceId)
  try {
    const { keptCount, droppedVersionCount, droppedTombstoneCount } = yield* merge(input, inputs, outputs)
    outputs.finish()
    const { facts, writtenBytes } = outputs
    assert(facts.reduce((sum, { entryCount }) => sum + entryCount, 0) === keptCount, 'the outputs hold what was kept')
    return {
      outputs: facts, readBytes: inputs.readBytes, writtenBytes,
      keptCount, droppedVersionCount, droppedTombstoneCount, copiedBlockCount: 0,
    }
  } catch (error) {
    outputs.discard()
    throw error
  } finally {
    inputs.entries.close()
  }
}

function* merge(
  input: CompactionRunInput, inputs: CompactionInputs, outputs: CompactionOutputs,
): Generator<undefined, RetentionFilter, unknown> {
  const control = new Int32Array(input.control)
  const below = new BelowTables(input.below)
  const retention = new RetentionFilter(input, (key, start, end) => below.isWithoutKey(key, start, end))
  const { entries } = inputs
  const tellProgress = () => Atomics.store(control, 1, Math.floor(inputs.readBytes / PROGRESS_UNIT_BYTES))
  let entriesLeft = 0
  let bytesLeft = 0
  for (entries.first(); entries.valid; entries.next()) {
    if (--entriesLeft < 0 || bytesLeft < 0) {
      if (Atomics.load(control, 0) !== 0) throw new VarveError('ABORTED', 'the compaction was given up')
      tellProgress()
      outputs.syncStep()
      yield
      entriesLeft = ENTRIES_PER_PAUSE
      bytesLeft = BYTES_PER_PAUSE
    }
    bytesLeft -= entries.valueEnd - entries.valueStart
    if (retention.keep(entries)) outputs.add(entries)
  }
  tellProgress()
  return retention
}
