/**
 * What: what calls may say of a blob: expiry, versions, namespaces; `has`, `keys` and `purge`. BC-1, BC-7, BC-9.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import { BlobCache } from '../../src/blob-cache.js'
import { SimVfs } from '../../src/testing.js'
import { CACHE_DIR, openCache } from '../support/blob-cache/blob-machine.js'
import type { TextStore } from '../support/blob-cache/blob-machine.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const STORED = { stored: true }
const tooOld = { stored: false, reason: 'too-old' }
const superseded = { stored: false, reason: 'superseded' }

async function seenOf(cache: TextStore, keys: string): Promise<string> {
  const seen = await Promise.all([...keys].map(async (key) => [await cache.get(key), await cache.has(key)] as const))
  for (const [value, has] of seen) assert.equal(has, value !== undefined, 'has says what get does')
  return seen.map(([value]) => value ?? '-').join(' ')
}

describe('expiry', () => {
  it('makes a blob a miss at its time, in memory, on the disk and after a reopen', async () => {
    const vfs = new SimVfs({ seed: 1 })
    let cache = await openCache(vfs)
    const nowMs = vfs.clock.wallMs()
    await cache.put('a', '1', 'synced', { expiresMs: nowMs + 1000 })
    await cache.put('b', '2', 'synced')
    assert.equal(await seenOf(cache, 'ab'), '1 2')
    await cache.store.close()
    cache = await openCache(vfs)
    assert.equal(await seenOf(cache, 'ab'), '1 2')
    assert.deepEqual(await cache.keys(), ['a', 'b'])
    await vfs.clock.advance(5000)
    assert.equal(await seenOf(cache, 'ab'), '- 2')
    assert.deepEqual(await cache.keys(), ['b'])
    assert.deepEqual([cache.store.counts.misses.expired, cache.store.counts.misses.absent], [1, 0])
    await cache.put('a', '3')
    assert.equal(await seenOf(cache, 'ab'), '3 2')
    await cache.store.close()
  })

  it('of what has expired already is told, and the older value is gone', async () => {
    const cache = await openCache(new SimVfs({ seed: 2 }))
    await cache.put('a', '1')
    const late = { expiresMs: 1 }
    assert.deepEqual(await cache.put('a', '2', 'written', late), { stored: false, reason: 'expired' })
    assert.equal(await seenOf(cache, 'a'), '-')
    await cache.put('b', '3', 'written', { version: 7 })
    const both = await cache.put('b', '4', 'written', { ...late, version: 6 })
    assert.deepEqual(both, { stored: false, reason: 'expired' })
    assert.equal(await seenOf(cache, 'b'), '3')
    await cache.store.close()
  })
})

describe('versions', () => {
  it('an older one never replaces a newer one, whatever is remembered, before and after a reopen', async () => {
    const vfs = new SimVfs({ seed: 3 })
    let cache = await openCache(vfs)
    assert.deepEqual(await cache.put('a', '5', 'synced', { version: 5 }), STORED)
    for (let reopens = 0; reopens < 2; reopens++) {
      assert.deepEqual(await cache.put('a', '4', 'synced', { version: 4 }), tooOld)
      assert.deepEqual(await cache.put('a', '5', 'synced', { version: 5 }), tooOld)
      assert.equal(await seenOf(cache, 'a'), '5')
      await cache.store.close()
      cache = await openCache(vfs)
    }
    assert.deepEqual(await cache.put('a', '6', 'synced', { version: 6 }), STORED)
    assert.deepEqual(await cache.put('a', 'any', 'synced'), STORED)
    assert.deepEqual(await cache.put('a', '1', 'synced', { version: 1 }), STORED, 'what is there has no version')
    await cache.delete('a')
    assert.deepEqual(await cache.put('a', '1', 'synced', { version: 1 }), STORED, 'nothing is there')
    await cache.store.close()
  })

  it('calls that wait for the version of what is there are compared in their order', async () => {
    const vfs = new SimVfs({ seed: 4 })
    const first = await openCache(vfs)
    await first.put('a', '5', 'synced', { version: 5 })
    await first.put('b', '5', 'synced', { version: 5 })
    await first.put('c', '5', 'synced', { version: 5, namespace: 9 })
    await first.store.close()
    const cache = await openCache(vfs)
    const calls = [6, 4, 8, 7].map((version) => cache.put('a', `${version}`, 'synced', { version }))
    const results = await Promise.all(calls)
    assert.deepEqual(results, [STORED, tooOld, STORED, tooOld])
    assert.equal(await seenOf(cache, 'a'), '8')
    const older = cache.put('b', '9', 'synced', { version: 9 })
    const newer = cache.put('b', 'newest', 'synced')
    assert.deepEqual([await older, await newer], [superseded, STORED])
    const purged = cache.put('c', '9', 'synced', { version: 9, namespace: 9 })
    await cache.store.purge(9, 'written')
    assert.deepEqual(await purged, superseded)
    assert.equal(await seenOf(cache, 'abc'), '8 newest -')
    await cache.store.close()
  })

  it('a put that was refused for another reason may be tried again with its version', async () => {
    const cache = await openCache(new SimVfs({ seed: 5 }))
    const results = await Promise.all(Array.from({ length: 300 }, (_, i) =>
      cache.put('k', 'v'.repeat(900), 'written', { version: i + 1 })))
    assert.ok(results.some(({ stored }) => stored) && results.some(({ stored }) => !stored))
    const last = results.findLastIndex(({ stored }) => stored) + 1
    assert.deepEqual(await cache.put('k', 'w', 'written', { version: last }), tooOld)
    assert.deepEqual(await cache.put('k', 'w', 'written', { version: last + 1 }), STORED)
    await cache.store.close()
  })
})

it('a version that found no place may be put again, though there is an older one', async () => {
  const vfs = new SimVfs({ seed: 13 })
  const cache = await openCache(vfs)
  await cache.put('k', 'v3', 'synced', { version: 3 })
  const fault = vfs.addFault({ fault: { do: 'error', code: 'EIO' }, kind: 'create', times: Infinity })
  const filler = Array.from({ length: 300 }, (_, i) => cache.put(`filler ${i}`, 'z'.repeat(700)))
  const refused = await cache.put('k', 'v5', 'synced', { version: 5 })
  assert.deepEqual(refused, { stored: false, reason: 'degraded' })
  await Promise.all(filler)
  fault.remove()
  assert.equal(await cache.get('k'), 'v3')
  assert.deepEqual(await cache.put('k', 'v5', 'memory', { version: 5 }), STORED)
  await cache.store.close().catch(() => undefined)
})

describe('a purge', () => {
  it('of a namespace takes what was put under it before, and nothing else, over crashes (S9)', async () => {
    let vfs = new SimVfs({ seed: 6 })
    let cache = await openCache(vfs)
    const put = (key: string, namespace: number) => cache.put(key, key, 'synced', { namespace })
    await Promise.all([put('a', 1), put('b', 1), put('c', 2), put('d', 0)])
    assert.deepEqual(await cache.keys('', 1), ['a', 'b'])
    await cache.store.purge(1, 'written')
    assert.equal(await seenOf(cache, 'abcd'), '- - c d')
    assert.deepEqual(await cache.keys(), ['c', 'd'])
    await put('a', 1)
    assert.equal(await seenOf(cache, 'abcd'), 'a - c d')
    for (let crashes = 0; crashes < 3; crashes++) {
      vfs = vfs.crash('none', crashes)
      cache = await openCache(vfs)
      assert.equal(await seenOf(cache, 'abcd'), 'a - c d')
      await put('e', 1)
      assert.equal(await seenOf(cache, 'e'), 'e', 'a new number is above every mark')
      await cache.store.purge(2, 'written')
      await put('c', 2)
    }
    await cache.store.purge(0, 'written')
    cache = await openCache(vfs.crash('none', 9))
    assert.equal(await seenOf(cache, 'abcde'), '- - - - -')
    assert.equal(cache.store.index.count, 0)
    await cache.store.close()
  })

  it('is not overtaken: what a purged blob had replaced, in another namespace, stays dead', async () => {
    for (const way of ['none', 'all', 'random50', 'reverse'] as const) {
      const vfs = new SimVfs({ seed: 7 })
      const cache = await openCache(vfs)
      await cache.put('k', 'old', 'synced', { namespace: 1 })
      const newer = cache.put('k', 'new', 'memory', { namespace: 2 })
      await cache.store.purge(2, 'written')
      await newer
      const again = await openCache(vfs.crash(way, 1))
      assert.equal(await seenOf(again, 'k'), '-', way)
      await again.store.close()
    }
  })

  it('makes puts that wait for a place old, as a delete does', async () => {
    const cache = await openCache(new SimVfs({ seed: 8 }))
    const filler = Array.from({ length: 200 }, (_, i) => cache.put(`filler ${i}`, 'z'.repeat(700)))
    const one = cache.put('a', '1', 'written', { namespace: 1 })
    const two = cache.put('b', '2', 'written', { namespace: 2 })
    const purge = cache.store.purge(1, 'written')
    assert.deepEqual(await one, superseded)
    assert.deepEqual(await two, STORED)
    await Promise.all([purge, ...filler])
    await cache.store.close()
  })

  it('is remembered for thousands of namespaces; then what is oldest is forgotten with its blobs', async () => {
    const cache = await openCache(new SimVfs({ seed: 9 }))
    await cache.put('old', 'x', 'written', { namespace: 5 })
    for (let namespace = 10; namespace < 5000; namespace++) void cache.store.purge(namespace, 'memory')
    await cache.put('new', 'y', 'written', { namespace: 5 })
    assert.deepEqual([await cache.get('old'), await cache.get('new')], [undefined, 'y'])
    await cache.store.close()
  })
})

it('keys lists all that is there while blobs are put and moved, and only with the prefix', async () => {
  const vfs = new SimVfs({ seed: 10 })
  const cache = await openCache(vfs)
  for (let i = 0; i < 60; i++) await cache.put(`key ${i}`, 'v'.repeat(300))
  const listing = cache.store.keys(new TextEncoder().encode('key '), 0)
  const seen = new Set<string>()
  for await (const key of listing) {
    seen.add(new TextDecoder().decode(key))
    if (seen.size % 10 === 0) await cache.put(`other ${seen.size}`, 'w'.repeat(300))
  }
  assert.equal(seen.size, 60)
  assert.deepEqual((await cache.keys('key 1')).length, 11)
  await cache.store.close()
})

describe('the public calls', () => {
  it('take ttl or expiresAt, version, namespace; and purge, has and keys by them', async () => {
    const vfs = new SimVfs({ seed: 11 })
    const components = { vfs, clock: vfs.clock, random: new SeededRandom(1, 'calls') }
    const cache = await BlobCache.open(CACHE_DIR, { maxBytes: 2 ** 25, components })
    await cache.put('a', '1', { ttl: 1000, namespace: 'site' })
    await cache.put('b', '2', { expiresAt: vfs.clock.wallMs() + 9000, version: 3 })
    await cache.put('c', '3', { ttl: Infinity })
    assert.deepEqual(await cache.put('b', '2', { version: 2 }), tooOld)
    await vfs.clock.advance(2000)
    assert.deepEqual([await cache.has('a'), await cache.has('b'), await cache.has('c')], [false, true, true])
    await cache.put('d', '4', { namespace: 'site' })
    const keys: string[] = []
    for await (const key of cache.keys({ namespace: 'site' })) keys.push(new TextDecoder().decode(key))
    assert.deepEqual(keys, ['d'])
    await cache.purge({ namespace: 'site' })
    assert.equal(await cache.has('d'), false)
    await cache.purge({ all: true })
    assert.equal(await cache.has('c'), false)
    await cache.close()
  })

  it('refuse what they cannot take, before anything changed', async () => {
    const vfs = new SimVfs({ seed: 12 })
    const components = { vfs, clock: vfs.clock, random: new SeededRandom(1, 'calls') }
    const cache = await BlobCache.open(CACHE_DIR, { maxBytes: 2 ** 25, components })
    const bad = [
      { ttl: -1 }, { ttl: NaN }, { ttl: 1, expiresAt: 1 }, { version: 0 }, { version: 1.5 }, { namespace: '' },
    ]
    for (const options of bad) {
      await assert.rejects(cache.put('k', 'v', options), { code: 'INVALID_ARGUMENT' }, JSON.stringify(options))
    }
    await assert.rejects(cache.purge({} as never), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(cache.purge({ all: true, namespace: 'x' } as never), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => cache.keys({ prefix: 5 } as never), { code: 'INVALID_ARGUMENT' })
    assert.equal(await cache.has('k'), false)
    await cache.close()
  })
})
