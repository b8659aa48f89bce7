/**
 * What: names and directories of the simulated machine; each operation is one call through its door.
 * Owns: nothing; the tree is the machine's.
 */
import { VarveError } from '../../base/index.js'
import type { FileOp } from '../fault/file-op.js'
import { isInside, pathParts } from '../memory-vfs.js'
import { FileSystemError } from '../vfs-error.js'
import type { FileInfo, OpenMode, VfsLock } from '../vfs.js'
import { SimFile } from './sim-file.js'
import type { SimMachine } from './sim-machine.js'
import { identityOf } from './sim-node.js'
import type { SimDirectoryNode, SimFileNode, SimNode } from './sim-node.js'

interface Slot {
  dir: SimDirectoryNode
  name: string
}

export class SimNames {
  private readonly machine: SimMachine

  constructor(machine: SimMachine) {
    this.machine = machine
  }

  find(path: string): SimNode | null {
    let node: SimNode | undefined = this.machine.root
    for (const part of pathParts(path)) {
      if (node.kind !== 'directory') return null
      node = node.entries.get(part)
      if (node === undefined) return null
    }
    return node
  }

  directory(path: string, call: string): SimDirectoryNode {
    const node = this.find(path)
    if (node === null) throw new FileSystemError('ENOENT', call, path)
    if (node.kind !== 'directory') throw new FileSystemError('ENOTDIR', call, path)
    return node
  }

  file(path: string): SimFileNode {
    const node = this.find(path)
    if (node?.kind !== 'file') throw new FileSystemError('ENOENT', 'find', path)
    return node
  }

  private slotOf(path: string, call: string): Slot {
    const parts = pathParts(path)
    const name = parts.pop()
    if (name === undefined) throw new FileSystemError('EBUSY', call, path)
    return { dir: this.directory('/' + parts.join('/'), call), name }
  }

  open(path: string, mode: OpenMode): SimFile {
    const op: FileOp = { kind: mode === 'create' ? 'create' : 'open', path: normalPath(path) }
    let file: SimFile | null = null
    try {
      return this.machine.perform(op, () => (file = this.openNode(op, mode)))
    } catch (error) {
      // The file was opened, but the caller will never know.
      ;(file as SimFile | null)?.abandon()
      throw error
    }
  }

  private openNode(op: FileOp, mode: OpenMode): SimFile {
    const { machine } = this
    const { path } = op
    if (machine.openFileCount >= machine.options.openFilesMax) {
      throw new FileSystemError('EMFILE', 'open', path)
    }
    const { dir, name } = this.slotOf(path, 'open')
    let node = dir.entries.get(name)
    if (mode === 'create') {
      if (node !== undefined) throw new FileSystemError('EEXIST', 'open', path)
      machine.checkRoomForName(op)
      node = machine.newFile()
      node.linkCount++
      dir.add(machine.seq, name, node)
    }
    if (node === undefined) throw new FileSystemError('ENOENT', 'open', path)
    if (node.kind !== 'file') throw new FileSystemError('EISDIR', 'open', path)
    const use = { isWritable: mode !== 'read', findFile: (other: string) => this.file(other) }
    return new SimFile(path, node, machine, use)
  }

  link(from: string, to: string): void {
    const op: FileOp = { kind: 'link', path: normalPath(from), to: normalPath(to) }
    this.machine.perform(op, () => {
      const node = this.find(from)
      if (node === null) throw new FileSystemError('ENOENT', 'link', from)
      if (node.kind !== 'file') throw new FileSystemError('EPERM', 'link', from)
      const { dir, name } = this.slotOf(to, 'link')
      if (dir.entries.has(name)) throw new FileSystemError('EEXIST', 'link', to)
      this.machine.checkRoomForName(op)
      node.linkCount++
      dir.add(this.machine.seq, name, node)
    })
  }

  rename(from: string, to: string): void {
    const op: FileOp = { kind: 'rename', path: normalPath(from), to: normalPath(to) }
    this.machine.perform(op, () => {
      const source = this.slotOf(from, 'rename')
      const target = this.slotOf(to, 'rename')
      const node = source.dir.entries.get(source.name)
      if (node === undefined) throw new FileSystemError('ENOENT', 'rename', from)
      if (node.kind === 'directory' && isInside(pathParts(to), pathParts(from))) {
        throw new FileSystemError('EINVAL', 'rename', to)
      }
      const replaced = target.dir.entries.get(target.name)
      if (replaced === node) return
      this.machine.checkRoomForName(op)
      if (replaced !== undefined) checkReplace(node, replaced, to)
      if (replaced !== undefined) this.machine.onUnlink?.(op.to!)
      this.move(source, target, node)
      if (replaced !== undefined) this.dropLink(replaced)
    })
  }

  /** Renames. In one directory that is one effect; between two it is two, which survive independently. */
  private move(source: Slot, target: Slot, node: SimNode): void {
    const { seq } = this.machine
    if (source.dir === target.dir) source.dir.move(seq, source.name, target.name, node)
    else {
      target.dir.add(seq, target.name, node)
      source.dir.delete(seq, source.name)
    }
  }

  unlink(path: string): void {
    const op: FileOp = { kind: 'unlink', path: normalPath(path) }
    this.machine.perform(op, () => {
      const { dir, name } = this.slotOf(path, 'unlink')
      const node = dir.entries.get(name)
      if (node === undefined) throw new FileSystemError('ENOENT', 'unlink', path)
      if (node.kind !== 'file') throw new FileSystemError('EISDIR', 'unlink', path)
      this.machine.onUnlink?.(op.path)
      dir.delete(this.machine.seq, name)
      this.dropLink(node)
    })
  }

  private dropLink(node: SimNode): void {
    node.linkCount--
    this.machine.letGo(node)
  }

  mkdir(path: string): void {
    const op: FileOp = { kind: 'mkdir', path: normalPath(path) }
    this.machine.perform(op, () => {
      if (op.path === '/') throw new FileSystemError('EEXIST', 'mkdir', path)
      const { dir, name } = this.slotOf(path, 'mkdir')
      if (dir.entries.has(name)) throw new FileSystemError('EEXIST', 'mkdir', path)
      this.machine.checkRoomForName(op)
      dir.add(this.machine.seq, name, this.machine.newDirectory())
    })
  }

  rmdir(path: string): void {
    this.machine.perform({ kind: 'rmdir', path: normalPath(path) }, () => {
      const { dir, name } = this.slotOf(path, 'rmdir')
      const node = dir.entries.get(name)
      if (node === undefined) throw new FileSystemError('ENOENT', 'rmdir', path)
      if (node.kind !== 'directory') throw new FileSystemError('ENOTDIR', 'rmdir', path)
      if (node.entries.size > 0) throw new FileSystemError('ENOTEMPTY', 'rmdir', path)
      dir.delete(this.machine.seq, name)
    })
  }

  /** Lists the names, in an order that differs from call to call (C11). */
  list(path: string): string[] {
    return this.machine.perform({ kind: 'list', path: normalPath(path) }, () => {
      const names = [...this.directory(path, 'scandir').entries.keys()]
      for (let i = names.length - 1; i > 0; i--) {
        const j = this.machine.random.below(i + 1)
        const name = names[i]!
        names[i] = names[j]!
        names[j] = name
      }
      return names
    })
  }

  stat(path: string): FileInfo | null {
    return this.machine.perform({ kind: 'stat', path: normalPath(path) }, () => {
      const node = this.find(path)
      if (node === null) return null
      const isFile = node.kind === 'file'
      return {
        kind: node.kind,
        size: isFile ? node.volatile.size : 0,
        identity: identityOf(node),
        mode: isFile ? 0o600 : 0o700,
      }
    })
  }

  syncDir(path: string): void {
    this.machine.perform({ kind: 'syncDir', path: normalPath(path) }, (fault) => {
      const dir = this.directory(path, 'fsync')
      const owesError = dir.owesSyncError
      dir.owesSyncError = false
      if (fault?.do === 'failSync') {
        dir.failSync(fault.mode)
        if (fault.mode === 'late') return
        throw new FileSystemError(fault.code ?? 'EIO', 'fsync', path, 'simulated fault')
      }
      dir.sync()
      if (owesError) throw new FileSystemError('EIO', 'fsync', path, 'an earlier sync failed')
    })
  }

  freeBytes(path: string): number {
    return this.machine.perform({ kind: 'freeBytes', path: normalPath(path) }, () => {
      this.directory(path, 'statfs')
      return Math.max(0, this.machine.freeBytes)
    })
  }

  lock(path: string): VfsLock {
    return this.machine.perform({ kind: 'lock', path: normalPath(path) }, () => {
      const node = this.directory(path, 'lock')
      if (node.isLocked) {
        throw new VarveError('LOCKED', `${path} is open in the simulated process`, { hint: 'close it' })
      }
      node.isLocked = true
      const generation = ++node.lockGeneration
      const isOurs = () => node.isLocked && node.lockGeneration === generation
      const release = async (): Promise<void> => {
        if (!this.machine.isOff && isOurs()) node.isLocked = false
      }
      return {
        generation,
        place: path,
        identity: identityOf(node),
        spec: null,
        stateSync: () => {
          this.machine.checkOn({ kind: 'stat', path: normalPath(path) })
          if (!isOurs()) return 'overtaken'
          const found = this.find(path)
          if (found === node) return 'held'
          return node.entries.size === 0 ? 'removed' : 'replaced' // a directory must be empty to be removed
        },
        release,
        discard: release,
      }
    })
  }
}

export function normalPath(path: string): string {
  return '/' + pathParts(path).join('/')
}

function checkReplace(node: SimNode, replaced: SimNode, to: string): void {
  if (replaced.kind === 'directory') {
    if (node.kind !== 'directory') throw new FileSystemError('EISDIR', 'rename', to)
    if (replaced.entries.size > 0) throw new FileSystemError('ENOTEMPTY', 'rename', to)
  } else if (node.kind === 'directory') {
    throw new FileSystemError('ENOTDIR', 'rename', to)
  }
}
