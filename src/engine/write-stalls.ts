/**
 * What: backpressure: when writers are slowed down or must wait, why, and how a blocked caller waits.
 * Owns: the state, the time lost. Does not own: the calls that wait (commit/waiting-writes.ts); how fast writers may go
 * while they are slow (write-pace.ts); which backlog of compactions slows them, and what relieves it (the style's
 * picker).
 * Thread: main.
 * States: none ⇄ slow ⇄ stopped. Slow: asynchronous writes are let through at a pace that background work keeps up
 * with. Stopped: no write buffer is given out; what room is left goes at the pace. Each limit is left a little below
 * where it is met.
 * A barrier stops all writes, whatever room there is, while an ingest lists its tables (ingest/listing.ts).
 * Invariants: STALL-1 writers are slow or stopped only while something is under way that ends it, or is tried again;
 * where nothing is, they go on, and the state says so (docs/design/0023-every-stop-ends.md). A call that blocks never
 * turns the event loop: it polls finished jobs and so installs them itself.
 */
import { MiB, VarveError, Waiters } from '../base/index.js'
import type { StallCause, WriteStallStats } from '../stats/index.js'
import type { EngineCore } from './engine-core.js'
import { SEALED, WritePace } from './write-pace.js'
import type { Stall } from './write-pace.js'

/** The number of large writes that may be unflushed at a time. */
const LARGE_COUNT_MAX = 2
/** A batch counts as large when it needs more than this, and more than a buffer. */
const LARGE_BYTES_MIN = 16 * MiB
/** The longest wait for one job; polls deliver as soon as one is done. */
const POLL_MS = 100
/** A blocked caller gives up after this long without any job finishing. */
const BLOCKED_MS_MAX = 30_000
/** The reason for large writes, which is not a pressure of the compaction style. */
const LARGE = 'large writes' as const satisfies StallCause
const LARGE_TEXT = `${LARGE_COUNT_MAX} large writes wait for their flush`

/** The reason while an ingest lists its tables. */
const INGEST = 'ingest'
const INGEST_STALL: Stall = { state: 'stopped', reason: INGEST, text: 'tables from outside are being listed', depth: 0 }

const NONE: Stall = { state: 'none', reason: null, text: null, depth: 0 }

/** What an ingest waits for while it lists its tables: jobs, which a poll drives, or the sync of the logs. */
export type BarrierStep = 'jobs' | 'log sync'

export class WriteStalls {
  private readonly engine: EngineCore
  private readonly pace: WritePace
  private now: Stall = NONE
  private stallCount = 0
  private lostMs = 0
  private sinceMs = 0
  /** Since when a large write has been waiting for others of its kind, though writers go on; -1: none waits. */
  private largeSinceMs = -1
  /** True while a blocked caller waits, which is in no line. */
  private isBlocking = false
  /** The step of an ingest that lists its tables; null when there is none. */
  private barrier: BarrierStep | null = null
  /** Callers that wait for the end of a stop. */
  private readonly waiters = new Waiters()

  constructor(engine: EngineCore) {
    this.engine = engine
    this.pace = new WritePace(engine)
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
  private endable(): Stall {
    if (this.isGarbageLeft()) this.engine.compactor.schedule()
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

  /** Garbage is above its limit, and no compaction runs, as between two of them. */
  private isGarbageLeft(): boolean {
    const { compactor } = this.engine
    return compactor.running.length === 0 && compactor.pressures.some(({ stops }) => !stops)
  }

  private isEnding({ state, reason }: Stall): boolean {
    const { compactor, flusher, health, isClosing } = this.engine
    if (state === 'none' || isClosing) return true
    // In any other state writes are refused, and nobody waits.
    if (health.state !== 'OPEN' && health.state !== 'DEGRADED') return true
    if (reason === INGEST) return true
    return reason === SEALED ? flusher.isAtWork : compactor.isAtWork
  }

  private change(next: Stall): void {
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
    if (now.state === 'none') this.pace.begin(nowMs)
    events.emit({ type: 'stallBegin', state: next.state, reason: next.reason! })
    if (next.state === 'stopped' && next.reason !== SEALED) compactor.endPause()
  }

  private look(): Stall {
    if (this.barrier !== null) return INGEST_STALL
    const { immutables, options: { immutablesMax } } = this.engine
    const sealed = { reason: SEALED, text: `${immutables.length} memtables wait for their flush`, depth: 0 }
    if (immutables.length >= immutablesMax || this.isIndexShort()) return { state: 'stopped', ...sealed }
    const behind = this.lookAtCompaction()
    if (behind.state !== 'none') return behind
    const isNext = immutablesMax > 2 && immutables.length === immutablesMax - 1
    return isNext ? { state: 'slow', ...sealed } : NONE
  }

  private lookAtCompaction(): Stall {
    const { pressures, running } = this.engine.compactor
    for (const state of ['stopped', 'slow'] as const) {
      for (const { reason, text, value, slow, full, hysteresis, stops } of pressures) {
        if (!stops && (state === 'stopped' || running.length === 0)) continue
        const limit = state === 'stopped' ? full : slow
        // Once exceeded, the limit counts as lower.
        const isMet = this.now.reason === reason && (this.now.state === state || this.now.state === 'stopped')
        const depth = Math.min(1, Math.max(0, (value - slow) / (full - slow)))
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

  /** True while a write must wait for its turn; then `encodeWaiting` is called in time. */
  mustDelay(): boolean {
    return this.now.state !== 'none' && (this.barrier !== null || this.pace.mustDelay(this.now))
  }

  // ── The barrier of an ingest ────────────────────────────────────────────────────────────────────

  get isBarred(): boolean {
    return this.barrier !== null
  }

  /** Raises the barrier, or tells what is waited for behind it; null lets it down. */
  setBarrier(step: BarrierStep | null): void {
    this.barrier = step
    this.assess()
    if (step === null) this.engine.pipeline.encodeWaiting()
  }

  /** Resolves when there is no barrier; nothing may be rotated while there is one. */
  noBarrier(): Promise<void> {
    return this.waiters.until(() => this.barrier === null)
  }

  /** Waits until there is no barrier, and drives what it waits for. Throws BUSY, or why writes are refused. */
  passBarrier(): void {
    if (this.barrier !== null) this.pollUntil(() => this.barrier === null)
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
      this.pollUntil(() => !this.mustStop(batchBytes))
    } finally {
      this.isBlocking = false
      this.noteLarge(false)
    }
  }

  private pollUntil(isDone: () => boolean): void {
    const { setup: { executor }, syncer } = this.engine
    executor.poll(0)
    let idleMs = 0
    while (!isDone()) {
      this.engine.checkWritable()
      syncer.syncBlocked()
      // The answer of a sync that is in flight comes with a turn of the event loop.
      if (this.barrier === 'log sync' && maySync(this.engine)) syncer.syncNow()
      if (isDone()) return
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
  stats(): Omit<WriteStallStats, 'waitingCount'> {
    const { now, stallCount, isStopped, largeSinceMs } = this
    const lostMs = this.lostMs + this.pace.lostMs
    const nowMs = this.engine.options.clock.nowMs()
    if (!isStopped && largeSinceMs >= 0) {
      const totalMs = lostMs + nowMs - largeSinceMs
      return { state: 'stopped', reason: LARGE_TEXT, cause: LARGE, stallCount, totalMs }
    }
    const totalMs = lostMs + (isStopped ? nowMs - this.sinceMs : 0)
    return { state: now.state, reason: now.text, cause: now.reason, stallCount, totalMs }
  }

  /** Ends all waits. */
  stop(): void {
    this.pace.stop()
    this.wake()
  }

  /** Lets callers that wait for the end of a stop look again. */
  private wake(): void {
    this.waiters.wake()
  }
}

function maySync({ setup }: EngineCore): boolean {
  return setup.vfs.hasBlockingSync !== false
}
