/**
 * What: the sequence numbers that readers hold, so that flush and compaction keep what those see.
 * Owns: which numbers are held, how often, since when.
 * Does not own: the read state that a reader looks at; the rule (iterator/retention.ts).
 * Thread: main.
 * Invariants: `held` is ascending without repeats, each with at least one holder.
 */
import { assert } from '../base/index.js'
import type { Clock, SeqNum } from '../base/index.js'

interface HeldNumber {
  readonly seqNum: SeqNum
  readonly sinceMs: number
  holderCount: number
}

/** A point in the history of the database, held until released. */
export class Snapshot {
  readonly seqNum: SeqNum
  private list: SnapshotList | null

  constructor(seqNum: SeqNum, list: SnapshotList) {
    this.seqNum = seqNum
    this.list = list
  }

  /** Idempotent. */
  release(): void {
    const { list } = this
    this.list = null
    list?.drop(this.seqNum)
  }
}

export class SnapshotList {
  private readonly clock: Clock
  private readonly held: HeldNumber[] = []
  private holders = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  acquire(seqNum: SeqNum): Snapshot {
    const at = this.lowerBound(seqNum)
    const found = this.held[at]
    if (found !== undefined && found.seqNum === seqNum) found.holderCount++
    else this.held.splice(at, 0, { seqNum, sinceMs: this.clock.nowMs(), holderCount: 1 })
    this.holders++
    return new Snapshot(seqNum, this)
  }

  /** For Snapshot.release only. */
  drop(seqNum: SeqNum): void {
    const at = this.lowerBound(seqNum)
    const found = this.held[at]
    assert(found !== undefined && found.seqNum === seqNum, 'a released snapshot was held')
    this.holders--
    if (--found.holderCount === 0) this.held.splice(at, 1)
  }

  /** Snapshots held; those of one number count each. */
  get count(): number {
    return this.holders
  }

  /** The lowest number held, or null. */
  get oldest(): SeqNum | null {
    return this.held[0]?.seqNum ?? null
  }

  /** How long the lowest number has been held; 0 when none is. */
  get oldestAgeMs(): number {
    const oldest = this.held[0]
    return oldest === undefined ? 0 : this.clock.nowMs() - oldest.sinceMs
  }

  /** The numbers held, ascending, each once; the caller's own. */
  seqNums(): SeqNum[] {
    return this.held.map((held) => held.seqNum)
  }

  /** Position of the first held number at or above this one. */
  private lowerBound(seqNum: SeqNum): number {
    // Snapshots are taken at the newest number and mostly released soon: look from the end.
    let at = this.held.length
    while (at > 0 && this.held[at - 1]!.seqNum >= seqNum) at--
    return at
  }
}
