/**
 * The external position: opaque bytes of the caller, stored atomically with a batch. The oracle of the
 * crash tests knows the position that belongs to each prefix of history, and compares it at every reopen.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VarveError } from '../../src/index.js'
import type { BatchOp, ErrorCode, Varve } from '../../src/index.js'
import { SimVfs, survivalPolicies } from '../../src/testing.js'
import { crashNow, reopen } from '../support/crash/crash-steps.js'
import type { Way } from '../support/crash/crash-steps.js'
import { CrashSweep } from '../support/crash/crash-sweep.js'
import { atLeast, Draw } from '../support/harness/share.js'
import { openSim, textOf } from '../support/databases/simulated.js'
import { Workload } from '../support/model/workload.js'
import type { Settings } from '../support/model/workload.js'

const WAYS: Way[] = ['kill', ...survivalPolicies]
const MODES: [string, Settings][] = [['strict', {}], ['fast', { manifestSync: false }]]
const POSITION_BYTES_MAX = 4096

const bytes = (text: string) => new TextEncoder().encode(text)
const put = (key: string, value = 'v'): BatchOp => ({ type: 'put', key, value })
const positionOf = (db: Varve) => (db.position === null ? null : textOf(db.position))

async function opened(settings: Settings = {}, toleratesErrors = false): Promise<Workload> {
  const w = new Workload({ seed: 4, settings, toleratesErrors })
  await w.open()
  return w
}

describe('the position', () => {
  it('is null until a batch carries one, and then that of the last one that did', async () => {
    const db = await openSim(new SimVfs())
    assert.equal(db.position, null)
    await db.batch([put('a')])
    assert.equal(db.position, null)
    await db.batch([put('b')], { position: bytes('one') })
    await db.put('c', 'v')
    db.batchSync([put('d')])
    await db.flush()
    await db.del('a')
    assert.equal(positionOf(db), 'one')
    db.batchSync([put('e')], { position: bytes('two') })
    assert.equal(positionOf(db), 'two')
    await Promise.all(['three', 'four', 'five'].map((text) => db.batch([put(text)], { position: bytes(text) })))
    assert.equal(positionOf(db), 'five')
    await db.close()
  })

  it('may be any bytes: none, all values, up to the limit, a view into something larger', async () => {
    const vfs = new SimVfs()
    const all = Uint8Array.from({ length: POSITION_BYTES_MAX }, (_, i) => i)
    const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(7)
    const pooled = Buffer.from('pooled')
    for (const position of [new Uint8Array(0), all, all.subarray(100, 103), pooled, shared, bytes('\0')]) {
      const db = await openSim(vfs)
      await db.batch([put('k')], { position })
      assert.deepEqual(db.position, new Uint8Array(position))
      await db.close()
      const again = await openSim(vfs)
      assert.deepEqual(again.position, new Uint8Array(position))
      await again.close()
    }
  })

  it('moves with a batch that has no operations, and with one larger than a slab', async () => {
    for (const [, settings] of MODES) {
      const w = await opened(settings)
      await w.batch([], { position: 'nothing else' })
      w.checkReads()
      await w.flush()
      for (const way of WAYS) await reopen(crashNow(w, way))
      await w.batch([{ key: 'x', length: 90_000 }], { position: 'large' })
      w.batchSync([], { position: 'behind it' })
      w.checkReads()
      for (const way of WAYS) await reopen(crashNow(w, way))
      await w.killed()
      assert.equal(positionOf(w.db), 'behind it')
    }
  })

  it('is shown by a read-only open: from the log, from the manifest, beside the writer', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    const shown = async () => {
      const reader = await openSim(vfs, { readOnly: true })
      const text = positionOf(reader)
      await reader.close()
      return text
    }
    assert.equal(await shown(), null)
    await db.batch([put('a')], { position: bytes('in the log') })
    assert.equal(await shown(), 'in the log')
    await db.flush()
    assert.equal(await shown(), 'in the log')
    await db.put('b', 'v')
    assert.equal(await shown(), 'in the log', 'what is replayed has none')
    await db.batch([put('a')], { position: bytes('newer') })
    assert.equal(await shown(), 'newer')
    await db.close()
    assert.equal(await shown(), 'newer')
  })

  it('stays where it was when its batch is refused, now and after a reopen', async () => {
    for (const [, settings] of MODES) {
      const w = await opened(settings, true)
      await w.batch([{ key: 'a', length: 100 }], { position: 'there' })
      await w.vfs.settled()
      w.vfs.capacityBytes = w.vfs.usedBytes + 400
      await Promise.all(['p1', 'p2', 'p3'].map((position) => w.batch([{ key: position, length: 300 }], { position })))
      assert.deepEqual(w.errors, ['NO_SPACE', 'NO_SPACE', 'NO_SPACE'])
      assert.equal(positionOf(w.db), 'there')
      for (const way of WAYS) {
        const disk = crashNow(w, way)
        disk.vfs.capacityBytes = Infinity
        await reopen(disk)
      }
      w.vfs.capacityBytes = Infinity
      await w.vfs.clock.advance(2500)
      await w.put('after', 50)
      assert.equal(positionOf(w.db), 'there')
      await w.batch([], { position: 'on' })
      for (const way of WAYS) await reopen(crashNow(w, way))
    }
  })
})

describe('a position refuses', () => {
  const detached = bytes('detached')
  structuredClone(detached, { transfer: [detached.buffer] })
  const wrong: [string, unknown][] = [
    ['one byte too many', new Uint8Array(POSITION_BYTES_MAX + 1)], ['a text', 'text'], ['a number', 5], ['null', null],
    ['an array', [1, 2]], ['an ArrayBuffer', new ArrayBuffer(4)], ['other elements', new Uint16Array(2)],
    ['a DataView', new DataView(new ArrayBuffer(2))], ['a detached buffer', detached],
  ]
  for (const [what, position] of wrong) {
    it(`${what}, before anything changes`, async () => {
      const vfs = new SimVfs()
      const db = await openSim(vfs)
      await db.batch([put('k')], { position: bytes('good') })
      await vfs.settled()
      const [effects, { visibleSeq }] = [vfs.effectCount, db.stats().database]
      const options = { position } as never
      await rejects(db.batch([put('k', 'other')], options), 'INVALID_ARGUMENT')
      assert.throws(() => db.batchSync([put('k', 'other')], options), { code: 'INVALID_ARGUMENT' })
      await vfs.settled()
      assert.deepEqual([vfs.effectCount, db.stats().database.visibleSeq], [effects, visibleSeq])
      assert.deepEqual([positionOf(db), textOf(db.getSync('k'))], ['good', 'v'])
      await db.close()
    })
  }
})

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => VarveError.is(error) && error.code === code)
}

/** Positions in one slab and over several, with and without, in each kind of batch; ends unsynced. */
async function movePositions(w: Workload): Promise<void> {
  await w.batch([{ key: 'a', length: 50 }], { position: 'p1' })
  await w.put('without', 60)
  w.batchSync([{ key: 'a', length: null }, { key: 'b', length: 70 }], { position: 'p2' })
  await w.batch([{ key: 'c', length: 80 }], { position: 'p3', sync: true })
  await w.batch([], { position: 'p4' })
  await w.flush()
  await w.put('another slab', 11_000)
  for (let i = 5; i < 12; i++) {
    const spec = i % 3 === 0 ? {} : { position: `p${i}` }
    await w.batch([{ key: `k${i}`, length: 11_000 }, { key: 'a', length: 40 + i }], spec)
  }
  await Promise.all(['x', 'y', 'z'].map((key) => w.batch([{ key, length: 30 }], { position: `in flight ${key}` })))
  await w.put('last', 20)
}

for (const [mode, settings] of MODES) {
  describe(`a position after a crash, ${mode} mode`, () => {
    it('is that of the last batch, after a close', async () => {
      const w = await opened(settings)
      await movePositions(w)
      await w.close()
      await w.reopen()
      assert.equal(positionOf(w.db), 'in flight z')
    })

    it('is that of the last batch, after a kill', async () => {
      const w = await opened(settings)
      await movePositions(w)
      await w.killed()
      assert.equal(positionOf(w.db), 'in flight z')
    })

    it('is that of the last batch that survived, after a power loss of any kind', async () => {
      for (const policy of survivalPolicies) {
        const w = await opened(settings)
        await movePositions(w)
        await w.lostPower(policy)
        // Which one it must be, the oracle has compared; the flush made everything before it durable.
        assert.match(positionOf(w.db)!, /^p([4-9]|1\d)$|^in flight/, policy)
      }
    })

    it('survives a power loss when its batch was synced', async () => {
      for (const way of WAYS) {
        const w = await opened(settings)
        await w.batch([{ key: 'a', length: 50 }], { position: 'before' })
        await w.batch([{ key: 'a', length: 60 }], { position: 'synced', sync: true })
        w.batchSync([], { position: 'synced too', sync: true })
        const { db, matched } = await reopen(crashNow(w, way))
        assert.deepEqual([matched, positionOf(db)], [3, 'synced too'])
      }
    })

    it('belongs to the state that is shown, after a crash behind any change of the disk', async (t) => {
      const sweep = new CrashSweep({
        seed: 21, randomCount: 3, recoveryCount: 2, draw: new Draw(`positions, ${mode}`),
      })
      const { points, images } = await sweep.run(async (w) => {
        await w.open()
        await movePositions(w)
        await w.killed()
        await w.batch([{ key: 'a', length: 90 }], { position: 'after' })
        await w.close()
      }, { settings })
      t.diagnostic(`${points} crashes, ${images} different disks`)
      assert.ok(images >= atLeast(250), String(images))
    })
  })
}
