/**
 * What: a file that a job writes: created, synced now and then, synced and closed at the end.
 * Owns: the file; `discard` removes it.
 * Thread: worker or main; I/O blocks.
 */
import { ioError, MiB } from '../base/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

/** The file is synced after each piece of this size, so that the last sync is not one long one. */
const SYNC_STEP_BYTES = 8 * MiB

export interface NewFileOptions {
  vfs: Vfs
  dir: string
  /** The name of the file to make, which does not exist yet: a temp name in strict mode, its own in fast mode. */
  fileName: string
  /** True in strict mode: the file is synced before anyone hears of it. */
  isSynced: boolean
}

export abstract class NewFile {
  protected readonly file: VfsFile
  private readonly target: NewFileOptions
  private readonly path: string
  private syncedBytes = 0

  /** Makes the file. Throws IO_ERROR when the name is taken. */
  constructor({ vfs, dir, fileName, isSynced }: NewFileOptions) {
    this.target = { vfs, dir, fileName, isSynced }
    this.path = vfs.join(dir, fileName)
    this.file = this.attempt('create', () => vfs.openSync(this.path, 'create'))
  }

  /** Bytes handed to the file. */
  abstract get bytesWritten(): number

  /** Syncs what was written when it is much; called now and then. */
  syncSome(): void {
    const { bytesWritten } = this
    if (!this.target.isSynced || bytesWritten - this.syncedBytes < SYNC_STEP_BYTES) return
    this.attempt('sync', () => this.file.dataSyncSync())
    this.syncedBytes = bytesWritten
  }

  protected close(): void {
    if (this.target.isSynced) this.attempt('sync', () => this.file.syncSync())
    this.attempt('close', () => this.file.closeSync())
  }

  /** Removes the file, finished or not; if that fails, the caller that gave the name does it. */
  discard(): void {
    for (const remove of [() => this.file.closeSync(), () => this.target.vfs.unlinkSync(this.path)]) {
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
      throw ioError(error, what, this.target.fileName)
    }
  }
}
