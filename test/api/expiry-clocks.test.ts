/** What: the clock is set back when something was destroyed already, in one session and over an open. TTL-4, TTL-5. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Varve } from '../../src/index.js'
import type { VarveOptions } from '../../src/index.js'
import { MemoryVfs } from '../../src/testing.js'
import { SMALL } from '../support/databases/databases.js'
import { PassingClock, PASSING_START_MS } from '../support/fakes/passing-clock.js'

const MINUTE = 60_000

class Scene {
  readonly vfs = new MemoryVfs()
  readonly clock = new PassingClock()
  readonly options: VarveOptions

  constructor(options: VarveOptions = {}) {
    this.options = { ...SMALL, workers: 0, ttlGraceMs: 0, ...options }
  }

  open(): Promise<Varve> {
    return Varve.open('/db', { ...this.options, components: { vfs: this.vfs, clock: this.clock } })
  }
}

const entryCount = (db: Varve): number => db.stats().levels.reduce((sum, level) => sum + level.entryCount, 0)

/** A value that expired before the drop time stays away, whatever the wall clock says by now. */
async function assertBound(db: Varve): Promise<void> {
  await db.put('k', 'expired when others were destroyed', { expiresAt: PASSING_START_MS + 5 })
  assert.equal(db.getSync('k'), undefined)
  await db.put('k', 'not yet', { expiresAt: PASSING_START_MS + 10 * MINUTE })
  assert.equal(db.hasSync('k'), true)
  await db.close()
}

test('readers of the session read at the drop time or later', async () => {
  const scene = new Scene()
  const db = await scene.open()
  await db.put('a', '1', { ttl: 10 })
  scene.clock.pass(20)
  await db.compact()
  assert.equal(entryCount(db), 0)
  scene.clock.pass(-10 * MINUTE)
  await assertBound(db)
})

test('so do those of a later session, when a merge destroyed it', async () => {
  const scene = new Scene()
  const db = await scene.open()
  await db.put('a', '1', { ttl: 10 })
  await db.put('b', '1')
  await db.flush()
  scene.clock.pass(20)
  await db.compact()
  assert.equal(entryCount(db), 1)
  await db.close()
  scene.clock.pass(-10 * MINUTE)
  await assertBound(await scene.open())
})

test('so do those of a later session, when its table left by an edit', async () => {
  const scene = new Scene({ compaction: { style: 'leveled' } })
  const db = await scene.open()
  await db.put('a', '1', { ttl: 10 })
  await db.flush()
  scene.clock.pass(20)
  for (let i = 0; entryCount(db) > 0; i++) {
    assert.ok(i < 1000, 'the table leaves by itself')
    await setTimeout(5)
  }
  await db.close()
  scene.clock.pass(-10 * MINUTE)
  await assertBound(await scene.open())
})

test('an iterator that is open when values are destroyed goes on at its own time', async () => {
  const scene = new Scene()
  const db = await scene.open()
  for (let i = 0; i < 200; i++) await db.put(`k${String(i).padStart(3, '0')}`, 'x'.repeat(200), { ttl: 10 })
  const open = db.entriesSync()
  open.next()
  scene.clock.pass(20)
  await db.flush()
  for (let i = 0; i < 2; i++) await db.compact()
  assert.equal([...db.keysSync()].length, 0)
  assert.equal([...open].length, 199)
  await db.compact()
  assert.equal(entryCount(db), 0)
  await db.close()
})

test('a close within the grace does not vouch for the clock', async () => {
  const scene = new Scene({ ttlGraceMs: 60 * MINUTE })
  const db = await scene.open()
  await db.put('a', '1', { ttl: 10 })
  await db.flush()
  scene.clock.pass(20)
  await db.close()
  const again = await scene.open()
  await again.compact()
  assert.deepEqual([entryCount(again), again.hasSync('a')], [1, false])
  await again.close()
})
