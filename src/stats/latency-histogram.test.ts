import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { emptyLatencyStats, LatencyHistogram, SampledLatency } from './latency-histogram.js'

describe('latencies', () => {
  it('are all 0 before the first call', () => {
    assert.deepEqual(new LatencyHistogram().stats(), emptyLatencyStats())
  })

  it('give percentiles that are never too small, and at most an eighth too large', () => {
    for (const scale of [0.000001, 0.00001, 0.001, 0.02, 1, 7.3, 900]) {
      const latencies = new LatencyHistogram()
      for (let i = 1000; i >= 1; i--) latencies.record(i * scale)
      for (const [share, exact] of [[0.5, 500], [0.9, 900], [0.99, 990], [0.999, 999], [0.001, 1]] as const) {
        const found = latencies.percentileMs(share)
        // A 64th of a microsecond is the least that is told apart.
        assert.ok(found >= exact * scale - 0.00002, `${found} for ${exact * scale}`)
        assert.ok(found <= exact * scale * 1.126 + 0.00002, `${found} for ${exact * scale}`)
      }
      const { count, totalMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = latencies.stats()
      assert.deepEqual([count, maxMs], [1000, 1000 * scale])
      assert.ok(Math.abs(totalMs - 500_500 * scale) < scale)
      const shares = [0.5, 0.9, 0.99, 0.999].map((share) => latencies.percentileMs(share))
      assert.deepEqual([p50Ms, p90Ms, p99Ms, p999Ms], shares)
    }
  })

  it('show the one long call of a thousand only at the end', () => {
    const latencies = new LatencyHistogram()
    for (let i = 0; i < 1999; i++) latencies.record(1)
    latencies.record(5000)
    const { p50Ms, p99Ms, p999Ms, maxMs } = latencies.stats()
    assert.ok(p50Ms < 1.2 && p99Ms < 1.2 && p999Ms < 1.2)
    assert.equal(maxMs, 5000)
  })

  it('take durations of any length', () => {
    const latencies = new LatencyHistogram()
    for (const ms of [0, -1, 1e-9, 1e9, 2 ** 40]) latencies.record(ms)
    assert.equal(latencies.stats().count, 5)
    assert.ok(latencies.percentileMs(1) >= 2 ** 31 / 1000 - 1)
  })

  it('of one call of so many are measured, or of all while somebody asks for that', () => {
    const sampled = new SampledLatency(4)
    const due = (calls: number): number => Array.from({ length: calls }, () => sampled.isDue()).filter(Boolean).length
    assert.equal(due(40), 10)
    const heard: unknown[] = []
    const endAll = sampled.listen((ms, error) => heard.push([ms, error]), true)
    const endOther = sampled.listen(() => undefined, false)
    assert.equal(due(40), 40)
    sampled.record(5)
    const error = new Error('mine')
    sampled.record(7, error)
    endAll()
    assert.equal(due(40), 10)
    endOther()
    sampled.record(9)
    // One that failed is told, and not counted.
    assert.deepEqual(heard, [[5, undefined], [7, error]])
    assert.equal(sampled.times.stats().count, 2)
  })
})
