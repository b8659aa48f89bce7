/**
 * What: a raw file descriptor behind a count of the operations in flight.
 * Owns: the descriptor. A descriptor number is used again by the system as soon as it is closed, so one
 *   queued write after the close would land in another file: that is what the count prevents.
 * Thread: the one that opened it.
 * States: open → closing (operations in flight) → closed. `fd` is -1 from closing on, so the hot calls
 *   check one number.
 */
import * as fs from 'node:fs'
import { isOutOfFiles, systemClock } from '../../base/index.js'
import { giveBackFiles } from '../file-pool.js'
import { FileSystemError } from '../vfs-error.js'
import type { VfsFile } from '../vfs.js'
import { syncBlocking, syncsByHandle } from './node-sync-thread.js'

const { O_NOFOLLOW = 0 } = fs.constants

const OPEN_DELAY_MS_MAX = 2560

type Callback<T> = (error: NodeJS.ErrnoException | null, result: T) => void

export class NodeFile implements VfsFile {
  readonly path: string
  private fd: number
  private inFlight = 0
  /** Set when `close` found operations in flight; called when the last of them ends. */
  private whenIdle: (() => void) | null = null
  private closing: Promise<void> | null = null
  /** A second descriptor of the same file, for `syncsByHandle` only. */
  private syncHandle: Promise<fs.promises.FileHandle> | null = null

  constructor(path: string, fd: number) {
    this.path = path
    this.fd = fd
  }

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    if (this.fd < 0) throw this.closedError('read')
    return fs.readSync(this.fd, target, at, length, position)
  }

  writeSync(source: Uint8Array, at: number, length: number, position: number): number {
    if (this.fd < 0) throw this.closedError('write')
    return fs.writeSync(this.fd, source, at, length, position)
  }

  syncSync(): void {
    if (this.fd < 0) throw this.closedError('fsync')
    if (syncsByHandle) syncBlocking(this.path, this.identitySync())
    else fs.fsyncSync(this.fd)
  }

  dataSyncSync(): void {
    if (this.fd < 0) throw this.closedError('fdatasync')
    if (syncsByHandle) syncBlocking(this.path, this.identitySync())
    else fs.fdatasyncSync(this.fd)
  }

  truncateSync(size: number): void {
    if (this.fd < 0) throw this.closedError('ftruncate')
    fs.ftruncateSync(this.fd, size)
  }

  identitySync(): string {
    if (this.fd < 0) throw this.closedError('fstat')
    const { dev, ino } = fs.fstatSync(this.fd, { bigint: true })
    return `${dev}:${ino}`
  }

  sizeSync(): number {
    if (this.fd < 0) throw this.closedError('fstat')
    return fs.fstatSync(this.fd).size
  }

  /** Closes the descriptor; with operations in flight, the last of them does it when it ends. */
  closeSync(): void {
    if (this.fd < 0) return
    const fd = this.fd
    this.fd = -1
    if (this.inFlight === 0 && this.syncHandle === null) {
      this.closing = Promise.resolve()
      fs.closeSync(fd)
    } else {
      this.closing = this.closeWhenIdle(fd)
      this.closing.catch(() => undefined)
    }
  }

  read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.run('read', (fd, done) => fs.read(fd, target, at, length, position, done))
  }

  write(source: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.run('write', (fd, done) => fs.write(fd, source, at, length, position, done))
  }

  sync(): Promise<void> {
    if (syncsByHandle) return this.syncByHandle((handle) => handle.sync())
    return this.run('fsync', (fd, done) => fs.fsync(fd, done as fs.NoParamCallback))
  }

  dataSync(): Promise<void> {
    if (syncsByHandle) return this.syncByHandle((handle) => handle.datasync())
    return this.run('fdatasync', (fd, done) => fs.fdatasync(fd, done as fs.NoParamCallback))
  }

  truncate(size: number): Promise<void> {
    return this.run('ftruncate', (fd, done) => fs.ftruncate(fd, size, done as fs.NoParamCallback))
  }

  close(): Promise<void> {
    if (this.closing === null) {
      const fd = this.fd
      this.fd = -1
      this.closing = this.closeWhenIdle(fd)
    }
    return this.closing
  }

  private run<T>(call: string, begin: (fd: number, done: Callback<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.fd < 0) throw this.closedError(call)
      begin(this.fd, (error, result) => {
        this.inFlight--
        if (this.inFlight === 0 && this.whenIdle !== null) this.whenIdle()
        if (error === null) resolve(result)
        else reject(error)
      })
      this.inFlight++ // not reached when `begin` threw
    })
  }

  private syncByHandle(sync: (handle: fs.promises.FileHandle) => Promise<void>): Promise<void> {
    return this.run('fsync', (fd, done) => {
      this.syncHandle ??= this.openSyncHandle(fd).catch((error: unknown) => {
        this.syncHandle = null
        throw error
      })
      this.syncHandle.then(sync).then(() => done(null), done as (error: unknown) => void)
    })
  }

  private async openSyncHandle(fd: number): Promise<fs.promises.FileHandle> {
    const handle = await this.openPatiently()
    const [mine, theirs] = [fs.fstatSync(fd, { bigint: true }), await handle.stat({ bigint: true })]
    if (mine.ino === theirs.ino && mine.dev === theirs.dev) return handle
    await handle.close()
    throw new FileSystemError('ENOENT', 'fsync', this.path, 'the file has another name now')
  }

  /**
   * Opens the file for a sync, and waits for a descriptor when there is none: an open that failed is not a sync that
   * failed.
   */
  private async openPatiently(): Promise<fs.promises.FileHandle> {
    for (let delayMs = 10; ; delayMs *= 2) {
      try {
        return await fs.promises.open(this.path, fs.constants.O_RDONLY | O_NOFOLLOW)
      } catch (error) {
        if (!isOutOfFiles(error) || delayMs > OPEN_DELAY_MS_MAX) throw error
      }
      if (!giveBackFiles()) await new Promise<void>((resolve) => systemClock.after(delayMs, resolve))
    }
  }

  private closeWhenIdle(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const close = () => {
        this.syncHandle?.then((handle) => handle.close()).catch(() => undefined)
        fs.close(fd, (error) => (error ? reject(error) : resolve()))
      }
      if (this.inFlight === 0) close()
      else this.whenIdle = close
    })
  }

  private closedError(call: string): FileSystemError {
    return new FileSystemError('EBADF', call, this.path)
  }
}
