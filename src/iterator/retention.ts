/**
 * What: decides which versions flush and compaction must keep, by one rule for both.
 *
 * A reader at t sees an entry with number s, whose next newer version has number n (Infinity when there is
 * none), exactly when s ≤ t < n. The readers are the held snapshots, and readers at the visible sequence
 * number or above, now or later. So the entry is kept
 *   - if n > visible: a reader at or above both s and visible sees it, or will;
 *   - or if a held snapshot t has s ≤ t < n. A snapshot at s itself sees it.
 * A tombstone that this rule keeps may still go where no older version of its key lies below ('bottom'), if
 * no reader stands below it: then every older version in the stream goes too, and it hides nothing. (If it
 * were dropped above a snapshot, the older value kept for that snapshot would come back for all readers.)
 * An expired value is a tombstone when no reader can see it any more: its expiry lies before the drop time, and before
 * the time of every reader at its number or above. (A snapshot goes on at the time at which it was taken.)
 * Thread: any (pure).
 */
import type { SeqNum } from '../base/index.js'
import { isTombstone } from './visibility.js'

export interface RetentionRule {
  /** Sequence numbers of the held snapshots, ascending. */
  readonly snapshots: ArrayLike<SeqNum>
  /** The highest sequence number that a reader who comes now sees. Later readers see more. */
  readonly visibleSeqNum: SeqNum
  /**
   * The earliest time at which each held snapshot, or one above it, reads. Times need not rise with numbers: the clock
   * may have been set back. Absent: nothing expires.
   */
  readonly timesMs?: ArrayLike<number>
  /** What expires up to here may be destroyed; no later reader reads at an earlier time. Absent or 0: nothing may. */
  readonly dropTimeMs?: number
}

/** True when some reader, now or later, sees this version or is kept from an older one by it. */
export function isVersionSeen(rule: RetentionRule, seqNum: SeqNum, newerSeqNum: SeqNum): boolean {
  if (newerSeqNum > rule.visibleSeqNum) return true
  const { snapshots } = rule
  const first = firstFrom(snapshots, seqNum)
  return first < snapshots.length && snapshots[first]! < newerSeqNum
}

/** True when no reader, now or later, sees a value with this number before it expires. */
function isExpiredForAll(
  { snapshots, timesMs, dropTimeMs = 0 }: RetentionRule, seqNum: SeqNum, expiryMs: number,
): boolean {
  if (expiryMs === 0 || expiryMs > dropTimeMs) return false
  const first = firstFrom(snapshots, seqNum)
  return first === snapshots.length || (timesMs !== undefined && expiryMs <= timesMs[first]!)
}

/** The place of the first snapshot at this number or above it; the count of all when there is none. */
function firstFrom(snapshots: ArrayLike<SeqNum>, seqNum: SeqNum): number {
  let low = 0
  let high = snapshots.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (snapshots[middle]! < seqNum) low = middle + 1
    else high = middle
  }
  return low
}

/** True when no reader, now or later, stands below this sequence number. */
export function isBelowAllReaders(rule: RetentionRule, seqNum: SeqNum): boolean {
  const { snapshots, visibleSeqNum } = rule
  return seqNum <= visibleSeqNum && (snapshots.length === 0 || seqNum <= snapshots[0]!)
}

/** True when no older version of the present key lies below the output. It is called for tombstones only. */
export type BottomTest = () => boolean

const NEVER_BOTTOM: BottomTest = () => false

/** Decides about a sorted stream entry by entry, without allocation. */
export class RetentionFilter {
  keptCount = 0
  droppedVersionCount = 0
  droppedTombstoneCount = 0
  /** Expired values that were dropped, or are to be written as tombstones. */
  expiredCount = 0
  /** True when the entry that was kept last has expired: a tombstone is to be written in its place. */
  isExpired = false
  private readonly rule: RetentionRule
  private readonly isBottom: BottomTest
  /** The sequence number of the entry before, which hides this one if both have the same key. */
  private hiderSeqNum: SeqNum = 0

  constructor(rule: RetentionRule, isBottom: BottomTest = NEVER_BOTTOM) {
    this.rule = rule
    this.isBottom = isBottom
  }

  /**
   * True when the entry must be written. `isOlder` says that the entry before has the same key; `coverSeqNum` is the
   * lowest number above this one of a range tombstone over the key, or Infinity; `expiryMs` tells when the value
   * expires, 0 for never. Requires: entries come in order, each once.
   */
  keep(seqNum: number, kind: number, isOlder: boolean, coverSeqNum: number = Infinity, expiryMs: number = 0): boolean {
    const newerSeqNum = Math.min(isOlder ? this.hiderSeqNum : Infinity, coverSeqNum)
    this.hiderSeqNum = seqNum
    if (!isVersionSeen(this.rule, seqNum, newerSeqNum)) {
      this.droppedVersionCount++
      return false
    }
    this.isExpired = expiryMs !== 0 && isExpiredForAll(this.rule, seqNum, expiryMs)
    if (this.isExpired) this.expiredCount++
    if ((this.isExpired || isTombstone(kind)) && isBelowAllReaders(this.rule, seqNum) && this.isBottom()) {
      this.droppedTombstoneCount++
      return false
    }
    this.keptCount++
    return true
  }

  /** Keeps `count` entries at once, each the newest version of its key and none a tombstone. */
  keepNewest(count: number, lastSeqNum: SeqNum): void {
    this.keptCount += count
    this.hiderSeqNum = lastSeqNum
  }
}
