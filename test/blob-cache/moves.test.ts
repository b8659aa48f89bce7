/**
 * What: blobs that were read are moved before their segment goes, and a move brings nothing back: keys are overwritten
 * and deleted in every moment of a move, then the machine crashes. BC-2, BC-3, BC-4, BC-5.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimVfs } from '../../src/testing.js'
import type { SurvivalPolicy } from '../../src/testing.js'
import { CACHE_DIR, openCache } from '../support/blob-cache/blob-machine.js'
import type { TextStore } from '../support/blob-cache/blob-machine.js'
import { drawn } from '../support/harness/share.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

/** What catalogs may need, and sixteen segments. */
const SMALL = { segmentBytes: 2048, slabBytes: 2048, maxBytes: 266_240 + 16 * 2048 }
const HOT = ['hot 0', 'hot 1', 'hot 2', 'hot 3']
const valueOf = (key: string) => `${key} `.repeat(30)

async function putAndRead(cache: TextStore, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    await cache.put(key, valueOf(key), 'synced')
    await cache.get(key)
  }
}

/** Puts large blobs under the hot keys, and others between them that are not read, so that no segment is kept. */
async function putLarge(cache: TextStore): Promise<void> {
  for (const key of HOT) {
    await cache.put(key, valueOf(key).repeat(4), 'synced')
    await cache.get(key)
    await cache.put(`not ${key}`, valueOf(key).repeat(4))
  }
}

/** Puts blobs that nobody reads, until `isEnough`. */
async function fill(cache: TextStore, isEnough: (count: number) => boolean): Promise<void> {
  for (let i = 0; !isEnough(i); i++) {
    assert.ok(i < 2000, 'it never comes to that')
    assert.ok((await cache.put(`cold ${i}`, valueOf(`cold ${i}`))).stored)
  }
}

describe('a move', () => {
  it('keeps what is read, and only that, over many generations of segments and a reopen', async () => {
    const vfs = new SimVfs({ seed: 1 })
    let cache = await openCache(vfs, SMALL)
    await putAndRead(cache, HOT)
    await fill(cache, (count) => {
      if (count % 20 === 0) for (const key of HOT) void cache.get(key)
      return count >= 1000
    })
    const { mover, remover } = cache.store
    assert.ok(mover.movedItems >= HOT.length, `${mover.movedItems}`)
    assert.ok(remover.evictedSegments > 50, `${remover.evictedSegments}`)
    for (let reopens = 0; reopens < 2; reopens++) {
      for (const key of HOT) assert.equal(await cache.get(key), valueOf(key))
      assert.equal(await cache.get('cold 0'), undefined)
      await cache.store.close()
      assert.equal(vfs.openFileCount, 0)
      cache = await openCache(vfs, SMALL)
    }
    await cache.store.close()
    assert.deepEqual([...vfs.violations], [])
  })

  it('is not undone by a crash: what was moved is there after a power loss', async () => {
    const vfs = new SimVfs({ seed: 2 })
    const cache = await openCache(vfs, SMALL)
    await putAndRead(cache, HOT)
    await fill(cache, () => cache.store.mover.movedItems >= HOT.length)
    await cache.store.sync()
    const again = await openCache(vfs.crash('none', 1), SMALL)
    for (const key of HOT) assert.equal(await again.get(key), valueOf(key))
    await again.store.close()
  })

  it('of a blob that comes back after it was dropped is not needed: it has main’s place at once', async () => {
    const vfs = new SimVfs({ seed: 3 })
    const cache = await openCache(vfs, SMALL)
    await cache.put('again', 'first')
    const { low, high } = cache.store.hashed('again')
    await fill(cache, () => cache.store.index.find(low, high) < 0)
    await cache.put('again', 'second')
    await cache.put('again', 'third')
    assert.equal(await cache.get('again'), 'third')
    await cache.store.close()
    const reopened = await openCache(vfs, SMALL)
    assert.equal(await reopened.get('again'), 'third')
    await reopened.store.close()
  })

  it('leaves out what was purged or has expired', async () => {
    const vfs = new SimVfs({ seed: 9 })
    const cache = await openCache(vfs, SMALL)
    const expiresMs = vfs.clock.wallMs() + 1000
    for (const [i, key] of HOT.entries()) {
      await cache.put(key, valueOf(key), 'written', i % 2 === 0 ? { namespace: 7 } : { expiresMs })
      await cache.get(key)
    }
    await cache.store.purge(7, 'written')
    await vfs.clock.advance(2000)
    await fill(cache, () => cache.store.remover.evictedSegments > 5)
    assert.equal(cache.store.mover.movedItems, 0)
    await cache.store.close()
  })

  it('into less room than there was: an open with a smaller maxBytes drops the oldest (BC-3)', async () => {
    const vfs = new SimVfs({ seed: 4 })
    const cache = await openCache(vfs, { ...SMALL, maxBytes: SMALL.maxBytes * 2 })
    await fill(cache, (count) => count >= 600)
    await cache.store.close()
    const smaller = await openCache(vfs, SMALL)
    assert.ok(vfs.usedBytes <= SMALL.maxBytes, `${vfs.usedBytes}`)
    assert.deepEqual([await smaller.get('cold 0'), await smaller.get('cold 599')], [undefined, valueOf('cold 599')])
    await smaller.store.close()
  })
})

/** A life that moves the hot keys; `act` is called once, in the turn of one change of the disk. */
async function moveWith(moment: number, act: (cache: TextStore) => Promise<void>, isLarge = false) {
  const vfs = new SimVfs({ seed: 5 })
  const cache = await openCache(vfs, SMALL)
  if (isLarge) await putLarge(cache)
  else await putAndRead(cache, HOT)
  await fill(cache, () => cache.store.remover.evictedSegments > 0 || cache.store.mover.movedItems > 0)
  let [effects, acted] = [0, null as Promise<void> | null]
  vfs.onEffect = () => {
    if (++effects === moment) queueMicrotask(() => (acted = act(cache)))
  }
  let isOver = false
  const filling = fill(cache, () => isOver || cache.store.remover.evictedSegments > 8).catch(() => undefined)
  while (acted === null && cache.store.remover.evictedSegments <= 8) await new Promise(setImmediate)
  if (acted !== null) await acted
  isOver = true
  return { vfs, cache, filling, effects, isActed: acted !== null }
}

const CRASHES: readonly (SurvivalPolicy | 'kill')[] = ['kill', 'none', 'all', 'random50', 'reverse']

const CASES = ['deleted', 'overwritten', 'overwritten and deleted'].flatMap((what) =>
  [false, true].map((isLarge) => ({ what, isLarge })))

describe('in every moment of a move', () => {
  for (const { what, isLarge } of CASES) {
    const title = `a key that is ${what} then${isLarge ? ', with a large blob,' : ''} stays so`
    it(`${title}, whatever crashes follow (S1, S2, S3)`, async () => {
      const act = async (cache: TextStore) => {
        const calls = HOT.flatMap((key): Promise<unknown>[] => {
          const puts = what === 'deleted' ? [] : [cache.put(key, `new ${key}`, 'synced')]
          return what === 'overwritten' ? puts : [...puts, cache.delete(key)]
        })
        await Promise.all(calls)
      }
      const expected = (key: string) => (what === 'overwritten' ? `new ${key}` : undefined)
      const check = async (image: SimVfs, after: string) => {
        const cache = await openCache(image, SMALL)
        for (const key of HOT) {
          const seen = await cache.get(key)
          if (seen !== undefined) assert.equal(seen, expected(key), `${key} ${after}`)
        }
        return cache
      }
      const moments = Array.from({ length: 120 }, (_, i) => i + 1)
      for (const moment of drawn(`blob move ${what}`, moments)) {
        const { vfs, cache, filling, isActed } = await moveWith(moment, act, isLarge)
        if (!isActed) continue
        for (const way of CRASHES) {
          const image = way === 'kill' ? vfs.cloneKilled(moment) : vfs.clone(way, moment)
          const again = await check(image, `at ${moment}, ${way}`)
          await fill(again, (count) => count >= 40)
          const last = await check(image.crash('none', moment), `at ${moment}, ${way}, later`)
          await last.store.close()
        }
        await filling
        for (const key of HOT) {
          const seen = await cache.get(key)
          assert.ok(seen === undefined || seen === expected(key), `${key} at ${moment}`)
        }
        await cache.store.close()
      }
    })
  }

  it('a call of the file system may fail: all settles, nothing wrong is seen, then or later', async () => {
    const calls = Array.from({ length: 60 }, (_, i) => i * 2 + 1)
    for (const nth of drawn('blob move faults', calls)) {
      for (const code of ['EIO', 'ENOSPC'] as const) {
        const vfs = new SimVfs({ seed: 6 })
        const cache = await openCache(vfs, SMALL)
        await putAndRead(cache, HOT)
        await fill(cache, () => cache.store.remover.evictedSegments > 0 || cache.store.mover.movedItems > 0)
        vfs.addFault({ fault: { do: 'error', code }, op: vfs.opCount + nth })
        for (let i = 0; i < 80; i++) {
          await cache.put(`more ${i}`, valueOf(`more ${i}`))
          const key = HOT[i % 4]!
          const seen = await cache.get(key)
          assert.ok(seen === undefined || seen === valueOf(key), `${key} after call ${nth}, ${code}`)
        }
        assert.equal(cache.store.counts.misses.corrupt, 0, `copies that failed are no hits: call ${nth}, ${code}`)
        await cache.store.close().catch(() => undefined)
        assert.equal(vfs.openFileCount, 0, `handles after call ${nth}, ${code}`)
        vfs.clearFaults()
        const again = await openCache(vfs, SMALL)
        for (const key of HOT) {
          const seen = await again.get(key)
          assert.ok(seen === undefined || seen === valueOf(key), `${key} after call ${nth}, ${code}, and a reopen`)
        }
        await again.store.close()
        assert.ok(vfs.listSync(CACHE_DIR).filter((name) => name.endsWith('.catalog')).length === 1)
      }
    }
  })
})
