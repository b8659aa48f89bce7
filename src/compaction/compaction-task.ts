/**
 * What: one running compaction as plain data, the input of its run, and what the compactor needs of the engine.
 * Thread: main.
 */
import type { Clock, TableFacts } from '../base/index.js'
import type { ValueLogFacts, VersionEdit } from '../manifest/index.js'
import {
  inputTables, outputShare, RAW_BYTES_SHARE, reservationOf, totalBytes, valueBytesOf,
} from '../pick/index.js'
import type { CompactionPick, Picker, RunningCompaction } from '../pick/index.js'
import type { CompactionRunInput, CompactionRunOutput, ValueMoves } from '../run/index.js'
import type { TableSettings } from '../tables/index.js'
import type { Installer, PlannedTable, PlannedValueLog, SnapshotList, VersionSet } from '../versions/index.js'
import { VALUE_FRAMING_BYTES_MAX } from '../vlog/index.js'

/** A picker besides the style's own. */
export interface ExtraPicker extends Pick<Picker, 'pick'>, Partial<Pick<Picker, 'within'>> {
  /** True when it is asked after the style, not before: its work may take long, and writers wait for none of it. */
  readonly isPatient?: boolean
}

/** The engine as the compactor sees it: the listener of its reports, and one question. */
export interface CompactorHost {
  /** True while writers wait for a compaction. */
  areWritersStopped(): boolean
  /** Bytes that a run which moves values may write. */
  roomForValues(): Promise<number>
  /** The edit has become current, and the engine swaps the read state. */
  onInstalled(task: CompactionTask, edit: VersionEdit): void
  /** No write came for a quarter of a second, so what the last ones left may be made ready for reads. */
  onPause(): void
  /** No write came for a second, so a memtable that waits for more writes may be flushed. */
  onQuiet(): void
  onBegin(task: CompactionTask): void
  /** It is known how much a run may write that moves values; such a run may have begun, or none may begin. */
  onLooked(): void
  /** A task failed. When `willRetry` is false a table is corrupt, and is left alone from now on. */
  onFailed(task: CompactionTask, error: unknown, willRetry: boolean): void
}

export interface CompactorPickers {
  /** The picker while writes come. */
  busy: Picker
  /** The picker when no write has come for a quarter of a second. */
  paused: Picker
  /** The picker when no write has come for a second. A close asks it for merges of small tables. */
  quiet: Picker
}

export interface CompactorOptions {
  clock: Clock
  installer: Installer
  snapshots: Pick<SnapshotList, 'takeRule' | 'oldest' | 'visibleSeqNum'>
  versions: Pick<VersionSet, 'current'>
  databaseId: Uint8Array
  tableSettings: TableSettings
  /** A value log that a run writes is ended at about this size. */
  valueFileBytes: number
  /** The most files of a run's inputs that may be open at once. */
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
  /** When [0] is not 0 the run gives up. [1] counts the 64 KiB units that it has read. */
  readonly control: Int32Array
  /** The names under which outputs are written, and the numbers that they will have. */
  readonly outputs: readonly PlannedTable[]
  /** The value logs whose values the run moves, and those that it may make. */
  readonly condemned: readonly ValueLogFacts[]
  readonly valueLogs: readonly PlannedValueLog[]
  /** The extra picker that asked for the compaction; null for the style's own. */
  readonly askedBy: ExtraPicker | null
  result: CompactionRunOutput | null
  /** What expired up to this time the run destroys; 0: nothing. */
  dropTimeMs: number
}

interface Planned {
  id: number
  pick: CompactionPick
  askedBy: ExtraPicker | null
}

/** Makes a task with more output names than the sizes ask for, since overlaps cut outputs too. */
export function newTask(options: CompactorOptions, { id, pick, askedBy }: Planned): CompactionTask {
  const { clock, installer, versions } = options
  const tables = inputTables(pick)
  const inputBytes = totalBytes(tables)
  const shares = tables.reduce((sum, table) => sum + outputShare(table), 0)
  const count = pick.kind === 'merge' ? 2 + 2 * Math.ceil(shares / pick.tableBytes) + spanCuts(pick) : 0
  const outputs = Array.from({ length: count }, () => installer.plan())
  return {
    id, pick, askedBy, inputBytes, outputs,
    condemned: pick.condemned.map((fileNum) => versions.current.valueLogs.get(fileNum)!),
    valueLogs: Array.from({ length: valueLogsMax(options, pick) }, () => installer.planValueLog()),
    reservation: reservationOf(pick),
    startMs: clock.nowMs(),
    control: new Int32Array(new SharedArrayBuffer(8)),
    result: null,
    dropTimeMs: pick.dropTimeMs ?? 0,
  }
}

/** Counts the outputs that end only because range tombstones would reach over too much of the level below. */
function spanCuts(pick: CompactionPick): number {
  if (inputTables(pick).every(({ spans }) => spans === null)) return 0
  return Math.ceil(totalBytes(pick.below[0] ?? []) / pick.overlapBytesMax)
}

/** Counts the value logs that a run may fill. Each but the last has its size, and keys stand beside the values. */
function valueLogsMax({ valueFileBytes }: CompactorOptions, pick: CompactionPick): number {
  if (pick.condemned.length === 0) return 0
  const tables = inputTables(pick)
  const condemned = new Set(pick.condemned)
  const bytes = tables
    .reduce((sum, { rawBytes, entryCount }) => sum + rawBytes + entryCount * VALUE_FRAMING_BYTES_MAX, 0)
  const carriedBytes = valueBytesOf(tables) - valueBytesOf(tables, condemned)
  return 1 + Math.ceil((bytes - carriedBytes) / valueFileBytes)
}

export function runInput(options: CompactorOptions, task: CompactionTask): CompactionRunInput {
  const { installer } = options
  const { pick, outputs, control } = task
  const rule = options.snapshots.takeRule()
  task.dropTimeMs = rule.dropTimeMs ?? 0
  return {
    dir: installer.dir,
    databaseId: options.databaseId,
    inputs: pick.inputs.map(({ tables }) => withoutReferences(tables)),
    openFilesMax: options.runFilesMax,
    moves: pick.condemned.length === 0 ? null : movesOf(options, task),
    below: pick.below.map(withoutReferences),
    headers: outputs.map(({ tableNum }) => installer.newHeader(tableNum)),
    fileNames: outputs.map(({ tempName }) => tempName),
    isSynced: installer.isStrict,
    settings: options.tableSettings,
    unlisted: installer.unlisted,
    tableBytes: pick.tableBytes,
    rawBytesMax: RAW_BYTES_SHARE * pick.tableBytes,
    overlapBytesMax: pick.overlapBytesMax,
    ...rule,
    control: control.buffer as SharedArrayBuffer,
  }
}

function movesOf(
  { installer, valueFileBytes }: CompactorOptions, { condemned, valueLogs }: CompactionTask,
): ValueMoves {
  return {
    condemned, fileBytes: valueFileBytes,
    headers: valueLogs.map(({ fileNum }) => installer.newHeader(fileNum, 'varvevlg')),
    fileNames: valueLogs.map(({ tempName }) => tempName),
  }
}

/** Leaves out what tables point to, which may be much: a message of it would stop the event loop for long. */
function withoutReferences(tables: readonly TableFacts[]): readonly TableFacts[] {
  return tables.map((facts) => (facts.valueFiles.length === 0 ? facts : { ...facts, valueFiles: [] }))
}
