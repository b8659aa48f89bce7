/**
 * What: one compaction under way, as plain data, what its run is given, and what the driver needs of the engine.
 * Thread: main.
 */
import { tableFileName, VarveError } from '../base/index.js'
import type { Clock, FileNum } from '../base/index.js'
import type { VersionEdit } from '../manifest/index.js'
import { inputTables, reservationOf, totalBytes } from '../pick/index.js'
import type { CompactionPick, Picker, RunningCompaction } from '../pick/index.js'
import type { CompactionRunInput, CompactionRunOutput } from '../run/index.js'
import type { TableSettings } from '../tables/index.js'
import type { Installer, PlannedTable, SnapshotList, VersionSet } from '../versions/index.js'

/** What asks for work besides the style's picker; asked first. */
export type ExtraPicker = Pick<Picker, 'pick'>

/** What compaction reports, and the one thing it asks. */
export interface CompactorHost {
  /** Writers wait for a compaction. */
  areWritersStopped(): boolean
  /** The edit is current: swap the read state. */
  onInstalled(task: CompactionTask, edit: VersionEdit): void
  /** No write came for a second: what only waits for more writes may be flushed. */
  onQuiet(): void
  onBegin(task: CompactionTask): void
  /** Without a retry a table is corrupt, and is left alone from now on. */
  onFailed(task: CompactionTask, error: unknown, willRetry: boolean): void
}

export interface CompactorPickers {
  /** While writes come. */
  busy: Picker
  /** When none has come for a second; and at close, for what leaves fewer small tables. */
  quiet: Picker
}

export interface CompactorOptions {
  clock: Clock
  installer: Installer
  snapshots: Pick<SnapshotList, 'rule' | 'oldest' | 'visibleSeqNum'>
  versions: Pick<VersionSet, 'current'>
  databaseId: Uint8Array
  tableSettings: TableSettings
  /** How many of a run's inputs may be open at once. */
  runFilesMax: number
  pickers: CompactorPickers
  host: CompactorHost
}

export interface CompactionTask {
  readonly id: number
  readonly pick: CompactionPick
  readonly reservation: RunningCompaction
  readonly inputBytes: number
  readonly startMs: number
  /** [0] not 0: give up; [1] 64 KiB units read. */
  readonly control: Int32Array
  /** Names while they are written, and the numbers they will have. */
  readonly outputs: readonly PlannedTable[]
  /** The picker that asked for it; null for the style's own. */
  readonly askedBy: ExtraPicker | null
  result: CompactionRunOutput | null
}

interface Planned {
  id: number
  pick: CompactionPick
  askedBy: ExtraPicker | null
}

/** Numbers and names for every output there may be: more than the sizes ask for, since overlaps cut too. */
export function newTask(installer: Installer, startMs: number, { id, pick, askedBy }: Planned): CompactionTask {
  const inputBytes = totalBytes(inputTables(pick))
  const count = pick.kind === 'merge' ? 2 + 2 * Math.ceil(inputBytes / pick.tableBytes) : 0
  const outputs = Array.from({ length: count }, () => installer.plan())
  return {
    id, pick, askedBy, inputBytes, outputs,
    reservation: reservationOf(pick),
    startMs,
    control: new Int32Array(new SharedArrayBuffer(8)),
    result: null,
  }
}

export function runInput(options: CompactorOptions, { pick, outputs, control }: CompactionTask): CompactionRunInput {
  const { installer } = options
  return {
    dir: installer.dir,
    databaseId: options.databaseId,
    inputs: pick.inputs.map(({ tables }) => tables),
    openFilesMax: options.runFilesMax,
    below: pick.below,
    headers: outputs.map(({ tableNum }) => installer.newHeader(tableNum)),
    fileNames: outputs.map(({ tempName }) => tempName),
    isSynced: installer.isStrict,
    settings: options.tableSettings,
    unlisted: installer.unlisted,
    tableBytes: pick.tableBytes,
    overlapBytesMax: pick.overlapBytesMax,
    ...options.snapshots.rule,
    control: control.buffer as SharedArrayBuffer,
  }
}

/** The input that a corruption names, or null. */
export function corruptInput({ pick }: CompactionTask, error: unknown): FileNum | null {
  if (!VarveError.is(error) || error.code !== 'CORRUPTION') return null
  return inputTables(pick).find(({ fileNum }) => tableFileName(fileNum) === error.file)?.fileNum ?? null
}
