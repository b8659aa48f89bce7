/**
 * What: schedules in which a cache could stand still, each with a whole cache as programs open it: at the limit of its
 * disk, with uploads and readers that stall, and with as few segments as there can be. H1, H2, H3, H7; BC-3, BC-7.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KiB, MiB } from '../../src/base/index.js'
import { SimVfs } from '../../src/testing.js'
import type { BlobCache } from '../../src/blob-cache.js'
import { openPublicCache } from '../support/blob-cache/public-cache.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

/** The smallest cache: 32 segments of 1 MiB, of which the young queue has three. */
const SMALLEST = 32 * MiB

function valueOf(key: string, bytes: number): Uint8Array {
  return Buffer.alloc(bytes, `${key} `)
}

async function onSimulatedDisk(options: { maxBlobBytes?: number } = {}): Promise<{ vfs: SimVfs; cache: BlobCache }> {
  const vfs = new SimVfs({ seed: 1 })
  vfs.mkdirSync('/cache')
  vfs.syncDirSync('/')
  vfs.onEffect = () => assert.ok(vfs.usedBytes <= SMALLEST, `BC-3: ${vfs.usedBytes}`)
  const cache = await openPublicCache({ maxBytes: SMALLEST, components: { vfs, clock: vfs.clock }, ...options }, vfs)
  return { vfs, cache }
}

/** Puts blobs of 100 KiB, eight at a time, and reads each `everyNth`. Gives how many were stored. */
async function putMany(cache: BlobCache, from: number, count: number, everyNth = 0): Promise<number> {
  let stored = 0
  for (let i = from; i < from + count; i += 8) {
    const keys = Array.from({ length: 8 }, (_, j) => `k${i + j}`)
    const results = await Promise.all(keys.map((key) => cache.put(key, valueOf(key, 100 * KiB))))
    stored += results.filter((result) => result.stored).length
    for (const [j, key] of keys.entries()) if (everyNth > 0 && (i + j) % everyNth === 0) await cache.get(key)
  }
  return stored
}

/** Gives a first piece, then nothing until it is let go. */
class StalledUpload {
  letGo: () => void = () => undefined
  private readonly going = new Promise<void>((resolve) => (this.letGo = resolve))

  async *pieces(value: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    const half = value.length >> 1
    yield value.subarray(0, half)
    await this.going
    yield value.subarray(half)
  }
}

describe('a cache does not stand still', () => {
  it('on a disk at its limit, with all blobs read, so that each that leaves would be moved (H1)', async () => {
    const { vfs, cache } = await onSimulatedDisk()
    assert.equal(await putMany(cache, 0, 400, 1), 400)
    vfs.capacityBytes = vfs.usedBytes
    const stored = await putMany(cache, 400, 400, 1)
    assert.ok(stored > 350, `${stored}`)
    const { state, evictedSegments, memory: { waitingBytes } } = cache.stats()
    assert.equal(state, 'OK')
    assert.equal(waitingBytes, 0)
    assert.ok(evictedSegments > 30)
    const last = (await cache.get('k799'))!
    assert.ok(Buffer.compare(last, valueOf('k799', 100 * KiB)) === 0)
    await cache.close().catch(() => undefined)
    assert.equal(vfs.openFileCount, 0)
  })

  it('while uploads stall (H2)', async () => {
    const { vfs, cache } = await onSimulatedDisk()
    const uploads = Array.from({ length: 3 }, () => new StalledUpload())
    const value = valueOf('upload', 600 * KiB)
    const puts = uploads.map((upload, i) => cache.put(`upload ${i}`, upload.pieces(value)))
    assert.equal(await putMany(cache, 0, 800), 800)
    await cache.put('synced', 'x', { durability: 'synced' })
    assert.ok(cache.stats().evictedSegments > 30)
    for (const upload of uploads) upload.letGo()
    assert.deepEqual(await Promise.all(puts), uploads.map(() => ({ stored: true })))
    for (const [i] of uploads.entries()) assert.ok(Buffer.compare((await cache.get(`upload ${i}`))!, value) === 0)
    await cache.close()
    assert.equal(vfs.openFileCount, 0)
  })

  it('while readers stall on blobs that were put last, and those go meanwhile (H3)', async () => {
    const { vfs, cache } = await onSimulatedDisk()
    const keys = Array.from({ length: 24 }, (_, i) => `k${i}`)
    await putMany(cache, 0, 24)
    const streams = await Promise.all(keys.map(async (key) => (await cache.getStream(key))!.getReader()))
    assert.equal(await putMany(cache, 24, 800), 800)
    assert.ok(cache.stats().evictedSegments > 30)
    for (const [i, reader] of streams.entries()) {
      const pieces: Uint8Array[] = []
      try {
        for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ABORTED')
        continue
      }
      assert.ok(Buffer.compare(Buffer.concat(pieces), valueOf(keys[i]!, 100 * KiB)) === 0)
    }
    await cache.close()
    assert.equal(vfs.openFileCount, 0)
    assert.equal(cache.stats().space.heldBytes, 0)
  })

  it('with as few segments as there can be, for blobs as large as there can be (H7)', async () => {
    await assert.rejects(openPublicCache({ maxBytes: SMALLEST - 1 }), { code: 'INVALID_ARGUMENT' })
    const sizes = [256 * KiB - 200, 256 * KiB, 700 * KiB, MiB, 2 * MiB, 4 * MiB]
    const { vfs, cache } = await onSimulatedDisk({ maxBlobBytes: 4 * MiB })
    for (let round = 0; round < 10; round++) {
      for (const size of sizes) {
        const key = `${round} ${size}`
        assert.deepEqual(await cache.put(key, valueOf(key, size)), { stored: true }, key)
        const found = await cache.get(key)
        // One that is larger than all young segments together may go as soon as it is there.
        if (size < 4 * MiB) assert.ok(found !== undefined, key)
        if (found !== undefined) assert.ok(Buffer.compare(found, valueOf(key, size)) === 0, key)
        assert.ok((await cache.put(`small ${key}`, 'x')).stored)
      }
    }
    assert.ok(cache.stats().evictedSegments > 10)
    assert.deepEqual(await cache.put('larger', valueOf('larger', 4 * MiB + 1)), { stored: false, reason: 'too-large' })
    await cache.close()
    assert.equal(vfs.openFileCount, 0)
  })
})
