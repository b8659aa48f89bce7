/**
 * What: `getOrSet`: one load for all who ask, nothing older than a put, delete or purge that came between, stale
 * values, signals, loads that fail and loads that never end. S8, G19; BC-1, BC-7.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BlobCache } from '../../src/blob-cache/index.js'
import type { BlobGetOrSetOptions, BlobLoad } from '../../src/blob-cache/index.js'
import { SeededRandom } from '../../src/base/index.js'
import { SimVfs } from '../../src/testing.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

async function openCache(vfs = new SimVfs({ seed: 1 })): Promise<{ vfs: SimVfs; cache: BlobCache }> {
  const components = { vfs, clock: vfs.clock, random: new SeededRandom(1, 'cache') }
  const cache = await BlobCache.open('/cache', { maxBytes: 2 ** 25, components })
  // From here on there is a place for blobs: puts bind inside the call.
  await cache.put('first', 'x')
  return { vfs, cache }
}

const textOf = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))

/** A load that ends when it is told to. */
class Load {
  count = 0
  signals: AbortSignal[] = []
  private ends: ((value: string | Error) => void)[] = []

  readonly run: BlobLoad = ({ signal }) => {
    this.count++
    this.signals.push(signal)
    return new Promise((resolve, reject) => this.ends.push((value) =>
      (typeof value === 'string' ? resolve(value) : reject(value))))
  }

  async begun(count = 1): Promise<void> {
    for (let i = 0; this.count < count; i++) {
      assert.ok(i < 10_000, 'the load never begins')
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  end(value: string | Error, at = 0): void {
    this.ends[at]!(value)
  }
}

async function asked(cache: BlobCache, load: Load, options?: BlobGetOrSetOptions): Promise<string | undefined> {
  return textOf(await cache.getOrSet('k', load.run, options))
}

describe('getOrSet', () => {
  it('loads once for all who ask, gives each a copy, and stores it', async () => {
    const { cache } = await openCache()
    const load = new Load()
    const asking = Array.from({ length: 5 }, () => cache.getOrSet('k', load.run))
    await load.begun()
    load.end('value')
    const values = await Promise.all(asking)
    assert.equal(load.count, 1)
    values[0]!.fill(0)
    assert.deepEqual(values.slice(1).map(textOf), ['value', 'value', 'value', 'value'])
    assert.equal(await asked(cache, load), 'value')
    assert.equal(load.count, 1)
    await cache.sync()
    assert.equal(textOf(await cache.get('k')), 'value')
    assert.equal(await asked(cache, load), 'value')
    assert.deepEqual(cache.stats().getOrSet, { loads: 1, shared: 4, staleServed: 0, loadErrors: 0 })
    await cache.close()
  })

  const between: Record<string, (cache: BlobCache) => Promise<unknown>> = {
    put: (cache) => cache.put('k', 'newer'),
    'put with a version': (cache) => cache.put('k', 'newer', { version: 7 }),
    delete: (cache) => cache.delete('k'),
    'purge of all': (cache) => cache.purge({ all: true }),
    'purge of its namespace': (cache) => cache.purge({ namespace: 'n' }),
  }
  for (const [name, act] of Object.entries(between)) {
    it(`does not store a load that is older than a ${name} (S8, G19)`, async () => {
      const { cache } = await openCache()
      const load = new Load()
      const first = asked(cache, load, { namespace: 'n' })
      await load.begun()
      const acting = act(cache)
      const later = asked(cache, load, { namespace: 'n' })
      await acting
      load.end('older')
      assert.equal(await first, 'older')
      if (name.startsWith('put')) assert.equal(await later, 'newer')
      else {
        // Whoever asks afterwards does not join the old load.
        await load.begun(2)
        load.end('loaded again', 1)
        assert.equal(await later, 'loaded again')
      }
      await cache.sync()
      assert.equal(textOf(await cache.get('k')), await later)
      await cache.close()
    })
  }

  it('is not disturbed by a purge of another namespace, nor does it disturb a put that waits', async () => {
    const { cache } = await openCache()
    const load = new Load()
    const first = asked(cache, load, { namespace: 'n' })
    await load.begun()
    await cache.purge({ namespace: 'other' })
    load.end('value')
    assert.equal(await first, 'value')
    await cache.sync()
    assert.equal(textOf(await cache.get('k')), 'value')
    await cache.close()
  })

  it('gives a stale value at once and loads anew, once; a failing refresh harms nobody', async () => {
    const { vfs, cache } = await openCache()
    const options = { ttl: 1000, staleWhileRevalidate: 5000 }
    const load = new Load()
    const first = asked(cache, load, options)
    await load.begun()
    load.end('one')
    assert.equal(await first, 'one')
    await vfs.clock.advance(1500)
    assert.equal(await asked(cache, load, options), 'one')
    assert.equal(await asked(cache, load, options), 'one')
    assert.equal(load.count, 2)
    load.end(new Error('origin is away'), 1)
    await new Promise<void>((resolve) => setImmediate(resolve))
    assert.equal(await asked(cache, load, options), 'one')
    await load.begun(3)
    load.end('two', 2)
    await new Promise<void>((resolve) => setImmediate(resolve))
    assert.equal(await asked(cache, load, options), 'two')
    await vfs.clock.advance(6500)
    const third = asked(cache, load, options)
    await load.begun(4)
    load.end('three', 3)
    assert.equal(await third, 'three')
    await cache.close()
  })

  it('gives a stale value when the load fails, over a reopen too, but not one that was deleted meanwhile', async () => {
    const { vfs, cache: first } = await openCache()
    const options = { ttl: 1000, staleIfError: 60_000 }
    await first.getOrSet('k', () => 'old', options)
    await first.close()
    const { cache } = await openCache(vfs)
    await vfs.clock.advance(2000)
    const fails = () => Promise.reject(new Error('origin is away'))
    assert.equal(textOf(await cache.getOrSet('k', fails, options)), 'old')
    await assert.rejects(cache.getOrSet('k', fails, { ttl: 1000 }), /origin is away/)
    const load = new Load()
    const asking = asked(cache, load, options)
    await load.begun()
    await cache.delete('k')
    load.end(new Error('origin is away'))
    await assert.rejects(asking, /origin is away/)
    await cache.getOrSet('k', () => 'old', options)
    await vfs.clock.advance(62_000)
    await assert.rejects(cache.getOrSet('k', fails, options), /origin is away/)
    await cache.close()
  })

  it('rejects all who wait when a load throws, stores nothing, and loads again then', async () => {
    const { cache } = await openCache()
    const load = () => {
      throw new TypeError('at once')
    }
    for (const result of await Promise.allSettled([cache.getOrSet('k', load), cache.getOrSet('k', load)])) {
      assert.equal(result.status, 'rejected')
    }
    await assert.rejects(cache.getOrSet('k', () => 7 as never), { code: 'INVALID_ARGUMENT' })
    assert.equal(await cache.get('k'), undefined)
    assert.equal(textOf(await cache.getOrSet('k', () => 'fine')), 'fine')
    await cache.close()
  })

  it('ends the wait of one who aborts, and the load when nobody waits; the next one loads anew', async () => {
    const { cache } = await openCache()
    const load = new Load()
    const [one, two] = [new AbortController(), new AbortController()]
    const first = asked(cache, load, { signal: one.signal })
    const second = asked(cache, load, { signal: two.signal })
    await load.begun()
    one.abort(new Error('one goes'))
    await assert.rejects(first, /one goes/)
    assert.equal(load.signals[0]!.aborted, false)
    two.abort(new Error('two goes'))
    await assert.rejects(second, /two goes/)
    assert.equal(load.signals[0]!.aborted, true)
    const third = asked(cache, load)
    await load.begun(2)
    load.end('of an aborted load')
    load.end('value', 1)
    assert.equal(await third, 'value')
    await cache.sync()
    assert.equal(textOf(await cache.get('k')), 'value')
    await assert.rejects(asked(cache, load, { signal: AbortSignal.abort(new Error('before')) }), /before/)
    assert.equal(load.count, 2)
    await cache.close()
  })

  it('answers all who wait for a load that never ends when the cache is closed (BC-7)', async () => {
    const { cache } = await openCache()
    const load = new Load()
    const asking = [asked(cache, load), asked(cache, load)]
    await load.begun()
    const told = asking.map((each) => assert.rejects(each, { code: 'CLOSED' }))
    await cache.close()
    await Promise.all(told)
    assert.equal(load.signals[0]!.aborted, true)
    load.end('too late')
    await assert.rejects(cache.getOrSet('k', load.run), { code: 'CLOSED' })
  })

  it('refuses wrong options before anything is loaded', async () => {
    const { cache } = await openCache()
    const load = new Load()
    for (const options of [{ ttl: -1 }, { staleIfError: NaN }, { signal: {} }, { tll: 1 }, { namespace: '' }]) {
      await assert.rejects(cache.getOrSet('k', load.run, options as BlobGetOrSetOptions), { code: 'INVALID_ARGUMENT' })
    }
    await assert.rejects(cache.getOrSet('k', 'value' as never), { code: 'INVALID_ARGUMENT' })
    assert.equal(load.count, 0)
    await cache.close()
  })
})
