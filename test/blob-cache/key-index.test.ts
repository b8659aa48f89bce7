/** What: the ordered key index: what is listed, and that it is never believed over the cache. BC-13. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { SeededRandom } from '../../src/base/index.js'
import type { BlobCache, BlobKeysOptions } from '../../src/blob-cache.js'
import { Varve } from '../../src/index.js'
import type { Vfs } from '../../src/index.js'
import { MemoryVfs, SimVfs } from '../../src/testing.js'
import type { FaultRule } from '../../src/testing.js'
import { openPublicCache } from '../support/blob-cache/public-cache.js'
import { keepProcess } from '../support/harness/keep-process.js'
import { Draw, isWholeRun } from '../support/harness/share.js'

keepProcess()

const decoder = new TextDecoder()
const KEYS = '/cache/keys'

async function listed(cache: BlobCache, options: BlobKeysOptions = { order: 'ascending' }): Promise<string[]> {
  const keys: string[] = []
  for await (const key of cache.keys(options)) keys.push(decoder.decode(key))
  return keys
}

/** Opens the database of the index as a program would that has no business there. */
async function withIndex(vfs: Vfs, act: (db: Varve) => Promise<void>): Promise<void> {
  const db = await Varve.open(KEYS, { components: { vfs } })
  await act(db)
  await db.close()
}

describe('keys in order', () => {
  for (const keyIndex of [true, false]) {
    it(`are those that there are, ${keyIndex ? 'with' : 'without'} the index`, async () => {
      const cache = await openPublicCache({ keyIndex })
      const random = new SeededRandom(5, 'keys')
      const there = new Map<string, string>()
      for (let i = 0; i < 2000; i++) {
        const key = `${'abc'[random.below(3)]}:${random.below(900)}`
        const namespace = `n${random.below(2)}`
        if (random.below(4) === 0) {
          await cache.delete(key, { durability: 'memory' })
          there.delete(key)
        } else {
          await cache.put(key, key, { namespace, durability: 'memory' })
          there.set(key, namespace)
        }
      }
      const expected = [...there.keys()].sort()
      assert.deepEqual(await listed(cache), expected)
      assert.deepEqual(await listed(cache, { order: 'descending' }), [...expected].reverse())
      const ofB = expected.filter((key) => key.startsWith('b:'))
      assert.deepEqual(await listed(cache, { prefix: 'b:', order: 'ascending' }), ofB)
      assert.deepEqual(await listed(cache, { prefix: 'b:', order: 'descending' }), [...ofB].reverse())
      const ofOne = expected.filter((key) => there.get(key) === 'n1')
      assert.deepEqual(await listed(cache, { namespace: 'n1', order: 'ascending' }), ofOne)
      await cache.purge({ namespace: 'n1' })
      assert.deepEqual(await listed(cache), expected.filter((key) => there.get(key) === 'n0'))
      await cache.close()
    })
  }

  it('refuse an order that is none', async () => {
    const cache = await openPublicCache()
    assert.throws(() => cache.keys({ order: 'up' as never }), { code: 'INVALID_ARGUMENT' })
    await cache.close()
  })

  it('of the largest size are in the index too', async () => {
    const vfs = new MemoryVfs()
    const cache = await openPublicCache({ keyIndex: true }, vfs)
    const key = 'k'.repeat(65_535)
    await cache.put(key, 'v')
    assert.deepEqual(await listed(cache), [key])
    await cache.close()
    await withIndex(vfs, async (db) => assert.equal((await db.get(key))?.length, 16))
  })
})

describe('the key index', () => {
  it('of the last close is used as it is; a key in it that the cache has not is not listed', async () => {
    const vfs = new MemoryVfs()
    let cache = await openPublicCache({ keyIndex: true }, vfs)
    for (const key of 'dbac') await cache.put(key, key)
    await cache.delete('d')
    await cache.close()
    await withIndex(vfs, async (db) => db.put('aa', new Uint8Array(16)))
    cache = await openPublicCache({ keyIndex: true }, vfs)
    assert.deepEqual(await listed(cache), ['a', 'b', 'c'])
    await cache.close()
    await withIndex(vfs, async (db) => {
      assert.equal(await db.get('aa'), undefined, 'what is not there was taken out')
      assert.equal((await db.get('b'))?.length, 16)
    })
  })

  it('has no mark of a close while the cache is open: what is taken out then may come back in a crash', async () => {
    const vfs = new MemoryVfs()
    await (await openPublicCache({ keyIndex: true }, vfs)).close()
    const cache = await openPublicCache({ keyIndex: true }, vfs)
    const db = await Varve.open(KEYS, { readOnly: true, components: { vfs } })
    assert.equal(await db.get(new Uint8Array(0)), undefined)
    await db.close()
    await cache.close()
  })

  it('that lost a key is believed when nothing says otherwise: so it is used, not made anew', async () => {
    const vfs = new MemoryVfs()
    let cache = await openPublicCache({ keyIndex: true }, vfs)
    for (const key of 'abc') await cache.put(key, key)
    await cache.close()
    await withIndex(vfs, async (db) => db.del('b'))
    cache = await openPublicCache({ keyIndex: true }, vfs)
    assert.deepEqual(await listed(cache), ['a', 'c'])
    await cache.close()
  })

  const breaks: Record<string, (vfs: MemoryVfs) => Promise<void>> = {
    'is gone': async (vfs) => {
      for (const name of await vfs.list(KEYS)) vfs.unlinkSync(`${KEYS}/${name}`)
    },
    'is damaged': async (vfs) => {
      for (const name of await vfs.list(KEYS)) {
        const file = await vfs.open(`${KEYS}/${name}`, 'write')
        await file.write(new Uint8Array(200).fill(7), 0, 200, 0)
        await file.close()
      }
    },
    'lacks a mark of the last close': async (vfs) => withIndex(vfs, async (db) => {
      await db.del(new Uint8Array(0))
      await db.del('b')
    }),
    'is older than the cache': async (vfs) => {
      const cache = await openPublicCache({}, vfs)
      await cache.put('e', 'e')
      await cache.delete('e')
      await cache.close()
      await withIndex(vfs, async (db) => db.del('b'))
    },
    'is of another cache': async (vfs) => withIndex(vfs, async (db) => {
      const mark = (await db.get(new Uint8Array(0)))!
      mark[0]! ^= 1
      await db.put(new Uint8Array(0), mark)
      await db.del('b')
    }),
  }
  for (const [title, act] of Object.entries(breaks)) {
    it(`that ${title} is made anew`, async () => {
      const vfs = new MemoryVfs()
      let cache = await openPublicCache({ keyIndex: true }, vfs)
      for (const key of 'abc') await cache.put(key, key)
      await cache.close()
      await act(vfs)
      for (let opens = 0; opens < 2; opens++) {
        cache = await openPublicCache({ keyIndex: true }, vfs)
        assert.deepEqual(await listed(cache), ['a', 'b', 'c'])
        await cache.close()
        await withIndex(vfs, async (db) => assert.ok(await db.get('b'), 'it is in the index'))
      }
    })
  }

  it('forgets the keys of segments that went', async () => {
    const vfs = new MemoryVfs()
    const cache = await openPublicCache({ keyIndex: true, maxBytes: 32 * 1024 * 1024 }, vfs)
    const value = new Uint8Array(200_000)
    for (let i = 0; i < 1000; i++) await cache.put(`key ${i}`, value)
    const { items } = cache.stats()
    assert.ok(items < 400 && items > 50, String(items))
    await cache.close()
    let count = 0
    await withIndex(vfs, async (db) => {
      for await (const _ of db.keys()) count++
    })
    assert.ok(count <= items + 30, `${count} keys, ${items} of them there`)
  })
})

describe('keys in order of a cache that left its disk', () => {
  const failing: Record<string, Partial<FaultRule>> = { 'all files': {}, 'all but its index': { fileClass: 'other' } }
  for (const [what, rule] of Object.entries(failing)) {
    it(`are those that there are, in memory and right after the way back: ${what}`, () => leaveAndReturn(rule))
  }

  async function leaveAndReturn(rule: Partial<FaultRule>): Promise<void> {
    const vfs = new SimVfs({ seed: 6 })
    const { clock } = vfs
    const until = async (what: string, isSo: () => boolean) => {
      for (let i = 0; !isSo(); i++) {
        assert.ok(i < 300, what)
        await clock.advance(60_000)
        for (let turn = 0; turn < 300; turn++) await new Promise<void>((resolve) => clock.defer(resolve))
      }
    }
    const cache = await openPublicCache({ keyIndex: true, components: { vfs, clock } }, vfs)
    for (const key of ['kept', 'replaced', 'deleted']) await cache.put(key, key, { durability: 'synced' })
    vfs.addFault({
      fault: { do: 'error', code: 'EIO' }, kind: ['write', 'create', 'sync', 'link', 'syncDir'], times: Infinity,
      ...rule,
    })
    for (let i = 0; cache.stats().state === 'OK' && i < 200; i++) await cache.put('filler', `${i}`)
    assert.equal(cache.stats().state, 'MEMORY')
    for (const key of ['replaced', 'new', 'filler']) await cache.put(key, 'in memory')
    await cache.delete('deleted', { durability: 'memory' })
    const expected = ['filler', 'kept', 'new', 'replaced']
    assert.deepEqual(await listed(cache), expected)
    vfs.clearFaults()
    const backwards = [...expected].reverse()
    const begun = cache.keys({ order: 'descending' })
    assert.equal(decoder.decode((await begun.next()).value as Uint8Array), backwards[0])
    await until('it stays in memory', () => cache.stats().state === 'OK')
    assert.deepEqual(await listed(cache), expected)
    await cache.put('last', 'last')
    assert.deepEqual(await listed(cache, { order: 'descending' }), ['replaced', 'new', 'last', 'kept', 'filler'])
    await cache.close()
    await withIndex(vfs, async (db) => {
      const keys: string[] = []
      for await (const key of db.keys({ gt: '' })) keys.push(decoder.decode(key))
      assert.deepEqual(keys, [...expected, 'last'].sort())
      assert.ok(await db.get(new Uint8Array(0)), 'it has all keys')
    })
  }
})

test('crashes of a cache with a key index: what is listed in order is what there is', async () => {
  const vfs = new SimVfs({ seed: 8 })
  vfs.mkdirSync('/cache')
  vfs.syncDirSync('/')
  const random = new SeededRandom(8, 'key index crashes')
  const draw = new Draw('key index crashes')
  const images: { image: SimVfs; what: string }[] = []
  vfs.onEffect = (index, what) => {
    for (const way of ['kill', 'none', 'all', 'random50', 'reverse', 'namesOnly', 'dataOnly'] as const) {
      const seed = random.u32()
      if (seed % 24 !== 0 || !draw.takes()) continue
      const image = way === 'kill' ? vfs.cloneKilled(seed) : vfs.clone(way, seed)
      images.push({ image, what: `effect ${index}: ${what}, then ${way} ${seed}` })
    }
  }
  for (let life = 0; life < 4; life++) {
    const cache = await openPublicCache({ keyIndex: life !== 2, components: { vfs, clock: vfs.clock } }, vfs)
    for (let i = 0; i < 25; i++) {
      const key = `k${random.below(20)}`
      const durability = random.pick(['memory', 'written', 'synced'] as const)
      if (random.chance(0.3)) await cache.delete(key, { durability })
      else await cache.put(key, `${life} ${i}`, { durability, namespace: `n${i % 2}` })
      if (random.chance(0.04)) await cache.purge({ namespace: 'n1' })
    }
    await cache.close()
  }
  vfs.onEffect = null
  let keyCount = 0
  for (const { image, what } of images) {
    for (let opens = 0; opens < 2; opens++) {
      const cache = await openPublicCache({ keyIndex: true, components: { vfs: image, clock: image.clock } }, image)
      const there = new Set(await listed(cache, {}))
      for (const key of there) assert.ok(await cache.get(key), `${key} after ${what}`)
      assert.deepEqual(await listed(cache), [...there].sort(), what)
      assert.deepEqual(await listed(cache, { order: 'descending' }), [...there].sort().reverse(), what)
      keyCount += there.size
      if (opens === 0) await cache.put('last', 'last')
      await cache.close()
    }
  }
  if (isWholeRun) assert.ok(images.length > 20 && keyCount > images.length, `${images.length}, ${keyCount}`)
})
