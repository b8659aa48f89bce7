/**
 * What: the file of a value that is streamed: made, filled piece by piece, synced, closed. What tells that it is a
 * value log is written last, so a file that was left in the middle is nobody's.
 * Owns: the file; `discard` removes it.
 * Does not own: where the bytes come from, its final name.
 * Thread: main; everything is awaited, and goes through the thread pool.
 * States: open → finished; discarded from either.
 */
import { ioError, MiB } from '../base/index.js'
import type { FileHeader } from '../base/index.js'
import type { NewValueLog } from '../manifest/index.js'
import { inPool } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { StreamedValueLog } from '../vlog/index.js'

/** The file is synced after so many bytes: a long last sync would hold up those of the logs. */
const SYNC_STEP_BYTES = 16 * MiB

export interface StreamedFileOptions {
  vfs: Vfs
  dir: string
  /** Its name while it is written. */
  fileName: string
  header: FileHeader
  key: Uint8Array
}

export class NewStreamedFile {
  private readonly options: StreamedFileOptions
  private readonly file: VfsFile
  private readonly content: StreamedValueLog
  private unsyncedBytes = 0
  private isClosed = false

  private constructor(options: StreamedFileOptions, file: VfsFile) {
    this.options = options
    this.file = file
    this.content = new StreamedValueLog(options.header, options.key)
  }

  /** Makes the file. Throws IO_ERROR. */
  static async create(options: StreamedFileOptions): Promise<NewStreamedFile> {
    const { vfs, dir, fileName } = options
    try {
      return new NewStreamedFile(options, await vfs.open(vfs.join(dir, fileName), 'create'))
    } catch (error) {
      throw ioError(error, 'create', fileName)
    }
  }

  get valueBytes(): number {
    return this.content.valueBytes
  }

  /** Writes the next bytes of the value, which must stay as they are until then. Requires: the one before is done. */
  async write(bytes: Uint8Array, start: number, end: number): Promise<void> {
    const at = this.content.add(bytes, start, end)
    await this.attempt('write', () => this.writeAt(bytes, start, end, at))
    this.unsyncedBytes += end - start
    if (this.unsyncedBytes < SYNC_STEP_BYTES) return
    this.unsyncedBytes = 0
    await this.attempt('sync', () => this.file.dataSync())
  }

  /** Completes the file, synced and closed. Gives what the manifest will say of it, and the handle of the value. */
  async finish(): Promise<{ facts: NewValueLog; handle: Uint8Array }> {
    const { content, file, options: { header: { fileNum, salt } } } = this
    const { valueStart, valueBytes } = content
    const { head, tail, fileBytes, handle } = content.finish()
    await this.attempt('write', () => this.writeAt(tail, 0, tail.length, valueStart + valueBytes))
    await this.attempt('write', () => this.writeAt(head, 0, head.length, 0))
    await this.attempt('sync', () => file.sync())
    this.isClosed = true
    await this.attempt('close', () => file.close())
    const facts: NewValueLog = {
      fileNum, isLog: false, bytes: fileBytes, salt, putCount: 1, putBytes: valueBytes, namedInLog: 0,
    }
    return { facts, handle }
  }

  /** Closes the file, and removes it if anything may be removed. Gives false when it may still be there. */
  async discard(mayDelete: boolean): Promise<boolean> {
    const { vfs, dir, fileName } = this.options
    if (!this.isClosed) await this.file.close().catch(() => undefined) // the handle is gone all the same
    this.isClosed = true
    if (!mayDelete) return false
    return vfs.unlink(vfs.join(dir, fileName)).then(() => true, () => false)
  }

  private async writeAt(bytes: Uint8Array, start: number, end: number, position: number): Promise<void> {
    for (let done = start; done < end;) {
      const count = await this.file.write(bytes, done, end - done, position + done - start)
      if (count === 0) throw new Error('nothing was written')
      done += count
    }
  }

  /** Waits for its turn among all that is large in the thread pool. Throws IO_ERROR or NO_SPACE. */
  private async attempt(what: string, operation: () => Promise<void>): Promise<void> {
    try {
      await inPool(operation)
    } catch (error) {
      throw ioError(error, what, this.options.fileName)
    }
  }
}
