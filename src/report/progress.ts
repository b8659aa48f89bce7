/**
 * What: how far a long piece of work has come, for who waits for it.
 * Thread: main.
 */
import { callContained } from '../base/index.js'
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

/**
 * Counts what is done, and tells the caller now and then. What the caller's function throws ends the work, unless the
 * work is done already: then there is nothing left that could be taken back.
 */
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
    this.count(bytes, count)
    this.look()
  }

  /** Counts what is done, and tells nobody. What is to be done may grow meanwhile: no more than the total is done. */
  count(bytes: number, count = 0): void {
    const { now } = this
    now.doneBytes = Math.min(now.doneBytes + bytes, now.totalBytes ?? Infinity)
    now.doneCount = Math.min(now.doneCount + count, now.totalCount ?? Infinity)
  }

  /** Says how much there is to do, with what is done already. */
  setTotals(bytes: number | null, count: number | null): void {
    const { now } = this
    now.totalBytes = bytes === null ? null : Math.max(bytes, now.doneBytes)
    now.totalCount = count === null ? null : Math.max(count, now.doneCount)
    this.look()
  }

  /** The work is done: tells so, whenever the state before was told, with totals that are what was done. */
  end(): void {
    const { now, tell } = this
    now.doneBytes = now.totalBytes = Math.max(now.doneBytes, now.totalBytes ?? 0)
    if (now.totalCount !== null) now.doneCount = now.totalCount = Math.max(now.doneCount, now.totalCount)
    if (tell !== undefined) callContained(() => tell({ ...now }), () => undefined)
  }

  private look(): void {
    if (this.tell === undefined) return
    const nowMs = this.clock.nowMs()
    if (nowMs - this.toldMs < TELL_EVERY_MS) return
    this.toldMs = nowMs
    this.tell({ ...this.now })
  }
}
