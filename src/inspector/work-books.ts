/**
 * What: compactions and write stalls as the page shows them, made of events and of what the engine knows when they
 * come.
 * Owns: the last of them. Thread: main.
 */
import type { Engine } from '../engine/index.js'
import { inputTables } from '../pick/index.js'
import type { EngineEvent } from '../stats/index.js'

const RUNS_MAX = 400
const STALLS_MAX = 500

/** One compaction. Levels are -1 where they were not heard; times are in milliseconds since 1970, 0: not ended. */
export interface RunRecord {
  id: number
  reason: string
  /** `merge`, `move` or `drop`; '' when it was not heard. */
  kind: string
  from: number
  to: number
  inputs: number
  inBytes: number
  outBytes: number
  begun: number
  ended: number
  /** What went wrong; '' when nothing did. */
  failure: string
}

/** One stall. */
export interface StallRecord {
  state: string
  reason: string
  begun: number
  ended: number
  lostMs: number
  /** What there was of it when it began, and the limits; in words. */
  value: string
  limits: string
  /** What happened just before its end. */
  endedBy: string
}

export class RunBook {
  private runs: RunRecord[] = []
  private readonly engine: Engine

  constructor(engine: Engine) {
    this.engine = engine
  }

  get all(): readonly RunRecord[] {
    return this.runs
  }

  hear(event: EngineEvent, nowMs: number): void {
    if (event.type === 'compactionBegin') this.begin(event, nowMs)
    else if (event.type === 'compactionEnd') this.end(event.id, event.durationMs, nowMs, event.outputBytes)
    else if (event.type === 'compactionFailed') {
      const run = this.end(event.id, 0, nowMs, 0)
      if (run !== undefined) run.failure = String((event.error as Error | undefined)?.message ?? event.error).slice(0,
        200)
    }
  }

  private begin({ id, reason, inputBytes }: EngineEvent & { type: 'compactionBegin' }, nowMs: number): void {
    const pick = this.engine.compactor.running.find((task) => task.id === id)?.pick
    this.runs.push({
      id, reason, kind: pick?.kind ?? '', from: pick?.inputs[0]?.level ?? -1, to: pick?.outputLevel ?? -1,
      inputs: pick === undefined ? 0 : inputTables(pick).length, inBytes: inputBytes, outBytes: 0,
      begun: nowMs, ended: 0, failure: '',
    })
    if (this.runs.length > RUNS_MAX) this.runs.shift()
  }

  private end(id: number, durationMs: number, nowMs: number, outBytes: number): RunRecord | undefined {
    const run = this.runs.findLast((each) => each.id === id)
    if (run === undefined) return undefined
    run.ended = nowMs
    run.outBytes = outBytes
    if (durationMs > 0) run.begun = Math.min(run.begun, nowMs - durationMs)
    return run
  }
}

export class StallBook {
  private stalls: StallRecord[] = []
  private readonly engine: Engine
  /** What happened last that may end a stall. */
  private last = ''

  constructor(engine: Engine) {
    this.engine = engine
  }

  get all(): readonly StallRecord[] {
    return this.stalls
  }

  hear(event: EngineEvent, nowMs: number): void {
    if (event.type === 'stallBegin') {
      this.stalls.push({
        state: event.state, reason: event.reason, begun: nowMs, ended: 0, lostMs: 0, endedBy: '',
          ...this.cause(event.reason),
      })
      if (this.stalls.length > STALLS_MAX) this.stalls.shift()
    } else if (event.type === 'stallEnd') {
      const stall = this.stalls.findLast(({ state, reason, ended }) =>
        ended === 0 && state === event.state && reason === event.reason)
      if (stall === undefined) return
      stall.ended = nowMs
      stall.begun = Math.min(stall.begun, nowMs - event.durationMs)
      stall.lostMs = event.durationMs
      stall.endedBy = this.last
    } else if (event.type === 'flushStage' && event.stage === 'released') this.last = `flush of log ${event.log}`
    else if (event.type === 'compactionEnd') this.last = `compaction ${event.id}`
    else if (event.type === 'valueLogRemoved') this.last = `value log ${event.valueLog} removed`
  }

  private cause(reason: string): Pick<StallRecord, 'value' | 'limits'> {
    const { compactor, immutables, options } = this.engine
    const pressure = compactor.pressures.find((each) => each.reason === reason)
    if (pressure === undefined) {
      return { value: `${immutables.length} sealed memtables`, limits: `stop at ${options.immutablesMax}` }
    }
    const amount = (value: number): string => {
      return pressure.unit === 'bytes' ? `${(value / 2 ** 20).toFixed(1)} MiB` : String(value)
    }
    return { value: pressure.text, limits: `slow at ${amount(pressure.slow)}, stop at ${amount(pressure.full)}` }
  }
}
