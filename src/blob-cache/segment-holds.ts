/**
 * What: who reads on and on from a segment, so that its file stays although the segment was removed. Whoever does not
 * read on is broken off when removed segments take too much, or after a minute.
 * Owns: the holds. Does not own: the files, their bytes (segment-set.ts).
 * Thread: main.
 * Invariants: BC-2 a file that is read from is not unlinked. BC-3 a reader that has stopped holds nothing for ever.
 */
import type { Clock, Timer } from '../base/index.js'

const IDLE_MS_MAX = 60_000

/** One reader of a segment. */
export interface Hold {
  readonly isBroken: boolean
  /** Says that a read begins. */
  begin(): void
  /** Says that a read has ended. */
  end(): void
  /** Lets the segment go. Idempotent. */
  release(): void
}

interface Holder extends Hold {
  readonly segment: number
  readonly onBroken: () => void
  isBroken: boolean
  readCount: number
  lastUseMs: number
}

export class SegmentHolds {
  private readonly clock: Clock
  /** The one that was used longest ago first. */
  private readonly holders = new Set<Holder>()
  /** What is done when nobody holds a removed segment any more. */
  private readonly removed = new Map<number, () => void>()
  private timer: Timer | null = null

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Holds a segment. `onBroken` is called when it is broken off. */
  take(segment: number, onBroken: () => void): Hold {
    const { holders, clock } = this
    const touch = () => {
      holder.lastUseMs = clock.nowMs()
      if (holders.delete(holder)) holders.add(holder)
    }
    const holder: Holder = {
      segment, onBroken, isBroken: false, readCount: 0, lastUseMs: clock.nowMs(),
      begin: () => {
        holder.readCount++
        touch()
      },
      end: () => {
        holder.readCount--
        touch()
        if (holder.isBroken && holder.readCount === 0) this.drop(holder)
      },
      release: () => this.drop(holder),
    }
    holders.add(holder)
    return holder
  }

  isHeld(segment: number): boolean {
    return [...this.holders].some((each) => each.segment === segment)
  }

  /** Does something when nobody holds the segment any more. Requires: somebody does, and nobody new will. */
  whenFree(segment: number, act: () => void): void {
    this.removed.set(segment, act)
    this.timer ??= this.clock.after(IDLE_MS_MAX, () => this.breakIdle())
  }

  private drop(holder: Holder): void {
    const { segment } = holder
    if (!this.holders.delete(holder) || this.isHeld(segment)) return
    const act = this.removed.get(segment)
    this.removed.delete(segment)
    if (this.removed.size === 0) this.stopTimer()
    act?.()
  }

  private stopTimer(): void {
    this.timer?.cancel()
    this.timer = null
  }

  private breakIdle(): void {
    this.timer = null
    const before = this.clock.nowMs() - IDLE_MS_MAX
    for (const holder of [...this.holders]) {
      const isIdle = holder.readCount === 0 && holder.lastUseMs <= before
      if (isIdle && this.removed.has(holder.segment)) this.breakOff(holder)
    }
    if (this.removed.size > 0) this.timer ??= this.clock.after(IDLE_MS_MAX, () => this.breakIdle())
  }

  /** Breaks off who has not read for the longest time from a removed segment. False when there is nobody. */
  breakIdlest(): boolean {
    for (const holder of this.holders) {
      if (holder.isBroken || !this.removed.has(holder.segment)) continue
      this.breakOff(holder)
      return true
    }
    return false
  }

  private breakOff(holder: Holder): void {
    holder.isBroken = true
    if (holder.readCount === 0) this.drop(holder)
    holder.onBroken()
  }

  /** Breaks all off. What is read now ends by itself. */
  close(): void {
    for (const holder of [...this.holders]) if (!holder.isBroken) this.breakOff(holder)
    this.stopTimer()
  }
}
