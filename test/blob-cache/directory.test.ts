/** What: whose directory it is: a cache and a database refuse each other's, and two caches do not share one. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VarveError } from '../../src/base/index.js'
import { BlobCache } from '../../src/blob-cache/blob-cache.js'
import { Varve } from '../../src/index.js'
import { MemoryVfs, SimVfs } from '../../src/testing.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const MiB = 1024 * 1024
const isRefused = (error: unknown) => VarveError.is(error) && error.code === 'UNSUPPORTED_FORMAT'

function openCache(vfs: SimVfs | MemoryVfs, dir: string): Promise<BlobCache> {
  return BlobCache.open(dir, { maxBytes: 32 * MiB, components: { vfs } })
}

describe('the directory of a cache', () => {
  it('is refused by a database, and that of a database by a cache, and nothing is changed', async () => {
    const vfs = new MemoryVfs()
    const db = await Varve.open('/db', { workers: 0, components: { vfs } })
    await db.put('k', 'v')
    await db.close()
    const names = vfs.listSync('/db').sort()
    await assert.rejects(openCache(vfs, '/db'), isRefused)
    assert.deepEqual(vfs.listSync('/db').sort(), names)
    const cache = await openCache(vfs, '/cache')
    await cache.put('k', 'v')
    await cache.close()
    const cacheNames = vfs.listSync('/cache').sort()
    await assert.rejects(Varve.open('/cache', { workers: 0, components: { vfs } }), isRefused)
    assert.deepEqual(vfs.listSync('/cache').sort(), cacheNames)
    const again = await openCache(vfs, '/cache')
    assert.equal(new TextDecoder().decode(await again.get('k')), 'v')
    await again.close()
    await (await Varve.open('/db', { workers: 0, components: { vfs } })).close()
  })

  it('is refused with a database in it whose marker is lost, and with another database', async () => {
    const vfs = new MemoryVfs()
    for (const [dir, names] of [['/a', ['000003.wal']], ['/b', ['CURRENT', 'MANIFEST-000001']]] as const) {
      vfs.mkdirSync(dir)
      for (const name of names) vfs.openSync(vfs.join(dir, name), 'create').closeSync()
      await assert.rejects(openCache(vfs, dir), isRefused)
      assert.deepEqual(vfs.listSync(dir).sort(), [...names].sort())
    }
  })

  it('keeps files that are not ours', async () => {
    const vfs = new MemoryVfs()
    vfs.mkdirSync('/c')
    for (const name of ['000012.index', 'notes.txt', '12.segment']) {
      const file = vfs.openSync(`/c/${name}`, 'create')
      file.writeSync(new Uint8Array([1, 2, 3]), 0, 3, 0)
      file.closeSync()
    }
    await (await openCache(vfs, '/c')).close()
    const left = vfs.listSync('/c')
    for (const name of ['000012.index', 'notes.txt', '12.segment']) assert.ok(left.includes(name), name)
  })

  it('is held by one cache at a time', async () => {
    const vfs = new SimVfs({ seed: 1 })
    const first = await openCache(vfs, '/cache')
    await assert.rejects(openCache(vfs, '/cache'), (error) => VarveError.is(error) && error.code === 'LOCKED')
    await first.close()
    await (await openCache(vfs, '/cache')).close()
  })
})

describe('options and arguments of a cache', () => {
  it('are refused when they are wrong, before anything is made', async () => {
    const vfs = new MemoryVfs()
    const isInvalid = (error: unknown) => VarveError.is(error) && error.code === 'INVALID_ARGUMENT'
    const good = { maxBytes: 64 * MiB }
    for (const options of [{}, { maxBytes: 1 }, { maxBytes: NaN }, { maxBytes: '1' }, { ...good, durability: 'x' },
      { ...good, unknown: 1 }, { ...good, components: { vsf: vfs } }]) {
      await assert.rejects(BlobCache.open('/c', { components: { vfs }, ...options } as never), isInvalid)
    }
    assert.deepEqual(vfs.listSync('/'), [])
    const cache = await openCache(vfs, '/c')
    for (const key of ['', 5, null, new Uint8Array(0)]) await assert.rejects(cache.put(key as never, 'v'), isInvalid)
    await assert.rejects(cache.put('k', 5 as never), isInvalid)
    await assert.rejects(cache.put('k', 'v', { durability: 'soon' } as never), isInvalid)
    const isTooLarge = (error: unknown) => VarveError.is(error) && error.code === 'KEY_TOO_LARGE'
    await assert.rejects(cache.get('x'.repeat(65_536)), isTooLarge)
    assert.equal(cache.stats().puts, 0)
    await cache.close()
    await cache.close()
    await assert.rejects(cache.get('k'), (error) => VarveError.is(error) && error.code === 'CLOSED')
  })
})
