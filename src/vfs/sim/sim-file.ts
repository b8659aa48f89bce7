/**
 * What: an open file of the simulated machine.
 * Owns: what this handle has seen of failures. After a failed sync only `close` may come; after a failed write only a
 * truncate, then a sync, and `close` (invariant 20). Reads are always allowed. A failure in the thread pool counts from
 * its answer on: until then the caller cannot know.
 * States: open → closing (operations in flight) → closed. Health: good → writeFailed → cut (truncated since); any →
 * syncFailed.
 */
import { shortLength } from '../fault/fault-plan.js'
import type { Fault } from '../fault/fault-plan.js'
import type { FileOp } from '../fault/file-op.js'
import { checkRange } from '../memory-vfs.js'
import { FileSystemError } from '../vfs-error.js'
import type { VfsFile } from '../vfs.js'
import type { SimMachine } from './sim-machine.js'
import { identityOf } from './sim-node.js'
import type { SimFileNode } from './sim-node.js'
import type { InFlightWrite } from './sim-scheduler.js'

type Call = 'read' | 'write' | 'fsync' | 'fdatasync' | 'ftruncate' | 'fstat'

export class SimFile implements VfsFile {
  readonly path: string
  private readonly machine: SimMachine
  private readonly node: SimFileNode
  private readonly isWritable: boolean
  /** Finds the file that a misdirected write goes to. */
  private readonly findFile: (path: string) => SimFileNode
  private isOpen = true
  private inFlight = 0
  private whenIdle: (() => void) | null = null
  private closing: Promise<void> | null = null
  private health: 'good' | 'writeFailed' | 'cut' | 'syncFailed' = 'good'
  private seenSyncErrors: number

  constructor(
    path: string, node: SimFileNode, machine: SimMachine,
    use: { isWritable: boolean; findFile: (path: string) => SimFileNode },
  ) {
    this.path = path
    this.node = node
    this.machine = machine
    this.isWritable = use.isWritable
    this.findFile = use.findFile
    this.seenSyncErrors = node.syncErrorCount
    node.openCount++
    machine.openFileCount++
  }

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    this.checkUse('read')
    return this.doRead(target, at, length, position)
  }

  writeSync(source: Uint8Array, at: number, length: number, position: number): number {
    this.checkUse('write')
    return this.now('write', () => this.doWrite(source, at, length, position))
  }

  syncSync(): void {
    this.checkUse('fsync')
    this.machine.checkBlockingSync(this.path)
    this.now('fsync', () => this.doSync('sync'))
  }

  dataSyncSync(): void {
    this.checkUse('fdatasync')
    this.machine.checkBlockingSync(this.path)
    this.now('fdatasync', () => this.doSync('dataSync'))
  }

  truncateSync(size: number): void {
    this.checkUse('ftruncate')
    this.doTruncate(size)
  }

  identitySync(): string {
    this.checkUse('fstat')
    return identityOf(this.node)
  }

  sizeSync(): number {
    this.checkUse('fstat')
    return this.node.volatile.size
  }

  closeSync(): void {
    if (!this.isOpen) return
    this.isOpen = false
    if (this.inFlight > 0) {
      this.closing = this.closeWhenIdle()
      this.closing.catch(() => undefined)
      return
    }
    this.closing = Promise.resolve()
    this.doClose()
  }

  read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    return this.later('read', () => this.doRead(target, at, length, position))
  }

  write(source: Uint8Array, at: number, length: number, position: number): Promise<number> {
    const write = { nodeId: this.node.id, source, at, length, position }
    return this.later('write', () => this.doWrite(source, at, length, position), write)
  }

  sync(): Promise<void> {
    return this.later('fsync', () => this.doSync('sync'))
  }

  dataSync(): Promise<void> {
    return this.later('fdatasync', () => this.doSync('dataSync'))
  }

  truncate(size: number): Promise<void> {
    return this.later('ftruncate', () => this.doTruncate(size))
  }

  close(): Promise<void> {
    if (this.closing === null) {
      this.isOpen = false
      this.closing = this.closeWhenIdle()
    }
    return this.closing
  }

  /** Closes without a trace, since the caller never got this handle. */
  abandon(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.giveBack()
  }

  private giveBack(): void {
    this.node.openCount--
    this.machine.openFileCount--
    this.machine.letGo(this.node)
  }

  /** Checks the use of the handle at the call: what was in flight when another call failed breaks no rule. */
  private checkUse(call: Call): void {
    const needsWrite = call === 'write' || call === 'ftruncate'
    if (!this.isOpen || (needsWrite && !this.isWritable)) throw new FileSystemError('EBADF', call, this.path)
    const { health } = this
    if (call === 'write') this.checkDiscipline(call, health === 'good')
    else if (call === 'ftruncate') this.checkDiscipline(call, health !== 'syncFailed')
    else if (call !== 'read' && call !== 'fstat') this.checkDiscipline(call, health === 'good' || health === 'cut')
  }

  private now<T>(call: Call, act: () => T): T {
    try {
      return act()
    } catch (error) {
      this.noteFailure(call, error)
      throw error
    }
  }

  private noteFailure(call: Call, error: unknown): void {
    if (!(error instanceof FileSystemError)) return
    if (call === 'fsync' || call === 'fdatasync') this.health = 'syncFailed'
    else if (call === 'write' && this.health === 'good') this.health = 'writeFailed'
  }

  private async later<T>(
    call: Call, act: () => T, write: InFlightWrite | null = null,
  ): Promise<T> {
    this.checkUse(call)
    this.inFlight++
    try {
      return await this.machine.scheduler.submit(act, write)
    } catch (error) {
      this.noteFailure(call, error)
      throw error
    } finally {
      this.inFlight--
      if (this.inFlight === 0 && this.whenIdle !== null) this.whenIdle()
    }
  }

  private async closeWhenIdle(): Promise<void> {
    if (this.inFlight > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve))
    await this.machine.scheduler.submit(() => this.doClose())
  }

  private doClose(): void {
    if (this.machine.isOff) return
    this.giveBack()
    this.machine.perform({ kind: 'close', path: this.path }, () => undefined)
  }

  private doRead(target: Uint8Array, at: number, length: number, position: number): number {
    checkRange(target, at, length, position)
    const op: FileOp = { kind: 'read', path: this.path, position, length }
    return this.machine.perform(op, (fault) => {
      const { node } = this
      const shift = fault?.do === 'misdirect' ? (fault.by ?? 4096) : 0
      const content = fault?.do === 'staleRead' ? node.durable : node.volatile
      let count = Math.min(length, Math.max(0, node.volatile.size - position))
      if (fault?.do === 'short') count = Math.min(count, shortLength(fault, length))
      const bad = node.unreadable
      if (bad !== null && position < bad.to && position + count > bad.from) {
        throw new FileSystemError('EIO', 'read', this.path, 'bad sector')
      }
      content.read(target, at, count, position + shift)
      if (fault?.do === 'flipBit' && count > 0) {
        target[at + this.machine.random.below(count)]! ^= 1 << this.machine.random.below(8)
      }
      op.length = count
      return count
    })
  }

  private doWrite(source: Uint8Array, at: number, length: number, position: number): number {
    checkRange(source, at, length, position)
    if (this.node.isSealed) this.machine.violation(`write to sealed ${this.path}`)
    const op: FileOp = { kind: 'write', path: this.path, position, length }
    const act = (fault: Fault | null) => {
      let count = this.machine.fitting(this.node, op, position, length)
      if (fault?.do === 'short') count = Math.min(count, shortLength(fault, length))
      if (count === 0) return 0
      const isLost = fault?.do === 'misdirect'
      const node = isLost && fault.path !== undefined ? this.findFile(fault.path) : this.node
      const to = isLost ? position + (fault.by ?? 4096) : position
      this.machine.changing(node, () => node.write(this.machine.seq, source, at, count, to))
      op.length = count
      return count
    }
    return this.machine.perform(op, act, source, at)
  }

  private doTruncate(size: number): void {
    if (this.node.isSealed) this.machine.violation(`truncate of sealed ${this.path}`)
    const { machine, node } = this
    const op: FileOp = { kind: 'truncate', path: this.path, size }
    machine.perform(op, () => {
      if (size > node.volatile.size) machine.fitting(node, op, size - 1, 1)
      else if (size < node.volatile.size) machine.remember(node.volatile)
      machine.changing(node, () => node.truncate(machine.seq, size))
    })
    if (this.health === 'writeFailed') this.health = 'cut'
  }

  private doSync(kind: 'sync' | 'dataSync'): void {
    const { machine, node } = this
    const { sectorBytes } = machine.options
    machine.perform({ kind, path: this.path }, (fault) => {
      if (fault?.do === 'failSync') {
        machine.changing(node, () => node.failSync(fault.mode, sectorBytes))
        if (fault.mode === 'late') return
        this.seenSyncErrors = node.syncErrorCount
        throw new FileSystemError(fault.code ?? 'EIO', kind, this.path, 'simulated fault')
      }
      node.sync(sectorBytes)
      if (this.seenSyncErrors === node.syncErrorCount) return
      // There was an earlier failure that this handle has not reported.
      this.seenSyncErrors = node.syncErrorCount
      throw new FileSystemError('EIO', kind, this.path, 'an earlier sync failed')
    })
  }

  private checkDiscipline(call: string, isAllowed: boolean): void {
    if (isAllowed || !this.machine.options.checkDiscipline || this.machine.isOff) return
    this.machine.violation(`${call} of ${this.path} after ${this.health} (invariant 20)`)
  }
}
