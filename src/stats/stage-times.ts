/**
 * What: durations of one stage: how many, how long, and the last one.
 */

/** How long something took that happens again and again; milliseconds with a fraction. */
export interface StageStats {
  /** How often it has ended. */
  count: number
  /** All together. */
  totalMs: number
  /** The last one. */
  lastMs: number
  /** The longest one. */
  maxMs: number
  /** On average. */
  avgMs: number
}

export class StageTimes {
  count = 0
  totalMs = 0
  lastMs = 0
  maxMs = 0

  record(durationMs: number): void {
    this.count++
    this.totalMs += durationMs
    this.lastMs = durationMs
    if (durationMs > this.maxMs) this.maxMs = durationMs
  }

  get avgMs(): number {
    return this.count === 0 ? 0 : this.totalMs / this.count
  }

  /** The times as plain data. */
  stats(): StageStats {
    const { count, totalMs, lastMs, maxMs, avgMs } = this
    return { count, totalMs, lastMs, maxMs, avgMs }
  }
}

export function emptyStageStats(): StageStats {
  return { count: 0, totalMs: 0, lastMs: 0, maxMs: 0, avgMs: 0 }
}
