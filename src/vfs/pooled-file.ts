/**
 * What: a file that is only read, and closed when its pool wants room: the next read opens it again.
 * Owns: the open file, while there is one. Does not own: the order in which files are closed (file-pool.ts).
 * Thread: one.
 * States: resting ⇄ open → closed.
 * Invariants: FILE-2 a file that is opened again is checked (`check`) before it is read: another file of that name is
 * an error, never other data.
 */
import { runAsync, runSync } from '../base/index.js'
import type { FilePool, Poolable } from './file-pool.js'
import { FileSystemError } from './vfs-error.js'
import { openFile } from './vfs-steps.js'
import type { Vfs, VfsFile } from './vfs.js'

/** The calls that reading needs of a file. */
export type ReadableFile = Pick<VfsFile, 'path' | 'readSync' | 'read' | 'sizeSync'>

export interface PooledFileOptions {
  vfs: Vfs
  path: string
  pool: FilePool
  /** Throws unless it is the file that was opened first. */
  check(file: VfsFile): void
  /** Wraps an error of opening the file again. */
  reopenError(error: unknown): unknown
}

export class PooledFile implements ReadableFile, Poolable {
  older: Poolable | null = null
  newer: Poolable | null = null
  lastUse = 0
  isKept = false
  private readonly options: PooledFileOptions
  private file: VfsFile | null = null
  private isClosed = false

  constructor(options: PooledFileOptions) {
    this.options = options
  }

  get path(): string {
    return this.options.path
  }

  // ── The first time ──────────────────────────────────────────────────────────────────────────────

  /** Opens the file for the first time. Throws what the file system throws. */
  openSync(): void {
    const { vfs, path, pool } = this.options
    pool.reserve()
    try {
      this.enter(runSync(openFile(vfs, path, 'read')))
    } catch (error) {
      pool.free()
      throw error
    }
  }

  async open(): Promise<void> {
    const { vfs, path, pool } = this.options
    pool.reserve()
    try {
      this.enter(await runAsync(openFile(vfs, path, 'read')))
    } catch (error) {
      pool.free()
      throw error
    }
  }

  private enter(file: VfsFile): void {
    this.file = file
    this.options.pool.add(this)
  }

  // ── Reads ───────────────────────────────────────────────────────────────────────────────────────

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    return this.opened().readSync(target, at, length, position)
  }

  read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.opened().read(target, at, length, position)
  }

  sizeSync(): number {
    return this.opened().sizeSync()
  }

  private opened(): VfsFile {
    const { file } = this
    if (file === null) return this.openAgain()
    this.options.pool.touch(this)
    return file
  }

  private openAgain(): VfsFile {
    const { path, pool, check, reopenError } = this.options
    if (this.isClosed) throw new FileSystemError('EBADF', 'read', path)
    try {
      this.openSync()
      check(this.file!)
      pool.reopenedCount++
      return this.file!
    } catch (error) {
      this.rest()
      throw reopenError(error)
    }
  }

  // ── The end ─────────────────────────────────────────────────────────────────────────────────────

  /**
   * Closes the file until the next read. A handle that only reads has nothing to lose, so an error on its close means
   * nothing.
   */
  rest(): void {
    try {
      this.leave()?.closeSync()
    } catch {
      // Nothing is lost with a handle that only reads.
    }
  }

  /** Closes the file for good. Resolves when reads in flight have ended. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.leave()?.close().catch(() => undefined)
  }

  /** Closes the file for good before it returns. */
  closeSync(): void {
    this.isClosed = true
    this.rest()
  }

  private leave(): VfsFile | null {
    const { file } = this
    if (file === null) return null
    const { pool } = this.options
    this.file = null
    pool.remove(this)
    pool.free()
    return file
  }
}
