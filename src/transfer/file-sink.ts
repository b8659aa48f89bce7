/**
 * What: an export into a file: it is written as `x.part`, and gets its name when it is whole and synced.
 * Owns: the file under its temporary name, until it has its own or is removed.
 * Thread: main.
 * Invariants: EXP-3 a file under its name is a whole export: synced before, its name synced before anybody hears of it.
 */
import { errnoOf, ioError, VarveError } from '../base/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import type { ByteSink } from './byte-sink.js'

const PART_SUFFIX = '.part'

export class FileSink implements ByteSink {
  private readonly vfs: Vfs
  private readonly path: string
  private readonly file: VfsFile
  /** Device and inode: nothing that somebody else has made under the temporary name is renamed or removed. */
  private readonly identity: string
  private position = 0
  /** True once the file has its name, although that may not be durable. */
  private isNamed = false
  /** The write under way: the next bytes are made meanwhile. */
  private writing: Promise<void> = Promise.resolve()

  private constructor(vfs: Vfs, path: string, file: VfsFile) {
    this.vfs = vfs
    this.path = path
    this.file = file
    this.identity = file.identitySync()
  }

  /**
   * Makes the file. What an export that was killed has left is removed. Rejects with ALREADY_EXISTS when the name is
   * taken, NOT_FOUND without the directory, NO_SPACE or IO_ERROR.
   */
  static async make(vfs: Vfs, path: string): Promise<FileSink> {
    try {
      if ((await vfs.stat(path)) !== null) {
        throw new VarveError('ALREADY_EXISTS', `${path} is there already`, { hint: 'give another name, or remove it' })
      }
      if ((await vfs.stat(path + PART_SUFFIX))?.kind === 'file') await vfs.unlink(path + PART_SUFFIX)
      return new FileSink(vfs, path, await vfs.open(path + PART_SUFFIX, 'create'))
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') {
        throw new VarveError('ALREADY_EXISTS', `another export writes ${path + PART_SUFFIX}`, {
          cause: error, hint: 'wait for it, or give another name',
        })
      }
      if (errnoOf(error) !== 'ENOENT') throw ioError(error, 'create', path)
      throw new VarveError('NOT_FOUND', `the directory of ${path} does not exist`, { cause: error })
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.writing
    this.writing = this.writeFully(bytes)
    this.writing.catch(() => undefined) // the next call hears of it
  }

  private async writeFully(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        const count = await this.file.write(bytes, at, bytes.length - at, this.position)
        at += count
        this.position += count
      }
    } catch (error) {
      throw ioError(error, 'write', this.path)
    }
  }

  async end(): Promise<void> {
    await this.writing
    const { vfs, path, file } = this
    try {
      await file.sync()
      await file.close()
      if ((await vfs.stat(path + PART_SUFFIX))?.identity !== this.identity) throw this.takenError(PART_SUFFIX)
      if ((await vfs.stat(path)) !== null) throw this.takenError('')
      await vfs.rename(path + PART_SUFFIX, path)
      this.isNamed = true
      await vfs.syncDir(vfs.parent(path))
    } catch (error) {
      throw ioError(error, 'finish', path)
    }
  }

  private takenError(suffix: string): VarveError {
    return new VarveError('ALREADY_EXISTS', `somebody else has made ${this.path}${suffix} meanwhile`)
  }

  async abandon(): Promise<void> {
    const { vfs, path, file } = this
    try {
      await this.writing.catch(() => undefined)
      await file.close().catch(() => undefined)
      const made = this.isNamed ? path : path + PART_SUFFIX
      if ((await vfs.stat(made))?.identity === this.identity) await vfs.unlink(made)
    } catch {
      // The caller hears of what was wrong before.
    }
  }
}
