/** What: `varve/unstorage` under unstorage itself: prefixes, times in seconds, raw values, whose the cache is. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createStorage, prefixStorage } from 'unstorage'
import type { Storage } from 'unstorage'
import { varveDriver } from '../../src/unstorage.js'
import { MemoryVfs } from '../../src/testing.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { MovedClock, openPublicCache } from '../support/blob-cache/public-cache.js'

keepProcess()

const MAX_BYTES = 64 * 1024 * 1024

function openStorage(vfs = new MemoryVfs(), time = new MovedClock()): Storage {
  const components = { vfs, clock: time.clock }
  return createStorage({ driver: varveDriver({ location: '/cache', maxBytes: MAX_BYTES, components }) })
}

it('keys are listed and cleared by prefix, in order, and only those of unstorage', async () => {
  const cache = await openPublicCache({ keyIndex: true })
  await cache.put('other', 'of somebody else')
  const storage = createStorage({ driver: varveDriver({ cache }) })
  for (const key of ['b:2', 'a:1', 'a:b:c', 'ab:1', 'b:1']) await storage.setItem(key, key)
  assert.deepEqual(await storage.getKeys(), ['a:1', 'a:b:c', 'ab:1', 'b:1', 'b:2'])
  assert.deepEqual(await storage.getKeys('a'), ['a:1', 'a:b:c'])
  await storage.getMount('').driver.clear!('a:', {})
  assert.deepEqual(await storage.getKeys(), ['ab:1', 'b:1', 'b:2'])
  assert.deepEqual(await prefixStorage(storage, 'b').getKeys(), ['1', '2'])
  await storage.clear()
  assert.deepEqual([await storage.getKeys(), await cache.has('other')], [[], true])
  await storage.dispose()
  assert.equal(await cache.has('other'), true, 'a cache that was given is not closed')
  await cache.close()
})

it('a time to live is in seconds', async () => {
  const time = new MovedClock()
  const storage = openStorage(new MemoryVfs(), time)
  await storage.setItem('short', 'a', { ttl: 10 })
  await storage.setItemRaw('raw', 'b', { ttl: 10 })
  await storage.setItem('ever', 'c')
  time.movedMs = 9_000
  assert.deepEqual(await storage.getKeys(), ['ever', 'raw', 'short'])
  time.movedMs = 11_000
  assert.deepEqual([await storage.getItem('short'), await storage.getItemRaw('raw')], [null, null])
  assert.equal(await storage.getItem('ever'), 'c')
  assert.deepEqual([await storage.getKeys(), await storage.hasItem('short')], [['ever'], false])
  await storage.dispose()
})

it('raw values come back as they went in: text or bytes, views of any kind', async () => {
  const storage = openStorage()
  const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])
  const { buffer } = bytes
  for (const view of [bytes, Buffer.from(bytes), new DataView(buffer), buffer, new Uint16Array(buffer)]) {
    await storage.setItemRaw('raw', view)
    assert.deepEqual(new Uint8Array(await storage.getItemRaw('raw') as Uint8Array), bytes)
  }
  await storage.setItemRaw('raw', bytes.subarray(2, 4))
  assert.deepEqual(new Uint8Array(await storage.getItemRaw('raw') as Uint8Array), bytes.subarray(2, 4))
  assert.equal((await storage.getMeta('raw'))['size'], 2)
  for (const text of ['', '\ufeffwith a mark', 'half \ud800 a pair', '{"a":1}']) {
    await storage.setItemRaw('raw', text)
    assert.equal(await storage.getItemRaw('raw'), text)
  }
  await assert.rejects(storage.setItemRaw('raw', 5), { code: 'INVALID_ARGUMENT' })
  await storage.dispose()
})

it('what is not stored is told, and values survive a dispose', async () => {
  const vfs = new MemoryVfs()
  const storage = openStorage(vfs)
  await storage.setItem('a', { b: 1 })
  await storage.setItem('n', 0)
  await assert.rejects(storage.setItemRaw('large', new Uint8Array(MAX_BYTES + 1)), /large was not stored: too-large/)
  await storage.dispose()
  const again = openStorage(vfs)
  assert.deepEqual([await again.getItem('a'), await again.getItem('n')], [{ b: 1 }, 0])
  assert.equal(await again.getItem('large'), null)
  assert.ok((await vfs.list('/cache')).includes('keys'), 'the driver switches the key index on')
  await again.dispose()
})

it('a call during a dispose opens the cache behind it', async () => {
  const storage = openStorage()
  await storage.setItem('a', 'b')
  const driver = storage.getMount('').driver
  const ends = [driver.dispose!(), driver.dispose!()]
  assert.equal(await driver.getItem('a'), 'b')
  await Promise.all(ends)
  await storage.dispose()
})

it('an open that fails is tried again by the next call', async () => {
  const vfs = new MemoryVfs()
  const holder = await openPublicCache({}, vfs)
  const storage = openStorage(vfs)
  await assert.rejects(storage.getItem('a'), { code: 'LOCKED' })
  await holder.close()
  assert.equal(await storage.getItem('a'), null)
  await storage.dispose()
})
