/**
 * What: an open file of a FaultyVfs. The inner file does the work and counts operations.
 */
import { FileSystemError } from '../vfs-error.js'
import type { VfsFile } from '../vfs.js'
import { throwFailedSync } from './fault-door.js'
import type { FaultDoor } from './fault-door.js'
import { shortLength } from './fault-plan.js'
import type { Fault } from './fault-plan.js'
import type { FileOp } from './file-op.js'

export class FaultyFile implements VfsFile {
  readonly path: string
  private readonly inner: VfsFile
  private readonly door: FaultDoor
  /** A sync said "ok" although it was not done ('late'): the next one fails. */
  private owesSyncError = false
  private isClosed = false

  constructor(inner: VfsFile, door: FaultDoor) {
    this.path = inner.path
    this.inner = inner
    this.door = door
  }

  readSync(target: Uint8Array, at: number, length: number, position: number): number {
    const op: FileOp = { kind: 'read', path: this.path, position, length }
    return this.door.runSync(op, (fault) => {
      const count = this.inner.readSync(target, at, shortened(fault, length), shifted(fault, position))
      return this.afterRead(op, fault, { target, at, count })
    })
  }

  read(target: Uint8Array, at: number, length: number, position: number): Promise<number> {
    const op: FileOp = { kind: 'read', path: this.path, position, length }
    return this.door.run(op, async (fault) => {
      const count = await this.inner.read(target, at, shortened(fault, length), shifted(fault, position))
      return this.afterRead(op, fault, { target, at, count })
    })
  }

  private afterRead(
    op: FileOp, fault: Fault | null, done: { target: Uint8Array; at: number; count: number },
  ): number {
    const { target, at, count } = done
    op.length = count
    if (fault?.do === 'flipBit' && count > 0) {
      target[at + this.door.random.below(count)]! ^= 1 << this.door.random.below(8)
    }
    return count
  }

  writeSync(source: Uint8Array, at: number, length: number, position: number): number {
    const op: FileOp = { kind: 'write', path: this.path, position, length }
    return this.door.runSync(op, (fault) => {
      const count = this.door.spend(op, shortened(fault, length))
      return (op.length = this.inner.writeSync(source, at, count, shifted(fault, position)))
    })
  }

  write(source: Uint8Array, at: number, length: number, position: number): Promise<number> {
    const op: FileOp = { kind: 'write', path: this.path, position, length }
    return this.door.run(op, async (fault) => {
      const count = this.door.spend(op, shortened(fault, length))
      return (op.length = await this.inner.write(source, at, count, shifted(fault, position)))
    })
  }

  syncSync(): void {
    this.door.runSync({ kind: 'sync', path: this.path }, (fault) => {
      if (isDone(fault)) this.inner.syncSync()
      this.afterSync(fault)
    })
  }

  sync(): Promise<void> {
    return this.door.run({ kind: 'sync', path: this.path }, async (fault) => {
      if (isDone(fault)) await this.inner.sync()
      this.afterSync(fault)
    })
  }

  dataSyncSync(): void {
    this.door.runSync({ kind: 'dataSync', path: this.path }, (fault) => {
      if (isDone(fault)) this.inner.dataSyncSync()
      this.afterSync(fault)
    })
  }

  dataSync(): Promise<void> {
    return this.door.run({ kind: 'dataSync', path: this.path }, async (fault) => {
      if (isDone(fault)) await this.inner.dataSync()
      this.afterSync(fault)
    })
  }

  private afterSync(fault: Fault | null): void {
    const owesError = this.owesSyncError
    this.owesSyncError = fault?.do === 'failSync' && fault.mode === 'late'
    throwFailedSync(fault, this.path)
    if (owesError) throw new FileSystemError('EIO', 'fsync', this.path, 'an earlier sync failed')
  }

  truncateSync(size: number): void {
    const op: FileOp = { kind: 'truncate', path: this.path, size }
    this.door.runSync(op, () => this.inner.truncateSync(size))
  }

  truncate(size: number): Promise<void> {
    return this.door.run({ kind: 'truncate', path: this.path, size }, () => this.inner.truncate(size))
  }

  identitySync(): string {
    return this.inner.identitySync()
  }

  sizeSync(): number {
    return this.inner.sizeSync()
  }

  /** Closes the handle, and reports a fault only when it is gone. */
  closeSync(): void {
    this.inner.closeSync()
    if (this.isClosed) return
    this.isClosed = true
    this.door.runSync({ kind: 'close', path: this.path }, () => undefined)
  }

  async close(): Promise<void> {
    const isFirst = !this.isClosed
    this.isClosed = true
    await this.inner.close()
    if (isFirst) await this.door.run({ kind: 'close', path: this.path }, async () => undefined)
  }
}

function isDone(fault: Fault | null): boolean {
  return fault?.do !== 'failSync' || fault.mode === 'benign'
}

function shortened(fault: Fault | null, length: number): number {
  return fault?.do === 'short' ? shortLength(fault, length) : length
}

function shifted(fault: Fault | null, position: number): number {
  return fault?.do === 'misdirect' ? position + (fault.by ?? 4096) : position
}
