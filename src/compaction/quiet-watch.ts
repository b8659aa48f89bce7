/**
 * What: tells when writes pause, and when it is quiet: no write has come for a quarter of a second, or for a second.
 * Both last until the next write.
 * Owns: the timer. Thread: main.
 */
import type { Clock, SeqNum, Timer } from '../base/index.js'

const PAUSE_MS = 250
const QUIET_MS = 1000

export class QuietWatch {
  private readonly clock: Clock
  private readonly visibleSeqNum: () => SeqNum
  private readonly onPause: () => void
  private readonly onLooked: () => void
  private timer: Timer | null = null
  /** The newest sequence number when the last watch ended, if it saw no write. */
  private stillSeqNum: SeqNum | null = null
  /** When the first watch began that saw no write since then. */
  private stillFromMs = 0

  /** `onPause` is called when a pause begins, `onLooked` at the end of each watch, whether a write has come or not. */
  constructor(clock: Clock, visibleSeqNum: () => SeqNum, told: { onPause: () => void; onLooked: () => void }) {
    this.clock = clock
    this.visibleSeqNum = visibleSeqNum
    this.onPause = told.onPause
    this.onLooked = told.onLooked
  }

  /** True from the end of a quarter of a second without a write to the next write. */
  get isPaused(): boolean {
    return this.stillSeqNum === this.visibleSeqNum()
  }

  /** True from the end of a second without a write to the next write. */
  get isQuiet(): boolean {
    return this.isPaused && this.clock.nowMs() - this.stillFromMs >= QUIET_MS
  }

  /** Watches for the time of a pause, or for a second when it is quiet, unless a watch is under way. */
  watch(): void {
    if (this.timer !== null) return
    const { clock } = this
    const seqNum = this.visibleSeqNum()
    const fromMs = clock.nowMs()
    this.timer = clock.after(this.isQuiet ? QUIET_MS : PAUSE_MS, () => {
      this.timer = null
      if (this.visibleSeqNum() === seqNum && this.stillSeqNum !== seqNum) {
        this.stillSeqNum = seqNum
        this.stillFromMs = fromMs
        this.onPause()
      }
      this.onLooked()
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }
}
