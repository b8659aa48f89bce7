/**
 * What: runs the jobs of a repair on the main thread in slices of 2 ms, at the pace that the caller asked for, until he
 * ends it.
 * Owns: what is told of the progress. Thread: main.
 */
import { systemClock, Turns } from '../base/index.js'
import type { AbortWatch, Clock } from '../base/index.js'
import { Pace, ProgressMeter } from '../report/index.js'
import type { Progress } from '../report/index.js'

/** How a long call is ended, how fast it goes, and who hears of it. */
export interface WorkCall {
  readonly abort: AbortWatch | null
  readonly onProgress: ((progress: Progress) => void) | undefined
  /** Infinity for no limit. */
  readonly bytesPerSecond: number
  readonly clock?: Clock
}

export class Work {
  readonly meter: ProgressMeter
  readonly clock: Clock
  private readonly abort: AbortWatch | null
  private readonly turns: Turns
  private readonly pace: Pace
  /** Bytes that were moved since the pace was last asked. */
  private bytes = 0

  constructor({ abort, onProgress, bytesPerSecond, clock = systemClock }: WorkCall) {
    this.abort = abort
    this.clock = clock
    this.turns = new Turns(clock)
    this.pace = new Pace(clock, bytesPerSecond)
    this.meter = new ProgressMeter(clock, onProgress)
  }

  /** Counts bytes that were read. */
  note(bytes: number): void {
    this.bytes += bytes
    this.meter.add(bytes)
  }

  /** Runs a job to its end. Throws the caller's reason when he ends the call. */
  async run<T>(job: Generator<undefined, T, unknown>): Promise<T> {
    for (;;) {
      this.abort?.check()
      let turn: IteratorResult<undefined, T>
      try {
        turn = job.next()
      } catch (error) {
        job.return(undefined as never)
        throw error
      }
      if (turn.done === true) return turn.value
      try {
        await this.rest()
      } catch (error) {
        job.return(undefined as never)
        throw error
      }
    }
  }

  /** Lets others go on when this turn was long enough, and waits for the pace. */
  async rest(): Promise<void> {
    this.abort?.check()
    const { bytes } = this
    this.bytes = 0
    if (bytes > 0) await this.pace.take(bytes, () => this.abort?.check())
    if (this.turns.isOverNow()) await this.turns.next()
    this.abort?.check()
  }
}
