/**
 * What: stage 1, prepare: sealed memtables that wait to become tables, oldest first.
 * Owns: the queue, the stage and the times of each task.
 * Does not own: the memtables' content; the reaction to a failure (flusher.ts).
 * Thread: main.
 * States of a task: queued → building → built → installing → released; back to queued after a failure.
 * Invariants: FLUSH-1 tasks leave the queue strictly in the order they came.
 */
import type { FileNum, TableFacts } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import type { Memtable } from '../memtable/index.js'
import type { PlannedFile } from '../tables/index.js'
import type { PlannedTable, PlannedValueLog } from '../versions/index.js'
import type { LogFile } from '../wal/index.js'
import type { LargeOfFlush } from './flushed-values.js'

export type FlushStage = 'queued' | 'building' | 'built' | 'installing' | 'released'

/** A memtable that takes no more entries. */
export interface SealedMemtable {
  readonly memtable: Memtable
  readonly log: LogFile
  /** The next log, at which replay begins once this memtable is a table. */
  readonly nextLogNum: FileNum
}

export interface FlushTask extends SealedMemtable {
  readonly id: number
  stage: FlushStage
  /** True when every byte of the log is written or void, so that the build may begin. */
  isSettled: boolean
  attempts: number
  /** The table of this attempt, null before the first one, and the value logs into which values may be copied. */
  table: PlannedTable | null
  valueLogPlans: readonly PlannedValueLog[]
  /** The facts of the table that was built; null before that, and when it would have no entries. */
  facts: TableFacts | null
  /** The value logs that were built, or the log itself when it is promoted; empty when the table has no handles. */
  valueLogs: readonly NewValueLog[]
  /** What became of large values; null before the table was built. */
  large: LargeOfFlush | null
  /** What expired up to this time the build destroys, and whether there was any of that. */
  dropTimeMs: number
  isDropping: boolean
  queuedMs: number
  buildStartMs: number
  installStartMs: number
  releaseStartMs: number
}

/** The files that the build of a task has made, in this order, under their names while they are written. */
export function filesBuilt({ table, valueLogPlans, facts, valueLogs }: FlushTask): PlannedFile[] {
  if (table === null || facts === null) return []
  return [table, ...copiesMade(valueLogPlans, valueLogs)]
}

/** Those of the planned value logs that a build has made: it makes them in their order. */
export function copiesMade<Plan>(plans: readonly Plan[], valueLogs: readonly NewValueLog[]): readonly Plan[] {
  return plans.slice(0, valueLogs.filter(({ isLog }) => !isLog).length)
}

function builtNamesOf(task: FlushTask): string[] {
  return filesBuilt(task).map(({ tempName }) => tempName)
}

export class FlushQueue {
  private readonly tasks: FlushTask[] = []
  private nextId = 1

  push(sealed: SealedMemtable, nowMs: number): FlushTask {
    const task: FlushTask = {
      id: this.nextId++, ...sealed, stage: 'queued', isSettled: false, attempts: 0,
      table: null, valueLogPlans: [], facts: null, valueLogs: [], large: null, dropTimeMs: 0, isDropping: false,
      queuedMs: nowMs, buildStartMs: 0, installStartMs: 0, releaseStartMs: 0,
    }
    this.tasks.push(task)
    return task
  }

  get oldest(): FlushTask | null {
    return this.tasks[0] ?? null
  }

  get newest(): FlushTask | null {
    return this.tasks.at(-1) ?? null
  }

  get length(): number {
    return this.tasks.length
  }

  /** The next task to build, or null. */
  get nextQueued(): FlushTask | null {
    for (const task of this.tasks) {
      if (task.stage === 'queued') return task.isSettled ? task : null
    }
    return null
  }

  countInStage(stage: FlushStage): number {
    return this.tasks.reduce((count, task) => count + (task.stage === stage ? 1 : 0), 0)
  }

  /** The names of files that are written and not installed. */
  get builtNames(): string[] {
    return this.tasks.filter(({ stage }) => stage === 'built').flatMap(builtNamesOf)
  }

  find(memtable: Memtable): FlushTask | null {
    return this.tasks.find((task) => task.memtable === memtable) ?? null
  }

  /** The numbers of the logs of all tasks. */
  get logs(): FileNum[] {
    return this.tasks.map(({ log }) => log.fileNum)
  }

  /** Gives every task all its attempts again. */
  forgetAttempts(): void {
    for (const task of this.tasks) task.attempts = 0
  }

  shift(): FlushTask {
    return this.tasks.shift()!
  }
}
