/**
 * What: the inside of one simulated machine: disk, space, faults, log, and the one door (`perform`) that every call
 * passes.
 * Owns: everything that SimVfs and its files share.
 * States: on → off (crashed or killed): then every call fails and nothing has an effect any more.
 */
import { SeededRandom } from '../../base/index.js'
import { FaultPlan } from '../fault/fault-plan.js'
import type { Fault } from '../fault/fault-plan.js'
import { isEffect, opText } from '../fault/file-op.js'
import type { FileOp } from '../fault/file-op.js'
import { OpLog } from '../fault/op-log.js'
import type { EffectHook } from '../fault/op-log.js'
import { FileSystemError } from '../vfs-error.js'
import type { PagedBytes } from './sim-bytes.js'
import { SimDirectoryNode, SimFileNode } from './sim-node.js'
import type { SimNode } from './sim-node.js'
import { HANG, SimScheduler } from './sim-scheduler.js'

/** Options of `SimVfs`. */
export interface SimOptions {
  /** The seed of everything that is random. */
  seed?: number
  /** Bytes that the disk writes as a whole: 512 (default) or 4096. */
  sectorBytes?: number
  /** The chance for each file that a hole shows the bytes of a deleted file after power loss (C5). Default 0. */
  staleChance?: number
  /** The last write may be cut inside a sector, or leave garbage in its own range. Default false. */
  tornSector?: boolean
  /** A rename may leave both names (C7). Default false. */
  renameSplit?: boolean
  /** Names of empty files that lie in every directory but the root after power loss (C11). */
  foreignNames?: string[]
  /** Size of the disk; default Infinity. */
  capacityBytes?: number
  /** The errno of a full disk: ENOSPC (default), EDQUOT, EFBIG. */
  spaceError?: string
  /** The number of files that may be open; opening more fails with EMFILE. Default Infinity. */
  openFilesMax?: number
  /** True throws when a handle is used after a failed write or sync. Default true. */
  checkDiscipline?: boolean
  /** False makes blocking syncs throw, as under a permission model without threads. Default true. */
  hasBlockingSync?: boolean
}

/** Contents of this many deleted files are remembered for C5. */
const STALE_MAX = 32

export class SimMachine {
  readonly options: Required<SimOptions>
  readonly scheduler: SimScheduler
  readonly faults: FaultPlan
  readonly log = new OpLog()
  readonly root: SimDirectoryNode
  /** Draws the order of listings, wrong bits and the like. */
  readonly random: SeededRandom
  stale: PagedBytes[] = []
  violations: string[] = []
  nextNodeId: number
  /** The number of the call that is changing the disk now. */
  seq = 0
  opCount = 0
  effectCount = 0
  openFileCount = 0
  usedBytes = 0
  isOff = false
  onEffect: EffectHook | null = null
  onUnlink: ((path: string) => void) | null = null

  constructor(options: SimOptions, root: SimDirectoryNode | null, nextNodeId: number) {
    this.options = {
      seed: 1, sectorBytes: 512, staleChance: 0, tornSector: false, renameSplit: false,
      foreignNames: [], capacityBytes: Infinity, spaceError: 'ENOSPC', openFilesMax: Infinity,
      checkDiscipline: true, hasBlockingSync: true, ...options,
    }
    const { seed } = this.options
    this.scheduler = new SimScheduler(seed)
    this.faults = new FaultPlan(seed)
    this.random = new SeededRandom(seed, 'reads')
    this.root = root ?? new SimDirectoryNode(0)
    this.nextNodeId = nextNodeId
  }

  /** Throws on a machine that is off, as every call does. */
  checkOn(op: FileOp): void {
    if (this.isOff) throw new FileSystemError('EIO', op.kind, op.path, 'the simulated machine is off')
  }

  /** Does one call. Requires: `act` throws before it changed anything, or does `failSync` and short writes itself. */
  perform<T>(op: FileOp, act: (fault: Fault | null) => T, data?: Uint8Array, at = 0): T {
    this.checkOn(op)
    const fault = this.faults.pick(op, ++this.opCount)
    if (fault?.do === 'hang' && this.scheduler.isInTask) throw HANG
    this.seq++
    let result: T
    try {
      if (fault?.do === 'error' && fault.when !== 'after') throw faultError(fault.code, op)
      result = act(fault)
    } catch (error) {
      this.log.add(op, error instanceof FileSystemError ? error.code : String(error))
      throw error
    }
    const isLate = fault?.do === 'error'
    const written = data === undefined ? undefined : { bytes: data, at, length: op.length! }
    this.log.add(op, isLate ? fault.code : '', written)
    if (isEffect(op)) {
      this.effectCount++
      if (this.onEffect !== null) this.onEffect(this.effectCount, opText(op), op)
    }
    if (isLate) throw faultError(fault.code, op)
    return result
  }

  violation(text: string): never {
    this.violations.push(text)
    throw new Error(`simulated disk: ${text}`)
  }

  get freeBytes(): number {
    return this.options.capacityBytes - this.usedBytes
  }

  /** Throws where a blocking sync is forbidden. */
  checkBlockingSync(path: string): void {
    if (!this.options.hasBlockingSync) throw new FileSystemError('ERR_ACCESS_DENIED', 'fsync', path)
  }

  checkRoomForName(op: FileOp): void {
    if (this.freeBytes <= 0) throw new FileSystemError(this.options.spaceError, op.kind, op.path)
  }

  /** How much of [position, position + length) fits; throws when nothing does. */
  fitting(node: SimFileNode, op: FileOp, position: number, length: number): number {
    const growth = position + length - node.volatile.size
    if (growth <= this.freeBytes || growth <= 0) return length
    const fits = length - (growth - this.freeBytes)
    if (fits <= 0) throw new FileSystemError(this.options.spaceError, op.kind, op.path)
    return fits
  }

  /** Runs a change of one file and keeps the account of space. */
  changing<T>(node: SimFileNode, change: () => T): T {
    const before = node.volatile.size
    const result = change()
    this.usedBytes += node.volatile.size - before
    return result
  }

  newFile(): SimFileNode {
    return new SimFileNode(this.nextNodeId++)
  }

  newDirectory(): SimDirectoryNode {
    return new SimDirectoryNode(this.nextNodeId++)
  }

  remember(content: PagedBytes): void {
    if (this.options.staleChance === 0 || content.size === 0) return
    this.stale.push(content.share())
    if (this.stale.length > STALE_MAX) this.stale.shift()
  }

  /** Frees the space of a file when its last name and its last handle are gone. */
  letGo(node: SimNode): void {
    if (node.kind === 'directory' || node.linkCount > 0 || node.openCount > 0) return
    this.usedBytes -= node.volatile.size
    this.remember(node.volatile)
  }

  turnOff(): void {
    this.isOff = true
    this.scheduler.stop(new FileSystemError('EIO', 'wait', '/', 'the simulated machine is off'))
  }
}

function faultError(code: string, op: FileOp): FileSystemError {
  return new FileSystemError(code, op.kind, op.path, 'simulated fault')
}
