/**
 * What: what can be done with a directory in which a database is, or is to be, without opening it: checks the
 * arguments, then calls the tool.
 */
import type { BackupInfo, CheckpointResult, RestoreReport } from '../checkpoint/index.js'
import type { RepairReport } from '../repair/index.js'
import type { ImportReport, ImportSource } from '../transfer/index.js'
import { traceJobs } from '../stats/index.js'
import type { HealReport, VerifyReport } from '../verify/index.js'
import type { LockHolder, Vfs } from '../vfs/index.js'
import { beginTable } from './bulk.js'
import type { TableWriter, TableWriterOptions } from './bulk.js'
import { backupsIn, checkpointLocation, restoreBackup } from './checkpoint-call.js'
import type { CheckpointFromOptions, RestoreOptions } from './checkpoint-call.js'
import { destroyDatabase } from './destroy.js'
import { healAt } from './heal-options.js'
import type { HealAtOptions } from './heal-options.js'
import { runImport } from './import-call.js'
import type { ImportOptions } from './import-call.js'
import { atLocation, unlockDirectory } from './location.js'
import { repair } from './repair-call.js'
import type { RepairOptions } from './repair-call.js'
import { TRACED_TOOLS } from './traced-calls.js'
import { verifyAt } from './verify-options.js'
import type { VerifyOptions } from './verify-options.js'

/** The calls about a directory. */
export abstract class VarveAtRest {
  static {
    traceJobs(this, TRACED_TOOLS, (_, location) => location)
  }

  /**
   * Removes the database in `location`, and the directory when nothing else is in it. Rejects with
   * NOT_FOUND when there is no database, LOCKED while it is open; files that are not Varve's stay.
   */
  static async destroy(location: string, options: { vfs?: Vfs } = {}): Promise<void> {
    await atLocation('destroy', location, options, destroyDatabase)
  }

  /**
   * Takes the process that had the database in `location` open for dead, when it cannot be seen from here whether it
   * lives. To be called when it certainly does not: two writers destroy a database. Resolves to the process it was, or
   * to null when nobody was in the way. Rejects with LOCKED when it certainly lives, NOT_FOUND without a directory.
   */
  static async forceUnlock(location: string, options: { vfs?: Vfs } = {}): Promise<LockHolder | null> {
    return atLocation('forceUnlock', location, options, unlockDirectory)
  }

  /**
   * Tells whether the database in `location` is still as it was written: the report has what is wrong, in which file,
   * at which offset, for which keys, and what to do. It changes nothing and takes no lock: a writer may be at work.
   * Rejects with NOT_FOUND when there is no database, IO_ERROR when the directory cannot be read, the reason of
   * `signal`, or what `onProgress` or `onProblem` threw; damage is no error.
   */
  static async verify(location: string, options: VerifyOptions = {}): Promise<VerifyReport> {
    return verifyAt(location, options)
  }

  /**
   * Replaces damaged tables, value logs and sealed logs of the closed database in `location` by those of backups: a
   * file is taken only when it is the same one, by database, number, salt and size, and was read whole. The report says
   * what is still wrong. Rejects with LOCKED while it is open, NOT_FOUND, NO_SPACE or IO_ERROR.
   */
  static async heal(location: string, options: HealAtOptions): Promise<HealReport> {
    return healAt(location, options)
  }

  /**
   * Makes a new database in `target`, at which nothing may be yet, of what is left of the damaged one in `location`,
   * which is only read. It never serves what may be older than something lost: such entries stand in
   * `target/salvaged`. The report says what was lost. Rejects with LOCKED while the source is open, ALREADY_EXISTS,
   * NOT_FOUND, IO_ERROR, and UNSUPPORTED_FORMAT; then there is no target.
   */
  static async repair(location: string, target: string, options: RepairOptions = {}): Promise<RepairReport> {
    return repair(location, target, options)
  }

  /**
   * Makes a checkpoint as `db.checkpoint` does, of a database that another process may be writing: it takes no lock and
   * changes nothing there. All its tables are open at once meanwhile. Rejects as a read-only open does, too.
   */
  static async checkpoint(
    location: string, target: string, options?: CheckpointFromOptions,
  ): Promise<CheckpointResult> {
    return checkpointLocation(location, target, options)
  }

  /** Tells which backups a set has, oldest first. None is opened. */
  static async backups(set: string, options: { vfs?: Vfs } = {}): Promise<BackupInfo[]> {
    return backupsIn(set, options)
  }

  /**
   * Makes a database of a backup or checkpoint, in a new directory: checks every byte, then copies or links. It begins
   * a history of its own. Rejects with CORRUPTION or MISSING_FILE for a backup that is not whole, and as `checkpoint`
   * does for the target; then nothing was written.
   */
  static async restore(backup: string, target: string, options?: RestoreOptions): Promise<RestoreReport> {
    return restoreBackup(backup, target, options)
  }

  /**
   * Makes a database of an export, a file of another program or a LevelDB directory, or puts all its entries into one
   * that is there, which nobody may have open; whole or not at all. Rejects with CORRUPTION when the source is damaged
   * or has no end, SOURCE_FAILED, INVALID_ARGUMENT, ALREADY_EXISTS, NOT_FOUND, LOCKED, the reason of the signal, or as
   * open and writes do; then nothing was imported, and nothing is left.
   */
  static async import(location: string, source: ImportSource, options?: ImportOptions): Promise<ImportReport> {
    return runImport(location, source, options)
  }

  /**
   * Begins a table file at `path`, outside of any database, which `ingest` takes in: it can be written anywhere.
   * Rejects with ALREADY_EXISTS when the path is taken, INVALID_ARGUMENT, NO_SPACE or IO_ERROR.
   */
  static async tableWriter(path: string, options?: TableWriterOptions): Promise<TableWriter> {
    return beginTable(path, options)
  }
}
