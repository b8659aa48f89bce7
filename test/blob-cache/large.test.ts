/**
 * What: blobs that are larger than a slab takes, and those that come from a source.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AbortWatch, crc32 } from '../../src/base/index.js'
import { SimVfs } from '../../src/testing.js'
import { CACHE_DIR, openCache } from '../support/blob-cache/blob-machine.js'
import type { TextStore } from '../support/blob-cache/blob-machine.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

/** Bytes that are different at each place and for each salt. */
function bytesOf(length: number, salt = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8) * 7 + salt * 97) & 255)
}

async function read(cache: TextStore, key: string): Promise<Uint8Array | undefined> {
  return cache.store.get(cache.store.hashed(key))
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Gives bytes in pieces, then does what `end` says. */
class Pieces {
  isCancelled = false
  given = 0
  private readonly bytes: Uint8Array
  private readonly pieceBytes: number
  private readonly end: () => Promise<null>

  constructor(bytes: Uint8Array, pieceBytes = 700, end: () => Promise<null> = async () => null) {
    this.bytes = bytes
    this.pieceBytes = pieceBytes
    this.end = end
  }

  [Symbol.asyncIterator]() {
    return {
      next: async () => {
        const piece = this.bytes.slice(this.given, this.given + this.pieceBytes)
        this.given += piece.length
        if (piece.length > 0) return { done: false, value: piece }
        await this.end()
        return { done: true, value: undefined }
      },
      return: async () => {
        this.isCancelled = true
        return { done: true, value: undefined }
      },
    } as AsyncIterator<Uint8Array>
  }
}

describe('a large blob', () => {
  it('is what was put, before and after a reopen, whatever it came from (BC-1)', async () => {
    const vfs = new SimVfs({ seed: 1 })
    let cache = await openCache(vfs)
    const sizes = [1100, 4096, 9000, 20_000, 65_536]
    const putAll = (salt: number) => Promise.all(sizes.flatMap((size, i) => {
      const value = bytesOf(size, salt + i)
      return [
        cache.put(`bytes ${i}`, value), cache.put(`pieces ${i}`, new Pieces(value)),
        cache.put(`blob ${i}`, new Blob([value])), cache.put(`stream ${i}`, new Blob([value]).stream()),
        cache.put(`small ${i}`, new Pieces(value.subarray(0, 50))),
      ]
    }))
    assert.ok((await putAll(1)).every(({ stored }) => stored))
    for (let life = 0; life < 3; life++) {
      for (const [i, size] of sizes.entries()) {
        const value = bytesOf(size, 1 + i)
        for (const kind of ['bytes', 'pieces', 'blob', 'stream']) {
          assert.deepEqual(await read(cache, `${kind} ${i}`), value, `${kind} ${i} in life ${life}`)
        }
        assert.deepEqual(await read(cache, `small ${i}`), value.subarray(0, 50))
      }
      await cache.store.close()
      assert.equal(vfs.openFileCount, 0)
      cache = await openCache(vfs)
    }
    await cache.store.close()
    assert.deepEqual([...vfs.violations], [])
  })

  it('that fails, has another size or checksum than was said stores nothing; its room comes back', async () => {
    const vfs = new SimVfs({ seed: 2 })
    const cache = await openCache(vfs)
    await cache.put('k', 'old')
    await cache.put('first', bytesOf(2000))
    const { usedBytes } = cache.store
    for (const size of [300, 3000]) {
      const value = bytesOf(size)
      const failing = new Pieces(value, 700, () => Promise.reject(new Error('broken')))
      const failed = await cache.put('k', failing)
      assert.equal(!failed.stored && failed.reason === 'source' && (failed.error as Error).message, 'broken')
      for (const said of [size - 1, size + 1]) {
        const source = new Pieces(value)
        assert.deepEqual(await cache.put('k', source, 'written', { size: said }), { stored: false, reason: 'size' })
        assert.equal(source.isCancelled, said < size)
      }
      const wrong = { checksum: crc32(value, 0, size) ^ 1 }
      for (const given of [value, new Pieces(value)]) {
        assert.deepEqual(await cache.put('k', given, 'written', wrong), { stored: false, reason: 'checksum' })
      }
      const right = { checksum: crc32(value, 0, size), size }
      for (const given of [value, new Pieces(value)]) {
        assert.deepEqual(await cache.put(`right ${size}`, given, 'memory', right), { stored: true })
        await cache.delete(`right ${size}`)
      }
    }
    const endless = new Pieces(bytesOf(100_000))
    assert.deepEqual(await cache.put('k', endless), { stored: false, reason: 'too-large' })
    assert.ok(endless.isCancelled && endless.given <= 67_000)
    const strange = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 'text' }) }) }
    const refused = await cache.put('k', strange as unknown as AsyncIterable<Uint8Array>)
    assert.equal(!refused.stored && refused.reason, 'source')
    assert.equal(await cache.get('k'), 'old')
    assert.deepEqual(await read(cache, 'first'), bytesOf(2000))
    await cache.store.sync()
    assert.equal(cache.store.disk.space.usedBy('stream'), 0)
    // The next segments are made, of 4 KiB each.
    assert.ok(cache.store.usedBytes < usedBytes + 5 * 4096, 'what was given up takes no room')
    await cache.store.close()
  })

  it('is given up at each piece by its signal, by a later call of its key, and by close (S7, BC-7)', async () => {
    const vfs = new SimVfs({ seed: 3 })
    const cache = await openCache(vfs)
    await cache.put('k', 'old')
    for (let pieces = 0; pieces <= 6; pieces++) {
      const controller = new AbortController()
      const source = new Pieces(bytesOf(pieces * 700), 700, () => new Promise(() => undefined))
      const put = cache.put('k', source, 'written', { watch: new AbortWatch(controller.signal) })
      while (source.given < pieces * 700) await turn()
      controller.abort()
      assert.deepEqual(await put, { stored: false, reason: 'aborted' })
      assert.ok(source.isCancelled)
      assert.equal(await cache.get('k'), 'old')
    }
    for (const [i, newer] of ['put', 'delete', 'purge', 'stream'].entries()) {
      let end: () => void = () => undefined
      const older = new Pieces(bytesOf(5000, i), 700, () => new Promise((resolve) => (end = () => resolve(null))))
      const put = cache.put('k', older)
      while (older.given < 5000) await turn()
      const later = newer === 'put' ? cache.put('k', `newer ${i}`) : newer === 'delete' ? cache.delete('k')
        : newer === 'purge' ? cache.store.purge(0, 'written') : cache.put('k', new Pieces(bytesOf(3000, 9)))
      await later
      end()
      assert.deepEqual(await put, { stored: false, reason: 'superseded' })
      const now = await read(cache, 'k')
      if (newer === 'stream') assert.deepEqual(now, bytesOf(3000, 9))
      else assert.equal(now && new TextDecoder().decode(now), newer === 'put' ? `newer ${i}` : undefined)
    }
    const stalled = new Pieces(bytesOf(2000), 700, () => new Promise(() => undefined))
    const [put, large] = [cache.put('stalled', stalled), cache.put('large', bytesOf(30_000))]
    await cache.store.close()
    assert.deepEqual(await put, { stored: false, reason: 'aborted' })
    assert.deepEqual(await large, { stored: true })
    assert.ok(stalled.isCancelled)
    assert.equal(vfs.openFileCount, 0)
    const again = await openCache(vfs)
    assert.deepEqual(await read(again, 'large'), bytesOf(30_000))
    await again.store.close()
  })

  it('keeps nobody from anything while its source stalls (H2); 16 of them stay within the bound (N1)', async () => {
    const vfs = new SimVfs({ seed: 4 })
    const maxBytes = 600_000
    vfs.mkdirSync(CACHE_DIR)
    let most = 0
    vfs.onEffect = () => {
      most = Math.max(most, vfs.usedBytes)
    }
    const cache = await openCache(vfs, { maxBytes })
    const ends: (() => void)[] = []
    const sources = Array.from({ length: 16 }, (_, i) =>
      new Pieces(bytesOf(60_000, i), 900, () => new Promise((resolve) => ends.push(() => resolve(null)))))
    let settled = 0
    const begin = (source: Pieces, i: number) => cache.put(`stream ${i}`, source).finally(() => settled++)
    const puts = sources.slice(0, 2).map(begin)
    while (ends.length < 2) await turn()
    puts.push(...sources.slice(2).map((source, i) => begin(source, i + 2)))
    for (let i = 0; i < 600; i++) assert.deepEqual(await cache.put(`small ${i}`, 'x'.repeat(900)), { stored: true })
    while (ends.length + settled < 16) await turn()
    assert.ok(cache.store.remover.evictedSegments > 10)
    for (const end of ends) end()
    const results = await Promise.all(puts)
    const stored = results.filter((result) => result.stored).length
    assert.ok(stored >= 2 && stored < 16, `${stored}`)
    assert.ok(results.every((result) => result.stored || result.reason === 'busy'), JSON.stringify(results))
    assert.ok(most <= maxBytes, `BC-3: ${most}`)
    assert.equal((await cache.get('small 599'))?.length, 900)
    let there = 0
    for (const [i, result] of results.entries()) {
      const found = result.stored ? await read(cache, `stream ${i}`) : undefined
      if (found === undefined) continue
      assert.deepEqual(found, bytesOf(60_000, i))
      there++
    }
    assert.ok(there >= 2, `${there} of ${stored}: the others may have been evicted`)
    await cache.store.close()
    assert.ok(most <= maxBytes, `BC-3: ${most}`)
  })

  it('goes on in the segments that an earlier process left less than half full: files are few (N3)', async () => {
    const vfs = new SimVfs({ seed: 5 })
    const rounds = 60
    for (let i = 0; i < rounds; i++) {
      const cache = await openCache(vfs, { segmentBytes: 16_384 })
      await cache.put(`small ${i}`, 'x'.repeat(60))
      await cache.put(`large ${i}`, bytesOf(1500, i))
      const two = i % 4 === 0 ? ['a', 'b'] : []
      await Promise.all(two.map((key) => cache.put(`${key} ${i}`, new Pieces(bytesOf(1200, i)))))
      for (let j = 0; j <= i; j += 7) assert.deepEqual(await read(cache, `large ${j}`), bytesOf(1500, j))
      await cache.store.close()
      assert.equal(vfs.openFileCount, 0)
    }
    const count = vfs.listSync(CACHE_DIR).filter((name) => name.endsWith('.segment')).length
    assert.ok(count <= (rounds * (1700 + 1400 / 2)) / (16_384 / 2) + 8, `${count}`)
  })

  it('is answered at the moment that was asked for, and survives what that promises (BC-9)', async () => {
    for (const durability of ['memory', 'written', 'synced'] as const) {
      const vfs = new SimVfs({ seed: 6 })
      const cache = await openCache(vfs)
      await cache.put('k', 'old', 'synced')
      assert.deepEqual(await cache.put('k', new Pieces(bytesOf(2000)), durability), { stored: true })
      assert.deepEqual(await read(cache, 'k'), bytesOf(2000))
      const after = async (image: SimVfs) => read(await openCache(image), 'k')
      const old = new TextEncoder().encode('old')
      if (durability !== 'memory') assert.deepEqual(await after(vfs.cloneKilled(1)), bytesOf(2000))
      const lost = await after(vfs.clone('none', 1))
      if (durability === 'synced') assert.deepEqual(lost, bytesOf(2000))
      else assert.deepEqual(lost, old)
      await cache.store.close()
    }
  })

  it('that is overwritten, deleted or reopened with a version stays in the order of versions (S12)', async () => {
    const vfs = new SimVfs({ seed: 7 })
    let cache = await openCache(vfs)
    const put = (version: number, size: number) =>
      cache.put('k', new Pieces(bytesOf(size, version)), 'written', { version })
    assert.deepEqual(await put(5, 4000), { stored: true })
    assert.deepEqual(await put(5, 3000), { stored: false, reason: 'too-old' })
    const [slow, newer] = [put(6, 5000), put(7, 100)]
    assert.deepEqual([await slow, await newer], [{ stored: false, reason: 'superseded' }, { stored: true }])
    await cache.store.close()
    cache = await openCache(vfs)
    assert.deepEqual(await put(7, 4000), { stored: false, reason: 'too-old' })
    assert.deepEqual(await put(8, 4000), { stored: true })
    assert.deepEqual(await read(cache, 'k'), bytesOf(4000, 8))
    await cache.store.close()
  })
})
