/**
 * What: what every call of a FaultyVfs and its files passes.
 * Owns: rules, log and the budget of bytes that may still be written.
 */
import { errnoOf, SeededRandom } from '../../base/index.js'
import { FileSystemError } from '../vfs-error.js'
import { FaultPlan } from './fault-plan.js'
import type { Fault } from './fault-plan.js'
import { isEffect, opText } from './file-op.js'
import type { FileOp } from './file-op.js'
import { OpLog } from './op-log.js'

/** Options of `FaultyVfs`. */
export interface FaultyOptions {
  /** The seed of everything that is random. */
  seed?: number
  /** The errno of a write when the budget is used up. Default ENOSPC. */
  spaceError?: string
}

export class FaultDoor {
  readonly faults: FaultPlan
  readonly log = new OpLog()
  readonly random: SeededRandom
  readonly spaceError: string
  writeBudgetBytes = Infinity
  opCount = 0
  effectCount = 0
  onEffect: ((index: number, description: string, op: FileOp) => void) | null = null
  private waiting: (() => void)[] = []

  constructor(options: FaultyOptions) {
    const seed = options.seed ?? 1
    this.faults = new FaultPlan(seed)
    this.random = new SeededRandom(seed, 'reads')
    this.spaceError = options.spaceError ?? 'ENOSPC'
  }

  runSync<T>(op: FileOp, act: (fault: Fault | null) => T): T {
    const fault = this.begin(op)
    try {
      if (fault?.do === 'error' && fault.when !== 'after') throw faultError(fault.code, op)
      return this.end(op, fault, act(fault))
    } catch (error) {
      this.noteFailure(op, error)
      throw error
    }
  }

  async run<T>(op: FileOp, act: (fault: Fault | null) => Promise<T>): Promise<T> {
    const fault = this.begin(op)
    try {
      if (fault?.do === 'error' && fault.when !== 'after') throw faultError(fault.code, op)
      if (fault?.do === 'hang') await new Promise<void>((resolve) => this.waiting.push(resolve))
      return this.end(op, fault, await act(fault))
    } catch (error) {
      this.noteFailure(op, error)
      throw error
    }
  }

  releaseHung(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** Takes bytes for a write of `length` from the budget; gives how many may be written. */
  spend(op: FileOp, length: number): number {
    const count = Math.min(length, this.writeBudgetBytes)
    if (count <= 0 && length > 0) throw new FileSystemError(this.spaceError, op.kind, op.path)
    this.writeBudgetBytes -= count
    return count
  }

  private begin(op: FileOp): Fault | null {
    return this.faults.pick(op, ++this.opCount)
  }

  private end<T>(op: FileOp, fault: Fault | null, result: T): T {
    const isLate = fault?.do === 'error'
    if (!isLate) this.log.add(op, '')
    if (isEffect(op)) this.onEffect?.(++this.effectCount, opText(op), op)
    if (isLate) throw faultError(fault.code, op)
    return result
  }

  private noteFailure(op: FileOp, error: unknown): void {
    this.log.add(op, errnoOf(error) || String(error))
  }
}

function faultError(code: string, op: FileOp): FileSystemError {
  return new FileSystemError(code, op.kind, op.path, 'simulated fault')
}

export function throwFailedSync(fault: Fault | null, path: string): void {
  if (fault?.do !== 'failSync' || fault.mode === 'late') return
  throw new FileSystemError(fault.code ?? 'EIO', 'fsync', path, 'simulated fault')
}
