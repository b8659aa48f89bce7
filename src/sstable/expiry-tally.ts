/**
 * What: when the entries of one table expire, gathered while they go by.
 * Thread: any, no sharing. Nothing is allocated per entry.
 */
import type { ExpiryFacts } from '../base/index.js'

/** Expiries that are remembered: all of few, and of many as many chosen by chance (Vitter's algorithm R). */
const SAMPLE_COUNT = 512
const PARTS = 8

export class ExpiryTally {
  count = 0
  private earliestMs = Infinity
  private latestMs = 0
  private sample: Float64Array | null = null
  /** Chance of its own, the same each time, so that a table does not depend on anything but its entries. */
  private chance = 0x2545f491

  /** Counts an entry that expires. */
  add(expiryMs: number): void {
    if (expiryMs < this.earliestMs) this.earliestMs = expiryMs
    if (expiryMs > this.latestMs) this.latestMs = expiryMs
    this.sample ??= new Float64Array(SAMPLE_COUNT)
    const place = this.count < SAMPLE_COUNT ? this.count : this.draw(this.count + 1)
    if (place < SAMPLE_COUNT) this.sample[place] = expiryMs
    this.count++
  }

  /** Draws an integer from 0 to below `limit` (Marsaglia's xorshift). */
  private draw(limit: number): number {
    let x = this.chance
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.chance = x
    return Math.floor((x >>> 0) / 2 ** 32 * limit)
  }

  /** Null when no entry expires. */
  facts(): ExpiryFacts | null {
    const { count, earliestMs, latestMs, sample } = this
    if (sample === null) return null
    const sorted = sample.slice(0, Math.min(count, SAMPLE_COUNT)).sort()
    const octilesMs = Array.from({ length: PARTS }, (_, i) => sorted[Math.ceil((i + 1) * sorted.length / PARTS) - 1]!)
    octilesMs[PARTS - 1] = latestMs
    return { count, earliestMs, latestMs, octilesMs }
  }
}
