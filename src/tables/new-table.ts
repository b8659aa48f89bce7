/**
 * What: one table file while it is written: created, filled through a builder, synced, closed.
 * Owns: the file; `discard` removes it.
 * Does not own: its number and name (given), which entries come, its final name (publish-tables.ts).
 * Thread: worker or main; I/O blocks.
 * States: open → finished (synced in strict mode, closed); discarded from either.
 */
import { ioError, MiB } from '../base/index.js'
import type { TableFacts } from '../base/index.js'
import { TableBuilder } from '../sstable/index.js'
import type { BuildBuffer, Replaces, TableBuilderOptions } from '../sstable/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

/** The layout of tables; the same for every table of an open database. */
export type TableSettings = Pick<TableBuilderOptions, 'blockBytes'>

/** The one place where options of a database become settings of its tables. */
export function tableSettings({ blockSize }: { blockSize: number }): TableSettings {
  return { blockBytes: blockSize }
}

/** The file is synced after each piece of this size, so that the last sync is not one long one. */
const SYNC_STEP_BYTES = 8 * MiB

export interface NewTableOptions {
  vfs: Vfs
  dir: string
  /** The name of the file to make, which does not exist yet: a temp name in strict mode, the table's in fast mode. */
  fileName: string
  /** True in strict mode: the file is synced before anyone hears of it. */
  isSynced: boolean
  table: TableBuilderOptions
  /** Memory that serves several tables, one after the other; without it the builder makes its own. */
  memory?: BuildBuffer
}

export class NewTable {
  readonly builder: TableBuilder
  private readonly options: NewTableOptions
  private readonly path: string
  private readonly file: VfsFile
  private syncedBytes = 0

  /** Makes the file. Throws IO_ERROR when the name is taken. */
  constructor(options: NewTableOptions) {
    const { vfs, dir, fileName, table, memory } = options
    this.options = options
    this.path = vfs.join(dir, fileName)
    this.file = this.attempt('create', () => vfs.openSync(this.path, 'create'))
    this.builder = new TableBuilder(this.file, table, memory)
  }

  /** Syncs what was written when it is much; called now and then. */
  syncSome(): void {
    const { bytesWritten } = this.builder
    if (!this.options.isSynced || bytesWritten - this.syncedBytes < SYNC_STEP_BYTES) return
    this.attempt('sync', () => this.file.dataSyncSync())
    this.syncedBytes = bytesWritten
  }

  /** Finishes the table, with pauses. Requires: at least one entry. */
  *finish(replaces: Replaces): Generator<undefined, TableFacts, unknown> {
    const facts = yield* this.builder.finishing(replaces)
    if (this.options.isSynced) this.attempt('sync', () => this.file.syncSync())
    this.attempt('close', () => this.file.closeSync())
    return facts
  }

  /** Removes the file, finished or not; if that fails, the caller that gave the name does it. */
  discard(): void {
    for (const remove of [() => this.file.closeSync(), () => this.options.vfs.unlinkSync(this.path)]) {
      try {
        remove()
      } catch {
        // The handle is gone all the same; the name is given to the deleter with those of the whole attempt.
      }
    }
  }

  private attempt<T>(what: string, operation: () => T): T {
    try {
      return operation()
    } catch (error) {
      throw ioError(error, what, this.options.fileName)
    }
  }
}
