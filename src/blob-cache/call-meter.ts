/**
 * What: the calls of programs: how long they took, which puts stored nothing, and that they give way. What is in memory
 * is answered at once; a program that makes one such call after the other would leave no turn of the event loop to
 * timers, nor to the writes that its own puts wait for.
 * Thread: main.
 */
import { Turns } from '../base/index.js'
import type { Clock } from '../base/index.js'
import { LatencyHistogram } from '../stats/index.js'
import type { PutResult } from './durability.js'

/** Why a put stored nothing. */
export type PutRefusal = Extract<PutResult, { stored: false }>['reason']

export class CallMeter {
  readonly puts = new LatencyHistogram()
  readonly gets = new LatencyHistogram()
  readonly refused = new Map<PutRefusal, number>()
  private readonly turns: Turns

  constructor(clock: Clock) {
    this.turns = new Turns(clock)
  }

  /** Makes a call that reads. */
  async get<T>(call: () => Promise<T>): Promise<T> {
    const startMs = this.turns.nowMs()
    try {
      const found = await call()
      this.gets.record(this.turns.nowMs() - startMs)
      return found
    } finally {
      if (this.turns.isOverNow()) await this.turns.next()
    }
  }

  /** Makes a call that stores something. */
  async put(call: () => Promise<PutResult>): Promise<PutResult> {
    return this.other(() => this.noted(call))
  }

  /** Makes a call that stores something, and for which no program waits. */
  async noted(call: () => Promise<PutResult>): Promise<PutResult> {
    const startMs = this.turns.nowMs()
    const result = await call()
    if (result.stored) this.puts.record(this.turns.nowMs() - startMs)
    else this.refused.set(result.reason, (this.refused.get(result.reason) ?? 0) + 1)
    return result
  }

  /** Makes a call that is not measured. One that fails gives way too: programs try again. */
  async other<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } finally {
      if (this.turns.isOverNow()) await this.turns.next()
    }
  }
}
