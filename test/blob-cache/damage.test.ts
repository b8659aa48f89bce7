/**
 * What: any byte of any file of a closed cache is flipped: right bytes or a miss, and never an error of `get`. BC-1.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveError } from '../../src/base/index.js'
import { SimVfs } from '../../src/testing.js'
import { CACHE_DIR, openCache } from '../support/blob-cache/blob-machine.js'
import { drawn } from '../support/harness/share.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** A cache with sealed and open segments, overwritten and deleted blobs, closed. */
async function closedCache(): Promise<{ vfs: SimVfs; values: Map<string, string | undefined> }> {
  const vfs = new SimVfs({ seed: 1 })
  const cache = await openCache(vfs, { segmentBytes: 2048, slabBytes: 2048 })
  const values = new Map<string, string | undefined>()
  for (let round = 0; round < 3; round++) {
    for (const key of KEYS) {
      if (key === 'c' && round === 2) {
        await cache.delete(key)
        values.set(key, undefined)
        continue
      }
      const value = `${key}${round}`.repeat(20)
      await cache.put(key, value)
      values.set(key, value)
    }
  }
  await cache.store.close()
  return { vfs, values }
}

test('a flipped byte is a miss, or changes nothing', async () => {
  const { vfs, values } = await closedCache()
  const places = vfs.listSync(CACHE_DIR)
    .filter((name) => /segment|catalog/.test(name))
    .flatMap((name) => {
      const size = Math.min(vfs.statSync(vfs.join(CACHE_DIR, name))!.size, 3000)
      return Array.from({ length: size }, (_, at) => ({ name, at }))
    })
  let [misses, refused] = [0, 0]
  for (const { name, at } of drawn('blob damage', places.filter((_, i) => i % 5 === 0))) {
    const image = vfs.clone('all', 1)
    image.damage(image.join(CACHE_DIR, name), { do: 'flipBit', offset: at, bit: at % 8 })
    try {
      const cache = await openCache(image, { segmentBytes: 2048, slabBytes: 2048 })
      for (const [key, value] of values) {
        const found = await cache.get(key)
        if (found === undefined && value !== undefined) misses++
        else assert.equal(found, value, `${key} with byte ${at} of ${name} flipped`)
      }
      await cache.store.close()
    } catch (error) {
      assert.ok(VarveError.is(error) && error.code === 'UNSUPPORTED_FORMAT', `byte ${at} of ${name}: ${error}`)
      refused++
    }
  }
  assert.ok(misses > 0 && refused < places.length / 20)
})

test('without its catalog or its marker a cache begins empty, and what it held goes', async () => {
  for (const kind of ['.catalog', 'cache-marker']) {
    const { vfs } = await closedCache()
    for (const name of vfs.listSync(CACHE_DIR)) if (name.includes(kind)) vfs.unlinkSync(vfs.join(CACHE_DIR, name))
    const cache = await openCache(vfs)
    assert.equal(cache.store.index.count, 0)
    await cache.put('new', 'value')
    await cache.store.close()
    const names = vfs.listSync(CACHE_DIR).filter((name) => name.endsWith('.segment'))
    assert.equal(names.length, 1, `${names}`)
  }
})

test('a segment that is missing is only missed', async () => {
  const { vfs, values } = await closedCache()
  const [first] = vfs.listSync(CACHE_DIR).filter((name) => name.endsWith('.segment')).sort()
  vfs.unlinkSync(vfs.join(CACHE_DIR, first!))
  const cache = await openCache(vfs)
  for (const [key, value] of values) {
    const found = await cache.get(key)
    assert.ok(found === undefined || found === value)
  }
  await cache.store.close()
})
