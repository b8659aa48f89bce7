/** A database as its write stalls see it: a test says what waits, and what is under way. */
import { WriteStalls } from '../../../src/engine/write-stalls.js'
import type { EngineCore } from '../../../src/engine/engine-core.js'
import { MiB } from '../../../src/base/index.js'
import type { Pressure } from '../../../src/pick/index.js'
import { HandClock } from '../fakes/hand-clock.js'

export class StallsScene {
  /** How often those who wait for a sync were told that a blocked caller cannot. */
  laterCount = 0
  readonly clock = new HandClock()
  readonly told: string[] = []
  sealed = 0
  /** The slabs of the sealed memtables. */
  slabBytes: number[] = []
  level0 = 0
  debtBytes = 0
  /** True when something is under way that relieves writers, or begins when it is asked for. */
  isFlushing = true
  isAtWork = true
  onSchedule = (): void => undefined
  pausesEnded = 0
  readonly bugs: string[] = []
  immutablesMax = 4
  written = 0
  encoded = 0
  /** What waiting writers do when they are let through. */
  onTurn = (): void => undefined
  isFull = false
  /** True when no write waits in line. */
  isLineEmpty = true
  /** The number of sealed or full memtables that leave no room for the index of another. */
  indexesMax = Infinity
  /** How long the last flush took, and the bytes a millisecond that compactions take out of level 0. */
  flushMs = 0
  drain = 0
  /** Bytes of garbage in value logs, and those a millisecond that compactions take out of them. */
  garbage = 0
  reclaim = 0
  /** Milliseconds until a compaction out of level 0 is done. */
  reliefMs = Infinity
  jobs = 0
  readonly polls: (() => void)[] = []
  refusal: Error | null = null
  readonly stalls: WriteStalls

  constructor() {
    const scene = this
    const engine = {
      get immutables() {
        return Array.from({ length: scene.sealed }, (_, i) => ({ slabBytes: scene.slabBytes[i] ?? 0 }))
      },
      options: {
        clock: this.clock, writeBufferSize: 64 * MiB,
        get immutablesMax() { return scene.immutablesMax },
      },
      health: { state: 'OPEN', degradeForGood: (_place: unknown, error: Error) => void scene.bugs.push(error.message) },
      compactor: {
        get pressures() { return scene.pressures },
        get isAtWork() { return scene.isAtWork },
        get running() { return scene.isAtWork ? [null] : [] },
        schedule: () => scene.onSchedule(),
        endPause: () => void scene.pausesEnded++,
        speed: {
          get drainBytesPerMs() { return scene.drain },
          get reclaimBytesPerMs() { return scene.reclaim },
          get reliefMs() { return scene.reliefMs },
        },
      },
      flusher: {
        get isAtWork() { return scene.isFlushing && scene.sealed > 0 },
        queue: { oldest: null },
        buildTimes: { stats: () => ({ lastMs: this.flushMs }) }, installTimes: { stats: () => ({ lastMs: 0 }) },
      },
      syncer: { syncBlocked: () => void this.laterCount++ },
      pipeline: {
        counters: { get bytes() { return scene.written } },
        waiting: { get isEmpty() { return scene.isLineEmpty } },
        current: {
          isFilled: true, roomBytes: 64 * MiB, memtable: { slabBytes: 64 * MiB },
          get isFull() { return scene.isFull },
        },
        encodeWaiting: () => {
          this.encoded++
          this.onTurn()
        },
      },
      setup: {
        memory: { indexBytesBeside: (memtables: readonly unknown[]) => (memtables.length < scene.indexesMax ? 1 : 0) },
        events: {
          emit: (event: { type: string; state: string; reason: string }) =>
            void this.told.push(`${event.type === 'stallBegin' ? '' : 'no longer '}${event.state}: ${event.reason}`),
        },
        executor: {
          poll: () => {
            this.polls.shift()?.()
            return 0
          },
          get activeCount() { return scene.jobs },
        },
      },
      checkWritable: () => {
        if (this.refusal !== null) throw this.refusal
      },
    }
    this.stalls = new WriteStalls(engine as unknown as EngineCore)
  }

  get pressures(): Pressure[] {
    return [
      {
        reason: 'level 0 tables', text: `${this.level0} tables in level 0 wait for compaction`, unit: 'tables',
        value: this.level0, slow: 20, full: 36, hysteresis: 4, stops: true,
      },
      {
        reason: 'compaction debt', text: 'compactions are far behind', unit: 'bytes',
        value: this.debtBytes, slow: 4096 * MiB, full: 16_384 * MiB, hysteresis: 512 * MiB, stops: true,
      },
      {
        reason: 'value log garbage', text: `${this.garbage} bytes of garbage wait`, unit: 'bytes',
        value: this.garbage, slow: 100, full: 200, hysteresis: 10, stops: false,
      },
    ]
  }

  /** Shows the state and its reason now. */
  look(): string {
    this.stalls.assess()
    const { state, reason } = this.stalls.stats()
    return `${state} ${reason ?? ''}`.trim()
  }
}
