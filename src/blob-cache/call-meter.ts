/**
 * What: how long the calls of programs took, and which puts stored nothing.
 * Thread: main.
 */
import type { Clock } from '../base/index.js'
import { LatencyHistogram } from '../stats/index.js'
import type { PutResult } from './durability.js'

/** Why a put stored nothing. */
export type PutRefusal = Extract<PutResult, { stored: false }>['reason']

export class CallMeter {
  readonly puts = new LatencyHistogram()
  readonly gets = new LatencyHistogram()
  readonly refused = new Map<PutRefusal, number>()
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Makes a call that reads. */
  async get<T>(call: () => Promise<T>): Promise<T> {
    const startMs = this.clock.nowMs()
    const found = await call()
    this.gets.record(this.clock.nowMs() - startMs)
    return found
  }

  /** Makes a call that stores something. */
  async put(call: () => Promise<PutResult>): Promise<PutResult> {
    const startMs = this.clock.nowMs()
    const result = await call()
    if (result.stored) this.puts.record(this.clock.nowMs() - startMs)
    else this.refused.set(result.reason, (this.refused.get(result.reason) ?? 0) + 1)
    return result
  }
}
