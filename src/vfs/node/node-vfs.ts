/**
 * What: the file system of Node (and of runtimes that offer the same `node:fs`).
 * Thread: any; each thread makes its own from `workerSpec`. A file belongs to the thread that opened it.
 */
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import * as threads from 'node:worker_threads'
import { crc32 } from 'node:zlib'
import { errnoOf, tellOpenFilesMax, useChunkGuard, useNativeCrc32, useUnfilledBytes } from '../../base/index.js'
import { HeldVfs } from '../held-vfs.js'
import { FileSystemError } from '../vfs-error.js'
import type { FileInfo, HoldSpec, LockHolder, OpenMode, ReadOnlyFile, Vfs, VfsFile, VfsLock, VfsSpec } from '../vfs.js'
import { DirectFile, hasDirectRoom } from './direct-file.js'
import { NodeFile } from './node-file.js'
import { heldDescriptor, holdState } from './node-hold.js'
import { openFilesMax } from './node-limits.js'
import { forceUnlock, lockDirectory } from './node-lock.js'
import type { LockOptions } from './node-lock.js'
import { hasBlockingSync, syncBlocking, syncsByHandle } from './node-sync-thread.js'

if (typeof crc32 === 'function') useNativeCrc32(crc32)
if (typeof threads.markAsUntransferable === 'function') useChunkGuard(threads.markAsUntransferable)
useUnfilledBytes((length) => new Uint8Array(Buffer.allocUnsafeSlow(length).buffer))
tellOpenFilesMax(openFilesMax)

const {
  O_RDONLY, O_RDWR, O_CREAT, O_EXCL,
  // Windows does not know these flags.
  O_NOFOLLOW = 0, O_DIRECTORY = 0,
  // With it, opening a pipe that lies in the directory does not wait for a writer.
  O_NONBLOCK = 0,
  // Linux has it.
  O_DIRECT = 0,
} = fs.constants

const openFlags: Record<OpenMode, number> = {
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  write: O_RDWR | O_NOFOLLOW | O_NONBLOCK,
  create: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
}

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

export class NodeVfs implements Vfs {
  readonly hasSyncIo = true
  readonly hasBlockingSync = hasBlockingSync
  readonly workerSpec: VfsSpec = { kind: 'node' }
  private readonly lockOptions: LockOptions

  constructor(lockOptions: LockOptions = {}) {
    this.lockOptions = lockOptions
  }

  get openFilesMax(): number | undefined {
    return openFilesMax()
  }

  openSync(path: string, mode: OpenMode): VfsFile {
    const fd = fs.openSync(path, openFlags[mode], FILE_MODE)
    try {
      if (mode !== 'create') checkIsFile(fs.fstatSync(fd), path)
      return new NodeFile(path, fd)
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
  }

  async open(path: string, mode: OpenMode): Promise<VfsFile> {
    const fd = await call<number>((done) => fs.open(path, openFlags[mode], FILE_MODE, done))
    try {
      if (mode !== 'create') checkIsFile(fs.fstatSync(fd), path) // asked of the open file, not of the disk
      return new NodeFile(path, fd)
    } catch (error) {
      await call<void>((done) => fs.close(fd, done as fs.NoParamCallback))
      throw error
    }
  }

  openDirectSync(path: string): ReadOnlyFile | null {
    if (O_DIRECT === 0 || !hasDirectRoom()) return null
    try {
      return this.directFile(path, fs.openSync(path, openFlags.read | O_DIRECT))
    } catch (error) {
      // File systems that cannot do it say so at the open or at the first read.
      if (errnoOf(error) === 'EINVAL' || errnoOf(error) === 'EOPNOTSUPP') return null
      throw error
    }
  }

  private directFile(path: string, fd: number): ReadOnlyFile {
    try {
      checkIsFile(fs.fstatSync(fd), path)
      return new DirectFile(new NodeFile(path, fd))
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
  }

  linkSync(from: string, to: string): void {
    fs.linkSync(from, to)
  }

  link(from: string, to: string): Promise<void> {
    return fs.promises.link(from, to)
  }

  renameSync(from: string, to: string): void {
    fs.renameSync(from, to)
  }

  rename(from: string, to: string): Promise<void> {
    return fs.promises.rename(from, to)
  }

  unlinkSync(path: string): void {
    fs.unlinkSync(path)
  }

  unlink(path: string): Promise<void> {
    return fs.promises.unlink(path)
  }

  mkdirSync(path: string): void {
    fs.mkdirSync(path, { mode: DIRECTORY_MODE })
  }

  async mkdir(path: string): Promise<void> {
    await fs.promises.mkdir(path, { mode: DIRECTORY_MODE })
  }

  rmdir(path: string): Promise<void> {
    return fs.promises.rmdir(path)
  }

  listSync(path: string): string[] {
    return fs.readdirSync(path)
  }

  list(path: string): Promise<string[]> {
    return fs.promises.readdir(path)
  }

  statSync(path: string): FileInfo | null {
    try {
      return infoOf(fs.lstatSync(path, { bigint: true }))
    } catch (error) {
      return absentOr(error)
    }
  }

  async stat(path: string): Promise<FileInfo | null> {
    try {
      return infoOf(await fs.promises.lstat(path, { bigint: true }))
    } catch (error) {
      return absentOr(error)
    }
  }

  syncDirSync(path: string): void {
    const held = heldDescriptor(path)
    if (held >= 0) return fs.fsyncSync(held)
    if (syncsByHandle) return syncBlocking(path, infoOf(fs.statSync(path, { bigint: true })).identity)
    try {
      const fd = fs.openSync(path, O_RDONLY | O_DIRECTORY)
      try {
        fs.fsyncSync(fd)
      } finally {
        fs.closeSync(fd)
      }
    } catch (error) {
      if (!isWithoutDirectorySync(error)) throw error
    }
  }

  async syncDir(path: string): Promise<void> {
    const held = heldDescriptor(path)
    if (held >= 0) return call((done) => fs.fsync(held, done as fs.NoParamCallback))
    try {
      const handle = await fs.promises.open(path, O_RDONLY | O_DIRECTORY)
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (!isWithoutDirectorySync(error)) throw error
    }
  }

  async freeBytes(path: string): Promise<number> {
    const { bavail, bsize } = await fs.promises.statfs(path)
    return bavail * bsize
  }

  realPath(path: string): Promise<string> {
    return fs.promises.realpath(path)
  }

  join(dir: string, name: string): string {
    return join(dir, name)
  }

  parent(path: string): string {
    return dirname(path)
  }

  lock(dir: string): Promise<VfsLock> {
    return lockDirectory(dir, this.lockOptions)
  }

  forceUnlock(dir: string): Promise<LockHolder | null> {
    return forceUnlock(dir, this.lockOptions)
  }
}

/** Makes the Vfs of another thread again in this one. */
export function vfsFromSpec(spec: VfsSpec): Vfs {
  switch (spec.kind) {
    case 'node':
      return new NodeVfs()
  }
}

/** Makes a holder's view of a directory again in another thread. */
export function heldVfsFromSpec(vfs: Vfs, spec: HoldSpec): HeldVfs {
  switch (spec.kind) {
    case 'node':
      return new HeldVfs(vfs, spec.dir, { place: spec.place, stateSync: () => holdState(spec) })
  }
}

function call<T>(begin: (done: (error: Error | null, result: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((error, result) => (error === null ? resolve(result) : reject(error)))
  })
}

function checkIsFile(stats: fs.Stats, path: string): void {
  if (stats.isFile()) return
  const code = stats.isDirectory() ? 'EISDIR' : 'EINVAL'
  throw new FileSystemError(code, 'open', path, 'not a regular file')
}

function infoOf(stats: fs.BigIntStats): FileInfo {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other',
    size: Number(stats.size),
    identity: `${stats.dev}:${stats.ino}`,
    mode: process.platform === 'win32' ? 0 : Number(stats.mode & 0o777n),
    modifiedMs: Number(stats.mtimeMs),
  }
}

function absentOr(error: unknown): null {
  const code = errnoOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return null
  throw error
}

/** True on Windows, which cannot sync a directory (EPERM); NTFS keeps the order of names itself. */
function isWithoutDirectorySync(error: unknown): boolean {
  return process.platform === 'win32' && errnoOf(error) === 'EPERM'
}
