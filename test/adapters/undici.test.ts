/**
 * What: `varve/undici`: what undici asks of a store of answers, limits to the byte, and where stores went wrong:
 * answers that were invalidated and come back, bodies that a 304 cannot write again. BC-1.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { Agent, interceptors, request } from 'undici'
import type { BlobCache } from '../../src/blob-cache.js'
import { VarveCacheStore } from '../../src/undici.js'
import type { CacheKey, CacheValue, VarveCacheStoreOptions } from '../../src/undici.js'
import { openPublicCache } from '../support/blob-cache/public-cache.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const HOUR = 3_600_000

function keyOf(path: string, headers?: CacheKey['headers'], method = 'GET'): CacheKey {
  return { origin: 'http://localhost', method, path, headers }
}

function answer(more: Partial<CacheValue> = {}): CacheValue {
  const nowMs = Date.now()
  return {
    statusCode: 200, statusMessage: 'OK', headers: { a: ['b', 'c'] }, cachedAt: nowMs, staleAt: nowMs + HOUR,
    deleteAt: nowMs + 2 * HOUR, ...more,
  }
}

function put(store: VarveCacheStore, key: CacheKey, body: string | Buffer[], more: Partial<CacheValue> = {}): void {
  const stream = store.createWriteStream(key, answer(more))!
  stream.on('error', (error) => { throw error })
  for (const piece of typeof body === 'string' ? [Buffer.from(body)] : body) stream.write(piece)
  stream.end()
}

async function bodyOf(store: VarveCacheStore, key: CacheKey): Promise<string | undefined> {
  const found = await store.get(key)
  if (found === undefined) return undefined
  const pieces: Buffer[] = []
  for await (const piece of found.body) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString()
}

async function withStore(
  act: (store: VarveCacheStore, cache: BlobCache) => Promise<void>, options?: VarveCacheStoreOptions,
): Promise<void> {
  const cache = await openPublicCache()
  await act(new VarveCacheStore(cache, options), cache)
  await cache.close()
}

describe('the store', () => {
  it('gives an answer as it was put, as soon as its stream has ended', () => withStore(async (store, cache) => {
    const facts = answer({ etag: '"x"', cacheControlDirectives: { 'max-age': 5, 'no-cache': ['a'] } })
    const stream = store.createWriteStream(keyOf('/a'), facts)!
    stream.write('te')
    stream.end('xt')
    for (const each of [store, new VarveCacheStore(cache)]) {
      const { body, ...found } = (await each.get(keyOf('/a')))!
      assert.ok(Array.isArray(body))
      assert.deepEqual([found, body.map(String)], [facts, ['text']])
      assert.ok( Buffer.isBuffer(body[0]), 'a list of Buffers, which a 304 can write again')
    }
  }))

  it('tells a miss at once, and an empty body is a body', () => withStore(async (store) => {
    assert.equal(store.get(keyOf('/a')), undefined)
    put(store, keyOf('/a'), [])
    assert.equal(await bodyOf(store, keyOf('/a')), '')
    assert.equal(store.get(keyOf('/b')), undefined)
  }))

  it('deletes the answers of a URL whatever the method, also on their way', () => withStore(async (store) => {
    put(store, keyOf('/a'), 'get')
    put(store, keyOf('/a', {}, 'HEAD'), '')
    put(store, keyOf('/b'), 'b')
    assert.equal(await bodyOf(store, keyOf('/a', {}, 'HEAD')), '')
    const deleted = store.delete(keyOf('/a', {}, 'POST'))
    put(store, keyOf('/c'), 'c')
    await deleted
    const paths = ['/a', '/b', '/c'].map((path) => bodyOf(store, keyOf(path)))
    assert.deepEqual([await Promise.all(paths), store.get(keyOf('/a', {}, 'HEAD'))], [[undefined, 'b', 'c'], undefined])
  }))

  it('gives nothing from deleteAt on', () => withStore(async (store) => {
    const varying = keyOf('/v', { a: '1' })
    put(store, keyOf('/a'), 'a', { deleteAt: Date.now() - 1 })
    put(store, varying, 'v', { deleteAt: Date.now() - 1, vary: { a: '1' } })
    assert.deepEqual([await bodyOf(store, keyOf('/a')), await bodyOf(store, varying)], [undefined, undefined])
  }))

  it('caches nothing for methods that are not safe, and for URLs that are too long', () => withStore(async (store) => {
    assert.equal(store.createWriteStream(keyOf('/a', {}, 'POST'), answer()), undefined)
    assert.equal(store.createWriteStream(keyOf(`/${'a'.repeat(70_000)}`), answer()), undefined)
    assert.equal(store.get(keyOf(`/${'a'.repeat(70_000)}`)), undefined)
  }))

  it('takes a closed cache for an empty one', async () => {
    const cache = await openPublicCache()
    const store = new VarveCacheStore(cache)
    put(store, keyOf('/a'), 'a')
    await bodyOf(store, keyOf('/a'))
    await cache.close()
    assert.equal(await bodyOf(store, keyOf('/a')), undefined)
    put(store, keyOf('/b'), 'b')
    assert.equal(await bodyOf(store, keyOf('/b')), undefined)
    await store.delete(keyOf('/a'))
  })
})

describe('vary', () => {
  it('compares value by value: none, one and several', () => withStore(async (store) => {
    const values = [undefined, 'x', ['x', 'y'], ['x'], ['y', 'x'], '']
    for (const [i, h] of values.entries()) put(store, keyOf('/a', { h }), `${i}`, { vary: { h: h ?? null } })
    for (const [i, h] of values.entries()) assert.equal(await bodyOf(store, keyOf('/a', { h })), `${i}`)
    assert.equal(await bodyOf(store, keyOf('/a')), '0')
    assert.equal(await bodyOf(store, keyOf('/a', { h: 'z' })), undefined)
    put(store, keyOf('/a', { h: 'x' }), 'new', { vary: { h: 'x' } })
    assert.equal(await bodyOf(store, keyOf('/a', { h: 'x' })), 'new')
    assert.equal(await bodyOf(store, keyOf('/a', { h: ['x', 'y'] })), '2')
  }))

  it('answers that come at the same time are all there', () => withStore(async (store) => {
    for (let i = 0; i < 40; i++) put(store, keyOf('/a', { h: `${i}` }), `${i}`, { vary: { h: `${i}` } })
    for (let i = 0; i < 40; i++) assert.equal(await bodyOf(store, keyOf('/a', { h: `${i}` })), `${i}`)
  }))

  it('that appears, changes or goes is that of the newest answer', () => withStore(async (store) => {
    put(store, keyOf('/a', { h: '1' }), 'plain')
    put(store, keyOf('/a', { h: '1' }), 'one', { vary: { h: '1' } })
    const seen = async (...all: CacheKey['headers'][]) => {
      return (await Promise.all(all.map((headers) => bodyOf(store, keyOf('/a', headers))))).join()
    }
    assert.equal(await seen({ h: '1' }, { h: '2' }), 'one,')
    put(store, keyOf('/a', { h: '1', g: '5' }), 'two', { vary: { g: '5' } })
    assert.equal(await seen({ g: '5' }, { h: '1' }), 'two,')
    put(store, keyOf('/a'), 'plain again')
    assert.equal(await seen({ h: '1', g: '5' }), 'plain again')
  }))

  it('what was invalidated never comes back, though its list was evicted', () => withStore(async (store, cache) => {
    put(store, keyOf('/a', { h: '1' }), 'old', { vary: { h: '1' } })
    assert.equal(await bodyOf(store, keyOf('/a', { h: '1' })), 'old')
    await evictList(cache)
    await store.delete(keyOf('/a'))
    put(store, keyOf('/a', { h: '2' }), 'new', { vary: { h: '2' } })
    assert.equal(await bodyOf(store, keyOf('/a', { h: '2' })), 'new')
    assert.equal(await bodyOf(store, keyOf('/a', { h: '1' })), undefined)
    put(store, keyOf('/a', { h: '1' }), 'newer', { vary: { h: '1' } })
    assert.equal(await bodyOf(store, keyOf('/a', { h: '1' })), 'newer')
  }))

  it('list and answer of different moments are a miss', () => withStore(async (store, cache) => {
    put(store, keyOf('/a', { h: '1' }), 'one', { vary: { h: '1' } })
    assert.equal(await bodyOf(store, keyOf('/a', { h: '1' })), 'one')
    const { meta } = (await cache.getEntry(await listKey(cache)))!
    assert.match(Buffer.from(meta).toString(), /"variants"/)
    const variants = cache.keys({ prefix: 'undici-variant:' })
    const { value: variant } = await variants.next()
    const other = Buffer.from(JSON.stringify(answer({ vary: { g: '1' } })))
    await cache.put(variant as Uint8Array, 'two', { meta: other })
    assert.equal(await bodyOf(store, keyOf('/a', { h: '1', g: '2' })), undefined)
    assert.equal(await bodyOf(store, keyOf('/a', { h: '1', g: '1' })), 'two')
  }))
})

async function listKey(cache: BlobCache): Promise<Uint8Array> {
  for await (const key of cache.keys({ prefix: 'undici:' })) return key
  throw new Error('no list')
}

async function evictList(cache: BlobCache): Promise<void> {
  await cache.delete(await listKey(cache))
}

describe('large bodies', () => {
  const piece = Buffer.alloc(100_000, 'x')

  /** Writes so many pieces, waits for each; tells how many were taken before the stream was destroyed. */
  async function writePieces(stream: Writable, count: number): Promise<number> {
    stream.on('error', (error) => { throw error })
    for (let i = 0; i < count; i++) {
      if (stream.destroyed) return i
      await new Promise<void>((resolve) => { stream.write(piece, () => resolve()) })
    }
    return count
  }

  it('are stored as they come, and given as a stream', () => withStore(async (store, cache) => {
    const stream = store.createWriteStream(keyOf('/a'), answer())!
    assert.equal(await writePieces(stream, 40), 40)
    assert.equal(store.get(keyOf('/a')), undefined, 'it is there at its end')
    stream.end()
    const { body } = (await store.get(keyOf('/a')))!
    assert.ok(body instanceof Readable)
    await cache.delete('undici:GET 16 http://localhost/a')
    const again = await store.get(keyOf('/a'))
    assert.equal(again, undefined)
    body.destroy()
  }, { maxEntrySize: 4_000_000 }))

  it('come back whole', () => withStore(async (store) => {
    const stream = store.createWriteStream(keyOf('/a'), answer())!
    await writePieces(stream, 35)
    stream.end('end')
    assert.equal(await bodyOf(store, keyOf('/a')), `${'x'.repeat(3_500_000)}end`)
  }))

  it('that exceed the limit, are broken off or invalidated store nothing', () => withStore(async (store) => {
    const [tooLarge, broken, old] = ['/a', '/b', '/c'].map((path) => store.createWriteStream(keyOf(path), answer())!)
    assert.equal(await writePieces(tooLarge!, 50), 41)
    await writePieces(broken!, 30)
    broken!.destroy()
    await writePieces(old!, 30)
    put(store, keyOf('/c'), 'new')
    old!.end()
    assert.deepEqual([await bodyOf(store, keyOf('/a')), await bodyOf(store, keyOf('/b'))], [undefined, undefined])
    assert.equal(await bodyOf(store, keyOf('/c')), 'new')
  }, { maxEntrySize: 4_000_000 }))

  it('that the cache has no room for destroy the stream, without an error', () => withStore(async (store) => {
    const stream = store.createWriteStream(keyOf('/a'), answer())!
    assert.ok(await writePieces(stream, 200) < 200)
    assert.equal(store.get(keyOf('/a')), undefined)
  }, { maxEntrySize: 1e9 }))

  it('that depend on headers are listed at their end', () => withStore(async (store) => {
    const streams = ['1', '2'].map((h) => store.createWriteStream(keyOf('/a', { h }), answer({ vary: { h } }))!)
    for (const stream of streams) await writePieces(stream, 15)
    streams[1]!.end('2')
    assert.equal((await bodyOf(store, keyOf('/a', { h: '2' })))?.at(-1), '2')
    assert.equal(await bodyOf(store, keyOf('/a', { h: '1' })), undefined)
    streams[0]!.end('1')
    assert.equal((await bodyOf(store, keyOf('/a', { h: '1' })))?.at(-1), '1')
  }))
})

describe('limits', () => {
  for (const size of [9, 10, 11]) {
    it(`a body of ${size} bytes where 10 are allowed`, () => withStore(async (store) => {
      const stream = store.createWriteStream(keyOf('/a'), answer())!
      let isErrored = false
      stream.on('error', () => { isErrored = true })
      stream.write(Buffer.alloc(5))
      stream.write(Buffer.alloc(size - 5))
      stream.end()
      await once(stream, 'close')
      assert.deepEqual([isErrored, stream.destroyed], [false, true])
      assert.equal((await bodyOf(store, keyOf('/a')))?.length, size <= 10 ? size : undefined)
    }, { maxEntrySize: 10 }))
  }

  it('a stream that is destroyed stores nothing', () => withStore(async (store) => {
    const stream = store.createWriteStream(keyOf('/a'), answer())!
    stream.write('a')
    stream.destroy()
    await once(stream, 'close')
    assert.equal(store.get(keyOf('/a')), undefined)
  }))

  it('there are never more answers than maxCount, the newest stay, of one URL too, also after a reopen', async () => {
    const cache = await openPublicCache()
    let store = new VarveCacheStore(cache, { maxCount: 3 })
    const there = async () => {
      const keys = Array.from({ length: 7 }, (_, i) => i < 5 ? keyOf(`/${i}`) : keyOf('/v', { h: `${i}` }))
      await Promise.all(keys.map((key) => bodyOf(store, key))) // waits for what is under way
      return (await Promise.all(keys.map((key) => bodyOf(store, key)))).map((body) => body ?? '-').join('')
    }
    for (let i = 0; i < 3; i++) put(store, keyOf(`/${i}`), `${i}`)
    assert.equal(await there(), '012----')
    put(store, keyOf('/0'), '0')
    assert.equal(await there(), '012----')
    put(store, keyOf('/3'), '3')
    assert.equal(await there(), '0-23---')
    for (const i of [5, 6]) put(store, keyOf('/v', { h: `${i}` }), `${i}`, { vary: { h: `${i}` } })
    assert.equal(await there(), '---3-56')
    store = new VarveCacheStore(cache, { maxCount: 3 })
    put(store, keyOf('/4'), '4')
    const left = await there()
    assert.equal(left.replace(/-/g, '').length, 3, left)
    assert.equal(left[4], '4')
    await store.delete(keyOf('/4'))
    put(store, keyOf('/0'), '0')
    assert.equal((await there()).replace(/-/g, '').length, 3, 'what is deleted is not counted')
    await cache.close()
  })

  for (const [size, expected] of [[49, 'aab'], [50, 'aab'], [51, '-bb']] as const) {
    it(`bodies of 50 and ${size} bytes where 100 are allowed`, () => withStore(async (store) => {
      put(store, keyOf('/a'), 'a'.repeat(50))
      put(store, keyOf('/b'), 'b'.repeat(size))
      const a = await bodyOf(store, keyOf('/a'))
      assert.equal((await bodyOf(store, keyOf('/b')))?.length, size)
      assert.equal(a === undefined, expected === '-bb')
      put(store, keyOf('/b'), 'b')
      assert.equal(await bodyOf(store, keyOf('/b')), 'b')
    }, { maxSize: 100 }))
  }

  it('refuse what is no number', async () => {
    const cache = await openPublicCache()
    for (const maxCount of [-1, 1.5, NaN, '3']) {
      assert.throws(() => new VarveCacheStore(cache, { maxCount: maxCount as number }), { code: 'INVALID_ARGUMENT' })
    }
    await cache.close()
  })
})

describe('under undici', () => {
  async function withServer(
    serve: (req: IncomingMessage, res: ServerResponse) => void,
    act: (url: string, store: VarveCacheStore) => Promise<void>,
  ): Promise<void> {
    const server = createServer(serve).listen(0)
    await once(server, 'listening')
    await withStore(async (store) => act(`http://localhost:${(server.address() as AddressInfo).port}`, store))
    server.close()
    server.closeAllConnections()
  }

  async function get(
    url: string, store: VarveCacheStore, headers: Record<string, string> = {}, method: 'GET' | 'POST' = 'GET',
  ): Promise<string> {
    const dispatcher = new Agent().compose(interceptors.cache({ store }))
    const { body } = await request(url, { dispatcher, headers, method })
    return body.text()
  }

  for (const size of [0, 10, 300_000, 3_000_000]) {
    it(`an answer of ${size} bytes that is revalidated is refreshed and fresh again`, () => {
      let [full, revalidated] = [0, 0]
      return withServer((req, res) => {
        const isKnown = req.headers['if-none-match'] === '"1"'
        if (isKnown) revalidated++
        else full++
        const age = revalidated === 0 ? 's-maxage=0, stale-if-error=1000' : 'max-age=1000'
        res.writeHead(isKnown ? 304 : 200, { etag: '"1"', 'cache-control': `public, ${age}` })
        res.end(isKnown ? undefined : 'x'.repeat(size))
      }, async (url, store) => {
        for (let i = 0; i < 4; i++) assert.equal((await get(url, store)).length, size)
        assert.ok(full <= 2 && full + revalidated <= 3, `${full} full answers, ${revalidated} revalidated`)
      })
    })
  }

  it('variants are kept apart, and a POST invalidates them all', () => {
    let count = 0
    return withServer((req, res) => {
      count++
      res.writeHead(200, { vary: 'accept-language', 'cache-control': 'public, max-age=1000' })
      res.end(`${req.method} ${req.headers['accept-language']} ${count}`)
    }, async (url, store) => {
      const texts: string[] = []
      const inLanguage = (language: string) => ({ 'accept-language': language })
      for (const language of ['en', 'de', 'en', 'de']) texts.push(await get(url, store, inLanguage(language)))
      assert.deepEqual(texts, ['GET en 1', 'GET de 2', 'GET en 1', 'GET de 2'])
      await get(url, store, {}, 'POST')
      assert.equal(await get(url, store, inLanguage('en')), 'GET en 4')
      assert.equal(await get(url, store, inLanguage('de')), 'GET de 5')
    })
  })
})
