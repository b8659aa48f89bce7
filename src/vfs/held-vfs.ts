/**
 * What: the file system as the holder of a directory uses it. Two things keep it away from whatever is at the
 * directory's path now: paths inside the directory lead to the directory that was locked, even when it was moved or
 * another one has its name; and before each call that changes a name, or opens a file to change it, it checks that the
 * directory is still held.
 * Owns: nothing; the lock owns the descriptor. Thread: any; a worker makes its own (`vfsOfHolder`).
 * Invariants: LOCK-1 no name is made, replaced or removed, and no file opened for writing, in a directory that is not
 * the one that was locked, or that another holder has taken over.
 * Design: docs/design/0005-lock.md.
 */
import { errnoOf, VarveError } from '../base/index.js'
import type { FileInfo, HoldState, LockHolder, OpenMode, ReadOnlyFile, Vfs, VfsFile, VfsLock } from './vfs.js'

const losses: Record<Exclude<HoldState, 'held'>, { what: string; hint: string }> = {
  removed: {
    what: 'was removed, or all its files were, while the database was open',
    hint: 'close the database; what was in it is gone',
  },
  replaced: {
    what: 'is another directory now: that of the open database was moved or removed',
    hint: 'close the database; a moved directory can be opened where it is now',
  },
  overtaken: {
    what: 'was taken over by another process: it was unlocked by force, or its lock was removed',
    hint: 'close the database here',
  },
}

/** What a lock says of the directory it holds. */
export type Hold = Pick<VfsLock, 'place' | 'stateSync'>

export class HeldVfs implements Vfs {
  readonly hasSyncIo: boolean
  readonly hasBlockingSync: boolean
  readonly workerSpec: Vfs['workerSpec']
  readonly openFilesMax: number | undefined
  readonly isHeld = true
  /** Called when a call found the directory lost, before the call throws. */
  onLost: ((error: VarveError) => void) | null = null
  /** The file system itself, for places outside of the directory. */
  readonly inner: Vfs
  private readonly dir: string
  private readonly hold: Hold
  private readonly prefix: string
  private isEnded = false
  /** True when the directory is reached whatever its name is. */
  readonly hasPlace: boolean

  /** Makes the view. Callers' paths begin with `dir`, and errors name it. */
  constructor(inner: Vfs, dir: string, hold: Hold) {
    this.inner = inner
    this.dir = dir
    this.hold = hold
    this.hasSyncIo = inner.hasSyncIo
    this.hasBlockingSync = inner.hasBlockingSync ?? true
    this.workerSpec = inner.workerSpec
    this.openFilesMax = inner.openFilesMax
    this.prefix = inner.join(dir, '-').slice(0, -1)
    this.hasPlace = hold.place !== dir
  }

  /** True when the directory of the database was removed, on purpose or not: nothing is left that could be saved. */
  get isRemoved(): boolean {
    try {
      return this.hold.stateSync() === 'removed'
    } catch {
      return false
    }
  }

  /** The database was closed and lets its directory go: nothing is reached through this view from now on. */
  end(): void {
    this.isEnded = true
  }

  /**
   * Throws LOCKED when the directory is not ours any more, and CLOSED after `end`; throws the file system's error when
   * it cannot tell.
   */
  check(): void {
    if (this.isEnded) throw closedError()
    const state = this.hold.stateSync()
    if (state === 'held') return
    const { what, hint } = losses[state]
    const error = new VarveError('LOCKED', `${this.dir} ${what}`, { hint })
    this.onLost?.(error)
    throw error
  }

  openSync(path: string, mode: OpenMode): VfsFile {
    if (mode !== 'read') this.check()
    const file = this.run(() => this.inner.openSync(this.at(path), mode))
    return this.isOurs() ? file : this.refuse(file)
  }

  async open(path: string, mode: OpenMode): Promise<VfsFile> {
    if (mode !== 'read') this.check()
    const file = await this.wait(this.inner.open(this.at(path), mode))
    return this.isOurs() ? file : this.refuse(file)
  }

  openDirectSync(path: string): ReadOnlyFile | null {
    const file = this.run(() => this.inner.openDirectSync?.(this.at(path)) ?? null)
    return file === null || this.isOurs() ? file : this.refuse(file)
  }

  /**
   * True when what was opened is in our directory. By the path it may be another database's file of that name, which
   * must not be taken for a damaged one of ours.
   */
  private isOurs(): boolean {
    return this.hasPlace || this.hold.stateSync() === 'held'
  }

  private refuse(file: ReadOnlyFile): never {
    file.closeSync()
    this.check()
    throw new VarveError('LOCKED', `${this.dir} was not ours for a moment`, losses.replaced)
  }

  linkSync(from: string, to: string): void {
    this.check()
    this.run(() => this.inner.linkSync(this.at(from), this.at(to)))
  }

  async link(from: string, to: string): Promise<void> {
    this.check()
    await this.wait(this.inner.link(this.at(from), this.at(to)))
  }

  renameSync(from: string, to: string): void {
    this.check()
    this.run(() => this.inner.renameSync(this.at(from), this.at(to)))
  }

  async rename(from: string, to: string): Promise<void> {
    this.check()
    await this.wait(this.inner.rename(this.at(from), this.at(to)))
  }

  unlinkSync(path: string): void {
    this.check()
    this.run(() => this.inner.unlinkSync(this.at(path)))
  }

  async unlink(path: string): Promise<void> {
    this.check()
    await this.wait(this.inner.unlink(this.at(path)))
  }

  mkdirSync(path: string): void {
    this.check()
    this.run(() => this.inner.mkdirSync(this.at(path)))
  }

  async mkdir(path: string): Promise<void> {
    this.check()
    await this.wait(this.inner.mkdir(this.at(path)))
  }

  async rmdir(path: string): Promise<void> {
    this.check()
    await this.wait(this.inner.rmdir(this.at(path)))
  }

  /** Lists the directory. What a lost directory has, or lacks, says nothing about the database. */
  listSync(path: string): string[] {
    const names = this.run(() => this.inner.listSync(this.at(path)))
    this.check()
    return names
  }

  async list(path: string): Promise<string[]> {
    const names = await this.wait(this.inner.list(this.at(path)))
    this.check()
    return names
  }

  statSync(path: string): FileInfo | null {
    return this.run(() => this.inner.statSync(this.at(path)))
  }

  stat(path: string): Promise<FileInfo | null> {
    return this.wait(this.inner.stat(this.at(path)))
  }

  /** Syncs the directory. Through the descriptor it is the right one; only a path must be checked. */
  syncDirSync(path: string): void {
    if (!this.hasPlace) this.check()
    this.run(() => this.inner.syncDirSync(this.at(path)))
  }

  async syncDir(path: string): Promise<void> {
    if (!this.hasPlace) this.check()
    await this.wait(this.inner.syncDir(this.at(path)))
  }

  freeBytes(path: string): Promise<number> {
    return this.wait(this.inner.freeBytes(this.at(path)))
  }

  realPath(path: string): Promise<string> {
    return this.wait(this.inner.realPath(this.at(path)))
  }

  join(dir: string, name: string): string {
    return this.inner.join(dir, name)
  }

  parent(path: string): string {
    return this.inner.parent(path)
  }

  lock(dir: string): Promise<VfsLock> {
    return this.inner.lock(dir)
  }

  forceUnlock(dir: string): Promise<LockHolder | null> {
    return this.inner.forceUnlock(dir)
  }

  /** Gives the path to use for a caller's path. After `end` the descriptor may belong to another directory. */
  private at(path: string): string {
    if (this.isEnded) throw closedError()
    if (!this.hasPlace) return path
    const { dir, hold: { place } } = this
    if (path.startsWith(this.prefix)) return `${place}/${path.slice(this.prefix.length)}`
    return path === dir ? `${place}/.` : path
  }

  private run<T>(call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw this.explained(error)
    }
  }

  private async wait<T>(call: Promise<T>): Promise<T> {
    try {
      return await call
    } catch (error) {
      throw this.explained(error)
    }
  }

  /** Explains an error: a file may be missing because the whole directory is. */
  private explained(error: unknown): unknown {
    if (errnoOf(error) === 'ENOENT') this.check()
    return this.named(error)
  }

  /** Gives an error that names the directory as its user does. */
  private named(error: unknown): unknown {
    if (!this.hasPlace || !(error instanceof Error)) return error
    const { dir, hold: { place } } = this
    const plain = (text: string): string => text.replaceAll(`${place}/.'`, `${dir}'`).replaceAll(place, dir)
    error.message = plain(error.message)
    for (const name of ['path', 'dest'] as const) {
      const paths = error as { path?: unknown; dest?: unknown }
      const value = paths[name]
      if (typeof value === 'string') paths[name] = plain(value)
    }
    return error
  }
}

function closedError(): VarveError {
  return new VarveError('CLOSED', 'the database is closed')
}
