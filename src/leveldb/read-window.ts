/**
 * What: the part of a file that is in memory, read in large pieces, forward.
 * Owns: the file while it is open, and the memory of the window. Thread: one.
 */
import { errnoOf, ioError, runAsync, VarveError } from '../base/index.js'
import { closeQuietly, openFile, readFully, withFile } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'

/** How files of a directory are read, and who hears of it. */
export interface FileAccess {
  vfs: Vfs
  dir: string
  /** Files stay open between two reads, unless there are too many. */
  keepsOpen: boolean
  /** Hears of bytes that were read. */
  onRead(bytes: number): void
}

export class ReadWindow {
  readonly name: string
  /** Memory of the window: bytes[0, end - start) are the bytes of the file from `start` to `end`. */
  bytes: Uint8Array = new Uint8Array()
  start = 0
  end = 0
  private readonly access: FileAccess
  private readonly aheadBytes: number
  private file: VfsFile | null = null
  private isGiven = false

  constructor(access: FileAccess, name: string, aheadBytes: number) {
    this.access = access
    this.name = name
    this.aheadBytes = aheadBytes
  }

  has(offset: number, length: number): boolean {
    return offset >= this.start && offset + length <= this.end
  }

  /** Where a byte of the file stands in `bytes`. Requires: the window has it. */
  placeOf(offset: number): number {
    return offset - this.start
  }

  /** The memory stays as it is, for others: what is read next goes elsewhere. */
  give(): void {
    this.isGiven = true
  }

  /**
   * Makes the window begin at `offset` and have `length` bytes, and more below `limit`. Throws CORRUPTION when the file
   * ends before, IO_ERROR.
   */
  async read(offset: number, length: number, limit: number): Promise<void> {
    const wanted = Math.max(length, Math.min(this.aheadBytes, limit - offset))
    if (this.isGiven || this.bytes.length < wanted) this.bytes = new Uint8Array(Math.max(wanted, this.aheadBytes))
    this.isGiven = false
    this.start = this.end = offset
    const count = await this.readAt(offset, wanted)
    this.end = offset + count
    this.access.onRead(count)
    if (count < length) throw this.shorter(offset + count)
  }

  private shorter(size: number): VarveError {
    return new VarveError('CORRUPTION', `${this.name} ends at offset ${size}, and was longer`, {
      file: this.name, offset: size, hint: 'restore the file from a backup; Varve did not change it',
    })
  }

  private async readAt(offset: number, length: number): Promise<number> {
    const { vfs, dir, keepsOpen } = this.access
    const path = vfs.join(dir, this.name)
    try {
      if (keepsOpen) {
        this.file ??= await runAsync(openFile(vfs, path, 'read'))
        return await runAsync(readFully(this.file, this.bytes, length, offset))
      }
      return await runAsync(withFile(vfs, path, 'read', (file) => readFully(file, this.bytes, length, offset)))
    } catch (error) {
      throw readError(error, this.name)
    }
  }

  async close(): Promise<void> {
    const { file } = this
    this.file = null
    if (file !== null) await runAsync(closeQuietly(file))
  }
}

/** Wraps what the file system threw when a file was read that the directory should have. */
export function readError(error: unknown, name: string): VarveError {
  if (errnoOf(error) !== 'ENOENT') return ioError(error, 'read', name)
  return new VarveError('MISSING_FILE', `${name} is missing`, {
    cause: error, file: name, hint: 'restore the file from a backup; nothing was changed',
  })
}
