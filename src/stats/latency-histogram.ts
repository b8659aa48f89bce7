/**
 * What: how long calls took, as counts of durations in buckets: eight buckets for each doubling, from a microsecond to
 * half an hour, so a percentile is at most an eighth too large. The memory is the same for any number of calls.
 */

/** How long calls of one kind took; milliseconds with a fraction. */
export interface LatencyStats {
  /** Calls that were answered. */
  count: number
  /** Half of the calls took at most so long. */
  p50Ms: number
  /** The duration that 99 of 100 calls did not exceed. */
  p99Ms: number
  /** The duration that 999 of 1000 calls did not exceed. */
  p999Ms: number
  /** The longest one. */
  maxMs: number
}

const SUB_BITS = 3
const SUB_BUCKETS = 2 ** SUB_BITS
const MICROSECONDS_MAX = 2 ** 31 - 1
const BUCKETS = bucketOf(MICROSECONDS_MAX) + 1

export class LatencyHistogram {
  private readonly buckets = new Float64Array(BUCKETS)
  private count = 0
  private maxMs = 0

  record(durationMs: number): void {
    this.count++
    if (durationMs > this.maxMs) this.maxMs = durationMs
    this.buckets[bucketOf(Math.min(Math.max(0, durationMs * 1000), MICROSECONDS_MAX) | 0)]!++
  }

  /** Gives a duration that this share of the calls did not exceed; at most an eighth above the least such one. */
  percentileMs(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * share))
    for (let bucket = 0, seen = 0; bucket < BUCKETS; bucket++) {
      seen += this.buckets[bucket]!
      if (seen >= wanted) return Math.min(endOf(bucket) / 1000, this.maxMs)
    }
    return 0
  }

  /** The percentiles as plain data. */
  stats(): LatencyStats {
    const { count, maxMs } = this
    const [p50Ms, p99Ms, p999Ms] = [this.percentileMs(0.5), this.percentileMs(0.99), this.percentileMs(0.999)]
    return { count, p50Ms, p99Ms, p999Ms, maxMs }
  }
}

/** The bucket of a whole number of microseconds. */
function bucketOf(microseconds: number): number {
  if (microseconds < SUB_BUCKETS) return microseconds
  const exponent = 31 - Math.clz32(microseconds) - SUB_BITS
  return (exponent + 1) * SUB_BUCKETS + ((microseconds >>> exponent) & (SUB_BUCKETS - 1))
}

/** The microseconds at which a bucket ends. */
function endOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket + 1
  const exponent = (bucket >>> SUB_BITS) - 1
  return (SUB_BUCKETS + (bucket & (SUB_BUCKETS - 1)) + 1) * 2 ** exponent
}
