/**
 * What: tells when no write has come for a second, and until the next one comes.
 * Owns: the timer. Thread: main.
 */
import type { Clock, SeqNum, Timer } from '../base/index.js'

const QUIET_MS = 1000

export class QuietWatch {
  private readonly clock: Clock
  private readonly visibleSeqNum: () => SeqNum
  private readonly onSecond: () => void
  private timer: Timer | null = null
  /** The newest entry when it was found to be quiet. */
  private quietSeqNum: SeqNum | null = null

  /** `onSecond`: the second is over, quiet or not. */
  constructor(clock: Clock, visibleSeqNum: () => SeqNum, onSecond: () => void) {
    this.clock = clock
    this.visibleSeqNum = visibleSeqNum
    this.onSecond = onSecond
  }

  /** True from the end of a second without a write to the next write. */
  get isQuiet(): boolean {
    return this.quietSeqNum === this.visibleSeqNum()
  }

  /** It is looked again in a second, unless that is to come anyway. */
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
