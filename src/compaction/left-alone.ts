/**
 * What: the files that compactions leave alone until the database is opened again, because they cannot be read.
 * Owns: both sets, and how often a value log could not be read.
 * Thread: main.
 * A value log that is left alone keeps no table from being merged: its handles are carried.
 */
import { isOutOfFiles, tableFileName, valueLogFileName, VarveError } from '../base/index.js'
import type { FileNum } from '../base/index.js'
import { inputTables } from '../pick/index.js'
import type { CompactionTask } from './compaction-task.js'

/** An error of the disk may pass; a wrong byte does not. Too many open files say nothing about this one. */
const READ_ATTEMPTS_MAX = 3

export class LeftAlone {
  /** Tables with a corrupt block, and the errors found. */
  readonly tables = new Map<FileNum, unknown>()
  /** Value logs whose values cannot be moved, and the errors found. */
  readonly valueLogs = new Map<FileNum, unknown>()
  private readonly attempts = new Map<FileNum, number>()

  /** Looks at the error of a task that failed. True when it names a file that is left alone from now on. */
  note({ pick, condemned }: Pick<CompactionTask, 'pick' | 'condemned'>, error: unknown): boolean {
    if (!VarveError.is(error) || isOutOfFiles(error)) return false
    const table = inputTables(pick).find(({ fileNum }) => tableFileName(fileNum) === error.file)
    if (table !== undefined && error.code === 'CORRUPTION') return this.leave(this.tables, table.fileNum, error)
    const log = condemned.find((facts) => valueLogFileName(facts) === error.file)
    if (log === undefined) return false
    const attempts = (this.attempts.get(log.fileNum) ?? 0) + 1
    this.attempts.set(log.fileNum, attempts)
    const mayPass = error.code === 'IO_ERROR' && attempts < READ_ATTEMPTS_MAX
    return !mayPass && this.leave(this.valueLogs, log.fileNum, error)
  }

  /** A scrub found a table that cannot be read as it was written. */
  leaveTable(fileNum: FileNum, error: unknown): void {
    this.leave(this.tables, fileNum, error)
  }

  /** The file is whole again. */
  forget(fileNum: FileNum): void {
    this.tables.delete(fileNum)
    this.valueLogs.delete(fileNum)
    this.attempts.delete(fileNum)
  }

  private leave(files: Map<FileNum, unknown>, fileNum: FileNum, error: unknown): true {
    files.set(fileNum, error)
    return true
  }

  get count(): number {
    return this.tables.size + this.valueLogs.size
  }

  /** Both: a number names one file. */
  get all(): ReadonlySet<FileNum> {
    return new Set([...this.tables.keys(), ...this.valueLogs.keys()])
  }
}
