/** What: `varve/keyv` under Keyv 5 and 6: what Keyv asks of a store, and where stores went wrong. BC-1. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Keyv as Keyv5 } from 'keyv'
import { Keyv as Keyv6 } from 'keyv-6'
import type { BlobCache } from '../../src/blob-cache.js'
import { VarveKeyv, VarveKeyvFive } from '../../src/keyv.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { MovedClock, openPublicCache } from '../support/blob-cache/public-cache.js'

keepProcess()

interface AnyKeyv {
  set(key: string, value: unknown, ttl?: number): Promise<unknown>
  get(key: string): Promise<unknown>
  has(key: string): Promise<unknown>
  delete(key: string | string[]): Promise<unknown>
  clear(): Promise<void>
  disconnect(): Promise<void>
  on(event: string, listener: (error: unknown) => void): unknown
  entries(): AsyncIterable<unknown>
}

/** Makes a Keyv of either version, with no namespace or one. */
type Make = (cache: BlobCache, namespace?: string) => AnyKeyv

function watched(keyv: AnyKeyv): AnyKeyv {
  keyv.on('error', (error) => { throw error as Error })
  return keyv
}

const make5: Make = (cache, namespace) => {
  const store = new VarveKeyvFive(cache)
  const keyv = new Keyv5(namespace === undefined ? { store } : { store, namespace })
  return watched(Object.assign(keyv, { entries: () => keyv.iterator!(undefined) as AsyncIterable<unknown> }) as AnyKeyv)
}

const make6: Make = (cache, namespace) => {
  const store = new VarveKeyv(cache)
  const keyv = new Keyv6({ store: store as never, ...(namespace === undefined ? {} : { namespace }) })
  return watched(Object.assign(keyv, { entries: () => keyv.iterator() }) as unknown as AnyKeyv)
}

async function entriesOf(keyv: AnyKeyv): Promise<unknown[]> {
  const entries: unknown[] = []
  for await (const entry of keyv.entries()) entries.push(entry)
  return entries.sort()
}

async function withCache(act: (cache: BlobCache) => Promise<void>): Promise<void> {
  const cache = await openPublicCache()
  await act(cache)
  await cache.close()
}

for (const [version, make] of [[5, make5], [6, make6]] as const) {
  describe(`Keyv ${version}`, () => {
    it('sets, gets, deletes and tells what there was', () => withCache(async (cache) => {
      const keyv = make(cache, 'ns')
      assert.equal(await keyv.set('a', { b: [1, 'é\ufeff', null] }), true)
      assert.deepEqual(await keyv.get('a'), { b: [1, 'é\ufeff', null] })
      assert.deepEqual([await keyv.has('a'), await keyv.has('b')], [true, false])
      assert.deepEqual([await keyv.delete('a'), await keyv.delete('a'), await keyv.get('a')], [true, false, undefined])
    }))

    it('values expire by the time that Keyv gives, and an expired one was not there for a delete', async () => {
      const time = new MovedClock()
      const cache = await openPublicCache({ components: { clock: time.clock } })
      const keyv = make(cache, 'ns')
      await keyv.set('short', 1, 100_000)
      await keyv.set('long', 2, 900_000)
      await keyv.set('ever', 3)
      assert.deepEqual([await keyv.get('short'), await cache.has(cacheKey(version, 'short'))], [1, true])
      time.movedMs = 200_000
      assert.deepEqual([await keyv.get('short'), await keyv.get('long'), await keyv.get('ever')], [undefined, 2, 3])
      assert.deepEqual([await keyv.has('short'), await keyv.delete('short')], [false, false])
      await cache.close()
    })

    it('what was cleared is not there for a delete, and can be put again', () => withCache(async (cache) => {
      const keyv = make(cache, 'ns')
      await keyv.set('a', 1)
      await keyv.clear()
      assert.deepEqual([await keyv.get('a'), await keyv.delete('a')], [undefined, false])
      await keyv.set('a', 2)
      assert.equal(await keyv.get('a'), 2)
    }))

    it('Keyvs on one cache clear and see only what is theirs', () => withCache(async (cache) => {
      const [one, two] = [make(cache, 'one'), make(cache, 'two')]
      const none = make(cache)
      await cache.put('a', 'not of Keyv')
      for (const [keyv, value] of [[one, 1], [two, 2], [none, 0]] as const) await keyv.set('a', value)
      assert.deepEqual([await one.get('a'), await two.get('a'), await none.get('a')], [1, 2, 0])
      assert.deepEqual([await entriesOf(one), await entriesOf(two)], [[['a', 1]], [['a', 2]]])
      await one.clear()
      assert.deepEqual([await one.get('a'), await two.get('a'), await none.get('a')], [undefined, 2, 0])
      await none.clear()
      assert.deepEqual([await two.get('a'), await none.get('a')], [2, undefined])
      assert.equal(await cache.has('a'), true)
    }))

    it('no namespace and key can be taken for another pair', () => withCache(async (cache) => {
      const pairs = [['a', 'b:c'], ['a:b', 'c'], ['a:1', 'b'], ['1:a', 'b']] as const
      const keyvs = pairs.map(([namespace]) => make(cache, namespace))
      for (const [i, [, key]] of pairs.entries()) await keyvs[i]!.set(key, i)
      for (const [i, [, key]] of pairs.entries()) assert.equal(await keyvs[i]!.get(key), i)
      for (const [i, keyv] of keyvs.entries()) assert.equal((await entriesOf(keyv)).length, 1, pairs[i]!.join(' '))
    }))

    it('the iterator gives what is there, and a disconnect leaves the cache open', () => withCache(async (cache) => {
      const keyv = make(cache, 'ns')
      for (let i = 0; i < 20; i++) await keyv.set(`key ${i}`, i)
      await keyv.delete(['key 3', 'key 4'])
      const all = Array.from({ length: 20 }, (_, i) => [`key ${i}`, i])
      assert.deepEqual(await entriesOf(keyv), all.filter((_, i) => i < 3 || i > 4).sort())
      await keyv.disconnect()
      assert.equal(await keyv.get('key 1'), 1)
    }))
  })
}

it('each version is told when it has the store of the other', () => withCache(async (cache) => {
  await assert.rejects(new VarveKeyv(cache).set('a', 'b', 5000), { code: 'INVALID_ARGUMENT' })
  const keyv = new Keyv6({ store: new VarveKeyvFive(cache) as never, namespace: 'ns' })
  await keyv.set('a', 1, 60_000)
  assert.deepEqual([await keyv.get('a'), await cache.has(cacheKey(6, 'a'))], [1, true])
}))

/** The key in the cache: version 5 writes its namespace too. */
function cacheKey(version: number, key: string): string {
  return version === 6 ? `keyv:2:ns:${key}` : `keyv:2:ns:ns:${key}`
}
