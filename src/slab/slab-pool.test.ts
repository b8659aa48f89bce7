import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HandClock } from '../../test/support/fakes/hand-clock.js'
import { SlabPool } from './slab-pool.js'

test('SLAB-1: a slab comes back when its last hold is released, and is used again', () => {
  const pool = new SlabPool(4096, 1)
  const slab = pool.take(100)
  slab.hold()
  slab.release()
  assert.deepEqual([pool.usedBytes, pool.freeBytes], [4096, 0])
  slab.release()
  assert.deepEqual([pool.usedBytes, pool.freeBytes], [0, 4096])
  assert.equal(pool.take(4096), slab)
  assert.throws(() => {
    slab.release()
    slab.release()
  }, { code: 'INTERNAL' })
})

test('large slabs are not kept, and only so many ordinary ones', () => {
  const pool = new SlabPool(4096, 2)
  const slabs = [0, 0, 0, 4097].map((bytes) => pool.take(bytes))
  assert.deepEqual(slabs.map(({ capacity }) => capacity), [4096, 4096, 4096, 4097])
  assert.equal(new Set(slabs).size, 4)
  assert.equal(pool.usedBytes, 3 * 4096 + 4097)
  for (const slab of slabs) slab.release()
  assert.deepEqual([pool.usedBytes, pool.freeBytes], [0, 8192])
})

test('without memory: BUSY, and nothing is counted', () => {
  const pool = new SlabPool(4096, 2)
  assert.throws(() => pool.take(2 ** 52), { code: 'BUSY' })
  assert.equal(pool.usedBytes, 0)
})

test('free slabs go when none was taken or came back for a while', async () => {
  const clock = new HandClock()
  const pool = new SlabPool(4096, 2, clock)
  const slabs = [pool.take(0), pool.take(0), pool.take(0)]
  slabs[0]!.release()
  await clock.advance(9000)
  slabs[1]!.release()
  await clock.advance(9000)
  assert.equal(pool.freeBytes, 8192)
  pool.take(0)
  await clock.advance(9000)
  assert.equal(pool.freeBytes, 4096)
  await clock.advance(1000)
  assert.deepEqual([pool.freeBytes, pool.usedBytes, clock.timerCount], [0, 8192, 0])
})
