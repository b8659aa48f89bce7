/**
 * What: one line that tells how far a long command has come: what is done, how fast, how long it still takes.
 * Owns: the last line of the terminal behind standard error, while it is shown. Shows nothing elsewhere.
 * Thread: main.
 */
import type { Clock } from '../../base/index.js'
import type { Progress } from '../../report/index.js'
import type { ProgressScreen } from '../command.js'
import { countText } from '../demo/numbers.js'
import { amountText } from './quantities.js'
import { displayWidth } from './text-table.js'

const BAR_CHARACTERS = 20
/** Erases the line, and goes to its beginning. */
const ERASE = '\r\u001b[2K'
/** The rate is that of about this long. */
const RATE_MS = 5000

export class ProgressBar {
  private readonly screen: ProgressScreen | null
  private readonly clock: Clock
  private readonly title: string
  private readonly marks: { ms: number; bytes: number }[] = []
  private isShown = false

  /** Null for the screen shows nothing. */
  constructor(screen: ProgressScreen | null, clock: Clock, title: string) {
    this.screen = screen
    this.clock = clock
    this.title = title
  }

  readonly show = (progress: Progress): void => {
    if (this.screen === null) return
    const { marks } = this
    const mark = { ms: this.clock.nowMs(), bytes: progress.doneBytes }
    while (marks.length > 1 && mark.ms - marks[1]!.ms >= RATE_MS) marks.shift()
    marks.push(mark)
    const first = marks[0]!
    const bytesPerMs = mark.ms > first.ms ? (mark.bytes - first.bytes) / (mark.ms - first.ms) : 0
    const text = progressText(this.title, progress, bytesPerMs)
    // A line that wraps could not be written over.
    this.screen.write(ERASE + cutTo(text, (this.screen.columns || 80) - 1))
    this.isShown = true
  }

  /** Takes the line away: other text may follow. */
  end(): void {
    if (this.isShown) this.screen?.write(ERASE)
    this.isShown = false
  }
}

function cutTo(text: string, width: number): string {
  let end = text
  while (displayWidth(end) > width) end = end.slice(0, -1)
  return end
}

/** Gives the line without control characters. */
function progressText(title: string, progress: Progress, bytesPerMs: number): string {
  const { doneBytes, totalBytes, doneCount, totalCount } = progress
  const parts = [title]
  const [done, total] = totalBytes !== null ? [doneBytes, totalBytes] : [doneCount, totalCount]
  if (total !== null && total > 0) {
    const share = Math.min(1, done / total)
    parts.push(`[${'#'.repeat(Math.floor(share * BAR_CHARACTERS)).padEnd(BAR_CHARACTERS, '.')}]`)
    parts.push(`${Math.floor(share * 100)} %`)
  }
  if (doneBytes > 0 || totalBytes !== null) parts.push(doneText(doneBytes, totalBytes, amountText))
  if (doneCount > 0 || totalCount !== null) parts.push(doneText(doneCount, totalCount, countText))
  if (bytesPerMs > 0) parts.push(`${amountText(bytesPerMs * 1000)}/s`)
  if (bytesPerMs > 0 && totalBytes !== null) parts.push(`${leftText((totalBytes - doneBytes) / bytesPerMs)} left`)
  return parts.join('  ')
}

function doneText(done: number, total: number | null, text: (amount: number) => string): string {
  return total === null ? text(done) : `${text(done)} of ${text(total)}`
}

function leftText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`
}
