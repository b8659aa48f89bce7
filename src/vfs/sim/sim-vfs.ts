/**
 * What: a machine with a simulated disk: what no sync has covered may be lost, kept or mixed at a power loss,
 * every call may fail, and one seed gives one history.
 * Owns: names and directories; making other machines from this one (`clone`, `crash`, `kill`).
 * Thread: the one that made it; workerSpec is null, so background work runs here too.
 * Design: docs/design/0004-simulated-disk.md.
 */
import { SeededRandom } from '../../base/index.js'
import type { ActiveFault, FaultRule } from '../fault/fault-plan.js'
import type { EffectHook, OpRecorder } from '../fault/op-log.js'
import { pathParts } from '../memory-vfs.js'
import { FileSystemError } from '../vfs-error.js'
import type { FileInfo, LockHolder, OpenMode, Vfs, VfsFile, VfsLock } from '../vfs.js'
import { SimClock } from './sim-clock.js'
import { copyDisk, damage, finishDisk } from './sim-disk.js'
import type { Damage } from './sim-disk.js'
import { SimMachine } from './sim-machine.js'
import type { SimOptions } from './sim-machine.js'
import { normalPath, SimNames } from './sim-names.js'
import type { SimDirectoryNode } from './sim-node.js'
import { survive } from './sim-survival.js'
import type { SurvivalPolicy } from './sim-survival.js'

/** A machine with a simulated disk, which loses what was not synced, in every way that disks have shown. */
export class SimVfs implements Vfs {
  readonly hasSyncIo = true
  readonly workerSpec = null
  /** Virtual time of this machine, in one queue with its operations. */
  readonly clock: SimClock
  readonly hasBlockingSync: boolean
  private readonly machine: SimMachine
  private readonly names: SimNames

  /** Makes a machine with an empty disk. */
  constructor(options?: SimOptions)
  /** @internal */
  constructor(options: SimOptions | undefined, machine: SimMachine)
  constructor(options: SimOptions = {}, machine = new SimMachine(options, null, 1)) {
    this.machine = machine
    this.hasBlockingSync = machine.options.hasBlockingSync
    this.names = new SimNames(machine)
    this.clock = new SimClock(machine.scheduler)
  }

  // ---- What tests ask and do ----

  /** A hash that is equal for two runs with the same seed, and different when anything was done differently. */
  get traceHash(): string {
    return this.machine.log.traceHash
  }

  /** The number of calls so far, failed ones included; FaultRule.op counts the same way. */
  get opCount(): number {
    return this.machine.opCount
  }

  /** The number of changes of the disk so far. */
  get effectCount(): number {
    return this.machine.effectCount
  }

  /** The number of files that are open now. */
  get openFileCount(): number {
    return this.machine.openFileCount
  }

  /** Calls that broke the rules for handles; each was thrown where it happened too. The list must stay empty. */
  get violations(): readonly string[] {
    return this.machine.violations
  }

  /** Called after every change of the disk, before the caller learns of it. Clones may be made in it. */
  set onEffect(hook: EffectHook | null) {
    this.machine.onEffect = hook
  }

  /** Called before a name goes, also when a rename replaces it; a throw prevents it. */
  set onUnlink(hook: ((path: string) => void) | null) {
    this.machine.onUnlink = hook
  }

  /** The size of the disk: writes beyond it fail. */
  set capacityBytes(bytes: number) {
    this.machine.options.capacityBytes = bytes
  }

  /** The bytes of all files on the disk. */
  get usedBytes(): number {
    return this.machine.usedBytes
  }

  /** Adds a rule by which calls fail. */
  addFault(rule: FaultRule): ActiveFault {
    return this.machine.faults.add(rule)
  }

  /** Removes all rules. */
  clearFaults(): void {
    this.machine.faults.clear()
  }

  /** Lets calls go on that a rule has stopped. */
  releaseHung(): void {
    this.machine.scheduler.releaseHung()
  }

  /** Does every call in flight, as threads do while a caller blocks the event loop; its turns bring the answers. */
  workWhileBlocked(): void {
    this.machine.scheduler.workWhileBlocked()
  }

  /** Records calls as lines such as `write 000003.wal 0+128`, with names relative to `dir`. */
  recordOps(dir = '/'): OpRecorder {
    return this.machine.log.record(normalPath(dir))
  }

  /** Resolves when nothing is in flight any more. */
  settled(): Promise<void> {
    return this.machine.scheduler.settled()
  }

  /** Makes any later write to this file a violation. */
  seal(path: string): void {
    this.names.file(path).isSealed = true
  }

  /** Changes bytes at rest, unseen by the database. */
  damage(path: string, how: Damage): void {
    damage(this.names.file(path), how, this.machine.random)
  }

  /** Drops clean pages of a file from the cache: after a failed sync the old bytes come back. */
  evict(path: string): void {
    this.names.file(path).evict(this.machine.options.sectorBytes)
  }

  /** Lets another holder take the lock of the directory by force. */
  overtakeLock(dir: string): void {
    const node = this.names.directory(dir, 'lock')
    node.lockGeneration++
    node.isLocked = false
  }

  /** Makes the machine that a power loss now would leave; this one goes on. */
  clone(policy: SurvivalPolicy, seed: number): SimVfs {
    const { machine } = this
    const random = new SeededRandom(seed, 'survival')
    const hasWrites = policy !== 'none' && machine.scheduler.inFlightWrites.length > 0
    const now = hasWrites ? copyDisk(machine, policy === 'all' ? null : random) : machine.root
    const root = survive(now, policy, random, { ...machine.options, stale: machine.stale })
    return this.another(root, seed, true)
  }

  /** Makes the machine that the death of the process now would leave: the system's memory stays, handles are closed. */
  cloneKilled(seed: number): SimVfs {
    return this.another(copyDisk(this.machine, new SeededRandom(seed, 'survival')), seed, false)
  }

  /** Power loss: this machine is off; the returned one has the disk that is left. */
  crash(policy: SurvivalPolicy, seed: number): SimVfs {
    const next = this.clone(policy, seed)
    this.machine.turnOff()
    return next
  }

  /**
   * The process dies: this machine is off; the returned one has all that was written, unsynced effects still pending.
   */
  kill(seed: number): SimVfs {
    const next = this.cloneKilled(seed)
    this.machine.turnOff()
    return next
  }

  private another(root: SimDirectoryNode, seed: number, isPowerLoss: boolean): SimVfs {
    const { options, nextNodeId, stale } = this.machine
    const machine = new SimMachine({ ...options, seed }, root, nextNodeId)
    machine.seq = this.machine.seq + 1
    machine.stale = stale.map((content) => content.share())
    finishDisk(machine, isPowerLoss)
    const next = new SimVfs({}, machine)
    // No time is lost while a machine starts again, but none comes back either.
    next.clock.jumpWall(this.clock.wallMs() - next.clock.wallMs())
    return next
  }

  // ---- Vfs: the blocking form acts at once, the other when the scheduler picks it ----

  openSync(path: string, mode: OpenMode): VfsFile {
    return this.names.open(path, mode)
  }

  open(path: string, mode: OpenMode): Promise<VfsFile> {
    return this.later(() => this.names.open(path, mode))
  }

  linkSync(from: string, to: string): void {
    this.names.link(from, to)
  }

  link(from: string, to: string): Promise<void> {
    return this.later(() => this.names.link(from, to))
  }

  renameSync(from: string, to: string): void {
    this.names.rename(from, to)
  }

  rename(from: string, to: string): Promise<void> {
    return this.later(() => this.names.rename(from, to))
  }

  unlinkSync(path: string): void {
    this.names.unlink(path)
  }

  unlink(path: string): Promise<void> {
    return this.later(() => this.names.unlink(path))
  }

  mkdirSync(path: string): void {
    this.names.mkdir(path)
  }

  mkdir(path: string): Promise<void> {
    return this.later(() => this.names.mkdir(path))
  }

  listSync(path: string): string[] {
    return this.names.list(path)
  }

  list(path: string): Promise<string[]> {
    return this.later(() => this.names.list(path))
  }

  statSync(path: string): FileInfo | null {
    return this.names.stat(path)
  }

  stat(path: string): Promise<FileInfo | null> {
    return this.later(() => this.names.stat(path))
  }

  syncDirSync(path: string): void {
    this.machine.checkBlockingSync(path)
    this.names.syncDir(path)
  }

  syncDir(path: string): Promise<void> {
    return this.later(() => this.names.syncDir(path))
  }

  rmdir(path: string): Promise<void> {
    return this.later(() => this.names.rmdir(path))
  }

  freeBytes(path: string): Promise<number> {
    return this.later(() => this.names.freeBytes(path))
  }

  realPath(path: string): Promise<string> {
    return this.later(() => {
      if (this.names.find(path) === null) throw new FileSystemError('ENOENT', 'realpath', path)
      return normalPath(path)
    })
  }

  join(dir: string, name: string): string {
    return dir.endsWith('/') ? dir + name : `${dir}/${name}`
  }

  parent(path: string): string {
    return '/' + pathParts(path).slice(0, -1).join('/')
  }

  lock(dir: string): Promise<VfsLock> {
    return this.later(() => this.names.lock(dir))
  }

  /** Does nothing: locks of a simulated machine go with its processes, so nobody is in the way. */
  async forceUnlock(): Promise<LockHolder | null> {
    return null
  }

  private later<T>(act: () => T): Promise<T> {
    return this.machine.scheduler.submit(act)
  }
}
