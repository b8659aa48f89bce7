/**
 * What: a clean close leaves a snapshot of the index, and the next open believes it only when it is that of the last
 * close and agrees with catalog and files; else the segments are read, and nothing else changes. BC-2, BC-3, BC-5.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32, putU32 } from '../../src/base/index.js'
import type { StoreSettings } from '../../src/blob-cache/store-settings.js'
import { FileSystemError } from '../../src/vfs/index.js'
import { SimVfs } from '../../src/testing.js'
import { CACHE_DIR, openCache, openLiving } from '../support/blob-cache/blob-machine.js'
import type { TextStore } from '../support/blob-cache/blob-machine.js'
import { recordCalls, watchedVfs } from '../support/fakes/watched-vfs.js'
import { drawn } from '../support/harness/share.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const SMALL = { segmentBytes: 2048, slabBytes: 2048 }
/** What catalogs may need, and twenty segments. */
const FULL = { ...SMALL, maxBytes: 266_240 + 20 * 2048 }
const KEYS = Array.from({ length: 24 }, (_, i) => `key ${i}`)
const valueOf = (key: string, round = 0) => `${key} ${round} `.repeat(20)

function names(vfs: SimVfs, kind: string): string[] {
  return vfs.listSync(CACHE_DIR).filter((name) => name.endsWith(kind)).sort()
}

function pathOf(vfs: SimVfs, name: string): string {
  return vfs.join(CACHE_DIR, name)
}

/** The only snapshot that there is. */
function snapshotOf(vfs: SimVfs): string {
  const found = names(vfs, '.index')
  assert.equal(found.length, 1, `${found}`)
  return found[0]!
}

/** A cache with sealed segments and one that goes on; overwritten and deleted blobs; closed. */
async function closedCache(): Promise<SimVfs> {
  const vfs = new SimVfs({ seed: 1 })
  const cache = await openCache(vfs, SMALL)
  for (const round of [0, 1]) for (const key of KEYS) await cache.put(key, valueOf(key, round))
  await cache.delete('key 5')
  await cache.put('key 6', valueOf('key 6', 2))
  await cache.store.close()
  return vfs
}

/** A cache as that one, with a last segment that is almost empty. */
async function closedCacheThatGoesOn(): Promise<SimVfs> {
  const vfs = await closedCache()
  const cache = await openCache(vfs, SMALL)
  await cache.put('last', 'one')
  await cache.store.close()
  return vfs
}

/** What `closedCache` has under each key. */
function expectedOf(key: string): string | undefined {
  return key === 'key 5' ? undefined : valueOf(key, key === 'key 6' ? 2 : 1)
}

async function assertAll(cache: TextStore): Promise<void> {
  for (const key of KEYS) assert.equal(await cache.get(key), expectedOf(key), key)
}

/** Opens a cache, tells where its index was found, and that all is there; then closes it. */
async function indexFromOf(vfs: SimVfs, settings: Partial<StoreSettings> = SMALL): Promise<string> {
  const cache = await openCache(vfs, settings)
  await assertAll(cache)
  await cache.store.close()
  return cache.store.indexFrom
}

/** Fails calls for snapshots. */
function withoutSnapshots(vfs: SimVfs, call: RegExp, code: string): SimVfs {
  const before = ({ name, file }: { name: string; file: string }) => {
    if (file.endsWith('.index') && call.test(name)) throw new FileSystemError(code, name, file)
  }
  return watchedVfs(vfs, { before }) as SimVfs
}

describe('an open after a clean close', () => {
  it('reads no footer, and finds all that was there; each close leaves the next one', async () => {
    const vfs = await closedCache()
    for (let reopens = 0; reopens < 3; reopens++) {
      snapshotOf(vfs)
      const calls: string[] = []
      const cache = await openCache(recordCalls(vfs, calls) as SimVfs, SMALL)
      const opened = calls.filter((call) => /^open .*\.segment$/.test(call))
      const sealed = opened.filter((call) => !call.startsWith('open write'))
      assert.ok(names(vfs, '.segment').length > 4)
      assert.deepEqual(sealed, [])
      assert.ok(opened.length <= 5, `${opened}: one that takes blobs, and four that were made ahead`)
      assert.equal(cache.store.indexFrom, 'snapshot')
      assert.deepEqual(names(vfs, '.index'), [], 'it counts once')
      await assertAll(cache)
      await cache.store.close()
    }
    assert.deepEqual([...vfs.violations], [])
    assert.equal(vfs.openFileCount, 0)
  })

  it('knows how often blobs were hit, which segments were kept, and their order', async () => {
    const vfs = new SimVfs({ seed: 2 })
    const cache = await openCache(vfs, FULL)
    const orderOf = ({ store: { disk: { queues } } }: TextStore, isThere: (segment: number) => boolean = () => true) =>
      (['young', 'main'] as const).map((queue) => [...queues.list(queue)]
        .filter(({ segment }) => isThere(segment))
        .map(({ segment, wasKept }) => `${segment}${wasKept ? ' kept' : ''}`))
    const visitsOf = ({ store: { index } }: TextStore) => {
      let visits = 0
      for (let page = 0; page < index.pageCount; page++) {
        index.forEachInPage(page, (slot) => (visits += index.visitsAt(slot)))
      }
      return visits
    }
    for (const key of KEYS) await cache.put(key, valueOf(key))
    for (const key of KEYS) await cache.get(key)
    for (let i = 0; !orderOf(cache)[1]!.some((each) => each.endsWith('kept')); i++) {
      assert.ok(i < 500, 'no segment is ever kept')
      await cache.put(`cold ${i}`, valueOf('cold'))
    }
    await cache.store.close()
    const again = await openCache(vfs, FULL)
    assert.equal(again.store.indexFrom, 'snapshot')
    const { segments } = again.store // Without the one that was made ahead.
    assert.deepEqual(orderOf(again), orderOf(cache, (segment) => segments.after(segment - 1)[0] === segment))
    assert.ok(visitsOf(cache) > 10)
    assert.equal(visitsOf(again), visitsOf(cache))
    await again.store.close()
  })

  it('keeps purges in force, and makes dead records of them when it reads segments (S5)', async () => {
    let vfs = await closedCache()
    let cache = await openCache(vfs, SMALL)
    const namespace = cache.store.namespaceOf('n')
    await cache.put('purged', 'old', 'synced', { namespace })
    await cache.put('other', 'old', 'synced')
    await cache.store.purge(namespace, 'synced')
    for (let reopens = 0; reopens < 2; reopens++) {
      await cache.store.close()
      cache = await openCache(vfs, SMALL)
      assert.equal(cache.store.indexFrom, 'snapshot')
      assert.deepEqual([await cache.get('other'), await cache.has('purged')], ['old', false])
    }
    await cache.store.close()
    vfs.unlinkSync(pathOf(vfs, snapshotOf(vfs)))
    cache = await openCache(vfs, SMALL)
    assert.equal(cache.store.indexFrom, 'segments')
    assert.equal(await cache.get('purged'), undefined)
    await cache.put('purged', 'new', 'synced', { namespace })
    await cache.store.close()
    cache = await openCache(vfs, SMALL)
    assert.equal(cache.store.indexFrom, 'snapshot')
    assert.equal(await cache.get('purged'), 'new')
    vfs = vfs.crash('none', 1)
    cache = await openCache(vfs, SMALL)
    assert.deepEqual([await cache.get('purged'), await cache.get('other')], ['new', 'old'])
    await assertAll(cache)
  })

  it('with very many purges reads the segments, which ends them', async () => {
    const vfs = await closedCache()
    const cache = await openCache(vfs, SMALL)
    await Promise.all(Array.from({ length: 1025 }, (_, i) => cache.store.purge(i + 1, 'written')))
    await cache.store.close()
    assert.equal(await indexFromOf(vfs), 'segments')
    assert.equal(await indexFromOf(vfs), 'snapshot')
  })
})

describe('a snapshot counts only for the next open', () => {
  it('after a crash segments are read, and nothing that was overwritten or deleted comes back (S5, F2)', async () => {
    for (const loss of ['none', 'all', 'random50', 'kill'] as const) {
      const vfs = await closedCache()
      const cache = await openCache(vfs, SMALL)
      assert.equal(cache.store.indexFrom, 'snapshot')
      await cache.put('key 1', 'new', 'synced')
      await cache.delete('key 2', 'synced')
      const crashed = loss === 'kill' ? vfs.kill(1) : vfs.crash(loss, 1)
      const second = await openCache(crashed, SMALL)
      assert.equal(second.store.indexFrom, 'segments')
      const expected = (key: string) => (key === 'key 1' ? 'new' : key === 'key 2' ? undefined : expectedOf(key))
      for (const key of KEYS) assert.equal(await second.get(key), expected(key), `${key} after ${loss}`)
      await second.store.close()
      const third = await openCache(crashed, SMALL)
      assert.equal(third.store.indexFrom, 'snapshot')
      for (const key of KEYS) assert.equal(await third.get(key), expected(key), `${key} after ${loss} and a close`)
      await third.store.close()
    }
  })

  it('a delete of what only the snapshot told of is dead for whoever reads the segments (S5)', async () => {
    const vfs = await closedCache()
    for (const key of KEYS) {
      const image = vfs.clone('all', 1)
      const cache = await openCache(image, SMALL)
      assert.equal(cache.store.indexFrom, 'snapshot')
      await cache.delete(key, 'synced')
      const second = await openCache(image.crash('none', 1), SMALL)
      assert.equal(second.store.indexFrom, 'segments')
      assert.equal(await second.get(key), undefined, key)
    }
  })

  it('a crash on the way to the catalog that does not name it lets the next open use it again', async () => {
    const vfs = await closedCache()
    const images: SimVfs[] = []
    vfs.onEffect = () => void images.push(vfs.cloneKilled(1), vfs.clone('none', 1), vfs.clone('random50', 2))
    const cache = await openCache(vfs, SMALL)
    vfs.onEffect = null
    await cache.store.close()
    const seen = new Set<string>()
    for (const image of images) seen.add(await indexFromOf(image))
    assert.deepEqual([...seen].sort(), ['segments', 'snapshot'])
  })

  it('the segment that goes on is read again, and must have what the snapshot says (F1)', async () => {
    const vfs = await closedCacheThatGoesOn()
    const open = names(vfs, '.segment').filter((name) => vfs.statSync(pathOf(vfs, name))!.size > 128).at(-1)!
    const cut = vfs.clone('all', 1)
    const file = cut.openSync(pathOf(cut, open), 'write')
    file.truncateSync(file.sizeSync() - 8)
    file.closeSync()
    const cache = await openCache(cut, SMALL)
    assert.equal(cache.store.indexFrom, 'segments')
    assert.equal(await cache.get('last'), undefined, 'what is cut off is missed')
    await assertAll(cache)
    await cache.store.close()
  })
})

describe('a snapshot of which something is not known', () => {
  it('does not count: a record in the segment that goes on, of another life (F1)', async () => {
    const vfs = await closedCacheThatGoesOn()
    assert.equal(await indexFromOf(vfs.clone('all', 1)), 'snapshot')
    const later = vfs.clone('all', 1)
    const other = await openCache(later, SMALL)
    await other.put('other', 'life', 'synced')
    for (const name of names(vfs, '.segment')) {
      const [size, laterSize] = [vfs, later].map((each) => each.statSync(pathOf(each, name))?.size ?? 0)
      if (laterSize! <= size! || size! <= 128) continue
      const bytes = new Uint8Array(laterSize!)
      const [from, to] = [later.openSync(pathOf(later, name), 'read'), vfs.openSync(pathOf(vfs, name), 'write')]
      from.readSync(bytes, 0, bytes.length, 0)
      to.writeSync(bytes, 0, bytes.length, 0)
      for (const file of [from, to]) file.closeSync()
    }
    const again = await openCache(vfs, SMALL)
    assert.equal(await again.get('other'), 'life')
    assert.equal(again.store.indexFrom, 'segments')
    await again.store.close()
  })

  for (const [when, call, left] of [['before', /^close .*\.segment$/, 0], ['while', /^write .*\.index$/, 1]] as const) {
    it(`does not count: a record that was found to be bad ${when} it was written`, () => checkKillAt(call, left))
  }

  async function checkKillAt(call: RegExp, left: number): Promise<void> {
    const vfs = await closedCacheThatGoesOn()
    let cache: TextStore | null = null
    const before = ({ name, file }: { name: string; file: string }) => {
      if (!call.test(`${name} ${file}`) || cache === null) return
      const { low, high } = cache.store.hashed(new TextEncoder().encode('key 3'))
      const { index, deaths } = cache.store
      const slot = index.find(low, high)
      if (slot < 0) return
      deaths.killDead({ low, high }, { segment: index.segmentAt(slot), recordNum: index.recordNumAt(slot) })
    }
    cache = await openCache(watchedVfs(vfs, { before }) as SimVfs, SMALL)
    await cache.store.close()
    assert.equal(cache.store.kills.length, 1)
    assert.equal(names(vfs, '.index').length, left)
    const again = await openCache(vfs, SMALL)
    assert.equal(again.store.indexFrom, 'segments')
    assert.deepEqual(names(vfs, '.index'), [])
    await again.store.close()
  }
})

describe('a snapshot that does not agree with the files is passed over', () => {
  it('where a segment is missing, or has another size', async () => {
    const vfs = await closedCache()
    const [first] = names(vfs, '.segment')
    for (const how of ['missing', 'longer', 'shorter']) {
      const image = vfs.clone('all', 1)
      const path = pathOf(image, first!)
      if (how === 'missing') image.unlinkSync(path)
      else {
        const file = image.openSync(path, 'write')
        file.truncateSync(file.sizeSync() + (how === 'longer' ? 8 : -8))
        file.closeSync()
      }
      const cache = await openCache(image, SMALL)
      assert.equal(cache.store.indexFrom, 'segments', how)
      await cache.store.close()
      assert.equal(image.openFileCount, 0)
    }
  })

  it('where it is another file of that name, or of a later version', async () => {
    const vfs = await closedCache()
    // After this open there is no segment that was made ahead: the next one changes nothing but numbers.
    await indexFromOf(vfs)
    const older = vfs.clone('all', 1)
    await indexFromOf(vfs)
    const [name, olderName] = [snapshotOf(vfs), snapshotOf(older)]
    const bytesOf = (from: SimVfs, each: string) => {
      const file = from.openSync(pathOf(from, each), 'read')
      const bytes = new Uint8Array(file.sizeSync())
      file.readSync(bytes, 0, bytes.length, 0)
      file.closeSync()
      return bytes
    }
    const later = bytesOf(vfs, name)
    putU32(later, 12, 1) // A feature that a reader must know.
    putU32(later, 124, crc32(later, 0, 124))
    for (const bytes of [bytesOf(older, olderName), later]) {
      const image = vfs.clone('all', 1)
      const file = image.openSync(pathOf(image, name), 'write')
      file.writeSync(bytes, 0, bytes.length, 0)
      file.closeSync()
      assert.equal(await indexFromOf(image), 'segments')
    }
    assert.equal(await indexFromOf(vfs), 'snapshot')
  })

  it('with any byte of it flipped, and wherever it is cut off', async () => {
    const vfs = await closedCache()
    const name = snapshotOf(vfs)
    const { size } = vfs.statSync(pathOf(vfs, name))!
    const places = Array.from({ length: size }, (_, at) => at)
    for (const at of drawn('snapshot damage', places.filter((place) => place % 3 === 0))) {
      const flipped = vfs.clone('all', 1)
      flipped.damage(pathOf(flipped, name), { do: 'flipBit', offset: at, bit: at % 8 })
      assert.equal(await indexFromOf(flipped), 'segments', `byte ${at} flipped`)
      if (at % 9 > 0) continue
      const cut = vfs.clone('all', 1)
      const file = cut.openSync(pathOf(cut, name), 'write')
      file.truncateSync(at)
      file.closeSync()
      assert.equal(await indexFromOf(cut), 'segments', `cut at ${at}`)
    }
  })
})

describe('a close leaves no snapshot', () => {
  it('that it cannot write, and fails for nothing of it', async () => {
    for (const call of [/^open create$/, /^write$/]) {
      for (const code of ['EIO', 'ENOSPC', 'EMFILE']) {
        const vfs = await closedCache()
        assert.equal(await indexFromOf(withoutSnapshots(vfs, call, code)), 'snapshot')
        assert.deepEqual(names(vfs, '.index'), [])
        assert.equal(await indexFromOf(vfs), 'segments')
      }
    }
  })

  it('for which there is no room', async () => {
    const vfs = await closedCache()
    const cache = await openCache(vfs, SMALL)
    cache.store.disk.space.withheldBytes = cache.store.disk.space.maxBytes // As when others have filled the disk.
    await cache.store.close()
    assert.deepEqual(names(vfs, '.index'), [])
    assert.equal(await indexFromOf(vfs), 'segments')
  })

  it('after a write of a segment failed, nor while the cache is in memory', async () => {
    const vfs = await closedCache()
    for (const [failures, state] of [[1, 'OK'], [Infinity, 'MEMORY']] as const) {
      const image = vfs.clone('all', 1)
      let left = 0
      const before = ({ name, file }: { name: string; file: string }) => {
        if (file.endsWith('.segment') && name === 'write' && left-- > 0) throw new FileSystemError('EIO', name, file)
      }
      const cache = await openLiving(watchedVfs(image, { before }) as SimVfs, SMALL)
      await cache.put('stored', 'x')
      await cache.settled()
      left = failures
      for (let i = 0; i < 20; i++) await cache.put('lost', valueOf('lost'), 'memory')
      await cache.settled()
      assert.equal(cache.state, state)
      await assert.rejects(cache.close(), /EIO/)
      assert.deepEqual(names(image, '.index'), [])
      assert.equal(await indexFromOf(image), 'segments')
    }
  })
})

describe('the bytes of a snapshot', () => {
  it('are kept free in a full cache, so each close leaves one, and never are more than there may be (N1)', async () => {
    const vfs = new SimVfs({ seed: 3 })
    vfs.mkdirSync(CACHE_DIR)
    let most = 0
    vfs.onEffect = () => {
      most = Math.max(most, vfs.usedBytes)
      assert.ok(vfs.usedBytes <= FULL.maxBytes, `${vfs.usedBytes}`)
    }
    let evicted = 0
    for (let opens = 0; opens < 12; opens++) {
      const cache = await openCache(vfs, FULL)
      assert.equal(cache.store.indexFrom, opens === 0 ? 'segments' : 'snapshot', `open ${opens}`)
      for (let i = 0; i < 40 + 7 * opens; i++) await cache.put(`blob ${opens} ${i}`, 'x'.repeat(20 + i))
      await cache.store.close()
      evicted += cache.store.remover.evictedSegments
    }
    assert.ok(evicted > 30 && most > FULL.maxBytes * 0.4, `${evicted} segments went, ${most} bytes at most`)
  })
})
