/** Reading the logs that a pin keeps: no gap, no repeat, nothing that is not history. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { logFileName } from '../../src/base/index.js'
import type { ErrorCode } from '../../src/base/index.js'
import type { Varve } from '../../src/index.js'
import { SimVfs, survivalPolicies } from '../../src/testing.js'
import { Follower, keyOperations, readBatches } from '../support/databases/follower.js'
import { fileNums, openSim, SIM_DIR, textOf } from '../support/databases/simulated.js'

async function put(db: Varve, keys: string, sync = false): Promise<void> {
  for (const key of keys) await db.put(key, `of ${key}`, { sync })
}

async function keysOf(db: Varve, name = 'f'): Promise<string> {
  return keyOperations(await readBatches(db, name)).map(({ key }) => textOf(key)).join('')
}

const taken = (keys: string) => [...keys].map((key) => `put ${key}=of ${key}`)

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error: { code?: unknown }) => error.code === code)
}

describe('a follower', () => {
  it('sees every operation as it was written', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await db.pins.acquire('f')
    const binary = Uint8Array.of(0, 255, 10)
    await db.batch([
      { type: 'put', key: '', value: '' }, { type: 'del', key: binary }, { type: 'put', key: binary, value: binary },
    ], { position: Uint8Array.of(7) })
    await db.del('k')
    await db.put('large', new Uint8Array(100_000).fill(3))
    await db.flush()
    const batches = await readBatches(db, 'f')
    assert.deepEqual(batches.map(({ seqNum, operations }) => [seqNum, operations.length]), [[1, 3], [4, 1], [5, 1]])
    assert.deepEqual(batches[0]!.operations, [
      { type: 'put', key: new Uint8Array(0), value: new Uint8Array(0) },
      { type: 'del', key: binary, value: new Uint8Array(0) },
      { type: 'put', key: binary, value: binary },
    ])
    assert.equal(batches[1]!.operations[0]!.type, 'del')
    assert.deepEqual(keyOperations(batches)[4]!.value, new Uint8Array(100_000).fill(3))
    assert.ok(batches[1]!.log < batches[2]!.log, 'a large batch has a log of its own')
    await db.close()
  })

  it('stopped for several flushes, reopens and a power loss, catches up where it was', async () => {
    let vfs = new SimVfs()
    let db = await openSim(vfs)
    const follower = await new Follower('f').acquire(db)
    await put(db, 'abc')
    await follower.catchUp(db)
    assert.deepEqual(follower.taken, taken('abc'))
    await put(db, 'de')
    await db.flush()
    await put(db, 'fg')
    await db.flush()
    await put(db, 'h')
    await db.close()
    db = await openSim(vfs)
    await put(db, 'ij')
    await db.flush()
    await put(db, 'kl', true)
    vfs = vfs.crash('none', 1)
    db = await openSim(vfs)
    await put(db, 'm')
    await follower.catchUp(db)
    assert.deepEqual(follower.taken, taken('abcdefghijklm'))
    await follower.advance(db)
    await vfs.settled()
    assert.equal(fileNums(vfs, 'log')[0], follower.lastLog)
    await put(db, 'n')
    await follower.catchUp(db)
    assert.deepEqual(follower.taken, taken('abcdefghijklmn'))
    await db.close()
  })

  it('never misses or repeats anything while it reads and writes go on', async () => {
    const db = await openSim(new SimVfs(), { manifestSync: false })
    const follower = await new Follower('f').acquire(db)
    let written = 0
    const writing = (async () => {
      for (; written < 600; written++) {
        await db.put(`${written}`, 'x'.repeat(1000))
        if (written % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    while (written < 600) {
      await follower.catchUp(db)
      await follower.advance(db)
    }
    await writing
    await follower.catchUp(db)
    assert.equal(follower.taken.length, 600)
    await db.close()
  })

  it('reads what was visible at the call, and after a number what is above it', async () => {
    const db = await openSim(new SimVfs())
    await db.pins.acquire('f')
    await put(db, 'abc')
    const reading = db.pins.read('f', { after: 1 })
    await put(db, 'd')
    const seqNums: number[] = []
    for await (const { seqNum } of reading) {
      seqNums.push(seqNum)
      await put(db, 'e')
    }
    assert.deepEqual(seqNums, [2, 3])
    assert.deepEqual(await readBatches(db, 'f', 100), [])
    await db.flush()
    await db.pins.acquire('late')
    await put(db, 'z')
    assert.equal(await keysOf(db, 'late'), 'z', 'not what only another pin keeps')
    await db.close()
  })

  it('is told when the database closes under it', async () => {
    const db = await openSim(new SimVfs())
    await db.pins.acquire('f')
    await put(db, 'a')
    await db.flush()
    await put(db, 'b')
    const reading = db.pins.read('f')[Symbol.asyncIterator]()
    assert.equal((await reading.next()).done, false)
    await db.close()
    await rejects(reading.next(), 'CLOSED')
    assert.throws(() => db.pins.read('f'), { code: 'CLOSED' })
  })
})

describe('frames that are void', () => {
  /** `keep` is synced, `lost` is written behind it and its first frame then damaged, as by a torn write. */
  async function torn(keep: string, lost: string, lostLater = ''): Promise<SimVfs> {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await db.pins.acquire('f')
    await put(db, keep, true)
    const log = logFileName(db.stats().wal.logNum)
    const { size } = vfs.statSync(`${SIM_DIR}/${log}`)!
    await put(db, lost)
    if (lostLater !== '') {
      // A batch larger than a slab moves on to the next log; nothing of this is synced.
      const times = Infinity
      vfs.addFault({ kind: 'dataSync', fileClass: 'log', fault: { do: 'hang' }, times })
      vfs.addFault({ kind: 'create', fileClass: 'temp', fault: { do: 'error', code: 'EIO' }, times })
      db.putSync('large', new Uint8Array(100_000))
      await put(db, lostLater)
    }
    const next = vfs.crash('all', 1)
    next.damage(`${SIM_DIR}/${log}`, { do: 'zero', offset: size + 8, length: 16 })
    return next
  }

  it('of a torn tail are never shown, also not after more reopens', async () => {
    let vfs = await torn('ab', 'cde')
    for (const more of ['', 'x', 'y']) {
      const db = await openSim(vfs)
      await put(db, more)
      assert.equal(await keysOf(db), `ab${'xy'.slice(0, 'xy'.indexOf(more || '?') + 1)}`)
      if (more === '') assert.equal(db.stats().recovery!.cut!.bytes > 0, true)
      await db.flush()
      vfs = vfs.crash('none', 1)
    }
  })

  it('of whole logs behind a torn tail are never shown', async () => {
    let vfs = await torn('ab', 'c', 'de')
    for (let i = 0; i < 2; i++) {
      const db = await openSim(vfs)
      assert.equal(await keysOf(db), 'ab')
      assert.equal(textOf(db.getSync('c')), 'undefined')
      vfs = vfs.crash('none', 1)
    }
  })

  it('of a write that failed are never shown, and what follows is', async () => {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await db.pins.acquire('f')
    await put(db, 'a')
    vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'short', bytes: 50 } })
    vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'EIO' } })
    await rejects(put(db, 'b'), 'IO_ERROR')
    assert.equal(await keysOf(db), 'a')
    vfs.clearFaults()
    await db.resume()
    await put(db, 'c')
    assert.equal(await keysOf(db), 'ac')
    const seqNums = (await readBatches(db, 'f')).map(({ seqNum }) => seqNum)
    assert.deepEqual(seqNums, [1, 3], 'the number of the failed write is not used again')
    await db.sync()
    const next = await openSim(vfs.crash('none', 1))
    assert.equal(await keysOf(next), 'ac')
    await next.close()
  })
})

describe('a kept log that is not what it was', () => {
  async function withKeptLog(): Promise<{ vfs: SimVfs; name: string }> {
    const vfs = new SimVfs()
    const db = await openSim(vfs)
    await db.pins.acquire('f')
    const name = logFileName(db.stats().wal.logNum)
    await put(db, 'abc')
    await db.close()
    return { vfs, name }
  }

  async function error(vfs: SimVfs): Promise<{ code: string; file: string }> {
    const db = await openSim(vfs)
    try {
      await keysOf(db)
      return assert.fail('no error')
    } catch (reason) {
      return reason as { code: string; file: string }
    } finally {
      await db.close()
    }
  }

  it('FOL-1: is an error, not a shorter log', async () => {
    for (const [offset, length] of [[3, 1], [140, 1], [193, 1], [240, 8], [290, 20]] as const) {
      const { vfs, name } = await withKeptLog()
      vfs.damage(`${SIM_DIR}/${name}`, { do: 'garbage', offset, length })
      const { code, file } = await error(vfs)
      assert.deepEqual([code, file], ['CORRUPTION', name])
    }
  })

  it('cannot be read: the error says which', async () => {
    const { vfs, name } = await withKeptLog()
    vfs.damage(`${SIM_DIR}/${name}`, { do: 'unreadable', offset: 150, length: 10 })
    const { code, file } = await error(vfs)
    assert.deepEqual([code, file], ['IO_ERROR', name])
  })
})

describe('a crash at any moment', () => {
  /** What the follower saved, and what the database must be able to give it from there on. */
  interface Moment {
    vfs: SimVfs
    what: string
    follower: Follower
    /** Durable by then. */
    synced: string
    /** Begun by then. */
    begun: string
  }

  async function scenario(manifestSync: boolean, onMoment: (moment: Moment) => void): Promise<void> {
    const vfs = new SimVfs()
    let db = await openSim(vfs, { manifestSync })
    const follower = await new Follower('f').acquire(db)
    let [synced, begun] = ['', '']
    let count = 0
    vfs.onEffect = (index, text) => {
      // Fast mode differs little: half as many crashes will do.
      if (count++ % 2 !== 0 && !manifestSync) return
      const policy = survivalPolicies[count % survivalPolicies.length]!
      const [clone, what] = [vfs.clone(policy, index), `effect ${index} ${text}, ${policy}`]
      onMoment({ vfs: clone, what, follower: new Follower('f', follower), synced, begun })
    }
    const write = async (keys: string) => {
      for (const key of keys) {
        begun += key
        await put(db, key, true)
        synced += key
      }
    }
    await write('ab')
    await db.flush()
    await write('cd')
    await db.flush()
    await write('e')
    await follower.catchUp(db)
    await follower.advance(db)
    await write('f')
    await db.close()
    db = await openSim(vfs, { manifestSync })
    await write('gh')
    await db.flush()
    await follower.catchUp(db)
    await write('i')
    await follower.advance(db)
    await db.pins.acquire('other')
    await db.pins.release('other')
    await db.close()
    vfs.onEffect = null
  }

  for (const manifestSync of [true, false]) {
    it(`leaves no gap and no repeat, ${manifestSync ? 'strict' : 'fast'}`, async () => {
      const moments: Moment[] = []
      await scenario(manifestSync, (moment) => moments.push(moment))
      assert.ok(moments.length > 40)
      for (const { vfs, what, follower, synced, begun } of moments) {
        const db = await openSim(vfs, { manifestSync })
        try {
          await follower.catchUp(db)
          const expected = follower.taken.length > synced.length ? taken(begun) : taken(synced)
          assert.deepEqual(follower.taken, expected)
          assert.ok(db.pins.list().every(({ name }) => name === 'f' || name === 'other'))
        } catch (error) {
          throw new Error(what, { cause: error })
        }
        await db.close()
      }
    })
  }
})
