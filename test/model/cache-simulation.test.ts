/**
 * What: what the blob cache promises of its eviction, on generated requests: nearly the misses of S3-FIFO blob by blob,
 * few bytes written again, none before it is full, and never more bytes than it may have.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { playAll } from '../../bench/simulation/cache-report.js'
import type { CacheReport } from '../../bench/simulation/cache-report.js'
import {
  cacheShareOf, generatedRequests, parsedRequests, REQUEST_SHAPES,
} from '../../bench/simulation/cache-requests.js'

const MISSES_MORE_MAX = 0.015
const WRITTEN_MAX = 1.35

for (const shape of REQUEST_SHAPES) {
  test(`misses and bytes written: ${shape}`, () => {
    const requests = generatedRequests(shape, 120_000, 3)
    const maxBytes = Math.floor(requests.footprintBytes * cacheShareOf(shape))
    const reports = playAll(requests, { maxBytes, youngShare: 0.05, segmentCount: 128, lagSegments: 0.25 })
    const reportOf = (name: string): CacheReport => reports.find((each) => each.name === name)!
    const [ideal, real] = [reportOf('S3-FIFO, blob by blob'), reportOf('segments')]
    assert.ok(real.missRatio < ideal.missRatio + MISSES_MORE_MAX, `${real.missRatio}, ideal ${ideal.missRatio}`)
    assert.ok(real.written < WRITTEN_MAX, `${real.written} bytes written for each byte put`)
    assert.ok(real.writtenBeforeFull < 1.001, `${real.writtenBeforeFull} before it is full`)
    assert.ok(real.mostUsed <= 1 && real.mostUsed > 0.95, `${real.mostUsed} of the bytes used`)
  })
}

test('requests are read from a text', () => {
  const text = '# a comment\n1700000000 /a.js 300\n\n1700000001,/b.js,200\n/a.js\t999\r\n'
  const { blobs, sizes, footprintBytes } = parsedRequests('sample', text)
  assert.deepEqual([[...blobs], [...sizes], footprintBytes], [[0, 1, 0], [300, 200], 500])
  for (const bad of ['/a.js', '/a.js x', '1 /a.js 5 5', '/a.js -1']) {
    assert.throws(() => parsedRequests('sample', `# first\n${bad}`), /sample, line 2: not 'key size'/)
  }
})
