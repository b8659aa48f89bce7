import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LatencyHistogram } from './latency-histogram.js'

describe('latencies', () => {
  it('are all 0 before the first call', () => {
    assert.deepEqual(new LatencyHistogram().stats(), { count: 0, p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 })
  })

  it('give percentiles that are never too small, and at most an eighth too large', () => {
    for (const scale of [0.001, 0.02, 1, 7.3, 900]) {
      const latencies = new LatencyHistogram()
      for (let i = 1000; i >= 1; i--) latencies.record(i * scale)
      for (const [share, exact] of [[0.5, 500], [0.99, 990], [0.999, 999], [0.001, 1]] as const) {
        const found = latencies.percentileMs(share)
        assert.ok(found >= exact * scale - 0.001, `${found} for ${exact * scale}`)
        assert.ok(found <= exact * scale * 1.126 + 0.001, `${found} for ${exact * scale}`)
      }
      const { count, maxMs } = latencies.stats()
      assert.deepEqual([count, maxMs], [1000, 1000 * scale])
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
})
