/**
 * What: makes new table files part of the database, for a flush as for a compaction: numbered, and written by a job →
 * named, the directory synced → opened for reading → listed by an edit → what it replaces goes.
 * Owns: the order of these operations. Does not own: which tables are made (flush, compaction), the bytes (jobs).
 * Thread: main. Operations that wait are procedures, so that a blocked caller can drive them (executor.poll).
 * Invariants: FLUSH-5 none begins before the one before it succeeded. COMP-4 what an edit replaces is given away only
 * when the edit is durable.
 */
import { tableFileName, tempFileName, vlogFileName } from '../base/index.js'
import type { FileHeader, FileMagic, FileNum, TableFacts } from '../base/index.js'
import { waitFor } from '../exec/index.js'
import type { Executor, Procedure } from '../exec/index.js'
import type { EditCause, VersionEdit } from '../manifest/index.js'
import { isDirectoryFailure, publish } from '../tables/index.js'
import type { OpenTables, PlannedFile } from '../tables/index.js'
import type { LogFile } from '../wal/index.js'
import type { FileDeleter } from './file-deleter.js'
import type { HeldEdit, HeldEdits } from './held-edits.js'
import type { LogPins } from './log-pins.js'
import { EditRefused } from './version-set.js'
import type { VersionSet } from './version-set.js'

/** A table that is to be made. */
export interface PlannedTable extends PlannedFile {
  readonly tableNum: FileNum
}

/** A value log that is to be made. */
export interface PlannedValueLog extends PlannedFile {
  readonly fileNum: FileNum
}

export interface InstallerOptions {
  dir: string
  executor: Executor
  /**
   * True: every operation is durable before the next. False, in fast mode: tables are seen first, and made durable
   * later.
   */
  isStrict: boolean
  versions: Pick<VersionSet, 'allocateFileNum' | 'append' | 'holdBack'>
  tables: Pick<OpenTables, 'loadSync' | 'retire'>
  logPins: Pick<LogPins, 'syncKept'>
  deleter: Pick<FileDeleter, 'add' | 'syncingDirectory'>
  heldEdits: Pick<HeldEdits, 'add'>
  /** Tables that are in no version, and whose removal is not known to be durable. */
  unlistedTables(): FileNum[]
  /** Gives digits and dots that no other process or moment has. */
  uniqueSuffix(): string
  newHeader(fileNum: FileNum, magic: FileMagic): FileHeader
  /** The wall clock, in milliseconds since 1970. */
  wallMs(): number
  /** Called when an edit is durable, after what it replaces was given away. */
  onDurable(): void
  /** Called when the directory or a log could not be synced: nothing may be trusted any more. */
  onFailure(place: 'directory sync' | 'log sync', error: unknown): void
}

export class Installer {
  readonly dir: string
  readonly executor: Executor
  readonly isStrict: boolean
  private readonly options: InstallerOptions

  constructor(options: InstallerOptions) {
    this.dir = options.dir
    this.executor = options.executor
    this.isStrict = options.isStrict
    this.options = options
  }

  /** Gives a table that is to be made a number of its own, one for every attempt. */
  plan(): PlannedTable {
    const tableNum = this.options.versions.allocateFileNum()
    return { tableNum, ...this.planFile(tableFileName(tableNum)) }
  }

  /** Gives a value log that is to be made a number of its own, likewise. */
  planValueLog(): PlannedValueLog {
    const fileNum = this.options.versions.allocateFileNum()
    return { fileNum, ...this.planFile(vlogFileName(fileNum)) }
  }

  /** Gives the file of a streamed value a number of its own. It never has its final name before it is whole. */
  planStreamed(): PlannedValueLog {
    const fileNum = this.options.versions.allocateFileNum()
    const finalName = vlogFileName(fileNum)
    return { fileNum, finalName, tempName: tempFileName(finalName, this.options.uniqueSuffix()) }
  }

  private planFile(finalName: string): PlannedFile {
    const { uniqueSuffix, isStrict } = this.options
    return { finalName, tempName: isStrict ? tempFileName(finalName, uniqueSuffix()) : finalName }
  }

  newHeader(fileNum: FileNum, magic: FileMagic = 'varvetab'): FileHeader {
    return this.options.newHeader(fileNum, magic)
  }

  /**
   * Gives the files their names, durably; in strict mode, and for streamed values. False when the directory's sync
   * failed: the engine was told and stops. Throws what else went wrong; then some may have their names (`namesMade`).
   */
  *name(files: readonly PlannedFile[]): Procedure<boolean> {
    const { dir, executor, deleter, onFailure } = this.options
    const onSynced = deleter.syncingDirectory()
    try {
      this.abandon(yield* publish(executor, { dir, files }))
      onSynced()
      return true
    } catch (error) {
      if (!isDirectoryFailure(error)) throw error
      onFailure('directory sync', error)
      return false
    }
  }

  /** Says in an edit which job makes it, and when. */
  cause(code: number): EditCause {
    return { code, wallMs: this.options.wallMs() }
  }

  /** Opens a table for reading before the manifest lists it; throws when it cannot be read. */
  open(facts: TableFacts): void {
    this.options.tables.loadSync(facts)
  }

  /**
   * Makes the edit durable and current; in fast mode current only, the rest comes later (`whenDurable`). False when
   * that failed: the engine was told and stops. Throws when the edit was refused: nothing has changed.
   */
  *list(edit: VersionEdit, replacedLogs: readonly LogFile[] = []): Procedure<boolean> {
    const { versions, logPins, onFailure } = this.options
    if (!this.isStrict) {
      versions.holdBack(edit)
      return true
    }
    try {
      yield* logPins.syncKept(replacedLogs) // no recovery reads them again once the pointer has passed them
    } catch (error) {
      onFailure('log sync', error)
      return false
    }
    const error = yield* waitFor<unknown>((done) => versions.append(edit, done))
    if (error instanceof EditRefused) throw error
    return error === null
  }

  /** Calls `onDurable` when a reopen would find the edit that `list` has passed on: at once in strict mode. */
  whenDurable(held: HeldEdit): void {
    const onDurable = (): void => {
      held.onDurable()
      this.options.onDurable()
    }
    if (this.isStrict) onDurable()
    else this.options.heldEdits.add({ ...held, onDurable })
  }

  /** Removes the files of tables that no version lists any more, each when its last reader is done. */
  retire(tables: readonly TableFacts[]): void {
    for (const { fileNum } of tables) {
      this.options.tables.retire(fileNum, () => this.options.deleter.add([tableFileName(fileNum)]))
    }
  }

  /** Tables that a crash may leave behind though no version lists them: every new table says which they are. */
  get unlisted(): readonly FileNum[] {
    return this.options.unlistedTables()
  }

  /**
   * Removes files that no version lists, and none will: what a failed attempt may have left, temp names that stayed.
   */
  abandon(names: readonly string[]): void {
    if (names.length > 0) this.options.deleter.add(names)
  }
}
