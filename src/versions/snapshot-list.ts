/**
 * What: the sequence numbers that readers hold, so that flush and compaction keep the entries that those see.
 * Owns: which numbers are held, how often, since when.
 * Does not own: the read state that a reader looks at; the rule (iterator/retention.ts).
 * Thread: main.
 * Invariants: the numbers rise from `oldestHeld` to `newestHeld` without repeats, each with at least one holder.
 */
import { assert } from '../base/index.js'
import type { Clock, SeqNum } from '../base/index.js'
import { FixedTime } from '../iterator/index.js'
import type { RetentionRule } from '../iterator/index.js'

/** A number in a chain, so that thousands of snapshots go in any order without a search. */
interface HeldNumber {
  readonly seqNum: SeqNum
  readonly sinceMs: number
  /** The earliest time at which one of its holders reads. */
  timeMs: number
  holderCount: number
  older: HeldNumber | null
  newer: HeldNumber | null
}

/** A point in the history of the database, held until released. */
export class Snapshot {
  readonly seqNum: SeqNum
  readonly time: FixedTime
  private held: HeldNumber | null
  private readonly list: SnapshotList

  constructor(held: HeldNumber, timeMs: number, list: SnapshotList) {
    this.seqNum = held.seqNum
    this.time = new FixedTime(timeMs)
    this.held = held
    this.list = list
  }

  /** Lets the point go. Idempotent. */
  release(): void {
    const { held } = this
    this.held = null
    if (held !== null) this.list.drop(held)
  }
}

export class SnapshotList {
  private readonly clock: Clock
  private readonly visible: () => SeqNum
  private readonly beginDrop: () => number
  private oldestHeld: HeldNumber | null = null
  private newestHeld: HeldNumber | null = null
  private holders = 0

  /**
   * Makes an empty list; `visible` gives the number that a reader which begins now sees. `beginDrop` gives the time up
   * to which a job that begins now may destroy what expired; from then on no reader begins at an earlier time.
   */
  constructor(clock: Clock, visible: () => SeqNum, beginDrop: () => number = () => 0) {
    this.clock = clock
    this.visible = visible
    this.beginDrop = beginDrop
  }

  /** The number that a reader which begins now sees. */
  get visibleSeqNum(): SeqNum {
    return this.visible()
  }

  /** What flush and compaction must keep if they begin now. */
  takeRule(): RetentionRule {
    const dropTimeMs = this.beginDrop()
    return { snapshots: this.seqNums(), visibleSeqNum: this.visibleSeqNum, timesMs: this.timesMs(), dropTimeMs }
  }

  /** The earliest time at which a reader with this number or a higher one reads; Infinity when there is none. */
  earliestTimeFrom(seqNum: SeqNum): number {
    let earliestMs = Infinity
    for (let held = this.newestHeld; held !== null && held.seqNum >= seqNum; held = held.older) {
      earliestMs = Math.min(earliestMs, held.timeMs)
    }
    return earliestMs
  }

  /** Holds this number for a reader that reads at this time; by default at one at which nothing has expired. */
  hold(seqNum: SeqNum, timeMs = 0): Snapshot {
    // The search begins at the end, since snapshots are mostly taken at the newest number.
    let older = this.newestHeld
    while (older !== null && older.seqNum > seqNum) older = older.older
    const held = older !== null && older.seqNum === seqNum ? older : this.insert(seqNum, older)
    held.timeMs = Math.min(held.timeMs, timeMs)
    held.holderCount++
    this.holders++
    return new Snapshot(held, timeMs, this)
  }

  private insert(seqNum: SeqNum, older: HeldNumber | null): HeldNumber {
    const newer = older === null ? this.oldestHeld : older.newer
    const held = { seqNum, sinceMs: this.clock.nowMs(), timeMs: Infinity, holderCount: 0, older, newer }
    this.link(older, held)
    this.link(held, newer)
    return held
  }

  /** Removes a holder; only Snapshot.release calls it. */
  drop(held: HeldNumber): void {
    assert(held.holderCount > 0, 'a released snapshot was held')
    this.holders--
    if (--held.holderCount === 0) this.link(held.older, held.newer)
  }

  /** Makes two numbers neighbours; null is the end of the chain. */
  private link(older: HeldNumber | null, newer: HeldNumber | null): void {
    if (older === null) this.oldestHeld = newer
    else older.newer = newer
    if (newer === null) this.newestHeld = older
    else newer.older = older
  }

  /** The number of snapshots held; those at one sequence number count each. */
  get count(): number {
    return this.holders
  }

  /** The lowest number held, or null. */
  get oldest(): SeqNum | null {
    return this.oldestHeld?.seqNum ?? null
  }

  /** How long the lowest number has been held; 0 when none is. */
  get oldestAgeMs(): number {
    return this.oldestHeld === null ? 0 : this.clock.nowMs() - this.oldestHeld.sinceMs
  }

  /** What is held, oldest first: how often, and for how long. */
  held(): { seqNum: SeqNum; holderCount: number; ageMs: number }[] {
    const nowMs = this.clock.nowMs()
    const found: { seqNum: SeqNum; holderCount: number; ageMs: number }[] = []
    for (let held = this.oldestHeld; held !== null; held = held.newer) {
      found.push({ seqNum: held.seqNum, holderCount: held.holderCount, ageMs: nowMs - held.sinceMs })
    }
    return found
  }

  /** The numbers held, ascending, each once, in an array of the caller's own. */
  seqNums(): SeqNum[] {
    const found: SeqNum[] = []
    for (let held = this.oldestHeld; held !== null; held = held.newer) found.push(held.seqNum)
    return found
  }

  /** The earliest time at which a reader at each number held, or above it, reads. */
  private timesMs(): number[] {
    const found: number[] = []
    let earliestMs = Infinity
    for (let held = this.newestHeld; held !== null; held = held.older) {
      earliestMs = Math.min(earliestMs, held.timeMs)
      found.push(earliestMs)
    }
    return found.reverse()
  }
}
