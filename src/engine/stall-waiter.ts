/**
 * What: when writers must wait for flushes, and how a blocked caller waits.
 * Owns: the time lost. Thread: main.
 * A call that blocks never turns the event loop: it polls finished jobs and so installs them itself.
 */
import { VarveError } from '../base/index.js'
import type { EngineCore } from './engine-core.js'

/** One wait for a job; polls deliver as soon as one is done. */
const POLL_MS = 100
/** The only one yet. */
const STALL_REASON = 'sealed memtables'
/** A blocked caller gives up after this long without any job finishing. */
const BLOCKED_MS_MAX = 30_000

export class StallWaiter {
  private readonly engine: EngineCore
  private stallCount = 0
  private totalMs = 0
  private stopSinceMs: number | null = null

  constructor(engine: EngineCore) {
    this.engine = engine
  }

  /** True while as many sealed memtables wait as may. */
  mustStop(): boolean {
    const { engine } = this
    const stops = engine.immutables.length >= engine.options.immutablesMax
    const nowMs = engine.options.clock.nowMs()
    if (stops && this.stopSinceMs === null) {
      this.stopSinceMs = nowMs
      this.stallCount++
      engine.parts.events.emit({ type: 'stallBegin', reason: STALL_REASON })
    } else if (!stops && this.stopSinceMs !== null) {
      const durationMs = nowMs - this.stopSinceMs
      this.totalMs += durationMs
      this.stopSinceMs = null
      engine.parts.events.emit({ type: 'stallEnd', reason: STALL_REASON, durationMs })
    }
    return stops
  }

  /** The time of a wait that goes on counts. */
  now(): { isStopped: boolean; stallCount: number; totalMs: number } {
    const { stopSinceMs, stallCount, totalMs } = this
    const isStopped = stopSinceMs !== null
    const sinceMs = isStopped ? this.engine.options.clock.nowMs() - stopSinceMs : 0
    return { isStopped, stallCount, totalMs: totalMs + sinceMs }
  }

  /** Waits until there is room. Throws BUSY when no flush makes progress, or why writes are refused. */
  waitBlocking(): void {
    const { executor } = this.engine.parts
    executor.poll(0)
    let idleMs = 0
    while (this.mustStop()) {
      this.engine.checkWritable()
      idleMs = executor.poll(POLL_MS) > 0 ? 0 : idleMs + POLL_MS
      if (idleMs >= BLOCKED_MS_MAX || executor.activeCount === 0) {
        throw new VarveError('BUSY', `${this.engine.immutables.length} memtables wait for their flush`, {
          hint: 'let the event loop turn, or await writes',
        })
      }
    }
  }
}
