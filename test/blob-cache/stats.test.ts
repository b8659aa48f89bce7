/**
 * What: what a cache tells of itself agrees with what was done and with what is on the disk: counts, bytes by use,
 * stage times, percentiles.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CallMeter } from '../../src/blob-cache/call-meter.js'
import { cacheStats } from '../../src/blob-cache/cache-stats.js'
import type { StoreStats } from '../../src/blob-cache/cache-stats.js'
import { systemClock } from '../../src/base/index.js'
import { BlobCache } from '../../src/blob-cache.js'
import { SimVfs } from '../../src/testing.js'
import { openCache } from '../support/blob-cache/blob-machine.js'
import type { TextStore } from '../support/blob-cache/blob-machine.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

/** What catalogs may need, and sixteen segments. */
const SMALL = { segmentBytes: 2048, slabBytes: 2048, maxBytes: 266_240 + 16 * 2048 }

const statsOf = ({ store }: TextStore): StoreStats => cacheStats(store, new CallMeter(systemClock))

describe('stats() of a cache', () => {
  it('counts bytes by use, each file once', async () => {
    const vfs = new SimVfs({ seed: 1 })
    const cache = await openCache(vfs, SMALL)
    for (let i = 0; i < 300; i++) {
      await cache.put(`k${i}`, 'v'.repeat(200), i % 3 === 0 ? 'synced' : 'written')
      if (i % 5 === 0) await cache.get(`k${i}`)
      if (i % 7 === 0) await cache.delete(`k${i}`)
      const { space, usedBytes, queues: { young, main }, segments } = statsOf(cache)
      const { segmentBytes, streamBytes, catalogBytes, snapshotBytes, heldBytes, maxBytes } = space
      assert.equal(segmentBytes + streamBytes + catalogBytes + heldBytes, usedBytes)
      assert.ok(snapshotBytes > statsOf(cache).items * 24, `${snapshotBytes}`)
      assert.ok(usedBytes <= maxBytes && vfs.usedBytes <= usedBytes)
      assert.ok(young.segments + main.segments >= segments, 'those that are leaving are in a queue yet')
      assert.ok(young.bytes + main.bytes <= segmentBytes)
    }
    await cache.store.close()
  })

  it('has a time for each stage that a blob went through', async () => {
    const vfs = new SimVfs({ seed: 2 })
    const cache = await openCache(vfs, SMALL)
    const { counts } = cache.store
    const before = statsOf(cache)
    for (const { count } of Object.values(before.stages)) assert.equal(count, 0)
    for (let i = 0; i < 400; i++) {
      await Promise.all([0, 1, 2].map((n) => cache.put(`k${i} ${n}`, 'v'.repeat(200), n === 0 ? 'synced' : 'written')))
      if (i % 4 === 0) await cache.get(`k${i} 0`)
    }
    const { stages, written, evictedItems, movedItems, movedBytes, evictedSegments, items } = statsOf(cache)
    assert.equal(stages.bind.count, counts.puts)
    for (const [stage, { count, totalMs, maxMs }] of Object.entries(stages)) {
      assert.ok(count > 0 && totalMs >= maxMs && maxMs >= 0, stage)
    }
    const underWay = evictedSegments - stages.evict.count
    assert.ok(underWay >= 0 && underWay < 4, `${underWay}`)
    assert.ok(stages.move.count <= stages.evict.count)
    assert.ok(movedItems > 0 && written.moveBytes >= movedBytes)
    assert.ok(written.putBytes >= 1200 * 200 && written.putBytes <= 1200 * 400, `${written.putBytes}`)
    assert.ok(written.catalogBytes > before.written.catalogBytes)
    // What went and what is there is what came: nothing was deleted or overwritten.
    assert.equal(evictedItems + items, 1200)
    await cache.store.close()
  })

  it('knows kills, and ghosts that came back', async () => {
    const vfs = new SimVfs({ seed: 3 })
    const cache = await openCache(vfs, SMALL)
    for (let i = 0; i < 10; i++) await cache.put('k', `value ${i}`, 'memory')
    assert.equal(statsOf(cache).kills.waiting, 9)
    await cache.delete('k', 'synced')
    assert.deepEqual(statsOf(cache).kills, { durable: 10, waiting: 0 })
    for (let i = 0; i < 300; i++) await cache.put(`k${i}`, 'v'.repeat(200))
    const { ghosts } = statsOf(cache)
    assert.ok(ghosts.items > 0 && ghosts.memoryBytes > 0 && ghosts.hits === 0)
    for (let i = 0; i < 300; i++) await cache.put(`k${i}`, 'v'.repeat(200))
    assert.ok(statsOf(cache).ghosts.hits > 0)
    await cache.store.close()
  })

  it('has percentiles of the calls of programs, and refused puts by reason', async () => {
    const vfs = new SimVfs({ seed: 4 })
    vfs.mkdirSync('/cache')
    vfs.syncDirSync('/')
    const cache = await BlobCache.open('/cache', { maxBytes: 64 * 2 ** 20, components: { vfs } })
    for (let i = 0; i < 20; i++) await cache.put(`k${i}`, 'value')
    await cache.put('old', 'value', { version: 5 })
    await cache.put('old', 'value', { version: 4 })
    await cache.put('gone', 'value', { ttl: 0 })
    await cache.put('gone', 'value', { ttl: 0 })
    for (let i = 0; i < 30; i++) await cache.get(`k${i}`)
    const { reads, writes, refused, puts, hits, misses } = cache.stats()
    assert.deepEqual([puts, writes.count, reads.count, hits, misses.absent], [21, 21, 30, 20, 10])
    assert.deepEqual(refused, { 'too-old': 1, expired: 2 })
    for (const { p50Ms, p99Ms, p999Ms, maxMs } of [reads, writes]) {
      assert.ok(0 < p50Ms && p50Ms <= p99Ms && p99Ms <= p999Ms && p999Ms <= maxMs)
    }
    await cache.close()
    assert.deepEqual(JSON.parse(JSON.stringify(cache.stats())), cache.stats())
  })
})
