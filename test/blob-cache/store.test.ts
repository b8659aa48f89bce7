import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimVfs } from '../../src/testing.js'
import { CACHE_DIR, openCache } from '../support/blob-cache/blob-machine.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const long = (salt: string) => salt.repeat(40)

function files(vfs: SimVfs, kind: string): string[] {
  return vfs.listSync(CACHE_DIR).filter((name) => name.endsWith(kind)).sort()
}

describe('a store', () => {
  it('gives what was put last, and nothing that was deleted, before and after a reopen (BC-1)', async () => {
    const vfs = new SimVfs({ seed: 1 })
    let cache = await openCache(vfs)
    for (let round = 0; round < 4; round++) {
      for (const key of ['a', 'b', 'c', 'd']) {
        assert.deepEqual(await cache.put(key, long(`${key}${round}`)), { stored: true })
      }
    }
    assert.equal(await cache.delete('b'), true)
    assert.equal(await cache.delete('b'), false)
    assert.equal(await cache.delete('never'), false)
    const expected = [long('a3'), undefined, long('c3'), long('d3'), undefined]
    const seen = () => Promise.all(['a', 'b', 'c', 'd', 'never'].map((key) => cache.get(key)))
    assert.deepEqual(await seen(), expected)
    for (let reopens = 0; reopens < 3; reopens++) {
      await cache.store.close()
      assert.equal(vfs.openFileCount, 0)
      cache = await openCache(vfs)
      assert.deepEqual(await seen(), expected)
    }
    assert.deepEqual([...vfs.violations], [])
    await cache.store.close()
  })

  it('goes on in the segment that it left less than half full (BC-6)', async () => {
    const vfs = new SimVfs({ seed: 1 })
    for (let i = 0; i < 40; i++) {
      const cache = await openCache(vfs)
      await cache.put(`key ${i}`, 'x'.repeat(100))
      for (let j = 0; j <= i; j++) {
        assert.equal((await cache.get(`key ${j}`))?.length, 100, `key ${j} after ${i} reopens`)
      }
      await cache.store.close()
    }
    assert.ok(files(vfs, '.segment').length < 10, `${files(vfs, '.segment')}`)
    assert.equal(files(vfs, '.catalog').length, 1)
  })

  it('stays within its bytes, and forgets what is oldest (BC-3)', async () => {
    const vfs = new SimVfs({ seed: 2 })
    vfs.mkdirSync(CACHE_DIR)
    let most = 0
    vfs.onEffect = () => {
      most = Math.max(most, vfs.usedBytes)
    }
    const cache = await openCache(vfs, { maxBytes: 400_000 })
    for (let i = 0; i < 1500; i++) await cache.put(`key ${i}`, 'v'.repeat(400))
    const { evictedSegments } = cache.store.remover
    assert.ok(evictedSegments > 20, `${evictedSegments}`)
    assert.ok(most <= 400_000, `${most}`)
    assert.equal(await cache.get('key 0'), undefined)
    assert.equal((await cache.get('key 1499'))?.length, 400)
    await cache.store.close()
    const again = await openCache(vfs, { maxBytes: 400_000 })
    assert.equal(again.store.index.count, cache.store.index.count)
    await again.store.close()
  })

  it('puts of one turn go out in one write, and more than the slabs hold wait for their turn', async () => {
    const vfs = new SimVfs({ seed: 3 })
    const cache = await openCache(vfs)
    await cache.put('first', 'x')
    const ops = vfs.recordOps(CACHE_DIR)
    await Promise.all(['a', 'b', 'c'].map((key) => cache.put(key, long(key))))
    const writes = ops.lines.filter((line) => line.startsWith('write'))
    assert.equal(writes.length, 1, writes.join('\n'))
    const results = await Promise.all(Array.from({ length: 300 }, (_, i) => cache.put(`many ${i}`, 'y'.repeat(500))))
    assert.ok(results.every(({ stored }) => stored))
    for (let i = 0; i < 300; i++) assert.equal((await cache.get(`many ${i}`))?.length, 500)
    await cache.store.close()
  })

  it('calls bind in the order of calls, also when they wait; a put that was overtaken says so', async () => {
    const vfs = new SimVfs({ seed: 4 })
    const cache = await openCache(vfs)
    const filler = Array.from({ length: 200 }, (_, i) => cache.put(`filler ${i}`, 'z'.repeat(700)))
    const [older, deleted] = [cache.put('k', 'old'), cache.put('gone', 'old')]
    const [newer, deletion] = [cache.put('k', 'new'), cache.delete('gone')]
    assert.deepEqual(await older, { stored: false, reason: 'superseded' })
    assert.deepEqual(await deleted, { stored: false, reason: 'superseded' })
    assert.deepEqual([await newer, await deletion], [{ stored: true }, false])
    await Promise.all(filler)
    assert.deepEqual([await cache.get('k'), await cache.get('gone')], ['new', undefined])
    await cache.store.close()
  })

  it('a blob that is too large is told, and nothing of it stays', async () => {
    const vfs = new SimVfs({ seed: 5 })
    const cache = await openCache(vfs)
    assert.deepEqual(await cache.put('big', new Uint8Array(70_000)), { stored: false, reason: 'too-large' })
    assert.equal(await cache.get('big'), undefined)
    assert.deepEqual(await cache.put('empty', ''), { stored: true })
    assert.equal(await cache.get('empty'), '')
    await cache.store.close()
  })

  it('every call settles when the cache is closed with calls under way; later ones are refused (BC-7)', async () => {
    const vfs = new SimVfs({ seed: 6 })
    const cache = await openCache(vfs)
    const calls = Array.from({ length: 100 }, (_, i) => cache.put(`k ${i}`, 'q'.repeat(600), 'synced'))
    const deletes = [cache.delete('k 0'), cache.delete('other', 'synced')]
    const closing = cache.store.close()
    const results = await Promise.all(calls)
    assert.deepEqual(results.map(({ stored }) => stored), results.map((_, i) => i > 0))
    await Promise.all(deletes)
    await closing
    await assert.rejects(async () => cache.put('late', ''), /closed/)
    const again = await openCache(vfs)
    assert.equal((await again.get('k 99'))?.length, 600)
    assert.equal(await again.get('k 0'), undefined)
    await again.store.close()
  })

  it('what stands behind a torn record does not come back, whatever is written in its place (BC-6)', async () => {
    const vfs = new SimVfs({ seed: 7 })
    const cache = await openCache(vfs)
    for (const key of ['a', 'b', 'c']) await cache.put(key, `${key}-value`)
    const [name] = files(vfs, '.segment')
    const image = vfs.kill(1)
    image.damage(image.join(CACHE_DIR, name!), { do: 'flipBit', offset: 128 + 88 + 74 })
    const second = await openCache(image)
    const seen = async (from: typeof cache) => Promise.all(['a', 'b', 'c', 'd'].map((key) => from.get(key)))
    assert.deepEqual(await seen(second), ['a-value', undefined, undefined, undefined])
    await second.put('d', 'd-value')
    const third = await openCache(image.kill(2))
    assert.deepEqual(await seen(third), ['a-value', undefined, undefined, 'd-value'])
    await third.store.close()
  })

  it('numbers after a crash are above all that was promised: a put is never dead from the start (BC-6)', async () => {
    let vfs = new SimVfs({ seed: 8 })
    let cache = await openCache(vfs)
    await cache.put('kept', 'x', 'synced')
    for (let life = 0; life < 6; life++) {
      await cache.put(`lost ${life}`, 'y', 'memory')
      await cache.delete(`lost ${life}`, 'synced')
      vfs = vfs.crash('none', life)
      cache = await openCache(vfs)
      assert.equal(await cache.get('kept'), 'x')
      await cache.put('now', `z${life}`, 'synced')
      vfs = vfs.crash('none', life)
      cache = await openCache(vfs)
      assert.equal(await cache.get('now'), `z${life}`)
    }
    await cache.store.close()
  })
})
