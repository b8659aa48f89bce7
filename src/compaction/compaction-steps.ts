/**
 * What: takes a compaction from its run to its install: run → publish → read back → edit.
 * Owns: nothing; a task and where it is are known by the job that is under way for it.
 * Does not own: which tasks there are, what follows from a failure (compactor.ts), the version (host).
 * Thread: main. Every step is a callback of a job, so that a blocked caller can drive it (executor.poll).
 * Invariants: COMP-4 inputs are given to the host for deletion only when the edit that replaces them is durable.
 */
import { tableFileName, VarveError } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import type { Job, JobResult } from '../exec/index.js'
import type { VersionEdit } from '../manifest/index.js'
import { editOf, inputTables } from '../pick/index.js'
import type { CompactionRunOutput } from '../run/index.js'
import { INSTALL_PRIORITY, submitPublish } from '../tables/index.js'
import { findOutputProblem } from './compaction-output-check.js'
import { runInput } from './compaction-task.js'
import type { CompactionTask, CompactorHost } from './compaction-task.js'

/** Below every flush and sort: they wait for nothing here. */
const RUN_PRIORITY = -1
const PASS: Job = { kind: 'pass', input: null, priority: INSTALL_PRIORITY }

/** How a task ends: one of these, once. */
export interface CompactionEnds {
  onInstalled(task: CompactionTask, edit: VersionEdit): void
  /** Nothing has changed. `finalNames`: names that a publish was to give. */
  onFailure(task: CompactionTask, error: unknown, finalNames?: readonly string[]): void
  /** The directory or the manifest failed: the host has stopped everything. */
  onStopped(task: CompactionTask): void
}

export class CompactionSteps {
  private readonly host: CompactorHost
  private readonly ends: CompactionEnds

  constructor(host: CompactorHost, ends: CompactionEnds) {
    this.host = host
    this.ends = ends
  }

  begin(task: CompactionTask): void {
    const { host } = this
    if (task.pick.isTrivialMove) {
      this.install(task, inputTables(task.pick))
      return
    }
    const job = { kind: 'compactionRun', input: runInput(host, task), priority: RUN_PRIORITY }
    host.executor.submitPolled<CompactionRunOutput>(job, (result) => this.onRun(task, result))
  }

  private onRun(task: CompactionTask, result: JobResult<CompactionRunOutput>): void {
    if (!result.ok) {
      this.ends.onFailure(task, result.error)
      return
    }
    const { output } = result
    const problem = findOutputProblem(task, output)
    if (problem !== null) {
      this.ends.onFailure(task, new VarveError('INTERNAL', `compaction ${task.id}: ${problem}`))
      return
    }
    task.result = output
    if (this.host.isStrict && output.outputs.length > 0) this.publish(task, output.outputs)
    else this.readBack(task, output.outputs)
  }

  private publish(task: CompactionTask, tables: readonly TableFacts[]): void {
    const { host } = this
    const used = new Set(tables.map(({ fileNum }) => fileNum))
    const outputs = task.outputs.filter(({ tableNum }) => used.has(tableNum))
    const finalNames = outputs.map(({ tableNum }) => tableFileName(tableNum))
    submitPublish(host.executor, { dir: host.dir, tables: outputs }, {
      onStayed: (names) => host.onAbandoned(names),
      onNamed: () => this.readBack(task, tables),
      onDirectoryFailed: (error) => {
        host.onDirectoryFailure(error)
        this.ends.onStopped(task)
      },
      onFailed: (error) => this.ends.onFailure(task, error, finalNames),
    })
  }

  /**
   * Outputs are opened for reading before the manifest names them. Each takes a millisecond or more, and there can be
   * hundreds: between two of them the event loop turns.
   */
  private readBack(task: CompactionTask, tables: readonly TableFacts[], at = 0): void {
    const { host } = this
    try {
      if (at < tables.length) host.openTable(tables[at]!)
    } catch (error) {
      host.onReplaced(tables) // they have their names already
      this.ends.onFailure(task, error)
      return
    }
    if (at + 1 >= tables.length) this.install(task, tables)
    else host.executor.submitPolled(PASS, () => this.readBack(task, tables, at + 1))
  }

  private install(task: CompactionTask, tables: readonly TableFacts[]): void {
    const { host, ends } = this
    const edit: VersionEdit = editOf(task.pick, tables)
    const kept = new Set(tables.map(({ fileNum }) => fileNum))
    const replaced = inputTables(task.pick).filter(({ fileNum }) => !kept.has(fileNum))
    if (!host.isStrict) {
      host.holdEdit(edit, () => host.onReplaced(replaced))
      ends.onInstalled(task, edit)
      return
    }
    host.appendEdit(edit, (error) => {
      if (error !== null) return ends.onStopped(task)
      ends.onInstalled(task, edit)
      host.onReplaced(replaced)
    })
  }
}
