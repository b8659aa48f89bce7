/**
 * What: any file system, with faults. The rules are those of SimVfs, except for what only a simulated disk can do
 * (losing what a failed sync covered): here the sync is simply not done.
 */
import type { FileInfo, LockHolder, OpenMode, Vfs, VfsFile, VfsLock } from '../vfs.js'
import { FaultDoor, throwFailedSync } from './fault-door.js'
import type { FaultyOptions } from './fault-door.js'
import type { ActiveFault, FaultRule } from './fault-plan.js'
import { FaultyFile } from './faulty-file.js'
import type { FileOp } from './file-op.js'
import type { EffectHook, OpRecorder } from './op-log.js'

/** Any file system, with faults: the rules are those of `SimVfs`, but nothing that was synced is ever lost. */
export class FaultyVfs implements Vfs {
  readonly hasSyncIo: boolean
  /** Faults stay in this thread, and so must all code that is meant to meet them. */
  readonly workerSpec = null
  readonly openFilesMax: number | undefined
  private readonly inner: Vfs
  private readonly door: FaultDoor

  /** Adds faults to the file system `inner`. */
  constructor(inner: Vfs, options: FaultyOptions = {}) {
    this.inner = inner
    this.hasSyncIo = inner.hasSyncIo
    this.openFilesMax = inner.openFilesMax
    this.door = new FaultDoor(options)
  }

  /** Adds a rule by which calls fail. */
  addFault(rule: FaultRule): ActiveFault {
    return this.door.faults.add(rule)
  }

  /** Removes all rules. */
  clearFaults(): void {
    this.door.faults.clear()
  }

  /** Lets calls go on that a rule has stopped. */
  releaseHung(): void {
    this.door.releaseHung()
  }

  /** Records calls as lines such as `write 000003.wal 0+128`, with names relative to `dir`. */
  recordOps(dir = '/'): OpRecorder {
    return this.door.log.record(dir)
  }

  /** The number of calls so far, failed ones included; `FaultRule.op` counts the same way. */
  get opCount(): number {
    return this.door.opCount
  }

  /** The number of changes of the disk so far. */
  get effectCount(): number {
    return this.door.effectCount
  }

  /** Called after every change of the disk, before the caller learns of it. */
  set onEffect(hook: EffectHook | null) {
    this.door.onEffect = hook
  }

  /** Sets how many bytes may still be written: after them comes one short write, then errors. */
  set writeBudgetBytes(bytes: number) {
    this.door.writeBudgetBytes = bytes
  }

  openSync(path: string, mode: OpenMode): VfsFile {
    let file: VfsFile | null = null
    try {
      return this.door.runSync(openOp(path, mode), () => {
        file = this.inner.openSync(path, mode)
        return new FaultyFile(file, this.door)
      })
    } catch (error) {
      ;(file as VfsFile | null)?.closeSync()
      throw error
    }
  }

  async open(path: string, mode: OpenMode): Promise<VfsFile> {
    let file: VfsFile | null = null
    try {
      return await this.door.run(openOp(path, mode), async () => {
        file = await this.inner.open(path, mode)
        return new FaultyFile(file, this.door)
      })
    } catch (error) {
      await (file as VfsFile | null)?.close()
      throw error
    }
  }

  linkSync(from: string, to: string): void {
    this.door.runSync({ kind: 'link', path: from, to }, () => this.inner.linkSync(from, to))
  }

  link(from: string, to: string): Promise<void> {
    return this.door.run({ kind: 'link', path: from, to }, () => this.inner.link(from, to))
  }

  renameSync(from: string, to: string): void {
    this.door.runSync({ kind: 'rename', path: from, to }, () => this.inner.renameSync(from, to))
  }

  rename(from: string, to: string): Promise<void> {
    return this.door.run({ kind: 'rename', path: from, to }, () => this.inner.rename(from, to))
  }

  unlinkSync(path: string): void {
    this.door.runSync({ kind: 'unlink', path }, () => this.inner.unlinkSync(path))
  }

  unlink(path: string): Promise<void> {
    return this.door.run({ kind: 'unlink', path }, () => this.inner.unlink(path))
  }

  mkdirSync(path: string): void {
    this.door.runSync({ kind: 'mkdir', path }, () => this.inner.mkdirSync(path))
  }

  mkdir(path: string): Promise<void> {
    return this.door.run({ kind: 'mkdir', path }, () => this.inner.mkdir(path))
  }

  rmdir(path: string): Promise<void> {
    return this.door.run({ kind: 'rmdir', path }, () => this.inner.rmdir(path))
  }

  listSync(path: string): string[] {
    return this.door.runSync({ kind: 'list', path }, () => this.inner.listSync(path))
  }

  list(path: string): Promise<string[]> {
    return this.door.run({ kind: 'list', path }, () => this.inner.list(path))
  }

  statSync(path: string): FileInfo | null {
    return this.door.runSync({ kind: 'stat', path }, () => this.inner.statSync(path))
  }

  stat(path: string): Promise<FileInfo | null> {
    return this.door.run({ kind: 'stat', path }, () => this.inner.stat(path))
  }

  syncDirSync(path: string): void {
    this.door.runSync({ kind: 'syncDir', path }, (fault) => {
      if (fault?.do !== 'failSync' || fault.mode === 'benign') this.inner.syncDirSync(path)
      throwFailedSync(fault, path)
    })
  }

  syncDir(path: string): Promise<void> {
    return this.door.run({ kind: 'syncDir', path }, async (fault) => {
      if (fault?.do !== 'failSync' || fault.mode === 'benign') await this.inner.syncDir(path)
      throwFailedSync(fault, path)
    })
  }

  freeBytes(path: string): Promise<number> {
    return this.door.run({ kind: 'freeBytes', path }, async () =>
      Math.min(this.door.writeBudgetBytes, await this.inner.freeBytes(path)))
  }

  realPath(path: string): Promise<string> {
    return this.inner.realPath(path)
  }

  join(dir: string, name: string): string {
    return this.inner.join(dir, name)
  }

  parent(path: string): string {
    return this.inner.parent(path)
  }

  lock(dir: string): Promise<VfsLock> {
    return this.door.run({ kind: 'lock', path: dir }, () => this.inner.lock(dir))
  }

  forceUnlock(dir: string): Promise<LockHolder | null> {
    return this.inner.forceUnlock(dir)
  }
}

function openOp(path: string, mode: OpenMode): FileOp {
  return { kind: mode === 'create' ? 'create' : 'open', path }
}
