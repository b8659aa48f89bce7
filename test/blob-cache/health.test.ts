/**
 * What: the disk of a cache fails: full, with errors, without descriptors, lost. Reads go on, puts go to memory, and
 * the cache comes back by itself, with nothing old in it. H1 to H7 of the schedules; BC-7, BC-8.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VarveError } from '../../src/base/index.js'
import { SimVfs } from '../../src/testing.js'
import { CACHE_DIR, openCache, openLiving } from '../support/blob-cache/blob-machine.js'
import type { LivingCache } from '../support/blob-cache/blob-machine.js'
import { keepProcess } from '../support/harness/keep-process.js'

keepProcess()

const MINUTE_MS = 60_000
const NO_WRITES = ['write', 'create', 'sync', 'link', 'syncDir'] as const
const long = (salt: string) => `${salt} `.repeat(60)

/** Puts until the cache is in memory. */
async function fallIntoMemory(cache: LivingCache): Promise<void> {
  for (let i = 0; cache.state !== 'MEMORY'; i++) {
    assert.ok(i < 200, 'it stays on its disk')
    await cache.put(`filler ${i}`, long('filler'))
  }
}

/** Lets time go on until the cache is back. */
async function comeBack(cache: LivingCache, vfs: SimVfs): Promise<void> {
  for (let i = 0; cache.state !== 'OK'; i++) {
    assert.ok(i < 200, `it stays in memory: ${cache.events.map(({ type }) => type).join(' ')}`)
    await vfs.clock.advance(MINUTE_MS)
    await cache.settled()
  }
}

for (const code of ['EIO', 'ENOSPC', 'EMFILE', 'EROFS']) {
  describe(`a disk that says ${code} to all writes`, () => {
    it('makes sync reject with an error of Varve, which has what the system said as its cause', async () => {
      const { store } = await openCache(new SimVfs({ seed: 1 }))
      const cause = Object.assign(new Error(code), { code })
      // A segment rejects with what the system threw when its write fails while a sync waits for it.
      store.disk.streams.sync = () => Promise.reject(cause)
      await assert.rejects(store.sync(), (error) => VarveError.is(error) && error.cause === cause)
    })

    it('is left for memory: reads go on, puts and deletes hold, and all of it comes back to the disk', async () => {
      const vfs = new SimVfs({ seed: 1 })
      const cache = await openLiving(vfs)
      for (const key of ['kept', 'replaced', 'deleted']) await cache.put(key, long(`${key} on disk`), 'synced')
      vfs.addFault({ fault: { do: 'error', code }, kind: [...NO_WRITES], times: Infinity })
      await fallIntoMemory(cache)
      assert.deepEqual(await cache.put('replaced', long('in memory')), { stored: true, durable: false })
      assert.deepEqual(await cache.put('new', long('new'), 'memory'), { stored: true })
      assert.deepEqual(await cache.put('new', long('newer'), 'synced'), { stored: false, reason: 'degraded' })
      await assert.rejects(cache.delete('deleted', 'synced'))
      const expected = [long('kept on disk'), long('in memory'), undefined, long('new')]
      const seen = () => Promise.all(['kept', 'replaced', 'deleted', 'new'].map((key) => cache.get(key)))
      assert.deepEqual(await seen(), expected)
      await vfs.clock.advance(10 * MINUTE_MS)
      await cache.settled()
      assert.equal(cache.state, 'MEMORY')
      assert.deepEqual((await seen()).slice(1), expected.slice(1))
      vfs.clearFaults()
      await comeBack(cache, vfs)
      // A disk that stayed full for long is begun anew; otherwise all is there.
      assert.deepEqual((await seen()).slice(code === 'ENOSPC' ? 1 : 0), expected.slice(code === 'ENOSPC' ? 1 : 0))
      await cache.settled()
      await cache.put('last', 'x', 'synced')
      await cache.close()
      assert.equal(vfs.openFileCount, 0)
      assert.deepEqual([...vfs.violations], [])
      const again = await openCache(vfs)
      assert.equal(await again.get('replaced'), long('in memory'))
      assert.equal(await again.get('deleted'), undefined)
      assert.equal(await again.get('new'), long('new'))
      await again.store.close()
    })
  })
}

describe('a large blob whose source stalls', () => {
  it('while the cache leaves its disk and comes back touches nothing there any more', async () => {
    for (const isBroken of [true, false]) {
      const vfs = new SimVfs({ seed: 8 })
      const cache = await openLiving(vfs, { segmentBytes: 65_536, slabBytes: 4096 })
      const large = 'x'.repeat(3000)
      assert.equal((await cache.put('before', large, 'synced')).stored, true)
      let goOn: () => void = () => undefined
      const stalled = new Promise<void>((resolve) => (goOn = resolve))
      const put = cache.put('stalled', (async function* () {
        yield new TextEncoder().encode('y'.repeat(2500))
        await stalled
        if (isBroken) throw new Error('broken off')
        yield new TextEncoder().encode('y'.repeat(2500))
      })())
      await cache.settled()
      vfs.addFault({ fault: { do: 'error', code: 'EIO' }, kind: [...NO_WRITES], times: Infinity })
      await fallIntoMemory(cache)
      vfs.clearFaults()
      await comeBack(cache, vfs)
      await cache.settled()
      const keys = Array.from({ length: 4 }, (_, i) => `after ${i}`)
      for (const key of keys) assert.equal((await cache.put(key, `${key} ${large}`, 'synced')).stored, true)
      goOn()
      assert.equal((await put).stored, false)
      await cache.settled()
      for (const key of keys) assert.equal(await cache.get(key), `${key} ${large}`)
      await cache.close()
      const again = await openCache(vfs, { segmentBytes: 65_536, slabBytes: 4096 })
      for (const key of keys) assert.equal(await again.get(key), `${key} ${large}`)
      assert.equal(await again.get('before'), large)
      await again.store.close()
      assert.equal(vfs.openFileCount, 0)
    }
  })
})

describe('a full disk', () => {
  it('is made room on: the oldest blobs go, and puts are stored again without a way through memory (H4)', async () => {
    const vfs = new SimVfs({ seed: 2 })
    const cache = await openLiving(vfs)
    let i = 0
    for (; i < 500; i++) assert.ok((await cache.put(`k${i}`, long(`${i}`), 'synced')).stored)
    vfs.capacityBytes = vfs.usedBytes + 3000
    let refused = 0
    for (; i < 700; i++) if (!(await cache.put(`k${i}`, long(`${i}`), 'synced')).stored) refused++
    assert.equal(cache.state, 'OK')
    assert.ok(refused < 15, `${refused}`)
    assert.ok(vfs.usedBytes <= 1024 * 1024)
    assert.equal(await cache.get('k699'), long('699'))
    await cache.close().catch(() => undefined)
  })

  it('is made room on for a large blob too: one in memory is stored, a stream has a reason', async () => {
    const value = long('large').repeat(50)
    for (const isStream of [false, true]) {
      const vfs = new SimVfs({ seed: 11 })
      const cache = await openLiving(vfs)
      for (let i = 0; i < 500; i++) await cache.put(`k${i}`, long(`${i}`))
      vfs.capacityBytes = vfs.usedBytes + 5000
      const result = await cache.put('large', isStream ? new Blob([value]).stream() : value)
      assert.deepEqual(result, isStream ? { stored: false, reason: 'degraded' } : { stored: true })
      assert.equal(await cache.get('large'), isStream ? undefined : value)
      assert.ok(cache.events.some(({ type }) => type === 'failure'), 'the disk was full')
      assert.deepEqual(await cache.put('large', new Blob([value]).stream()), { stored: true }, 'there is room now')
      assert.equal(cache.state, 'OK')
      await cache.close().catch(() => undefined)
      assert.equal(vfs.openFileCount, 0)
    }
  })

  it('on which nothing can be written at all empties the cache rather than keeping it in memory (H4, H5)', async () => {
    const vfs = new SimVfs({ seed: 3 })
    const cache = await openLiving(vfs)
    for (let i = 0; i < 300; i++) await cache.put(`k${i}`, long(`${i}`), 'synced')
    vfs.capacityBytes = vfs.usedBytes
    vfs.addFault({ fault: { do: 'error', code: 'ENOSPC' }, kind: ['write'], times: 40 })
    await fallIntoMemory(cache)
    await comeBack(cache, vfs)
    await cache.settled()
    assert.equal((await cache.put('k', long('1'), 'synced')).stored, true)
    await cache.close().catch(() => undefined)
    assert.equal(vfs.openFileCount, 0)
  })
})

describe('a large blob', () => {
  for (const code of ['EIO', 'ENOSPC']) {
    it(`whose write says ${code} at any place is told or stored: nobody waits, and what was there stays`, async () => {
      const value = long('large').repeat(60)
      for (let write = 1; write <= 10; write++) {
        for (const isStream of [false, true]) {
          const vfs = new SimVfs({ seed: 12 })
          const cache = await openLiving(vfs)
          // What is given up to make room on a full disk: the oldest.
          for (let i = 0; i < 300; i++) await cache.put(`k${i}`, long(`${i}`), 'memory')
          await cache.put('other', 'x', 'synced')
          vfs.addFault({ fault: { do: 'error', code }, kind: ['write'], nth: write })
          const result = await cache.put('large', isStream ? new Blob([value]).stream() : value)
          const found = await cache.get('large')
          assert.equal(found, result.stored ? value : undefined, `${code} at write ${write}`)
          if (!result.stored) assert.match(result.reason, /^(degraded|busy)$/)
          assert.equal(await cache.get('other'), 'x', `${code} at write ${write}`)
          await cache.close().catch(() => undefined)
          assert.equal(vfs.openFileCount, 0)
        }
      }
    })
  }

  it('goes to memory when it fits a slab, else it is refused; a range and a stream of it are read there', async () => {
    const vfs = new SimVfs({ seed: 13 })
    const cache = await openLiving(vfs)
    const onDisk = long('on disk').repeat(40)
    await cache.put('on disk', onDisk, 'synced')
    vfs.addFault({ fault: { do: 'error', code: 'EIO' }, kind: [...NO_WRITES], times: Infinity })
    await fallIntoMemory(cache)
    for (const value of [onDisk, new Blob([onDisk]).stream()]) {
      assert.deepEqual(await cache.put('large', value, 'memory'), { stored: false, reason: 'degraded' })
    }
    const small = 'abcdefgh'.repeat(100)
    assert.deepEqual(await cache.put('small', new Blob([small]).stream(), 'memory'), { stored: true })
    for (const [key, value] of [['small', small], ['on disk', onDisk]] as const) {
      const { store } = cache
      const part = await store.parts.get(store.hashed(key), { start: 3, end: 21 })
      assert.equal(typeof part === 'string' ? part : new TextDecoder().decode(part), value.slice(3, 21))
      const stream = await store.parts.stream(store.hashed(key), { start: 0, end: Infinity }, null)
      assert.ok(typeof stream !== 'string')
      const pieces: Uint8Array[] = []
      for await (const piece of stream) pieces.push(piece)
      assert.equal(Buffer.concat(pieces).toString(), value)
    }
    vfs.clearFaults()
    await cache.close().catch(() => undefined)
  })
})

describe('memory', () => {
  it('is bounded: the oldest blobs go, and what they replaced on the disk does not come back (H5, BC-8)', async () => {
    const vfs = new SimVfs({ seed: 4 })
    const cache = await openLiving(vfs)
    await cache.put('old', long('on disk'), 'synced')
    vfs.addFault({ fault: { do: 'error', code: 'EIO' }, kind: [...NO_WRITES], times: Infinity })
    await fallIntoMemory(cache)
    await cache.put('old', long('in memory'), 'memory')
    for (let i = 0; i < 500; i++) assert.ok((await cache.put(`m${i}`, long(`${i}`), 'memory')).stored)
    assert.equal(await cache.get('old'), undefined)
    assert.equal(await cache.get('m499'), long('499'))
    assert.ok(cache.store.index.count < 100, `${cache.store.index.count}`)
    vfs.clearFaults()
    await comeBack(cache, vfs)
    assert.equal(await cache.get('old'), undefined)
    await cache.settled()
    assert.equal(await cache.get('m499'), long('499'))
    await cache.close()
    const again = await openCache(vfs)
    assert.equal(await again.get('old'), undefined)
    assert.equal(await again.get('m499'), long('499'))
    await again.store.close()
  })

  it('answers all who wait for a place when the disk is left, and close ends there too (H6, BC-7)', async () => {
    const vfs = new SimVfs({ seed: 5 })
    const cache = await openLiving(vfs)
    vfs.addFault({ fault: { do: 'error', code: 'EIO' }, kind: [...NO_WRITES], times: Infinity })
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => cache.put(`k${i}`, long(`${i}`), 'memory')))
    assert.ok(answers.some(({ stored }) => stored))
    assert.equal(cache.state, 'MEMORY')
    await cache.close().catch(() => undefined)
    assert.equal(vfs.openFileCount, 0)
  })

  it('keeps purges: what they purged, on the disk or in memory, is not there after the way back (H5)', async () => {
    const vfs = new SimVfs({ seed: 6 })
    const cache = await openLiving(vfs)
    const namespace = cache.store.namespaceOf('n')
    await cache.put('in', long('in'), 'synced', { namespace })
    await cache.put('out', long('out'), 'synced')
    vfs.addFault({ fault: { do: 'error', code: 'EIO' }, kind: [...NO_WRITES], times: Infinity })
    await fallIntoMemory(cache)
    await cache.put('in memory', long('in'), 'memory', { namespace })
    await cache.store.purge(namespace, 'memory')
    await cache.put('again', long('again'), 'memory', { namespace })
    vfs.clearFaults()
    await comeBack(cache, vfs)
    await cache.settled()
    assert.equal(await cache.get('in'), undefined)
    assert.equal(await cache.get('in memory'), undefined)
    assert.equal(await cache.get('out'), long('out'))
    assert.equal(await cache.get('again'), long('again'))
    await cache.close()
    const again = await openCache(vfs)
    assert.equal(await again.get('in'), undefined)
    assert.equal(await again.get('again'), long('again'))
    await again.store.close()
  })
})

describe('stats() of a cache that came back', () => {
  it('go on from where they were: nothing that is counted becomes less', async () => {
    const vfs = new SimVfs({ seed: 10 })
    const cache = await openLiving(vfs, { segmentBytes: 2048, slabBytes: 2048, maxBytes: 266_240 + 16 * 2048 })
    for (let i = 0; i < 400; i++) {
      await Promise.all([0, 1, 2].map((n) => cache.put(`k${i} ${n}`, long('x'), n === 0 ? 'synced' : 'written')))
      if (i % 4 === 0) await cache.get(`k${i} 0`)
    }
    await cache.delete('k399 0')
    vfs.addFault({ fault: { do: 'error', code: 'EIO' }, kind: [...NO_WRITES], times: Infinity })
    await fallIntoMemory(cache)
    await cache.settled()
    for (let ways = 0; ways < 2; ways++) {
      const { evictedSegments, evictedBytes, evictedItems, movedItems, movedBytes, ...others } = cache.stats
      const { stages, written, kills } = others
      assert.ok(evictedSegments > 0 && evictedBytes > 0 && evictedItems > 0 && movedItems > 0 && movedBytes > 0)
      assert.ok(kills.durable > 0 && written.moveBytes > 0)
      vfs.clearFaults()
      await comeBack(cache, vfs)
      const after = cache.stats
      assert.ok(after.evictedSegments >= evictedSegments && after.evictedBytes >= evictedBytes)
      assert.ok(after.evictedItems >= evictedItems && after.kills.durable >= kills.durable)
      assert.ok(after.movedItems >= movedItems && after.movedBytes >= movedBytes)
      assert.ok(after.written.putBytes >= written.putBytes && after.written.moveBytes >= written.moveBytes)
      assert.ok(after.written.catalogBytes > written.catalogBytes, 'the way back makes a catalog')
      for (const [name, { count, totalMs, maxMs, avgMs }] of Object.entries(stages)) {
        const now = after.stages[name as keyof typeof after.stages]
        assert.ok(count > 0 && now.count >= count && now.totalMs >= totalMs && now.maxMs >= maxMs, name)
        assert.equal(avgMs, totalMs / count)
      }
      vfs.addFault({ fault: { do: 'error', code: 'EIO' }, kind: [...NO_WRITES], times: Infinity })
      await fallIntoMemory(cache)
      await cache.settled()
    }
    vfs.clearFaults()
    await cache.close().catch(() => undefined)
  })
})

describe('a directory that is lost', () => {
  it('is made again, empty, where it was removed; what is in memory goes there', async () => {
    const vfs = new SimVfs({ seed: 7 })
    const cache = await openLiving(vfs)
    await cache.put('old', long('old'), 'synced')
    for (const name of vfs.listSync(CACHE_DIR)) vfs.unlinkSync(vfs.join(CACHE_DIR, name))
    await vfs.rmdir(CACHE_DIR)
    await cache.put('a', long('a'), 'synced')
    await fallIntoMemory(cache)
    await cache.put('b', long('b'))
    assert.equal(await cache.get('old'), undefined)
    await comeBack(cache, vfs)
    await cache.settled()
    assert.equal(await cache.get('old'), undefined)
    assert.equal(await cache.get('b'), long('b'))
    assert.equal((await cache.put('c', long('c'), 'synced')).stored, true)
    await cache.close()
    const again = await openCache(vfs)
    assert.equal(await again.get('c'), long('c'))
    assert.equal(await again.get('b'), long('b'))
    await again.store.close()
  })

  it('that another one took the place of is not read any more, and that one is taken when it is free', async () => {
    const vfs = new SimVfs({ seed: 8 })
    const cache = await openLiving(vfs)
    await cache.put('old', long('old'), 'synced')
    vfs.renameSync(CACHE_DIR, '/moved')
    const other = await openCache(vfs)
    await other.put('old', long('newer'), 'synced')
    await fallIntoMemory(cache)
    assert.equal(await cache.get('old'), undefined)
    await vfs.clock.advance(5 * MINUTE_MS)
    await cache.settled()
    assert.equal(cache.state, 'MEMORY')
    assert.equal(await other.get('old'), long('newer'))
    await other.store.close()
    await comeBack(cache, vfs)
    assert.equal(await cache.get('old'), undefined)
    await cache.close()
  })
})

describe('a second cache on one directory', () => {
  it('is told, or runs in memory for good, as it chose', async () => {
    const vfs = new SimVfs({ seed: 9 })
    const first = await openLiving(vfs)
    await first.put('a', long('first'), 'synced')
    await assert.rejects(openLiving(vfs), { code: 'LOCKED' })
    const second = await openLiving(vfs, {}, 'memory')
    assert.equal(second.state, 'MEMORY')
    assert.equal(await second.get('a'), undefined)
    assert.deepEqual(await second.put('a', long('second')), { stored: true, durable: false })
    assert.deepEqual(await second.put('b', 'x', 'synced'), { stored: false, reason: 'degraded' })
    await first.close()
    await vfs.clock.advance(10 * MINUTE_MS)
    await second.settled()
    assert.equal(second.state, 'MEMORY')
    assert.equal(await second.get('a'), long('second'))
    assert.equal(await second.delete('a'), true)
    assert.equal(await second.get('a'), undefined)
    await second.close()
    const again = await openCache(vfs)
    assert.equal(await again.get('a'), long('first'))
    await again.store.close()
  })
})

it('a cache without room within its own bytes closes without an error, one whose disk had none does not', async () => {
  const own = await openCache(new SimVfs({ seed: 1 }))
  own.store.retreat.onNoPlace(new VarveError('NO_SPACE', 'no room within the cache'))
  await own.store.close()
  const disk = await openCache(new SimVfs({ seed: 1 }))
  const cause = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
  disk.store.retreat.onNoPlace(new VarveError('NO_SPACE', 'no room on the disk', { cause }))
  await assert.rejects(disk.store.close(), /no room on the disk/)
})
