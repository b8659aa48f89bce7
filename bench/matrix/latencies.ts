/**
 * What: the times of many operations as a histogram: 16 steps for each doubling, so a percentile is right to 5 %,
 * and adding a time allocates nothing.
 */

const STEPS = 16
/** Microseconds of the lower end; what is shorter counts as this. */
const LOWEST_US = 0.05
const DOUBLINGS = 32

export class Latencies {
  private readonly counts = new Float64Array(STEPS * DOUBLINGS)
  private count = 0

  add(ms: number): void {
    const step = Math.floor(STEPS * Math.log2((1000 * ms) / LOWEST_US))
    const at = Math.max(0, Math.min(this.counts.length - 1, step))
    this.counts[at]!++
    this.count++
  }

  /** Gives the time, in microseconds, that this part of the operations did not exceed; 0 when there are none. */
  percentileUs(part: number): number {
    if (this.count === 0) return 0
    let left = part * this.count
    for (const [at, count] of this.counts.entries()) {
      left -= count
      if (left <= 0) return LOWEST_US * 2 ** ((at + 0.5) / STEPS)
    }
    return LOWEST_US * 2 ** DOUBLINGS
  }
}
