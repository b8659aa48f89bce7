/**
 * What: how far a long piece of work has come, for who waits for it.
 * Thread: main.
 */
import type { Clock } from '../base/index.js'

/** How far a call has come. */
export interface Progress {
  /** Bytes read or written so far. */
  doneBytes: number
  /** Bytes that there are to do; null while that is not known. */
  totalBytes: number | null
  /** Files, tables or entries done so far, whichever the call counts. */
  doneCount: number
  /** How many there are to do; null while that is not known. */
  totalCount: number | null
}

/** More often than this nobody is told. */
const TELL_EVERY_MS = 100

/** Counts what is done, and tells the caller now and then. What the caller's function throws ends the work. */
export class ProgressMeter {
  readonly now: Progress = { doneBytes: 0, totalBytes: null, doneCount: 0, totalCount: null }
  private readonly clock: Clock
  private readonly tell: ((progress: Progress) => void) | undefined
  private toldMs = -Infinity

  constructor(clock: Clock, tell?: (progress: Progress) => void) {
    this.clock = clock
    this.tell = tell
  }

  add(bytes: number, count = 0): void {
    this.now.doneBytes += bytes
    this.now.doneCount += count
    this.look()
  }

  setTotals(bytes: number | null, count: number | null): void {
    this.now.totalBytes = bytes
    this.now.totalCount = count
    this.look()
  }

  /** Tells the last state, whenever the one before was told. */
  end(): void {
    this.toldMs = -Infinity
    this.look()
  }

  private look(): void {
    if (this.tell === undefined) return
    const nowMs = this.clock.nowMs()
    if (nowMs - this.toldMs < TELL_EVERY_MS) return
    this.toldMs = nowMs
    this.tell({ ...this.now })
  }
}
