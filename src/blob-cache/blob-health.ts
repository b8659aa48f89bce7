/**
 * What: how a cache stands with its disk, and what a failure makes of it.
 * Owns: the state, its cause, how many failures there were lately. Does not own: the way back (cache-life.ts).
 * Thread: main. There is no I/O.
 * States: OK → MEMORY (blobs are put into memory only, reads of the disk go on) → OK; any → CLOSED.
 * A full disk, and a write or sync that failed, are made good: by room, by another segment. What fails too often within
 * a minute, and whatever cannot be made good, is MEMORY.
 */
import { callContained, isNoSpace } from '../base/index.js'
import type { Clock } from '../base/index.js'

/** How a cache stands with its disk. */
export type BlobCacheState = 'OK' | 'MEMORY' | 'CLOSED'

/** What a cache tells of itself. */
export type BlobCacheEvent =
  | {
    /** The cache stands otherwise with its disk than before. */
    type: 'stateChanged'
    /** How it stood. */
    from: BlobCacheState
    /** How it stands. */
    to: BlobCacheState
    /** What failed, where that is the reason. */
    error: unknown
  }
  | {
    /** Something failed, and the cache goes on without it. */
    type: 'failure'
    /** What failed. */
    error: unknown
  }
  | {
    /** The way back from memory to the disk failed; it is tried again. */
    type: 'comebackFailed'
    /** What failed. */
    error: unknown
  }

const RECENT_MS = 60_000
/** Failures in a minute that are made good. A full disk fails two segments at once, and may need another try. */
const FAILURES_MAX = 1
const FULL_MAX = 6

export interface BlobHealthOptions {
  clock: Clock
  onEvent: ((event: BlobCacheEvent) => void) | null
}

export class BlobHealth {
  private readonly options: BlobHealthOptions
  private stateNow: BlobCacheState = 'OK'
  private causeNow: unknown = null
  private readonly failureMs: number[] = []
  private readonly fullMs: number[] = []
  /** Times that the cache left its disk. */
  memoryCount = 0
  /** Called when the state becomes MEMORY. */
  onMemory: (error: unknown) => void = () => undefined

  constructor(options: BlobHealthOptions) {
    this.options = options
  }

  get state(): BlobCacheState {
    return this.stateNow
  }

  /** What failed last, or null. */
  get cause(): unknown {
    return this.causeNow
  }

  /** Notes a failure that can be made good. Tells whether it may be: not when there were some of its kind lately. */
  mayTryAgain(error: unknown): boolean {
    const nowMs = this.options.clock.nowMs()
    const [times, most] = isNoSpace(error) ? [this.fullMs, FULL_MAX] : [this.failureMs, FAILURES_MAX]
    this.causeNow = error
    this.emit({ type: 'failure', error })
    while (times[0] !== undefined && nowMs - times[0] > RECENT_MS) times.shift()
    times.push(nowMs)
    return times.length <= most
  }

  /** Leaves the disk. */
  leave(error: unknown): void {
    if (this.stateNow !== 'OK') return
    this.memoryCount++
    this.causeNow = error
    this.change('MEMORY', error)
    this.onMemory(error)
  }

  /** Says that the disk takes blobs again. What failed before does not count any more. */
  comeBack(): void {
    this.failureMs.length = this.fullMs.length = 0
    this.change('OK', null)
  }

  noteComebackFailure(error: unknown): void {
    this.causeNow = error
    this.emit({ type: 'comebackFailed', error })
  }

  close(): void {
    this.change('CLOSED', null)
  }

  private change(to: BlobCacheState, error: unknown): void {
    const from = this.stateNow
    if (from === to) return
    this.stateNow = to
    this.emit({ type: 'stateChanged', from, to, error })
  }

  /** Tells the listener, in a microtask: its code does not run inside a step of the cache. */
  private emit(event: BlobCacheEvent): void {
    const { onEvent } = this.options
    if (onEvent !== null) queueMicrotask(() => callContained(() => onEvent(event), () => undefined))
  }
}
