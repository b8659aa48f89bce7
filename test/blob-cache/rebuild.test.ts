/**
 * What: a catalog is made anew of the segments alone: only on the command, with the newest record of each key.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { rebuildCache } from '../../src/blob-cache/rebuild.js'
import { SimVfs } from '../../src/testing.js'
import { CACHE_DIR, openCache } from '../support/blob-cache/blob-machine.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const sizes = { maxBytes: 1024 * 1024, segmentBytes: 4096, rollBytes: 2048 }
const KEYS = Array.from({ length: 30 }, (_, i) => `key ${i}`)

/** A closed cache of which every key was put three times, without its catalog. */
async function withoutCatalog(): Promise<SimVfs> {
  const vfs = new SimVfs({ seed: 1 })
  const cache = await openCache(vfs)
  for (let round = 0; round < 3; round++) for (const key of KEYS) await cache.put(key, `${key} ${round} `.repeat(20))
  await cache.store.close()
  for (const name of vfs.listSync(CACHE_DIR)) if (/catalog|marker/.test(name)) vfs.unlinkSync(vfs.join(CACHE_DIR, name))
  return vfs
}

function rebuild(vfs: SimVfs) {
  return rebuildCache(CACHE_DIR, { vfs, clock: vfs.clock, random: new SeededRandom(1, 'rebuild'), sizes })
}

describe('a rebuild', () => {
  it('finds the newest record of each key in the segments alone; an open alone begins empty', async () => {
    const vfs = await withoutCatalog()
    const empty = await openCache(vfs.cloneKilled(1))
    assert.equal(empty.store.index.count, 0)
    const { items, segments, droppedSegments } = await rebuild(vfs)
    assert.equal(items, KEYS.length)
    assert.ok(segments > 3 && droppedSegments === 0, `${segments}`)
    assert.equal(vfs.openFileCount, 0)
    for (let reopens = 0; reopens < 2; reopens++) {
      const cache = await openCache(vfs)
      for (const key of KEYS) assert.equal(await cache.get(key), `${key} 2 `.repeat(20))
      await cache.put('key 0', `key 0 2 `.repeat(20), 'synced')
      await cache.store.close()
    }
    assert.deepEqual([...vfs.violations], [])
  })

  it('passes over files that are no segments of it, and refuses where there is none, or a process is', async () => {
    const vfs = await withoutCatalog()
    const [first] = vfs.listSync(CACHE_DIR).filter((name) => name.endsWith('.segment')).sort()
    vfs.damage(vfs.join(CACHE_DIR, first!), { do: 'flipBit', offset: 3, bit: 1 })
    assert.equal((await rebuild(vfs)).droppedSegments, 1)
    const cache = await openCache(vfs)
    await assert.rejects(rebuild(vfs), { code: 'LOCKED' })
    await cache.store.close()
    await assert.rejects(rebuild(new SimVfs({ seed: 2 })), { code: 'MISSING_FILE' })
  })

  it('that crashes has changed nothing, or is done', async () => {
    const made = await withoutCatalog()
    const images: SimVfs[] = []
    const vfs = made.cloneKilled(1)
    vfs.onEffect = () => {
      images.push(vfs.clone('none', 1), vfs.cloneKilled(1), vfs.clone('random50', images.length))
    }
    await rebuild(vfs)
    vfs.onEffect = null
    assert.ok(images.length > 10)
    for (const image of images) {
      const { items } = await rebuild(image)
      assert.equal(items, KEYS.length)
    }
  })
})
