/**
 * What: backpressure: when writers are slowed down or must wait, why, and how a blocked caller waits.
 * Owns: the state, the pace, the time lost. Does not own: the calls that wait (commit/waiting-writes.ts).
 * Thread: main.
 * States: none ⇄ slow ⇄ stopped. Slow: asynchronous writes are let through at a pace that background work
 * keeps up with. Stopped: no write buffer is given out; what room is left goes at the pace. Each limit is left a
 * little below where it is met.
 * A call that blocks never turns the event loop: it polls finished jobs and so installs them itself.
 */
import { MiB, VarveError } from '../base/index.js'
import type { Timer } from '../base/index.js'
import type { EngineCore } from './engine-core.js'

/** One wait for a job; polls deliver as soon as one is done. */
const POLL_MS = 100
/** A blocked caller gives up after this long without any job finishing. */
const BLOCKED_MS_MAX = 30_000
/** Nothing is measured yet; and flushes are not waited for longer: a batch of 128 KiB each 8 ms. */
const PACE_FIRST = 16 * MiB
/** Compactions may be slower than that for long: writers then wait for each write, but are not stopped. */
const PACE_MIN = MiB
/** Of the speed of flushes: a little less, so that they catch up. */
const FLUSH_SHARE = 0.9
/** Of the speed of compactions, where writers stop: a measured speed may be wrong by a factor of two. */
const COMPACTION_SHARE_MIN = 0.5
/** No write waits longer for its turn, however slow the pace. */
const PAUSE_MS_MAX = 100
/** Written without waiting at the start of a slow time, and so much is let through at once. */
const BURST_BYTES = MiB

export type StallReason = 'sealed memtables' | 'level 0 tables' | 'compaction debt'

/** Tables in level 0, each of them looked at by every read. Limits as RocksDB has them. */
const LEVEL0 = { reason: 'level 0 tables', slow: 20, stop: 36, hysteresis: 4 } as const
/** Bytes that compactions are behind. */
const DEBT = { reason: 'compaction debt', slow: 4096 * MiB, stop: 16_384 * MiB, hysteresis: 512 * MiB } as const

interface Assessment {
  state: 'none' | 'slow' | 'stopped'
  reason: StallReason | null
  /** Where between the limits of slow and stopped, 0 to 1. */
  depth: number
}

const NONE: Assessment = { state: 'none', reason: null, depth: 0 }

export class WriteStalls {
  private readonly engine: EngineCore
  private now: Assessment = NONE
  private stallCount = 0
  private lostMs = 0
  private sinceMs = 0
  /** While slow: bytes that may be written at once; below 0 the next write waits. */
  private allowance = 0
  /** When that was reckoned, and how many bytes were written by then. */
  private paceMs = 0
  private paceBytes = 0
  private timer: Timer | null = null

  constructor(engine: EngineCore) {
    this.engine = engine
  }

  /** To be called when a memtable, a table or a version comes or goes. */
  assess(): void {
    const next = this.look()
    const { now } = this
    if (next.state === now.state && next.reason === now.reason) {
      this.now = next
      return
    }
    const { events } = this.engine.parts
    const nowMs = this.engine.options.clock.nowMs()
    if (now.state !== 'none') {
      const durationMs = nowMs - this.sinceMs
      if (now.state === 'stopped') this.lostMs += durationMs
      events.emit({ type: 'stallEnd', state: now.state, reason: now.reason!, durationMs })
    }
    this.now = next
    this.sinceMs = nowMs
    if (next.state === 'none') return
    this.stallCount++
    if (now.state === 'none') {
      this.allowance = BURST_BYTES
      this.paceMs = nowMs
      this.paceBytes = this.engine.pipeline.counters.bytes
    }
    events.emit({ type: 'stallBegin', state: next.state, reason: next.reason! })
  }

  private look(): Assessment {
    const { immutables, options } = this.engine
    const wait = options.immutablesMax
    const sealed = { reason: 'sealed memtables', depth: 0 } as const
    if (immutables.length >= wait || this.isIndexShort()) return { state: 'stopped', ...sealed }
    const behind = options.compaction.style === 'none' ? NONE : this.lookAtCompaction()
    if (behind.state !== 'none') return behind
    return wait > 2 && immutables.length === wait - 1 ? { state: 'slow', ...sealed } : NONE
  }

  private lookAtCompaction(): Assessment {
    const { compactor, versions } = this.engine
    const level0 = versions.current.levels[0]!.length
    // Where a corrupt table holds compaction up, writing must not end with it.
    const mayStop = compactor.blocked.size === 0
    const debt = level0 >= LEVEL0.slow - LEVEL0.hysteresis ? 0 : compactor.debtBytes(versions.current)
    const measures = [{ ...LEVEL0, value: level0 }, { ...DEBT, value: debt }]
    for (const state of ['stopped', 'slow'] as const) {
      if (state === 'stopped' && !mayStop) continue
      for (const { reason, value, slow, stop, hysteresis } of measures) {
        const limit = state === 'stopped' ? stop : slow
        // Lower while it is exceeded.
        const isMet = this.now.reason === reason && (this.now.state === state || this.now.state === 'stopped')
        const depth = Math.min(1, Math.max(0, (value - slow) / (stop - slow)))
        if (value >= limit - (isMet ? hysteresis : 0)) return { state, reason, depth }
      }
    }
    return NONE
  }

  /** The indexes of sealed memtables, with the current one when it is full, leave no share for another. */
  private isIndexShort(): boolean {
    const { immutables, parts, pipeline } = this.engine
    if (immutables.length === 0) return false
    const { isFull, memtable } = pipeline.current
    return parts.memory.indexBytesBeside(isFull ? [memtable, ...immutables] : immutables) === 0
  }

  // ── Slow: a pace ────────────────────────────────────────────────────────────────────────────────

  /** Bytes a millisecond that background work keeps up with. */
  private pace(nowMs: number): number {
    const bytesPerSecond = this.now.reason === 'sealed memtables'
      ? Math.max(PACE_FIRST, this.flushPace(nowMs) * 1000)
      : Math.max(PACE_MIN, this.compactionPace() * 1000)
    return bytesPerSecond / 1000
  }

  /** What is left of the current buffer lasts until the oldest flush is done, as far as can be told. */
  private flushPace(nowMs: number): number {
    const { flusher, pipeline } = this.engine
    const expectedMs = flusher.buildTimes.stats().lastMs + flusher.installTimes.stats().lastMs
    const { oldest } = flusher.queue
    const ageMs = oldest === null || oldest.stage === 'queued' ? 0 : nowMs - oldest.buildStartMs
    // One that is overdue takes half as long again, each time it is looked at.
    const leftMs = Math.max(expectedMs - ageMs, ageMs / 2, 1)
    return (pipeline.current.roomBytes / leftMs) * FLUSH_SHARE
  }

  /**
   * As fast as compactions take level 0 down, the less the nearer the stop is: so the height of level 0 settles where
   * the two agree. What is written reaches every deeper level through level 0, and the time for those is in it. And
   * no faster than that what level 0 has room for lasts until the compaction out of it that is under way is done.
   */
  private compactionPace(): number {
    const { compactor } = this.engine
    const drain = compactor.drainBytesPerMs || PACE_FIRST / 1000
    const pace = drain * (1 - (1 - COMPACTION_SHARE_MIN) * this.now.depth)
    const { reliefMs } = compactor
    return reliefMs === Infinity ? pace : Math.min(pace, this.level0Room() / Math.max(1, reliefMs))
  }

  /** Bytes that may be written until level 0 stops writers. */
  private level0Room(): number {
    const { immutables, pipeline, options, versions } = this.engine
    const tables = LEVEL0.stop - 1 - versions.current.levels[0]!.length - immutables.length
    return Math.max(0, (tables - 1) * options.writeBufferSize + pipeline.current.roomBytes)
  }

  /** True while a write must wait for its turn; then `encodeWaiting` is called in time. */
  mustDelay(): boolean {
    if (this.now.state === 'none') return false
    const nowMs = this.engine.options.clock.nowMs()
    const bytesPerMs = this.pace(nowMs)
    const written = this.engine.pipeline.counters.bytes
    const earned = (nowMs - this.paceMs) * bytesPerMs - (written - this.paceBytes)
    this.allowance = Math.max(-PAUSE_MS_MAX * bytesPerMs, Math.min(BURST_BYTES, this.allowance + earned))
    this.paceMs = nowMs
    this.paceBytes = written
    if (this.allowance >= 0) return false
    if (this.timer === null) this.startTimer(Math.max(1, Math.ceil(-this.allowance / bytesPerMs)))
    return true
  }

  private startTimer(delayMs: number): void {
    const { clock } = this.engine.options
    const startMs = clock.nowMs()
    const { state } = this.now
    this.timer = clock.after(delayMs, () => {
      this.timer = null
      if (state === 'slow') this.lostMs += clock.nowMs() - startMs // the time of a stop counts as a whole
      this.engine.pipeline.encodeWaiting()
    })
  }

  // ── Stopped ─────────────────────────────────────────────────────────────────────────────────────

  /** True while no write buffer may be given out. */
  mustStop(): boolean {
    this.assess()
    return this.now.state === 'stopped'
  }

  /** Waits until there is room. Throws BUSY when no job makes progress, or why writes are refused. */
  waitBlocking(): void {
    const { executor } = this.engine.parts
    executor.poll(0)
    let idleMs = 0
    while (this.mustStop()) {
      this.engine.checkWritable()
      if (executor.poll(POLL_MS) > 0) {
        idleMs = 0
        continue
      }
      idleMs += POLL_MS
      if (idleMs >= BLOCKED_MS_MAX || executor.activeCount === 0) {
        throw new VarveError('BUSY', this.reasonText!, { hint: 'let the event loop turn, or await writes' })
      }
    }
  }

  get reasonText(): string | null {
    const { immutables, versions } = this.engine
    const level0 = versions.current.levels[0]!.length
    switch (this.now.reason) {
      case null: return null
      case 'sealed memtables': return `${immutables.length} memtables wait for their flush`
      case 'level 0 tables': return `${level0} tables in level 0 wait for compaction`
      case 'compaction debt': return 'compactions are far behind'
    }
  }

  /** The time of a wait that goes on counts. */
  stats(): { state: Assessment['state']; reason: string | null; stallCount: number; totalMs: number } {
    const { now, stallCount, lostMs } = this
    const isStopped = now.state === 'stopped'
    const sinceMs = isStopped ? this.engine.options.clock.nowMs() - this.sinceMs : 0
    return { state: now.state, reason: this.reasonText, stallCount, totalMs: lostMs + sinceMs }
  }

  /** No timer is left. */
  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }
}
