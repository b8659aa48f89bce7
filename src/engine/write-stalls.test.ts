import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { follow } from '../../test/support/scenes/commit-scene.js'
import { StallsScene } from '../../test/support/scenes/stalls-scene.js'
import { MiB } from '../base/index.js'

let scene: StallsScene
beforeEach(() => {
  scene = new StallsScene()
})

test('sealed memtables: slow at the last but one, stopped at the last', () => {
  const seen = [0, 2, 3, 4].map((sealed) => {
    scene.sealed = sealed
    return scene.look()
  })
  assert.deepEqual(seen, [
    'none', 'none', 'slow 3 memtables wait for their flush', 'stopped 4 memtables wait for their flush',
  ])
  for (const immutablesMax of [1, 2]) {
    Object.assign(scene, { immutablesMax, sealed: immutablesMax - 1 })
    assert.equal(scene.look(), 'none', 'so few are not worth slowing down for')
  }
})

test('a memtable that is full by its index waits until those before it leave it a share', () => {
  Object.assign(scene, { indexesMax: 2, sealed: 1 })
  assert.equal(scene.look(), 'none')
  scene.isFull = true
  assert.equal(scene.look(), 'stopped 1 memtables wait for their flush')
  scene.sealed = 0
  assert.equal(scene.look(), 'none', 'nothing that it could wait for')
})

test('level 0: each limit is left four tables below where it is met', () => {
  const seen: string[] = []
  for (const level0 of [19, 20, 17, 16, 15, 20, 35, 36, 33, 32, 31, 17, 16, 15]) {
    scene.level0 = level0
    seen.push(`${level0} ${scene.look().split(' ')[0]}`)
  }
  assert.deepEqual(seen, [
    '19 none', '20 slow', '17 slow', '16 slow', '15 none', '20 slow', '35 slow', '36 stopped', '33 stopped',
    '32 stopped', '31 slow', '17 slow', '16 slow', '15 none',
  ])
  scene.level0 = 36
  assert.equal(scene.look(), 'stopped 36 tables in level 0 wait for compaction')
})

test('compaction debt slows and stops', () => {
  scene.debtBytes = 4096 * MiB
  assert.equal(scene.look(), 'slow compactions are far behind')
  scene.debtBytes = 16_384 * MiB
  assert.equal(scene.look(), 'stopped compactions are far behind')
})

test('A1: garbage in value logs slows writers while a compaction runs, and never stops them', () => {
  scene.garbage = 100
  assert.equal(scene.look(), 'slow 100 bytes of garbage wait')
  scene.garbage = 90
  assert.equal(scene.look(), 'slow 90 bytes of garbage wait', 'the limit is left a little below where it is met')
  scene.garbage = 89
  assert.equal(scene.look(), 'none')
  scene.garbage = 1e15
  assert.equal(scene.look(), 'slow 1000000000000000 bytes of garbage wait')
  assert.equal(scene.stalls.mustStop(), false)
  scene.isAtWork = false // The collection has no room on the disk.
  assert.deepEqual([scene.look(), scene.stalls.mustDelay(), scene.bugs], ['none', false, []])
  Object.assign(scene, { onSchedule: () => void (scene.isAtWork = true) })
  assert.equal(scene.look(), 'slow 1000000000000000 bytes of garbage wait', 'the next run begins at once')
  Object.assign(scene, { isAtWork: true, level0: 36 })
  assert.equal(scene.look(), 'stopped 36 tables in level 0 wait for compaction', 'what stops comes first')
})

test('STALL-1: who makes writers wait asks for what ends it', () => {
  Object.assign(scene, { level0: 36, isAtWork: false, onSchedule: () => void (scene.isAtWork = true) })
  assert.equal(scene.look(), 'stopped 36 tables in level 0 wait for compaction')
  Object.assign(scene, { isAtWork: false, onSchedule: () => void (scene.level0 = 3) })
  assert.equal(scene.look(), 'none', 'a step that ended at once')
  assert.deepEqual(scene.bugs, [])
})

test('STALL-1: where nothing is under way writers go on, and it is told', () => {
  for (const state of [{ level0: 20 }, { level0: 36 }, { debtBytes: 2 ** 45 }, { sealed: 4 }]) {
    scene = new StallsScene()
    Object.assign(scene, { ...state, isAtWork: false, isFlushing: false })
    assert.equal(scene.look(), 'none')
    assert.equal(scene.stalls.mustStop(), false)
    assert.match(scene.bugs[0]!, /^writers would be (slow|stopped) since .*, but nothing is under way that ends it$/)
  }
})

test('a stop ends the pause after failed compactions, once', () => {
  scene.level0 = 36
  scene.look()
  scene.look()
  assert.equal(scene.pausesEnded, 1)
  Object.assign(scene, { level0: 0, sealed: 4 })
  scene.look()
  assert.equal(scene.pausesEnded, 1, 'no flush waits for compactions')
})

test('who waits for the end of a stop goes on then, or hears why writes are refused', async () => {
  const ends: [string, Record<string, unknown>, string][] = [
    ['level 0 is low', { level0: 3 }, 'done'], ['what was under way is not any more', { isAtWork: false }, 'done'],
    ['writes are refused', { refusal: new Error('refused') }, 'Error: refused'],
  ]
  for (const [name, end, expected] of ends) {
    scene = new StallsScene()
    scene.level0 = 36
    const going = follow(scene.stalls.going())
    scene.stalls.assess()
    await scene.clock.turn()
    assert.equal(going.state, 'waiting')
    Object.assign(scene, end)
    scene.stalls.assess()
    await scene.clock.turn()
    assert.equal(going.state, expected, name)
  }
})

test('each change is told once, with the reason that ends and the one that begins; time stopped counts', async () => {
  scene.sealed = 4
  scene.look()
  scene.look()
  await scene.clock.advance(70)
  assert.deepEqual([scene.stalls.mustStop(), scene.stalls.stats().totalMs], [true, 70])
  Object.assign(scene, { sealed: 0, level0: 36 })
  scene.look()
  await scene.clock.advance(30)
  scene.level0 = 0
  scene.look()
  await scene.clock.advance(500)
  assert.deepEqual(scene.told, [
    'stopped: sealed memtables', 'no longer stopped: sealed memtables', 'stopped: level 0 tables',
    'no longer stopped: level 0 tables',
  ])
  const { stallCount, totalMs } = scene.stalls.stats()
  assert.deepEqual([stallCount, totalMs, scene.stalls.mustStop()], [2, 100, false])
})

test('two large writes may be unflushed, and one is always let through; others go on', () => {
  const must = (mib: number): boolean => scene.stalls.mustStop(mib * MiB)
  assert.deepEqual([must(1024), must(65)], [false, false])
  Object.assign(scene, { sealed: 1, slabBytes: [1024 * MiB] })
  assert.deepEqual([must(1024), must(65)], [false, false])
  Object.assign(scene, { sealed: 2, slabBytes: [1024 * MiB, 65 * MiB] })
  assert.deepEqual([must(1024), must(65), must(64), must(0)], [true, true, false, false])
  Object.assign(scene, { sealed: 2, slabBytes: [1024 * MiB, 64 * MiB] })
  assert.equal(must(1024), false)
})

test('a large write that waits for two others is a write stall: in events and statistics', async () => {
  Object.assign(scene, { sealed: 2, slabBytes: [100 * MiB, 100 * MiB], isLineEmpty: false })
  assert.equal(scene.stalls.mustStop(65 * MiB), true)
  assert.deepEqual(scene.told, ['stopped: large writes'])
  await scene.clock.advance(30)
  scene.stalls.assess()
  assert.deepEqual(scene.stalls.stats(), {
    state: 'stopped', reason: '2 large writes wait for their flush', cause: 'large writes', stallCount: 1, totalMs: 30,
  })
  assert.equal(scene.stalls.mustStop(10), false)
  assert.equal(scene.told.length, 1, 'a small write says nothing of it')
  scene.sealed = 1
  assert.equal(scene.stalls.mustStop(65 * MiB), false)
  await scene.clock.advance(50)
  assert.deepEqual(scene.told, ['stopped: large writes', 'no longer stopped: large writes'])
  assert.deepEqual(scene.stalls.stats(), { state: 'none', reason: null, cause: null, stallCount: 1, totalMs: 30 })
  scene.sealed = 2
  assert.equal(scene.stalls.mustStop(65 * MiB), true)
  scene.isLineEmpty = true // it was refused
  scene.stalls.assess()
  assert.equal(scene.stalls.stats().state, 'none')
})

test('a blocked caller with a large write waits for the flush of another', () => {
  Object.assign(scene, { sealed: 2, slabBytes: [100 * MiB, 100 * MiB], jobs: 1 })
  assert.throws(() => scene.stalls.waitBlocking(65 * MiB), { code: 'BUSY', message: /2 large writes/ })
  scene.polls.push(() => undefined, () => void (scene.sealed = 1))
  scene.stalls.waitBlocking(65 * MiB)
  assert.equal(scene.polls.length, 0)
  assert.equal(scene.stalls.stats().stallCount, 2)
  assert.equal(scene.stalls.stats().state, 'none')
})

test('a blocked caller takes results until there is room', () => {
  Object.assign(scene, { sealed: 4, jobs: 1 })
  for (let i = 0; i < 5; i++) scene.polls.push(() => undefined)
  scene.polls.push(() => void (scene.sealed = 3))
  scene.stalls.waitBlocking()
  assert.equal(scene.polls.length, 0)
})

test('a blocked caller gives up when nothing runs, when nothing ends for 30 s, and when writes are refused', () => {
  scene.sealed = 4
  assert.throws(() => scene.stalls.waitBlocking(), { code: 'BUSY', message: /4 memtables wait for their flush/ })
  scene.jobs = 1
  let polls = 0
  const count = () => {
    polls++
    scene.polls.push(count)
  }
  count()
  assert.throws(() => scene.stalls.waitBlocking(), { code: 'BUSY' })
  assert.ok(polls >= 300, `${polls} waits of 100 ms`)
  scene.refusal = new Error('refused')
  assert.throws(() => scene.stalls.waitBlocking(), scene.refusal)
})
