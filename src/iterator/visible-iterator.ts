/**
 * What: gives what a reader at one sequence number and one time sees: the newest version of each key at or below it, no
 * tombstones, nothing that has expired or that a range tombstone hides, within a range of keys, in both directions.
 * What it gives has kinds without flags, and values without fronts.
 * Owns: its child; `close` closes it.
 * Does not own: the read state that keeps the child's bytes alive.
 * Thread: any.
 * A call may have to pass any number of entries that the reader does not see. It pauses after `stepsMax` of them:
 * then it has no result yet, and `resume` goes on.
 * States: forward: the child stands on the current entry, whose bytes are lent on. Backward: the child
 * stands before all versions of the current key, and the current entry is a copy: the newest visible
 * version is known only after the step that takes its bytes back.
 * Where a range tombstone hides many keys, children with older entries alone jump over all that it hides. Then they do
 * not stand where a turn expects them, so a turn after that seeks.
 */
import { compareBytes, compareRanges, expiryOf, frontBytes, kindOf, MiB } from '../base/index.js'
import type { InternalIterator, SeqNum } from '../base/index.js'
import { NO_BYTES } from './empty-iterator.js'
import { ALL_KEYS } from './key-range.js'
import type { KeyRange } from './key-range.js'
import { SavedKey } from './saved-key.js'
import type { SpanCover } from './span-cover.js'
import { isPlain, isSeen } from './visibility.js'

/** Versions of one key that are stepped over before the iterator seeks past the rest. */
const STEPS_BEFORE_SEEK = 16
/** Hidden keys that are stepped over before children jump behind the rest that a range tombstone hides. */
const HIDDEN_BEFORE_JUMP = 16

/** What hides values from a reader besides newer versions. */
export interface Hiding {
  /** Range tombstones; null when there are none. */
  readonly cover?: SpanCover | null
  /** The time at which the reader reads; absent or 0: nothing has expired. */
  readonly timeMs?: number
}

export class VisibleIterator implements InternalIterator {
  valid = false
  keyBytes = NO_BYTES
  keyStart = 0
  keyEnd = 0
  seqNum = 0
  kind = 0
  valueBytes = NO_BYTES
  valueStart = 0
  valueEnd = 0
  /** When the value expires, in milliseconds since 1970; 0 for never. */
  expiryMs = 0
  private readonly child: InternalIterator
  private readonly snapshot: SeqNum
  private readonly lower: Uint8Array | null
  private readonly upper: Uint8Array | null
  private readonly savedKey = new SavedKey()
  private savedValue: Uint8Array = NO_BYTES
  /** Deleted keys that the last step forward passed. */
  passedCount = 0
  /** Deleted keys that all steps forward together passed. */
  passedTotal = 0
  private forward = true
  /** Entries that a call passes before it pauses. */
  stepsMax = Infinity
  private stepCount = 0
  /** True when the last call passed as many entries as it may, and `resume` must be called. */
  isPaused = false
  /** True while a backward search is within the versions of the saved key. */
  private isInKey = false
  private isFound = false
  private invisibleCount = 0
  /** What range tombstones hide; null when there are none. */
  private readonly cover: SpanCover | null
  /** The time at which the reader reads. */
  private readonly timeMs: number
  /** Keys in a row that a range tombstone hides. */
  private hiddenInRow = 0
  /** True when children have jumped since the last seek. */
  private hasJumped = false

  constructor(
    child: InternalIterator, snapshot: SeqNum, range: KeyRange = ALL_KEYS, { cover = null, timeMs = 0 }: Hiding = {},
  ) {
    this.child = child
    this.snapshot = snapshot
    this.cover = cover
    this.timeMs = timeMs
    this.lower = range.lower
    this.upper = range.upper
  }

  first(): void {
    this.beginAnew(true)
    const { child, lower } = this
    if (lower === null) child.first()
    else child.seekGE(lower, 0, lower.length)
    this.findForward()
  }

  last(): void {
    this.beginAnew(false)
    const { child, upper } = this
    if (upper === null) child.last()
    else child.seekLT(upper, 0, upper.length)
    this.findBackward()
  }

  seekGE(bytes: Uint8Array, start: number, end: number): void {
    const { lower } = this
    if (lower !== null && compareRanges(bytes, start, end, lower, 0, lower.length) < 0) {
      this.first()
      return
    }
    this.beginAnew(true)
    this.child.seekGE(bytes, start, end)
    this.findForward()
  }

  seekLT(bytes: Uint8Array, start: number, end: number): void {
    const { upper } = this
    if (upper !== null && compareRanges(bytes, start, end, upper, 0, upper.length) > 0) {
      this.last()
      return
    }
    this.beginAnew(false)
    this.child.seekLT(bytes, start, end)
    this.findBackward()
  }

  next(): void {
    const { child, forward } = this
    this.begin(true)
    if (!forward && this.hasJumped) {
      this.hasJumped = false
      child.seekGE(this.savedKey.bytes, 0, this.savedKey.successorEnd())
    } else if (!forward) {
      if (child.valid) child.next()
      else child.first()
      this.skipSaved()
    } else {
      this.savedKey.save(child.keyBytes, child.keyStart, child.keyEnd)
      const seqNum = child.seqNum
      child.next()
      // Older versions have lower numbers: often that alone tells that this is another key.
      if (child.valid && child.seqNum < seqNum) this.skipSaved()
    }
    this.findForward()
  }

  prev(): void {
    const { forward } = this
    this.begin(false)
    if (forward && this.hasJumped) {
      this.hasJumped = false
      const { savedKey, keyBytes, keyStart, keyEnd } = this
      savedKey.save(keyBytes, keyStart, keyEnd)
      this.child.seekLT(savedKey.bytes, 0, savedKey.length)
    } else if (forward) {
      // The child is on a newer version of the same key, which the snapshot does not see, or on the key before it.
      this.child.prev()
    }
    this.findBackward()
  }

  close(): void {
    this.valid = false
    this.savedValue = NO_BYTES
    this.child.close()
  }

  /** Goes on with a call that paused. Requires: `isPaused`. */
  resume(): void {
    this.isPaused = false
    this.stepCount = 0
    if (this.forward) this.findForward()
    else this.findBackward()
  }

  private beginAnew(forward: boolean): void {
    this.hasJumped = false
    this.begin(forward)
  }

  private begin(forward: boolean): void {
    this.valid = false
    this.forward = forward
    this.isPaused = false
    this.isInKey = false
    this.stepCount = 0
    this.passedCount = 0
    this.hiddenInRow = 0
  }

  /** Counts a step; true when this call may make no more. */
  private pauses(): boolean {
    if (++this.stepCount < this.stepsMax) return false
    this.isPaused = true
    return true
  }

  /** Searches forward from the child's entry, which is the newest version of its key or follows invisible ones only. */
  private findForward(): void {
    const { child, snapshot, upper } = this
    while (child.valid) {
      if (upper !== null && this.compareChildKey(upper) >= 0) return
      if (child.seqNum > snapshot) {
        child.next()
      } else if (this.isSeenChild()) {
        this.loadChild()
        return
      } else {
        this.passedCount++
        this.passedTotal++
        this.savedKey.save(child.keyBytes, child.keyStart, child.keyEnd)
        child.next()
        this.skipSaved()
        if (this.hiddenInRow > HIDDEN_BEFORE_JUMP && child.valid) this.jumpForward()
      }
      if (this.pauses()) return
    }
  }

  /** True when the child's entry, which the snapshot sees, is a value that no range tombstone hides. */
  private isSeenChild(): boolean {
    const { child, cover, timeMs } = this
    if (cover !== null) {
      if (cover.hides(child.keyBytes, child.keyStart, child.keyEnd, child.seqNum)) {
        this.hiddenInRow++
        return false
      }
      this.hiddenInRow = 0
    }
    const { kind } = child
    return isPlain(kind) || isSeen(kind, expiryOf(kind, child.valueBytes, child.valueStart), timeMs)
  }

  /** Lets children jump to the end of the region of the last key, and no further than the range. */
  private jumpForward(): void {
    const { child, cover, upper } = this
    const regionEnd = cover!.regionEnd()
    const isRangeShorter = upper !== null && (regionEnd === null || compareBytes(upper, regionEnd) < 0)
    this.hiddenInRow = 0
    this.hasJumped = true
    child.passOlder?.(cover!.seqNum, isRangeShorter ? upper : regionEnd, true)
  }

  private jumpBackward(): void {
    const { child, cover, lower } = this
    const regionStart = cover!.regionStart()
    const isRangeShorter = lower !== null && (regionStart === null || compareBytes(lower, regionStart) > 0)
    this.hiddenInRow = 0
    this.hasJumped = true
    child.passOlder?.(cover!.seqNum, isRangeShorter ? lower : regionStart, false)
  }

  /** Moves forward over the remaining versions of the saved key. */
  private skipSaved(): void {
    const { child, savedKey } = this
    for (let steps = 0; child.valid && this.isSaved(); steps++) {
      if (steps < STEPS_BEFORE_SEEK) child.next()
      else child.seekGE(savedKey.bytes, 0, savedKey.successorEnd())
    }
  }

  /** Searches backward from the child's entry, which is the oldest version of its key, or any one after a pause. */
  private findBackward(): void {
    const { child, lower } = this
    while (child.valid || this.isInKey) {
      if (!this.isInKey) {
        if (lower !== null && this.compareChildKey(lower) < 0) return
        this.savedKey.save(child.keyBytes, child.keyStart, child.keyEnd)
        this.isInKey = true
        this.isFound = false
        this.invisibleCount = 0
      }
      if (!this.passVersions()) return
      this.isInKey = false
      if (this.isFound) {
        this.loadSaved()
        return
      }
      if (this.hiddenInRow > HIDDEN_BEFORE_JUMP && child.valid) this.jumpBackward()
      if (this.pauses()) return
    }
  }

  /** Moves back over all versions of the saved key and saves the newest visible one. False when it pauses before. */
  private passVersions(): boolean {
    const { child, snapshot, savedKey } = this
    for (;;) {
      if (child.seqNum <= snapshot) {
        this.isFound = this.isSeenChild()
        if (this.isFound) this.saveValue()
      } else if (++this.invisibleCount > STEPS_BEFORE_SEEK) {
        child.seekLT(savedKey.bytes, 0, savedKey.length)
        return true
      }
      const seqNum = child.seqNum
      child.prev()
      if (!child.valid || child.seqNum < seqNum || !this.isSaved()) return true
      if (this.pauses()) return false
    }
  }

  private saveValue(): void {
    const { child } = this
    const { kind, valueBytes, valueEnd } = child
    const valueStart = child.valueStart + frontBytes(kind)
    const length = valueEnd - valueStart
    if (length > this.savedValue.length) {
      this.savedValue = new Uint8Array(length < MiB ? 2 * length : length)
    }
    this.savedValue.set(valueBytes.subarray(valueStart, valueEnd))
    this.seqNum = child.seqNum
    this.kind = kindOf(kind)
    this.expiryMs = expiryOf(kind, valueBytes, child.valueStart)
    this.valueEnd = length
  }

  private isSaved(): boolean {
    const { child } = this
    return this.savedKey.equals(child.keyBytes, child.keyStart, child.keyEnd)
  }

  private compareChildKey(bound: Uint8Array): number {
    const { child } = this
    return compareRanges(child.keyBytes, child.keyStart, child.keyEnd, bound, 0, bound.length)
  }

  private loadSaved(): void {
    this.keyBytes = this.savedKey.bytes
    this.keyStart = 0
    this.keyEnd = this.savedKey.length
    this.valueBytes = this.savedValue
    this.valueStart = 0
    this.valid = true
  }

  private loadChild(): void {
    const { child } = this
    const { kind } = child
    this.keyBytes = child.keyBytes
    this.keyStart = child.keyStart
    this.keyEnd = child.keyEnd
    this.seqNum = child.seqNum
    this.kind = kindOf(kind)
    this.expiryMs = expiryOf(kind, child.valueBytes, child.valueStart)
    this.valueBytes = child.valueBytes
    this.valueStart = child.valueStart + frontBytes(kind)
    this.valueEnd = child.valueEnd
    this.valid = true
  }
}
