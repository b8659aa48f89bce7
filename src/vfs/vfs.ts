/**
 * What: the file system as a parameter. Every byte that Varve reads or writes passes through a Vfs.
 *
 * Each operation has two forms: `…Sync` blocks the thread, the other returns a promise. Both have the
 * same effect. Errors are those of the platform, with an errno name in `code` ('ENOENT', 'EEXIST',
 * 'ENOSPC', 'EIO', …); the engine wraps them. What a sync promises:
 *
 *   file.sync        content and size of this file survive power loss; says nothing about its name
 *   file.dataSync    the same (only times may be missing)
 *   vfs.syncDir      the names in this directory as they are now survive power loss; says nothing about
 *                    the content of the files, nor about the directory's own name in its parent
 *   link, rename, unlink, create, mkdir   visible at once, survive only after syncDir
 *   close            promises nothing
 *
 * A handle whose sync failed must only be closed: the same call again may return "ok" about lost data.
 */

/** How a file is opened; 'create' makes it, and refuses a name that is taken. */
export type OpenMode =
  /** Opens an existing file to read only. ENOENT when missing. Never follows a symbolic link. */
  | 'read'
  /** Opens an existing file to read and write. */
  | 'write'
  /** Makes a new file, to read and write, mode 0600. EEXIST when the name is taken. */
  | 'create'

/** What stands at a path. */
export interface FileInfo {
  /** The kind of thing; a symbolic link is 'other'. */
  kind: 'file' | 'directory' | 'other'
  /** Bytes of a file. */
  size: number
  /** Device and inode, with a colon between them: equal for two names of one file. */
  identity: string
  /** Permission bits, 0 where the platform has none. */
  mode: number
  /** When its content changed last, in milliseconds since 1970; absent where the platform does not say. */
  modifiedMs?: number
}

/** Tells whether two things stand on one volume, as far as their identities tell. */
export function areOnOneVolume(a: Pick<FileInfo, 'identity'>, b: Pick<FileInfo, 'identity'>): boolean {
  const volumeOf = ({ identity }: Pick<FileInfo, 'identity'>): string => identity.slice(0, identity.indexOf(':') + 1)
  return volumeOf(a) === volumeOf(b)
}

/**
 * An open file with a count of the operations in flight. `close` waits for them; after it was called
 * every other call throws an error with code 'EBADF', so that no late write can reach another file.
 */
export interface VfsFile {
  /** The path that it was opened with. */
  readonly path: string

  /** Reads up to `length` bytes at `position` into target[at…]; fewer only at the end of the file. */
  readSync(target: Uint8Array, at: number, length: number, position: number): number
  /** Reads as `readSync` does, asynchronously. */
  read(target: Uint8Array, at: number, length: number, position: number): Promise<number>

  /** Writes source[at, at + length) at `position`. May write fewer bytes without an error: loop. */
  writeSync(source: Uint8Array, at: number, length: number, position: number): number
  /** Writes as `writeSync` does, asynchronously. */
  write(source: Uint8Array, at: number, length: number, position: number): Promise<number>

  /** When it returns, content and size survive power loss; it says nothing about the name. */
  syncSync(): void
  /** Syncs as `syncSync` does, asynchronously. */
  sync(): Promise<void>
  /** Syncs content and size; only times may be missing. */
  dataSyncSync(): void
  /** Syncs as `dataSyncSync` does, asynchronously. */
  dataSync(): Promise<void>

  /** Cuts the file, or adds zeros. */
  truncateSync(size: number): void
  /** Cuts or grows as `truncateSync` does, asynchronously. */
  truncate(size: number): Promise<void>

  /** Bytes of the file. */
  sizeSync(): number
  /** The device and inode of the file, as in FileInfo. */
  identitySync(): string

  /** Closes the handle. Idempotent. May throw; the handle is gone all the same. */
  closeSync(): void
  /** Closes as `closeSync` does, after operations in flight. */
  close(): Promise<void>
}

/** A file that is only read. */
export type ReadOnlyFile = Pick<VfsFile, 'path' | 'readSync' | 'read' | 'sizeSync' | 'closeSync'>

/**
 * What has become of a locked directory. It was removed when it is gone, or its files are; replaced when its name
 * means another directory now, and there is no other way to it; overtaken when another holder took over, which only
 * happens after an unlock by force.
 */
export type HoldState = 'held' | 'removed' | 'replaced' | 'overtaken'

/** A lock on a directory, held by one process (or one simulated process) until released or until the process dies. */
export interface VfsLock {
  /** The number of this holder: it rises with every holder of this directory, and is never used twice. */
  readonly generation: number
  /** The device and inode of the locked directory. */
  readonly identity: string
  /**
   * A path that leads to the locked directory whatever has its name, in every thread of this process, until `release`;
   * the name itself where the platform has no such path.
   */
  readonly place: string
  /** Plain data from which another thread tells the state too; null when the Vfs cannot cross threads. */
  readonly spec: HoldSpec | null
  /** Tells whether the directory is still held. Throws what the file system throws when it cannot be seen. */
  stateSync(): HoldState
  /** Lets the directory go; the next one to open it is its holder. May throw: it is let go all the same. */
  release(): Promise<void>
  /** Releases and leaves no file of the lock: for a directory that is no database (any more). */
  discard(): Promise<void>
}

/** The process that has a directory. */
export interface LockHolder {
  /** The process id. */
  pid: number
  /** The name of its machine or container. */
  host: string
  /** When it took the directory, as ISO time. */
  since: string
}

/** A file system: each operation has a blocking form, and one that returns a promise. */
export interface Vfs {
  /** False where only the asynchronous forms exist; then the …Sync forms throw ENOTSUP. */
  readonly hasSyncIo: boolean
  /** False where a sync can only be awaited: then syncSync, dataSyncSync and syncDirSync throw. Default true. */
  readonly hasBlockingSync?: boolean
  /** Plain data from which another thread makes the same Vfs, or null when it cannot cross threads. */
  readonly workerSpec: VfsSpec | null
  /** How many files this process may have open at once; undefined where that is not known. */
  readonly openFilesMax?: number | undefined
  /** True of a holder's view of a directory (held-vfs.ts). */
  readonly isHeld?: true

  /** Opens or makes a file, never through a link. */
  openSync(path: string, mode: OpenMode): VfsFile
  /** Opens or makes a file as `openSync` does, asynchronously. */
  open(path: string, mode: OpenMode): Promise<VfsFile>

  /**
   * Opens a file to read what the disk has, past every cache of the system; null where that cannot be done. A Vfs need
   * not have it.
   */
  openDirectSync?(path: string): ReadOnlyFile | null

  /** Gives a file a second name. EEXIST when `to` is taken; ENOTSUP or EPERM without hard links. */
  linkSync(from: string, to: string): void
  /** Links as `linkSync` does, asynchronously. */
  link(from: string, to: string): Promise<void>

  /** Renames a file; replaces `to` when it is taken. */
  renameSync(from: string, to: string): void
  /** Renames as `renameSync` does, asynchronously. */
  rename(from: string, to: string): Promise<void>

  /** Removes a name of a file. */
  unlinkSync(path: string): void
  /** Removes a name as `unlinkSync` does, asynchronously. */
  unlink(path: string): Promise<void>

  /** Makes a directory, mode 0700. EEXIST when the name is taken. */
  mkdirSync(path: string): void
  /** Makes a directory as `mkdirSync` does, asynchronously. */
  mkdir(path: string): Promise<void>
  /** Removes an empty directory. */
  rmdir(path: string): Promise<void>

  /** Gives the names in the directory, in no particular order. */
  listSync(path: string): string[]
  /** Lists as `listSync` does, asynchronously. */
  list(path: string): Promise<string[]>

  /** Tells what stands at a path; null when there is nothing. Does not follow a symbolic link. */
  statSync(path: string): FileInfo | null
  /** Looks as `statSync` does, asynchronously. */
  stat(path: string): Promise<FileInfo | null>

  /** When it returns, the names in the directory survive power loss, as they are now. */
  syncDirSync(path: string): void
  /** Syncs as `syncDirSync` does, asynchronously. */
  syncDir(path: string): Promise<void>

  /** Gives the bytes that this user may still write there; Infinity when unknown. */
  freeBytes(path: string): Promise<number>

  /** Gives the absolute path without symbolic links; the path must exist. */
  realPath(path: string): Promise<string>

  /** Gives the path of `name` in `dir`. */
  join(dir: string, name: string): string
  /** Gives the directory that holds `path`. */
  parent(path: string): string

  /** Takes the lock of a directory. Throws VarveError LOCKED, naming the holder, when another process has it. */
  lock(dir: string): Promise<VfsLock>
  /** Declares an owner dead of which nothing is known, and returns it; throws LOCKED when it certainly lives. */
  forceUnlock(dir: string): Promise<LockHolder | null>
}

/** Plain data from which another thread makes the same file system. */
export interface VfsSpec {
  /** Names the file system. */
  kind: 'node'
}

/** Plain data from which another thread tells whether a directory is still held. */
export interface HoldSpec {
  /** Names the file system. */
  kind: 'node'
  /** The name of the directory. */
  dir: string
  /** A path that leads to it whatever has its name. */
  place: string
  /** Descriptor of the directory; -1 where a directory cannot be opened. */
  descriptor: number
  /** Device and inode of the directory. */
  identity: string
  /** The path of the holder's file. */
  file: string
  /** The path of the file that another holder would make. */
  nextFile: string
  /** The device and inode of the holder's file, as it was made. */
  fileIdentity: string
  /** The time when the file was made. */
  fileTime: string
  /** Random text that the holder wrote into its file, and that nobody else would write. */
  nonce: string
}
