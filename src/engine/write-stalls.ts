/**
 * What: backpressure: when writers are slowed down or must wait, why, and how a blocked caller waits.
 * Owns: the state, the pace, the time lost. Does not own: the calls that wait (commit/waiting-writes.ts); which backlog
 * of compactions slows writers, and what relieves it (the style's picker).
 * Thread: main.
 * States: none ⇄ slow ⇄ stopped. Slow: asynchronous writes are let through at a pace that background work keeps up
 * with. Stopped: no write buffer is given out; what room is left goes at the pace. Each limit is left a little below
 * where it is met.
 * Invariants: STALL-1 writers are slow or stopped only while something is under way that ends it, or is tried again;
 * where nothing is, they go on, and the state says so (docs/design/0023-every-stop-ends.md). A call that blocks never
 * turns the event loop: it polls finished jobs and so installs them itself.
 */
import { MiB, VarveError, Waiters } from '../base/index.js'
import type { Timer } from '../base/index.js'
import type { EngineCore } from './engine-core.js'

/** The number of large writes that may be unflushed at a time. */
const LARGE_COUNT_MAX = 2
/** A batch counts as large when it needs more than this, and more than a buffer. */
const LARGE_BYTES_MIN = 16 * MiB
/** The longest wait for one job; polls deliver as soon as one is done. */
const POLL_MS = 100
/** A blocked caller gives up after this long without any job finishing. */
const BLOCKED_MS_MAX = 30_000
/** The pace while nothing is measured, and the least for flushes: a batch of 128 KiB each 8 ms. */
const PACE_FIRST = 16 * MiB
/** The least pace for compactions: writers then wait for each write for a long time, but are not stopped. */
const PACE_MIN = MiB
/** Writers go at this part of the speed of flushes, so that flushes catch up. */
const FLUSH_SHARE = 0.9
/** At the stop, writers go at this part of the speed of compactions: the measured speed may be wrong by two. */
const COMPACTION_SHARE_MIN = 0.5
/** The longest wait of a write for its turn, however slow the pace. */
const PAUSE_MS_MAX = 100
/** Bytes that are written without waiting at the start of a slow time, and that are let through at once later. */
const BURST_BYTES = MiB

/** The reasons where it is not a pressure of the compaction style. */
const SEALED = 'sealed memtables'
const LARGE = 'large writes'
const LARGE_TEXT = `${LARGE_COUNT_MAX} large writes wait for their flush`

interface Assessment {
  state: 'none' | 'slow' | 'stopped'
  reason: string | null
  /** The reason, for people; null when nothing stalls. */
  text: string | null
  /** How far between the limits of slow and stopped, 0 to 1. */
  depth: number
}

const NONE: Assessment = { state: 'none', reason: null, text: null, depth: 0 }

export class WriteStalls {
  private readonly engine: EngineCore
  private now: Assessment = NONE
  private stallCount = 0
  private lostMs = 0
  private sinceMs = 0
  /** Since when a large write has been waiting for others of its kind, though writers go on; -1: none waits. */
  private largeSinceMs = -1
  /** True while a blocked caller waits, which is in no line. */
  private isBlocking = false
  /** Bytes that may be written at once while slow; below 0 the next write waits. */
  private allowance = 0
  /** When the allowance was reckoned, and how many bytes were written by then. */
  private paceMs = 0
  private paceBytes = 0
  private timer: Timer | null = null
  /** Callers that wait for the end of a stop. */
  private readonly waiters = new Waiters()

  constructor(engine: EngineCore) {
    this.engine = engine
  }

  /**
   * Looks at the limits again: called when a memtable, a table or a version comes or goes, and when work under way has
   * failed.
   */
  assess(): void {
    this.change(this.endable())
    if (!this.isBlocking && this.engine.pipeline?.waiting.isEmpty !== false) this.noteLarge(false)
    this.wake()
  }

  /** Gives the stall that the limits ask for, if something under way ends it (STALL-1). */
  private endable(): Assessment {
    let next = this.look()
    if (this.isEnding(next)) return next
    // A stall starts the work that ends it.
    this.engine.compactor.schedule()
    next = this.look()
    if (this.isEnding(next)) return next
    const told = `writers would be ${next.state} since ${next.text}, but nothing is under way that ends it`
    this.engine.health.degradeForGood('write stall', new VarveError('INTERNAL', told, {
      hint: 'writes go on; please report this with stats()',
    }))
    return NONE
  }

  private isEnding({ state, reason }: Assessment): boolean {
    const { compactor, flusher, health, isClosing } = this.engine
    if (state === 'none' || isClosing) return true
    // In any other state writes are refused, and nobody waits.
    if (health.state !== 'OPEN' && health.state !== 'DEGRADED') return true
    return reason === SEALED ? flusher.isAtWork : compactor.isAtWork
  }

  private change(next: Assessment): void {
    const { now } = this
    if (next.state === now.state && next.reason === now.reason) {
      this.now = next
      return
    }
    const { compactor, setup: { events } } = this.engine
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
    if (next.state === 'stopped' && next.reason !== SEALED) compactor.endPause()
  }

  private look(): Assessment {
    const { immutables, options: { immutablesMax } } = this.engine
    const sealed = { reason: SEALED, text: `${immutables.length} memtables wait for their flush`, depth: 0 }
    if (immutables.length >= immutablesMax || this.isIndexShort()) return { state: 'stopped', ...sealed }
    const behind = this.lookAtCompaction()
    if (behind.state !== 'none') return behind
    const isNext = immutablesMax > 2 && immutables.length === immutablesMax - 1
    return isNext ? { state: 'slow', ...sealed } : NONE
  }

  private lookAtCompaction(): Assessment {
    const { pressures } = this.engine.compactor
    for (const state of ['stopped', 'slow'] as const) {
      for (const { reason, text, value, slow, stop, hysteresis } of pressures) {
        const limit = state === 'stopped' ? stop : slow
        // Once exceeded, the limit counts as lower.
        const isMet = this.now.reason === reason && (this.now.state === state || this.now.state === 'stopped')
        const depth = Math.min(1, Math.max(0, (value - slow) / (stop - slow)))
        if (value >= limit - (isMet ? hysteresis : 0)) return { state, reason, text, depth }
      }
    }
    return NONE
  }

  /** True when the indexes of sealed memtables, with the current one when it is full, leave no share for another. */
  private isIndexShort(): boolean {
    const { immutables, setup, pipeline } = this.engine
    if (immutables.length === 0) return false
    const { isFull, memtable } = pipeline.current
    return setup.memory.indexBytesBeside(isFull ? [memtable, ...immutables] : immutables) === 0
  }

  // ── Slow: a pace ────────────────────────────────────────────────────────────────────────────────

  /** The bytes a millisecond that background work keeps up with. */
  private pace(nowMs: number): number {
    const bytesPerSecond = this.now.reason === SEALED
      ? Math.max(PACE_FIRST, this.flushPace(nowMs) * 1000)
      : Math.max(PACE_MIN, this.compactionPace() * 1000)
    return bytesPerSecond / 1000
  }

  /** The pace at which the rest of the current buffer lasts until the oldest flush is done, as far as can be told. */
  private flushPace(nowMs: number): number {
    const { flusher } = this.engine
    const expectedMs = flusher.buildTimes.stats().lastMs + flusher.installTimes.stats().lastMs
    const { oldest } = flusher.queue
    const ageMs = oldest === null || oldest.stage === 'queued' ? 0 : nowMs - oldest.buildStartMs
    // A flush that is overdue is expected to take half as long again, each time it is looked at.
    const leftMs = Math.max(expectedMs - ageMs, ageMs / 2, 1)
    return (this.currentRoom / leftMs) * FLUSH_SHARE
  }

  /**
   * The pace at which compactions take level 0 down, less the nearer the stop is: so the height of level 0 settles
   * where the two agree. What is written reaches every deeper level through level 0, and the time for those is in it.
   * At this pace the room in level 0 also lasts until the compaction out of it that is under way is done.
   */
  private compactionPace(): number {
    const { compactor } = this.engine
    const drain = compactor.drainBytesPerMs || PACE_FIRST / 1000
    const pace = drain * (1 - (1 - COMPACTION_SHARE_MIN) * this.now.depth)
    const { reliefMs } = compactor
    return reliefMs === Infinity ? pace : Math.min(pace, this.level0Room() / Math.max(1, reliefMs))
  }

  /** The bytes that may be written until the number of tables stops writers. */
  private level0Room(): number {
    const { compactor, immutables, options } = this.engine
    const level0 = compactor.pressures.find(({ unit }) => unit === 'tables')
    if (level0 === undefined) return Infinity
    const tables = level0.stop - 1 - level0.value - immutables.length
    return Math.max(0, (tables - 1) * options.writeBufferSize + this.currentRoom)
  }

  /** The bytes that the current buffer still takes; one without a slab is as good as new. */
  private get currentRoom(): number {
    const { pipeline: { current }, options } = this.engine
    return current.isFilled ? current.roomBytes : options.writeBufferSize
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
  mustStop(batchBytes = 0): boolean {
    this.change(this.endable()) // wakes nobody: waiting callers ask here themselves
    if (!this.isLarge(batchBytes)) return this.isStopped
    const mustWait = this.hasLargeMax()
    this.noteLarge(mustWait && !this.isStopped)
    return this.isStopped || mustWait
  }

  /** A large write begins to wait for others of its kind, or does not wait any more. */
  private noteLarge(isWaiting: boolean): void {
    if (isWaiting === this.largeSinceMs >= 0) return
    const { options: { clock }, setup: { events } } = this.engine
    const nowMs = clock.nowMs()
    if (isWaiting) {
      this.largeSinceMs = nowMs
      this.stallCount++
      events.emit({ type: 'stallBegin', state: 'stopped', reason: LARGE })
      return
    }
    const durationMs = nowMs - this.largeSinceMs
    this.largeSinceMs = -1
    this.lostMs += durationMs
    events.emit({ type: 'stallEnd', state: 'stopped', reason: LARGE, durationMs })
  }

  private get largeBytesMin(): number {
    return Math.max(LARGE_BYTES_MIN, this.engine.options.writeBufferSize)
  }

  private isLarge(batchBytes: number): boolean {
    return batchBytes > this.largeBytesMin
  }

  /**
   * True for a large write while two others are not flushed: their memory is not in the plan. It ends: a large write is
   * sealed at once, so it is in the queue of flushes or waits for the next log.
   */
  private hasLargeMax(): boolean {
    const { immutables, pipeline } = this.engine
    let count = 0
    for (const { slabBytes } of [pipeline.current.memtable, ...immutables]) if (this.isLarge(slabBytes)) count++
    return count >= LARGE_COUNT_MAX
  }

  get isStopped(): boolean {
    return this.now.state === 'stopped'
  }

  /** Resolves when writers are not stopped. Throws why writes are refused. */
  async going(): Promise<void> {
    while (this.mustStop()) {
      this.engine.checkWritable()
      await this.waiters.next()
    }
  }

  /** Waits until there is room. Throws BUSY when no job makes progress, or why writes are refused. */
  waitBlocking(batchBytes = 0): void {
    this.isBlocking = true
    try {
      this.pollUntilRoom(batchBytes)
    } finally {
      this.isBlocking = false
      this.noteLarge(false)
    }
  }

  private pollUntilRoom(batchBytes: number): void {
    const { executor } = this.engine.setup
    executor.poll(0)
    let idleMs = 0
    while (this.mustStop(batchBytes)) {
      this.engine.checkWritable()
      this.engine.syncer.syncBlocked()
      if (executor.poll(POLL_MS) > 0) {
        idleMs = 0
        continue
      }
      idleMs += POLL_MS
      if (idleMs >= BLOCKED_MS_MAX || executor.activeCount === 0) {
        const text = this.now.text ?? LARGE_TEXT
        throw new VarveError('BUSY', text, { hint: 'let the event loop turn, or await writes' })
      }
    }
  }

  /** Gives the statistics, with the time of a wait that goes on. */
  stats(): { state: Assessment['state']; reason: string | null; stallCount: number; totalMs: number } {
    const { now, stallCount, lostMs, isStopped, largeSinceMs } = this
    const nowMs = this.engine.options.clock.nowMs()
    if (!isStopped && largeSinceMs >= 0) {
      return { state: 'stopped', reason: LARGE_TEXT, stallCount, totalMs: lostMs + nowMs - largeSinceMs }
    }
    return { state: now.state, reason: now.text, stallCount, totalMs: lostMs + (isStopped ? nowMs - this.sinceMs : 0) }
  }

  /** Ends all waits and the timer. */
  stop(): void {
    this.timer?.cancel()
    this.timer = null
    this.wake()
  }

  /** Lets callers that wait for the end of a stop look again. */
  private wake(): void {
    this.waiters.wake()
  }
}
