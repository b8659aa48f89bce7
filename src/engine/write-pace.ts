/**
 * What: how fast asynchronous writes are let through while writers are slow or stopped: at the speed at which the work
 * goes that they wait for.
 * Owns: the allowance, the timer of the write that waits for its turn, the time lost by it.
 * Thread: main.
 */
import { MiB } from '../base/index.js'
import type { Timer } from '../base/index.js'
import type { PressureReason } from '../pick/index.js'
import type { StallCause } from '../stats/index.js'
import type { EngineCore } from './engine-core.js'

/** The pace while nothing is measured, and the least for flushes: a batch of 128 KiB each 8 ms. */
const PACE_FIRST = 16 * MiB
/** The pace while garbage is above its limit and its collection is not measured. */
const GARBAGE_PACE_FIRST = 64 * MiB
/** The least pace for compactions: writers then wait for each write for a long time, but are not stopped. */
const PACE_MIN = MiB
/** Writers go at this part of the speed of flushes, so that flushes catch up. */
const FLUSH_SHARE = 0.9
/** At the stop, writers go at this part of the speed of compactions: the measured speed may be wrong by two. */
const COMPACTION_SHARE_MIN = 0.5
/** Writers go at these parts of the speed at which garbage goes, where it begins to slow them down and at its limit. */
const GARBAGE_SHARE = { first: 1.5, last: 0.25 }
/** The longest wait of a write for its turn, however slow the pace. */
const PAUSE_MS_MAX = 100
/** Bytes that are written without waiting at the start of a slow time, and that are let through at once later. */
const BURST_BYTES = MiB

/** The reason for flushes; the others are pressures of the compaction style. */
export const SEALED = 'sealed memtables' as const satisfies StallCause
/** The pressure that slows writers only while a compaction runs. */
const GARBAGE: PressureReason = 'value log garbage'

/** Whether writers are slow or stopped, and why. */
export interface Stall {
  state: 'none' | 'slow' | 'stopped'
  reason: StallCause | null
  /** The reason, for people; null when nothing stalls. */
  text: string | null
  /** How far between the limits of the pressure, from where writers are slow to where they are slowest, 0 to 1. */
  depth: number
}

export class WritePace {
  private readonly engine: EngineCore
  /** The time that writes have waited for their turn while writers were slow. */
  lostMs = 0
  /** Bytes that may be written at once; below 0 the next write waits. */
  private allowance = 0
  /** When the allowance was reckoned, and how many bytes were written by then. */
  private paceMs = 0
  private paceBytes = 0
  private timer: Timer | null = null

  constructor(engine: EngineCore) {
    this.engine = engine
  }

  /** A slow time begins. */
  begin(nowMs: number): void {
    this.allowance = BURST_BYTES
    this.paceMs = nowMs
    this.paceBytes = this.engine.pipeline.counters.bytes
  }

  /** True while a write must wait for its turn; then `encodeWaiting` is called in time. */
  mustDelay(now: Stall): boolean {
    const nowMs = this.engine.options.clock.nowMs()
    const bytesPerMs = this.paceOf(now, nowMs)
    const written = this.engine.pipeline.counters.bytes
    const earned = (nowMs - this.paceMs) * bytesPerMs - (written - this.paceBytes)
    this.allowance = Math.max(-PAUSE_MS_MAX * bytesPerMs, Math.min(BURST_BYTES, this.allowance + earned))
    this.paceMs = nowMs
    this.paceBytes = written
    if (this.allowance >= 0) return false
    if (this.timer === null) this.startTimer(now, Math.max(1, Math.ceil(-this.allowance / bytesPerMs)))
    return true
  }

  private startTimer({ state }: Stall, delayMs: number): void {
    const { clock } = this.engine.options
    const startMs = clock.nowMs()
    this.timer = clock.after(delayMs, () => {
      this.timer = null
      if (state === 'slow') this.lostMs += clock.nowMs() - startMs // the time of a stop counts as a whole
      this.engine.pipeline.encodeWaiting()
    })
  }

  /** Ends the wait of a write for its turn. */
  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }

  /** The bytes a millisecond that background work keeps up with. */
  private paceOf({ reason, depth }: Stall, nowMs: number): number {
    switch (reason) {
      case SEALED: return Math.max(PACE_FIRST / 1000, this.flushPace(nowMs))
      case GARBAGE: return Math.max(PACE_FIRST / 1000, this.garbagePace(depth))
      default: return Math.max(PACE_MIN / 1000, this.compactionPace(depth))
    }
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
  private compactionPace(depth: number): number {
    const { speed } = this.engine.compactor
    const drain = speed.drainBytesPerMs || PACE_FIRST / 1000
    const pace = drain * (1 - (1 - COMPACTION_SHARE_MIN) * depth)
    const { reliefMs } = speed
    return reliefMs === Infinity ? pace : Math.min(pace, this.level0Room() / Math.max(1, reliefMs))
  }

  /**
   * The pace at which garbage in value logs settles between its limits: at most as much is made as is written. Above
   * the speed of its collection where it begins, since much of what is written makes no garbage that is known yet.
   */
  private garbagePace(depth: number): number {
    const { first, last } = GARBAGE_SHARE
    const speed = this.engine.compactor.speed.reclaimBytesPerMs || GARBAGE_PACE_FIRST / 1000
    return speed * (first - (first - last) * depth)
  }

  /** The bytes that may be written until the number of tables stops writers. */
  private level0Room(): number {
    const { compactor, immutables, options } = this.engine
    const level0 = compactor.pressures.find(({ unit }) => unit === 'tables')
    if (level0 === undefined) return Infinity
    const tables = level0.full - 1 - level0.value - immutables.length
    return Math.max(0, (tables - 1) * options.writeBufferSize + this.currentRoom)
  }

  /** The bytes that the current buffer still takes; one without a slab is as good as new. */
  private get currentRoom(): number {
    const { pipeline: { current }, options } = this.engine
    return current.isFilled ? current.roomBytes : options.writeBufferSize
  }
}
