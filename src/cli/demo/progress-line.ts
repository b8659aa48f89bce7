/**
 * What: one line that changes in place on a terminal; elsewhere a line now and then.
 */
import { systemClock } from '../../base/index.js'

const PLAIN_MS = 1000

export class ProgressLine {
  private readonly stream: NodeJS.WriteStream
  private lastMs = -Infinity
  private isShown = false

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream
  }

  show(text: string): void {
    const { stream } = this
    if (stream.isTTY) {
      // A line that wraps cannot be written over. Some terminals say that they have 0 columns.
      stream.write(`\r\u001b[2K${text.slice(0, (stream.columns || 80) - 1)}`)
      this.isShown = true
      return
    }
    const nowMs = systemClock.nowMs()
    if (nowMs - this.lastMs < PLAIN_MS) return
    this.lastMs = nowMs
    stream.write(`${text}\n`)
  }

  /** Ends the line: other text may follow. */
  end(): void {
    if (this.isShown) this.stream.write('\r\u001b[2K')
    this.isShown = false
    this.lastMs = -Infinity
  }
}
