/** Many writes at once: the loop turns, blocked callers drive flushes, waiting calls are bounded. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Varve, VarveError } from '../../src/index.js'
import type { EngineEvent } from '../../src/index.js'
import { FileSystemError, MemoryVfs } from '../../src/testing.js'
import { onEach, Place, SMALL } from '../support/databases/databases.js'
import { watchedVfs } from '../support/fakes/watched-vfs.js'

const value = new Uint8Array(10_000).fill(0x76)

test('timers run while puts and gets are awaited in a loop', () => onEach(async (place) => {
  const db = await place.open({ writeBufferSize: 1 << 20 })
  for (const act of [(i: number) => db.put(`k${i}`, 'v'), (i: number) => db.get(`k${i}`)]) {
    let ticks = 0
    let isRunning = true
    const tick = () => {
      ticks++
      if (isRunning) setTimeout(tick, 1)
    }
    setTimeout(tick, 1)
    for (let i = 0; ticks < 5; i++) {
      await act(i)
      assert.ok(i < 3_000_000, 'timers never ran')
    }
    isRunning = false
  }
}))

test('timers run while an async iterator walks', async () => {
  const db = await new Place('memory').open({ writeBufferSize: 4 << 20 })
  await db.batch(Array.from({ length: 20_000 }, (_, i) => ({ type: 'put', key: `k${i}`, value: '' })))
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  for (let round = 0; ticks < 3; round++) {
    for await (const _ of db.keys()) if (ticks >= 3) break
    assert.ok(round < 500)
  }
  clearInterval(timer)
  await db.close()
})

test('H8, WAL-7: Sync calls in one turn fill many buffers: the caller installs flushes', () => onEach(async (place) => {
  for (const workers of place.vfs === null ? [0, 1, 2] : [0]) {
    for (const manifestSync of [true, false]) {
      const db = await place.open({ workers, manifestSync, immutablesMax: 2 })
      const start = db.stats().flush.completed
      for (let i = 0; i < 120; i++) db.putSync(`${workers} ${manifestSync} ${i}`, value)
      const { flush, writeStall } = db.stats()
      assert.ok(flush.completed - start >= 10, `${flush.completed} flushes`)
      assert.ok(flush.pending <= 3, `${flush.pending} wait`)
      assert.ok(writeStall.stallCount > 0)
      for (let i = 0; i < 120; i++) assert.ok(db.hasSync(`${workers} ${manifestSync} ${i}`))
      db.batchSync([{ type: 'put', key: 'large', value: new Uint8Array(1 << 20) }])
      await db.close()
    }
  }
}))

test('Sync calls between async ones that wait: all are there, in order', () => onEach(async (place) => {
  const db = await place.open({ immutablesMax: 1 })
  const writes: Promise<void>[] = []
  for (let i = 0; i < 60; i++) {
    writes.push(db.put(`k${i}`, value), db.put('last', `async ${i}`))
    if (i % 20 === 19) {
      db.putSync('last', `sync ${i}`)
      assert.equal(Buffer.from(db.getSync('last')!).toString(), `sync ${i}`)
    }
  }
  await Promise.all(writes)
  for (let i = 0; i < 60; i++) assert.ok(db.hasSync(`k${i}`), `k${i}`)
  assert.equal(db.stats().writeStall.waitingCount, 0)
}))

test('a put of several buffers in one turn is written, whatever the size of the group', () => onEach(async (place) => {
  const db = await place.open({ writeBufferSize: 4 << 20 })
  await Promise.all(Array.from({ length: 120 }, (_, i) => db.put(`k${i}`, new Uint8Array(100_000))))
  assert.equal([...db.keysSync()].length, 120)
}))

test('two values of many buffers at once', () => onEach(async (place) => {
  const db = await place.open({ immutablesMax: 1 })
  await Promise.all(['a', 'b', 'c'].map((key) => db.put(key, new Uint8Array(3 << 20))))
  assert.deepEqual([...db.valuesSync()].map((found) => found.length), [3 << 20, 3 << 20, 3 << 20])
}))

test('COM-6: unawaited writes beyond the bound are refused with BUSY, and the rest is written', async () => {
  const vfs = new MemoryVfs()
  let isStuck = true
  const stuck = watchedVfs(vfs, {
    before: ({ name, file }) => {
      if (isStuck && name === 'open create' && file.includes('.table')) throw new FileSystemError('EIO', name, file)
    },
  })
  const db = await Varve.open('/db', {
    ...SMALL, immutablesMax: 1, memoryBudget: 256 << 20, components: { vfs: stuck },
  })
  const large = new Uint8Array(3 << 20)
  const answers = await Promise.race([
    Promise.allSettled(Array.from({ length: 130 }, (_, i) => db.put(`k${i}`, large))),
    new Promise<never>((_, reject) => setTimeout(reject, 60_000, new Error('never answered')).unref()),
  ])
  const isBusy = (answer: PromiseSettledResult<void>) =>
    answer.status === 'rejected' && (answer.reason as VarveError).code === 'BUSY'
  assert.ok(answers.some(isBusy))
  isStuck = false
  await db.resume()
  await db.flush()
  for (const [i, answer] of answers.entries()) assert.equal(db.hasSync(`k${i}`), answer.status === 'fulfilled', `k${i}`)
  await db.close()
})

test('F05: a flush that fails is tried again under another number, and shows in the statistics', async () => {
  const vfs = new MemoryVfs()
  const refused: string[] = []
  const faulty = watchedVfs(vfs, {
    before: ({ name, file }) => {
      if (name !== 'open create' || !file.includes('.table') || refused.length >= 2) return
      refused.push(file.slice(0, 6))
      throw new FileSystemError('EIO', name, file)
    },
  })
  const events: EngineEvent[] = []
  const onEvent = (event: EngineEvent) => void events.push(event)
  const db = await Varve.open('/db', { ...SMALL, components: { vfs: faulty, onEvent } })
  await db.put('k', 'v')
  await db.flush()
  assert.equal(new Set(refused).size, 2)
  const { flush, database, backgroundError } = db.stats()
  assert.deepEqual([flush.failed, flush.retried, flush.completed], [2, 2, 1])
  assert.deepEqual([database.state, backgroundError], ['OPEN', null])
  assert.deepEqual(events.filter(({ type }) => type === 'flushFailed').length, 2)
  assert.equal(vfs.listSync('/db').filter((name) => name.includes('.table')).length, 1)
  await db.close()
})

test('F06: a full disk refuses writes with NO_SPACE, reads go on, resume mends it, nothing is lost', async () => {
  const vfs = new MemoryVfs()
  let isFull = false
  const full = watchedVfs(vfs, {
    before: ({ name, file }) => {
      if (isFull && (name === 'write' || name === 'open create')) throw new FileSystemError('ENOSPC', name, file)
    },
  })
  const db = await Varve.open('/db', { ...SMALL, components: { vfs: full } })
  await db.put('before', 'v')
  isFull = true
  await assert.rejects(db.put('lost', 'v'), { code: 'NO_SPACE' })
  assert.throws(() => db.putSync('lost', 'v'), { code: 'NO_SPACE' })
  await assert.rejects(db.batch([{ type: 'del', key: 'before' }]), { code: 'NO_SPACE' })
  await assert.rejects(db.resume(), { code: 'NO_SPACE' })
  assert.equal(db.stats().database.state, 'READ_ONLY')
  assert.deepEqual([db.hasSync('before'), db.hasSync('lost'), [...db.keysSync()].length], [true, false, 1])
  await db.sync()
  isFull = false
  await db.resume()
  await db.put('after', 'v')
  assert.equal(db.stats().database.state, 'OPEN')
  await db.close()
  const again = await Varve.open('/db', { ...SMALL, components: { vfs } })
  assert.deepEqual([...again.keysSync()].map(String).length, 2)
  await again.close()
})

test('COM-4: after a failed write and a resume, numbers go on; a reopen from the logs sees the same', async () => {
  const vfs = new MemoryVfs()
  let failures = 0
  const faulty = watchedVfs(vfs, {
    before: ({ name, file }) => {
      if (name === 'write' && file.endsWith('.wal') && failures > 0 && failures-- > 0) {
        throw new FileSystemError('EIO', name, file)
      }
    },
  })
  const db = await Varve.open('/db', { ...SMALL, flushOnClose: false, components: { vfs: faulty } })
  const expected: string[] = []
  for (let round = 0; round < 5; round++) {
    await db.put(`good ${round}`, 'v')
    expected.push(`good ${round}`)
    failures = 1
    const answers = await Promise.allSettled([db.put(`bad ${round}`, 'v'), db.put(`bad too ${round}`, 'v')])
    assert.deepEqual(answers.map(({ status }) => status), ['rejected', 'rejected'])
    await db.resume()
  }
  await db.close()
  const again = await Varve.open('/db', { ...SMALL, components: { vfs } })
  assert.deepEqual([...again.keysSync()].map((key) => Buffer.from(key).toString()), expected)
  await again.close()
})
