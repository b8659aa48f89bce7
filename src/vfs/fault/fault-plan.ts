/**
 * What: which call fails, and how. The rules are the same for SimVfs and FaultyVfs.
 * Owns: the rules and how often each has hit. Deterministic: rates draw from an own seeded stream.
 */
import { SeededRandom } from '../../base/index.js'
import { fileClassesOf } from './file-op.js'
import type { FileClass, FileOp, OpKind } from './file-op.js'

/** What a failed sync does. The names follow Rebello et al., ATC 2020. */
export type SyncFailureMode =
  /** Pending effects are lost, memory keeps showing them, the next sync says "ok". */
  | 'lostClean'
  /** Pending effects are lost and memory shows the old content at once. */
  | 'revert'
  /** Pending effects are lost but this sync says "ok"; the error comes with the next one. */
  | 'late'
  /** Everything is durable in spite of the error. */
  | 'benign'

/** What goes wrong; `do` is its name. */
export type Fault =
  /** 'before': nothing happened. 'after': it happened, and the caller sees an error all the same. */
  | { do: 'error'; code: string; when?: 'before' | 'after' }
  /** A read or write of fewer bytes (default: half, at least one), without an error. */
  | { do: 'short'; bytes?: number }
  /** A sync or directory sync that fails; `code` is EIO when not given. */
  | { do: 'failSync'; mode: SyncFailureMode; code?: string }
  /** This read returns one wrong bit; a second read is right. */
  | { do: 'flipBit' }
  /** This read returns what was durable, not what was written since (SimVfs only). */
  | { do: 'staleRead' }
  /** This read or write goes to a place `by` bytes further (default 4096), or to file `path` (SimVfs). */
  | { do: 'misdirect'; by?: number; path?: string }
  /** An asynchronous call does not begin until `releaseHung`. */
  | { do: 'hang' }

/** The calls that a fault meets. A rule without more meets the next call, once. */
export interface FaultRule {
  /** What goes wrong. */
  fault: Fault
  /** The number of the first call that it meets, counting all calls from 1. */
  op?: number
  /** Only calls of this kind; 'sync' includes 'dataSync'. */
  kind?: OpKind | OpKind[]
  /** Only files of this class, as their names tell it. */
  fileClass?: FileClass | FileClass[]
  /** Only this file or directory. */
  path?: string
  /** The number of the first matching call that it meets; 1 is the first. */
  nth?: number
  /** The part of the matching calls that it hits, at random. */
  rate?: number
  /** The number of calls that it hits: 1 when not given, Infinity for all from then on. */
  times?: number
}

/** A rule at work. */
export class ActiveFault {
  /** The rule. */
  readonly rule: FaultRule
  /** Calls that matched the rule. */
  matchCount = 0
  /** Calls that it made fail. */
  hitCount = 0
  private readonly plan: FaultPlan

  /** @internal */
  constructor(rule: FaultRule, plan: FaultPlan) {
    this.rule = rule
    this.plan = plan
  }

  /** Removes the rule: it meets no call any more. */
  remove(): void {
    this.plan.remove(this)
  }
}

export class FaultPlan {
  private active: ActiveFault[] = []
  readonly random: SeededRandom

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'faults')
  }

  add(rule: FaultRule): ActiveFault {
    const active = new ActiveFault(rule, this)
    this.active.push(active)
    return active
  }

  remove(fault: ActiveFault): void {
    this.active = this.active.filter((other) => other !== fault)
  }

  clear(): void {
    this.active = []
  }

  /** The first rule that hits this call; `index` counts all calls. */
  pick(op: FileOp, index: number): Fault | null {
    for (const active of this.active) {
      const { rule } = active
      if (index < (rule.op ?? 0) || !matches(rule, op)) continue
      if (active.hitCount >= (rule.times ?? 1)) continue
      if (++active.matchCount < (rule.nth ?? 1)) continue
      if (rule.rate !== undefined && !this.random.chance(rule.rate)) continue
      active.hitCount++
      return rule.fault
    }
    return null
  }
}

function matches(rule: FaultRule, op: FileOp): boolean {
  if (rule.path !== undefined && rule.path !== op.path && rule.path !== op.to) return false
  if (rule.kind !== undefined) {
    const kind = op.kind === 'dataSync' && !includes(rule.kind, 'dataSync') ? 'sync' : op.kind
    if (!includes(rule.kind, kind)) return false
  }
  const { fileClass } = rule
  return fileClass === undefined || fileClassesOf(op).some((one) => includes(fileClass, one))
}

function includes<T>(wanted: T | T[], one: T): boolean {
  return Array.isArray(wanted) ? wanted.includes(one) : wanted === one
}

/** Bytes that a short read or write still transfers. */
export function shortLength(fault: Fault & { do: 'short' }, length: number): number {
  return Math.min(length, fault.bytes ?? Math.max(1, length >> 1))
}
