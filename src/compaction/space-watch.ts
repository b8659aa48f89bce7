/**
 * What: how much a run that moves values may write, so that a collection is never what fills the disk. What it writes
 * is there beside what it will give back.
 * Owns: the last look at the disk. Does not own: what is kept free for others (host).
 * Invariants: VLG-16 a run that moves values writes no more than is free, less what the host keeps.
 * Thread: main. Nobody waits for a look: until it is answered no values are moved.
 */
import type { Clock, Timer } from '../base/index.js'
import type { CompactionPick, Picker } from '../pick/index.js'
import type { ExtraPicker } from './compaction-task.js'

/** A look is good for so long. */
const LOOK_MS = 1000
/** After a run had no room, the disk is looked at again so much later: somebody else may have made some. */
const AGAIN_MS = 10_000

export class SpaceWatch {
  private readonly clock: Clock
  private readonly roomOnDisk: () => Promise<number>
  private readonly onLooked: () => void
  private room = 0
  private lookedMs = -Infinity
  /** A look is on its way, and `onLooked` is called after it. */
  isLooking = false
  /** True since a run that moves values had no room, until one has. */
  isShort = false
  private timer: Timer | null = null

  /** `roomOnDisk` tells how much may be written; `onLooked` is called when that is known. */
  constructor(clock: Clock, roomOnDisk: () => Promise<number>, onLooked: () => void) {
    this.clock = clock
    this.roomOnDisk = roomOnDisk
    this.onLooked = onLooked
  }

  /**
   * Asks a picker, and once more with what is free when it wants to move values. Until that is known, it picks what
   * else there is to do.
   */
  pick(picker: ExtraPicker, ask: (picker: Pick<Picker, 'pick'>) => CompactionPick | null): CompactionPick | null {
    const pick = ask(picker)
    if (pick === null || pick.condemned.length === 0) return pick
    const isKnown = this.clock.nowMs() - this.lookedMs < LOOK_MS
    if (!isKnown) this.look()
    const fitting = ask(picker.within!(isKnown ? this.room : 0))
    if (isKnown) {
      this.isShort = fitting === null
      if (this.isShort) this.lookLater()
    }
    return fitting
  }

  private look(): void {
    if (this.isLooking) return
    this.isLooking = true
    void this.roomOnDisk().catch(() => Infinity).then((room) => {
      this.isLooking = false
      this.room = room
      this.lookedMs = this.clock.nowMs()
      this.onLooked()
    })
  }

  private lookLater(): void {
    this.timer ??= this.clock.after(AGAIN_MS, () => {
      this.timer = null
      this.look()
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }
}
