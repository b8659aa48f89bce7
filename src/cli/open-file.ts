/**
 * What: a file that a user named, opened for reading, and its bytes by offset.
 */
import path from 'node:path'
import { errnoOf, ioError, VarveError } from '../base/index.js'
import type { ByteSource } from '../dump/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { VfsFile } from '../vfs/index.js'

/**
 * Opens a file, following links. Rejects with NOT_FOUND, with INVALID_ARGUMENT for what is no file, or with IO_ERROR;
 * each names the file as the user did.
 */
export async function openForReading(file: string): Promise<VfsFile> {
  const vfs = new NodeVfs()
  try {
    const real = await vfs.realPath(path.resolve(file))
    const info = await vfs.stat(real)
    // It was there a moment ago.
    if (info === null) throw notFound(file)
    if (info.kind !== 'file') throw new VarveError('INVALID_ARGUMENT', `${file} is not a file`, { file })
    return await vfs.open(real, 'read')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw notFound(file)
    throw ioError(error, 'open', file)
  }
}

function notFound(file: string): VarveError {
  return new VarveError('NOT_FOUND', `${file} does not exist`, { file })
}

const WINDOW_BYTES = 256 * 1024

/** The bytes up to the size that the file has now, read through a window. */
export class FileBytes implements ByteSource {
  readonly size: number
  private readonly file: VfsFile
  private readonly name: string
  private window = new Uint8Array(0)
  private windowOffset = 0

  constructor(file: VfsFile, name: string) {
    this.file = file
    this.name = name
    this.size = file.sizeSync()
  }

  read(offset: number, bytes: number): Uint8Array {
    const end = Math.min(offset + bytes, this.size)
    if (offset < this.windowOffset || end > this.windowOffset + this.window.length) this.fill(offset, end)
    return this.window.subarray(offset - this.windowOffset, end - this.windowOffset)
  }

  private fill(offset: number, end: number): void {
    const window = new Uint8Array(Math.min(Math.max(end - offset, WINDOW_BYTES), this.size - offset))
    let filled = 0
    try {
      while (filled < window.length) {
        const count = this.file.readSync(window, filled, window.length - filled, offset + filled)
        if (count === 0) break
        filled += count
      }
    } catch (error) {
      throw ioError(error, 'read', this.name)
    }
    this.window = window.subarray(0, filled)
    this.windowOffset = offset
  }
}
