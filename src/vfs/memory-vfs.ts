/**
 * What: a whole file system in memory, for tests and for databases that need not outlive the process.
 * Owns: the tree of directories and file contents; which directories are locked.
 * Does not own: power loss and faults: sim-vfs.ts, faulty-vfs.ts.
 * Thread: the one that made it; it cannot cross threads (workerSpec is null).
 * Paths: `/` separates; a path without a leading `/` starts at the root. The root always exists.
 */
import { VarveError } from '../base/index.js'
import { FileSystemError } from './vfs-error.js'
import type { FileInfo, LockHolder, OpenMode, Vfs, VfsFile, VfsLock } from './vfs.js'

interface FileNode {
  kind: 'file'
  id: number
  /** The content, in memory that may be longer than the file; everything from `size` on is zero. */
  bytes: Uint8Array
  size: number
}

interface DirectoryNode {
  kind: 'directory'
  id: number
  entries: Map<string, Node>
  lockGeneration: number
  isLocked: boolean
}

type Node = FileNode | DirectoryNode

/** Path parts below the root, `.` and `..` resolved. */
export function pathParts(path: string): string[] {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts
}

/** A whole file system in memory, for tests and for databases that need not outlive the process. */
export class MemoryVfs implements Vfs {
  readonly hasSyncIo = true
  readonly workerSpec = null
  private nextId = 1
  private readonly root: DirectoryNode = this.newDirectory()

  private newDirectory(): DirectoryNode {
    return { kind: 'directory', id: this.nextId++, entries: new Map(), lockGeneration: 0, isLocked: false }
  }

  private find(path: string): Node | null {
    let node: Node = this.root
    for (const part of pathParts(path)) {
      if (node.kind !== 'directory') return null
      const next = node.entries.get(part)
      if (next === undefined) return null
      node = next
    }
    return node
  }

  private directory(path: string, call: string): DirectoryNode {
    const node = this.find(path)
    if (node === null) throw new FileSystemError('ENOENT', call, path)
    if (node.kind !== 'directory') throw new FileSystemError('ENOTDIR', call, path)
    return node
  }

  /** Finds the directory that holds `path`, and the last part of the name. */
  private slotOf(path: string, call: string): { dir: DirectoryNode; name: string } {
    const parts = pathParts(path)
    const name = parts.pop()
    if (name === undefined) throw new FileSystemError('EBUSY', call, path)
    return { dir: this.directory('/' + parts.join('/'), call), name }
  }

  openSync(path: string, mode: OpenMode): VfsFile {
    const { dir, name } = this.slotOf(path, 'open')
    let node = dir.entries.get(name)
    if (mode === 'create') {
      if (node !== undefined) throw new FileSystemError('EEXIST', 'open', path)
      node = { kind: 'file', id: this.nextId++, bytes: new Uint8Array(0), size: 0 }
      dir.entries.set(name, node)
    }
    if (node === undefined) throw new FileSystemError('ENOENT', 'open', path)
    if (node.kind !== 'file') throw new FileSystemError('EISDIR', 'open', path)
    return new MemoryFile(path, node, mode !== 'read')
  }

  linkSync(from: string, to: string): void {
    const node = this.find(from)
    if (node === null) throw new FileSystemError('ENOENT', 'link', from)
    if (node.kind !== 'file') throw new FileSystemError('EPERM', 'link', from)
    const { dir, name } = this.slotOf(to, 'link')
    if (dir.entries.has(name)) throw new FileSystemError('EEXIST', 'link', to)
    dir.entries.set(name, node)
  }

  renameSync(from: string, to: string): void {
    const source = this.slotOf(from, 'rename')
    const target = this.slotOf(to, 'rename')
    const node = source.dir.entries.get(source.name)
    if (node === undefined) throw new FileSystemError('ENOENT', 'rename', from)
    if (node.kind === 'directory' && isInside(pathParts(to), pathParts(from))) {
      throw new FileSystemError('EINVAL', 'rename', to)
    }
    const replaced = target.dir.entries.get(target.name)
    if (replaced === node) return
    if (replaced !== undefined) checkReplace(node, replaced, to)
    source.dir.entries.delete(source.name)
    target.dir.entries.set(target.name, node)
  }

  unlinkSync(path: string): void {
    const { dir, name } = this.slotOf(path, 'unlink')
    const node = dir.entries.get(name)
    if (node === undefined) throw new FileSystemError('ENOENT', 'unlink', path)
    if (node.kind !== 'file') throw new FileSystemError('EISDIR', 'unlink', path)
    dir.entries.delete(name)
  }

  mkdirSync(path: string): void {
    if (pathParts(path).length === 0) throw new FileSystemError('EEXIST', 'mkdir', path)
    const { dir, name } = this.slotOf(path, 'mkdir')
    if (dir.entries.has(name)) throw new FileSystemError('EEXIST', 'mkdir', path)
    dir.entries.set(name, this.newDirectory())
  }

  async rmdir(path: string): Promise<void> {
    const { dir, name } = this.slotOf(path, 'rmdir')
    const node = dir.entries.get(name)
    if (node === undefined) throw new FileSystemError('ENOENT', 'rmdir', path)
    if (node.kind !== 'directory') throw new FileSystemError('ENOTDIR', 'rmdir', path)
    if (node.entries.size > 0) throw new FileSystemError('ENOTEMPTY', 'rmdir', path)
    dir.entries.delete(name)
  }

  listSync(path: string): string[] {
    return [...this.directory(path, 'scandir').entries.keys()]
  }

  statSync(path: string): FileInfo | null {
    const node = this.find(path)
    if (node === null) return null
    const size = node.kind === 'file' ? node.size : 0
    const mode = node.kind === 'file' ? 0o600 : 0o700
    return { kind: node.kind, size, identity: `memory:${node.id}`, mode }
  }

  syncDirSync(path: string): void {
    this.directory(path, 'fsync')
  }

  async open(path: string, mode: OpenMode): Promise<VfsFile> {
    return this.openSync(path, mode)
  }

  async link(from: string, to: string): Promise<void> {
    this.linkSync(from, to)
  }

  async rename(from: string, to: string): Promise<void> {
    this.renameSync(from, to)
  }

  async unlink(path: string): Promise<void> {
    this.unlinkSync(path)
  }

  async mkdir(path: string): Promise<void> {
    this.mkdirSync(path)
  }

  async list(path: string): Promise<string[]> {
    return this.listSync(path)
  }

  async stat(path: string): Promise<FileInfo | null> {
    return this.statSync(path)
  }

  async syncDir(path: string): Promise<void> {
    this.syncDirSync(path)
  }

  async freeBytes(path: string): Promise<number> {
    this.directory(path, 'statfs')
    return Infinity
  }

  async realPath(path: string): Promise<string> {
    if (this.find(path) === null) throw new FileSystemError('ENOENT', 'realpath', path)
    return '/' + pathParts(path).join('/')
  }

  join(dir: string, name: string): string {
    return dir.endsWith('/') ? dir + name : `${dir}/${name}`
  }

  parent(path: string): string {
    return '/' + pathParts(path).slice(0, -1).join('/')
  }

  async lock(dir: string): Promise<VfsLock> {
    const node = this.directory(dir, 'lock')
    if (node.isLocked) {
      throw new VarveError('LOCKED', `${dir} is open in this process already`, { hint: 'close it there first' })
    }
    node.isLocked = true
    const generation = ++node.lockGeneration
    const release = async (): Promise<void> => {
      if (node.lockGeneration === generation) node.isLocked = false
    }
    return {
      generation,
      place: dir,
      identity: `memory:${node.id}`,
      spec: null,
      stateSync: () => {
        if (!node.isLocked || node.lockGeneration !== generation) return 'overtaken'
        const found = this.find(dir)
        if (found === node) return 'held'
        return node.entries.size === 0 ? 'removed' : 'replaced' // a directory must be empty to be removed
      },
      release,
      discard: release,
    }
  }

  async forceUnlock(dir: string): Promise<LockHolder | null> {
    if (this.directory(dir, 'lock').isLocked) {
      throw new VarveError('LOCKED', `${dir} is open in this process`, { hint: 'close it there' })
    }
    return null
  }
}

export function isInside(inner: string[], outer: string[]): boolean {
  return inner.length > outer.length && outer.every((part, i) => inner[i] === part)
}

function checkReplace(node: Node, replaced: Node, to: string): void {
  if (replaced.kind === 'directory') {
    if (node.kind !== 'directory') throw new FileSystemError('EISDIR', 'rename', to)
    if (replaced.entries.size > 0) throw new FileSystemError('ENOTEMPTY', 'rename', to)
  } else if (node.kind === 'directory') {
    throw new FileSystemError('ENOTDIR', 'rename', to)
  }
}

/** States: open → closed. Every effect happens inside the call, so close has nothing to wait for. */
class MemoryFile implements VfsFile {
  readonly path: string
  private readonly node: FileNode
  private readonly isWritable: boolean
  private isOpen = true

  constructor(path: string, node: FileNode, isWritable: boolean) {
    this.path = path
    this.node = node
    this.isWritable = isWritable
  }

  private check(call: string, needsWrite: boolean): void {
    if (!this.isOpen || (needsWrite && !this.isWritable)) throw new FileSystemError('EBADF', call, this.path)
  }

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    this.check('read', false)
    checkRange(target, at, length, position)
    const { bytes, size } = this.node
    const count = Math.min(length, Math.max(0, size - position))
    target.set(bytes.subarray(position, position + count), at)
    return count
  }

  writeSync(source: Uint8Array, at: number, length: number, position: number): number {
    this.check('write', true)
    checkRange(source, at, length, position)
    if (length === 0) return 0
    this.reserve(position + length)
    this.node.bytes.set(source.subarray(at, at + length), position)
    if (position + length > this.node.size) this.node.size = position + length
    return length
  }

  private reserve(size: number): void {
    const { bytes } = this.node
    if (size <= bytes.length) return
    const grown = new Uint8Array(Math.max(size, bytes.length * 2, 256))
    grown.set(bytes)
    this.node.bytes = grown
  }

  syncSync(): void {
    this.check('fsync', false)
  }

  dataSyncSync(): void {
    this.check('fdatasync', false)
  }

  truncateSync(size: number): void {
    this.check('ftruncate', true)
    if (size < this.node.size) this.node.bytes.fill(0, size, this.node.size)
    this.reserve(size)
    this.node.size = size
  }

  identitySync(): string {
    this.check('fstat', false)
    return `memory:${this.node.id}`
  }

  sizeSync(): number {
    this.check('fstat', false)
    return this.node.size
  }

  closeSync(): void {
    this.isOpen = false
  }

  async read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.readSync(target, at, length, position)
  }

  async write(source: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.writeSync(source, at, length, position)
  }

  async sync(): Promise<void> {
    this.syncSync()
  }

  async dataSync(): Promise<void> {
    this.dataSyncSync()
  }

  async truncate(size: number): Promise<void> {
    this.truncateSync(size)
  }

  async close(): Promise<void> {
    this.closeSync()
  }
}

/** Checks a range of a buffer, and throws as Node does: a range outside of it is the caller's bug, not an I/O error. */
export function checkRange(bytes: Uint8Array, at: number, length: number, position: number): void {
  if (at < 0 || length < 0 || at + length > bytes.length || position < 0 || !Number.isSafeInteger(position)) {
    throw new RangeError(`range ${at}+${length} at ${position} in a buffer of ${bytes.length} bytes`)
  }
}
