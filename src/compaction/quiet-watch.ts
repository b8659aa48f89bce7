/**
 * What: tells when no write has come for a second. The quiet time lasts until the next write.
 * Owns: the timer. Thread: main.
 */
import type { Clock, SeqNum, Timer } from '../base/index.js'

const QUIET_MS = 1000

export class QuietWatch {
  private readonly clock: Clock
  private readonly visibleSeqNum: () => SeqNum
  private readonly onSecond: () => void
  private timer: Timer | null = null
  /** The newest sequence number when the quiet time began. */
  private quietSeqNum: SeqNum | null = null

  /** `onSecond` is called at the end of each watched second, quiet or not. */
  constructor(clock: Clock, visibleSeqNum: () => SeqNum, onSecond: () => void) {
    this.clock = clock
    this.visibleSeqNum = visibleSeqNum
    this.onSecond = onSecond
  }

  /** True from the end of a second without a write to the next write. */
  get isQuiet(): boolean {
    return this.quietSeqNum === this.visibleSeqNum()
  }

  /** Watches the next second, unless one is being watched already. */
  watch(): void {
    if (this.timer !== null) return
    const seqNum = this.visibleSeqNum()
    this.timer = this.clock.after(QUIET_MS, () => {
      this.timer = null
      if (this.visibleSeqNum() === seqNum) this.quietSeqNum = seqNum
      this.onSecond()
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }
}
