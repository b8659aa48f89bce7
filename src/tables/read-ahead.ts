/**
 * What: how much memory the walks of a database may take for values that nobody has asked for yet.
 * A walk that is left open holds what it read ahead; when another one needs the memory, the one whose last use is
 * longest ago gives it up, and reads again when it goes on. So thousands of open walks take no more than one.
 * Owns: the count, and the order of use. Does not own: the bytes.
 * Thread: main.
 * Invariants: READ-7 what walks have read ahead is never more than `bytesMax`.
 */
import { assert, MiB } from '../base/index.js'

/** A walk that has read ahead. */
export interface AheadReader {
  /** Gives up what it has read ahead; it is called only while it rests. */
  dropAhead(): void
}

interface Hold {
  bytes: number
  isResting: boolean
}

export class ReadAhead {
  /** What all walks hold. */
  bytes = 0
  /** The most that they held since this was last looked at. */
  peakBytes = 0
  bytesMax = MiB
  /** Called when `peakBytes` has grown. */
  onGrown: () => void = () => undefined
  /** The one whose last use is longest ago is the first. */
  private readonly holds = new Map<AheadReader, Hold>()

  /** The most that a walk may take now, if those that rest give up theirs. */
  get room(): number {
    let busy = 0
    for (const { bytes, isResting } of this.holds.values()) if (!isResting) busy += bytes
    return Math.max(0, this.bytesMax - busy)
  }

  /** Takes memory for a walk that has none; others give up theirs for it. Requires: `bytes` ≤ `room`. */
  take(reader: AheadReader, bytes: number): void {
    assert(!this.holds.has(reader), 'a walk reads ahead once at a time')
    for (const [other, { isResting }] of this.holds) {
      if (this.bytes + bytes <= this.bytesMax) break
      if (!isResting) continue
      other.dropAhead()
      this.give(other)
    }
    assert(this.bytes + bytes <= this.bytesMax, 'there is room for what is read ahead')
    this.holds.set(reader, { bytes, isResting: false })
    this.bytes += bytes
    if (this.bytes <= this.peakBytes) return
    this.peakBytes = this.bytes
    this.onGrown()
  }

  /** The walk waits for its caller: what it holds may be asked back. */
  rest(reader: AheadReader): void {
    const hold = this.holds.get(reader)
    if (hold === undefined) return
    hold.isResting = true
    this.holds.delete(reader)
    this.holds.set(reader, hold)
  }

  /** Gives back what the walk holds, if it holds anything. */
  give(reader: AheadReader): void {
    this.bytes -= this.holds.get(reader)?.bytes ?? 0
    this.holds.delete(reader)
  }

  /** Begins to look for the peak anew. */
  lookAtPeak(): number {
    return (this.peakBytes = this.bytes)
  }
}
