/**
 * What: takes a compaction from its run to its install: run → publish → read back → edit.
 * Owns: nothing; the procedure that runs for a task holds its state.
 * Does not own: the list of tasks, the reaction to a failure (compactor.ts), the version.
 * Thread: main. A procedure, so that a blocked caller can drive it (executor.poll).
 * Invariants: COMP-4 inputs are given away for deletion only when the edit that replaces them is durable.
 */
import { VarveError, vlogFileName } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import { jobResult, runJob } from '../exec/index.js'
import type { Job, Procedure } from '../exec/index.js'
import { CauseCode } from '../manifest/index.js'
import type { VersionEdit } from '../manifest/index.js'
import { editOf, inputTables } from '../pick/index.js'
import type { CompactionPick } from '../pick/index.js'
import type { CompactionRunOutput } from '../run/index.js'
import { INSTALL_PRIORITY } from '../tables/index.js'
import type { PlannedFile } from '../tables/index.js'
import type { Installer } from '../versions/index.js'
import { findOutputProblem } from './compaction-output-check.js'
import { runInput } from './compaction-task.js'
import type { CompactionTask, CompactorOptions } from './compaction-task.js'

/** The priority is below every flush and sort, so that none of them waits for a compaction. */
const RUN_PRIORITY = -1
const PASS: Job = { kind: 'pass', input: null, priority: INSTALL_PRIORITY }

/** Callbacks for the end of a task. One of them is called, once. */
export interface CompactionEnds {
  onInstalled(task: CompactionTask, edit: VersionEdit): void
  /** The task failed, and nothing has changed. `finalNames` are names that a publish was about to give. */
  onFailure(task: CompactionTask, error: unknown, finalNames?: readonly string[]): void
  /** The directory or the manifest failed, and the host has stopped everything. */
  onStopped(task: CompactionTask): void
}

/** The options of the procedure of a compaction. */
export interface CompactionStory extends CompactorOptions {
  ends: CompactionEnds
}

export function* runCompaction(options: CompactionStory, task: CompactionTask): Procedure<void> {
  const tables = yield* outputsOf(options, task)
  if (tables !== null) yield* install(options, task, tables)
}

/** Gives the tables for the output level, or null when the task has ended. */
function* outputsOf(options: CompactionStory, task: CompactionTask): Procedure<readonly TableFacts[] | null> {
  switch (task.pick.kind) {
    case 'merge': return yield* makeTables(options, task)
    case 'move': return inputTables(task.pick)
    case 'drop': return []
  }
}

/** Merges the inputs, and names and opens the outputs. Null when the task has ended. */
function* makeTables(options: CompactionStory, task: CompactionTask): Procedure<readonly TableFacts[] | null> {
  const { installer, ends } = options
  let finalNames: string[] = []
  try {
    const tables = yield* merge(options, task)
    const files = filesMade(task)
    if (installer.isStrict && files.length > 0) {
      finalNames = files.map(({ finalName }) => finalName)
      if (!(yield* installer.name(files))) {
        ends.onStopped(task)
        return null
      }
    }
    return (yield* readBack(options, task, tables)) ? tables : null
  } catch (error) {
    ends.onFailure(task, error, finalNames)
    return null
  }
}

/** The files of those planned that the run has made. */
function filesMade({ outputs, valueLogs, result }: CompactionTask): PlannedFile[] {
  const used = new Set([...result!.outputs, ...result!.valueLogs].map(({ fileNum }) => fileNum))
  return [
    ...valueLogs.filter(({ fileNum }) => used.has(fileNum)), ...outputs.filter(({ tableNum }) => used.has(tableNum)),
  ]
}

/** Runs the merge, and checks the facts that it gives before they are used. */
function* merge(options: CompactionStory, task: CompactionTask): Procedure<readonly TableFacts[]> {
  const { installer } = options
  const job = { kind: 'compactionRun', input: runInput(options, task), priority: RUN_PRIORITY }
  const output = yield* runJob<CompactionRunOutput>(installer.executor, job)
  const problem = findOutputProblem(task, output)
  if (problem !== null) throw new VarveError('INTERNAL', `compaction ${task.id}: ${problem}`)
  task.result = output
  return output.outputs
}

/**
 * Opens the outputs for reading before the manifest names them. Each takes a millisecond or more, and there can be
 * hundreds, so the event loop turns between two of them. False when the task has ended.
 */
function* readBack(
  { installer, ends }: CompactionStory, task: CompactionTask, tables: readonly TableFacts[],
): Procedure<boolean> {
  for (const [at, facts] of tables.entries()) {
    if (at > 0) yield* jobResult(installer.executor, PASS)
    try {
      installer.open(facts)
    } catch (error) {
      removeNamed(installer, task, tables)
      ends.onFailure(task, error)
      return false
    }
  }
  return true
}

function* install(
  options: CompactionStory, task: CompactionTask, tables: readonly TableFacts[],
): Procedure<void> {
  const { installer, ends } = options
  const addValueLogs = task.result?.valueLogs ?? []
  const edit: VersionEdit = {
    cause: installer.cause(causeOf(task.pick)),
    ...editOf(task.pick, tables), ...(addValueLogs.length > 0 ? { addValueLogs } : {}), ...dropTimeOf(options, task),
  }
  const kept = new Set(tables.map(({ fileNum }) => fileNum))
  const replaced = inputTables(task.pick).filter(({ fileNum }) => !kept.has(fileNum))
  try {
    if (!(yield* installer.list(edit))) return ends.onStopped(task)
  } catch (error) {
    if (task.pick.kind !== 'move') removeNamed(installer, task, tables)
    return ends.onFailure(task, error)
  }
  // The inputs retire first, since the tables of the next job must name them (sstable/replaces.ts).
  installer.whenDurable({ edit, log: null, onDurable: () => installer.retire(replaced) })
  ends.onInstalled(task, edit)
}

function causeOf({ kind, reason }: CompactionPick): number {
  if (kind !== 'merge') return kind === 'move' ? CauseCode.move : CauseCode.drop
  return reason === 'values' ? CauseCode.valueCollection : CauseCode.compaction
}

/** What expired is destroyed only by an edit that says so. */
function dropTimeOf({ snapshots }: CompactionStory, { pick, result, dropTimeMs }: CompactionTask): VersionEdit {
  const isDropped = pick.kind === 'drop' ? dropTimeMs > 0 : result !== null && result.expiredCount > 0
  return isDropped ? { dropTime: { ms: dropTimeMs, seqNum: snapshots.visibleSeqNum } } : {}
}

/** Removes what a run has made when it is not listed: the files have their final names already. */
function removeNamed(installer: Installer, { result }: CompactionTask, tables: readonly TableFacts[]): void {
  installer.retire(tables)
  installer.abandon((result?.valueLogs ?? []).map(({ fileNum }) => vlogFileName(fileNum)))
}
