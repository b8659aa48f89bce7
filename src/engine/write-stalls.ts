/**
 * What: backpressure: when writers are slowed down or must wait, why, and how a blocked caller waits.
 * Owns: the state, the pace, the time lost. Does not own: the calls that wait (commit/waiting-writes.ts).
 * Thread: main.
 * States: none ⇄ slow ⇄ stopped. Slow: asynchronous writes are let through at a pace that background work
 * keeps up with. Stopped: no write buffer is given out. Each limit is left a little below where it is met.
 * A call that blocks never turns the event loop: it polls finished jobs and so installs them itself.
 */
import { MiB, VarveError } from '../base/index.js'
import type { Timer } from '../base/index.js'
import type { EngineCore } from './engine-core.js'

/** One wait for a job; polls deliver as soon as one is done. */
const POLL_MS = 100
/** A blocked caller gives up after this long without any job finishing. */
const BLOCKED_MS_MAX = 30_000
/** Tables in level 0, each of them looked at by every read. As RocksDB has it. */
const LEVEL0_SLOW = 20
const LEVEL0_STOP = 36
const LEVEL0_HYSTERESIS = 4
/** Bytes that compactions are behind. */
const DEBT_SLOW = 4096 * MiB
const DEBT_STOP = 16_384 * MiB
/** The slowest pace: a batch of 128 KiB each 8 ms. */
const PACE_MIN = 16 * MiB
/** Of what background work does: a little less, so that it catches up. */
const PACE_SHARE = 0.9
/** Written without waiting at the start of a slow time, and so much is let through at once. */
const BURST_BYTES = MiB

export type StallReason = 'sealed memtables' | 'level 0 tables' | 'compaction debt'

interface Assessment {
  state: 'none' | 'slow' | 'stopped'
  reason: StallReason | null
}

const NONE: Assessment = { state: 'none', reason: null }

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
    if (next.state === now.state && next.reason === now.reason) return
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
    if (next.state === 'slow') {
      this.allowance = BURST_BYTES
      this.paceMs = nowMs
      this.paceBytes = this.engine.pipeline.counters.bytes
    }
    events.emit({ type: 'stallBegin', state: next.state, reason: next.reason! })
  }

  private look(): Assessment {
    const { immutables, options, compactor, versions } = this.engine
    const wait = options.immutablesMax
    if (immutables.length >= wait || this.isIndexShort()) return { state: 'stopped', reason: 'sealed memtables' }
    if (options.compaction.style !== 'none') {
      const level0 = versions.current.levels[0]!.length
      // Where a corrupt table holds compaction up, writing must not end with it.
      const mayStop = compactor.blocked.size === 0
      if (mayStop && level0 >= this.limit(LEVEL0_STOP, 'stopped')) return { state: 'stopped', reason: 'level 0 tables' }
      const debt = level0 >= LEVEL0_SLOW - LEVEL0_HYSTERESIS ? 0 : compactor.debtBytes(versions.current)
      if (mayStop && debt >= DEBT_STOP) return { state: 'stopped', reason: 'compaction debt' }
      if (level0 >= this.limit(LEVEL0_SLOW, 'slow')) return { state: 'slow', reason: 'level 0 tables' }
      if (debt >= DEBT_SLOW) return { state: 'slow', reason: 'compaction debt' }
    }
    if (wait > 2 && immutables.length === wait - 1) return { state: 'slow', reason: 'sealed memtables' }
    return NONE
  }

  /** The indexes of sealed memtables, with the current one when it is full, leave no share for another. */
  private isIndexShort(): boolean {
    const { immutables, parts, pipeline } = this.engine
    if (immutables.length === 0) return false
    const { isFull, memtable } = pipeline.current
    return parts.memory.indexBytesBeside(isFull ? [memtable, ...immutables] : immutables) === 0
  }

  /** A limit of level 0, lower while it is exceeded. */
  private limit(tables: number, state: Assessment['state']): number {
    const isMet = this.now.reason === 'level 0 tables' && (this.now.state === state || this.now.state === 'stopped')
    return isMet ? tables - LEVEL0_HYSTERESIS : tables
  }

  // ── Slow: a pace ────────────────────────────────────────────────────────────────────────────────

  /** Bytes a second that background work keeps up with. */
  private pace(nowMs: number): number {
    const bytesPerMs = this.now.reason === 'sealed memtables' ? this.flushPace(nowMs) : this.compactionPace()
    return Math.max(PACE_MIN, bytesPerMs * 1000)
  }

  /** What is left of the current buffer lasts until the oldest flush is done, as far as can be told. */
  private flushPace(nowMs: number): number {
    const { flusher, pipeline } = this.engine
    const expectedMs = flusher.buildTimes.stats().lastMs + flusher.installTimes.stats().lastMs
    const { oldest } = flusher.queue
    const ageMs = oldest === null || oldest.stage === 'queued' ? 0 : nowMs - oldest.buildStartMs
    // One that is overdue takes half as long again, each time it is looked at.
    const leftMs = Math.max(expectedMs - ageMs, ageMs / 2, 1)
    return (pipeline.current.roomBytes / leftMs) * PACE_SHARE
  }

  /** Half of what compactions read: each byte comes by about twice. */
  private compactionPace(): number {
    const { totals, runTimes } = this.engine.compactor
    const { totalMs } = runTimes.stats()
    return totalMs > 0 ? (totals.readBytes / totalMs / 2) * PACE_SHARE : 0
  }

  /** True while a write must wait for its turn; then `encodeWaiting` is called in time. */
  mustDelay(): boolean {
    if (this.now.state !== 'slow') return false
    const nowMs = this.engine.options.clock.nowMs()
    const bytesPerMs = this.pace(nowMs) / 1000
    const written = this.engine.pipeline.counters.bytes
    const earned = (nowMs - this.paceMs) * bytesPerMs - (written - this.paceBytes)
    this.allowance = Math.min(BURST_BYTES, this.allowance + earned)
    this.paceMs = nowMs
    this.paceBytes = written
    if (this.allowance >= 0) return false
    if (this.timer === null) this.startTimer(Math.max(1, Math.ceil(-this.allowance / bytesPerMs)))
    return true
  }

  private startTimer(delayMs: number): void {
    const { clock } = this.engine.options
    const startMs = clock.nowMs()
    this.timer = clock.after(delayMs, () => {
      this.timer = null
      this.lostMs += clock.nowMs() - startMs
      this.engine.pipeline.encodeWaiting()
    }, true)
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
