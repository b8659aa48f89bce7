/**
 * What: how long calls took, as counts of durations in buckets: eight buckets for each doubling, from a 64th of a
 * microsecond to half an hour, so a percentile is at most an eighth too large. The memory is the same for any number of
 * calls: 2.5 KiB.
 * Thread: any, no sharing.
 */

/** How long calls of one kind took; milliseconds with a fraction. */
export interface LatencyStats {
  /** Calls that were measured. */
  count: number
  /** All of these together. */
  totalMs: number
  /** Half of the calls took at most so long. */
  p50Ms: number
  /** The duration that 9 of 10 calls did not exceed. */
  p90Ms: number
  /** The duration that 99 of 100 calls did not exceed. */
  p99Ms: number
  /** The duration that 999 of 1000 calls did not exceed. */
  p999Ms: number
  /** The longest one. */
  maxMs: number
}

const SUB_BITS = 3
const SUB_BUCKETS = 2 ** SUB_BITS
/** Durations are counted in 64ths of a microsecond, of which the first eight have a bucket each. */
const UNITS_PER_MS = 64_000
const UNITS_MAX = (2 ** 31 - 1) * 64
/** Numbers that are longer than this do not fit into the bit operations. */
const SHORT_UNITS_MAX = 2 ** 31 - 1
const LONG_BITS = 16
const BUCKETS = bucketOf(UNITS_MAX) + 1

export class LatencyHistogram {
  private readonly buckets = new Float64Array(BUCKETS)
  private count = 0
  private totalMs = 0
  private maxMs = 0

  record(durationMs: number): void {
    this.count++
    this.totalMs += durationMs
    if (durationMs > this.maxMs) this.maxMs = durationMs
    this.buckets[bucketOf(Math.min(Math.max(0, durationMs * UNITS_PER_MS), UNITS_MAX))]!++
  }

  /** Gives a duration that this share of the calls did not exceed; at most an eighth above the least such one. */
  percentileMs(share: number): number {
    return this.percentilesMs([share])[0]!
  }

  /** Gives such a duration for each of these shares, which ascend. */
  percentilesMs(shares: readonly number[]): number[] {
    const found: number[] = []
    const { buckets, count, maxMs } = this
    for (let bucket = 0, seen = 0; bucket < BUCKETS && seen < count; bucket++) {
      if (buckets[bucket] === 0) continue
      seen += buckets[bucket]!
      while (found.length < shares.length && seen >= Math.max(1, Math.ceil(count * shares[found.length]!))) {
        found.push(Math.min(endOf(bucket) / UNITS_PER_MS, maxMs))
      }
    }
    while (found.length < shares.length) found.push(0)
    return found
  }

  /** The percentiles as plain data. */
  stats(): LatencyStats {
    const { count, totalMs, maxMs } = this
    const [p50Ms, p90Ms, p99Ms, p999Ms] = this.percentilesMs(SHARES) as [number, number, number, number]
    return { count, totalMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }
  }
}

const SHARES = [0.5, 0.9, 0.99, 0.999]

/** What hears of a measured call; `error` is what the call failed with, or undefined. */
export type LatencyListener = (durationMs: number, error: unknown) => void

/** Measures one call of so many, where two looks at the clock would be felt in each. */
export class SampledLatency {
  readonly times = new LatencyHistogram()
  private listeners: readonly { listener: LatencyListener; all: boolean }[] = []
  private readonly usualMask: number
  private mask: number
  private callCount = 0

  /** `one` of how many is measured, a power of two. */
  constructor(one: number) {
    this.usualMask = one - 1
    this.mask = this.usualMask
  }

  /**
   * Adds a listener of measured calls, also of those that failed; it must not throw. With `all` every call is measured
   * while it listens. Gives the function that removes it.
   */
  listen(listener: LatencyListener, all: boolean): () => void {
    const own = { listener, all }
    this.setListeners([...this.listeners, own])
    return () => this.setListeners(this.listeners.filter((each) => each !== own))
  }

  private setListeners(listeners: SampledLatency['listeners']): void {
    this.listeners = listeners
    this.mask = listeners.some(({ all }) => all) ? 0 : this.usualMask
  }

  /** True when the call that begins is to be measured. */
  isDue(): boolean {
    return (++this.callCount & this.mask) === 0
  }

  /** Notes a measured call. One that failed is told, and not counted. */
  record(durationMs: number, error?: unknown): void {
    if (error === undefined) this.times.record(durationMs)
    for (const { listener } of this.listeners) listener(durationMs, error)
  }
}

/** Latencies before anything was measured. */
export function emptyLatencyStats(): LatencyStats {
  return { count: 0, totalMs: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 }
}

/** The bucket of a number of units. */
function bucketOf(units: number): number {
  if (units > SHORT_UNITS_MAX) return bucketOf(units / 2 ** LONG_BITS) + LONG_BITS * SUB_BUCKETS
  const whole = units | 0
  if (whole < SUB_BUCKETS) return whole
  const exponent = 31 - Math.clz32(whole) - SUB_BITS
  return (exponent + 1) * SUB_BUCKETS + ((whole >>> exponent) & (SUB_BUCKETS - 1))
}

/** The units at which a bucket ends. */
function endOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket + 1
  const exponent = (bucket >>> SUB_BITS) - 1
  return (SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1)) + 1) * 2 ** exponent
}
