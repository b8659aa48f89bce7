import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { KiB, MiB } from '../base/index.js'
import { HandClock } from '../../test/support/hand-clock.js'
import type { EngineCore } from './engine-core.js'
import { WriteStalls } from './write-stalls.js'

const PACE_MIN = 16 * MiB
const BURST = MiB

/** What the stalls look at. */
class Scene {
  readonly clock = new HandClock()
  readonly told: string[] = []
  sealed = 0
  level0 = 0
  debtBytes = 0
  style = 'leveled'
  immutablesMax = 4
  written = 0
  encoded = 0
  blocked = new Set<number>()
  isFull = false
  /** How many sealed or full memtables leave no room for the index of another. */
  indexesMax = Infinity
  /** How the last flush and all runs went. */
  flushMs = 0
  compacted = { bytes: 0, ms: 0 }
  jobs = 0
  readonly polls: (() => void)[] = []
  refusal: Error | null = null
  readonly stalls: WriteStalls

  constructor() {
    const scene = this
    const engine = {
      get immutables() { return Array.from({ length: scene.sealed }) },
      options: {
        clock: this.clock, writeBufferSize: 64 * MiB,
        get immutablesMax() { return scene.immutablesMax },
        get compaction() { return { style: scene.style } },
      },
      versions: { get current() { return { levels: [Array.from({ length: scene.level0 })] } } },
      compactor: {
        blocked: this.blocked, debtBytes: () => this.debtBytes,
        totals: { get readBytes() { return scene.compacted.bytes } },
        runTimes: { stats: () => ({ totalMs: this.compacted.ms }) },
      },
      flusher: {
        queue: { oldest: null },
        buildTimes: { stats: () => ({ lastMs: this.flushMs }) }, installTimes: { stats: () => ({ lastMs: 0 }) },
      },
      pipeline: {
        counters: { get bytes() { return scene.written } },
        current: { roomBytes: 64 * MiB, get isFull() { return scene.isFull }, memtable: null },
        encodeWaiting: () => void this.encoded++,
      },
      parts: {
        memory: { indexBytesBeside: (memtables: readonly unknown[]) => (memtables.length < scene.indexesMax ? 1 : 0) },
        events: {
          emit: (event: { type: string; state: string; reason: string }) =>
            void this.told.push(`${event.type === 'stallBegin' ? '' : 'no longer '}${event.state}: ${event.reason}`),
        },
        executor: {
          poll: () => {
            this.polls.shift()?.()
            return 0
          },
          get activeCount() { return scene.jobs },
        },
      },
      checkWritable: () => {
        if (this.refusal !== null) throw this.refusal
      },
    }
    this.stalls = new WriteStalls(engine as unknown as EngineCore)
  }

  /** State and reason now. */
  look(): string {
    this.stalls.assess()
    const { state, reason } = this.stalls.stats()
    return `${state} ${reason ?? ''}`.trim()
  }
}

let scene: Scene
beforeEach(() => {
  scene = new Scene()
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

test('compaction debt slows and stops; without compaction, or behind a corrupt table, writing does not end', () => {
  scene.debtBytes = 4096 * MiB
  assert.equal(scene.look(), 'slow compactions are far behind')
  scene.debtBytes = 16_384 * MiB
  assert.equal(scene.look(), 'stopped compactions are far behind')
  scene.blocked.add(7)
  assert.equal(scene.look(), 'slow compactions are far behind')
  scene.level0 = 40
  assert.equal(scene.look(), 'slow 40 tables in level 0 wait for compaction')
  scene.style = 'none'
  assert.equal(scene.look(), 'none')
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

test('slow: a burst at once, then the pace of what is behind, and a timer for the rest', async () => {
  assert.equal(scene.stalls.mustDelay(), false)
  Object.assign(scene, { level0: 20, compacted: { bytes: 1000 * MiB, ms: 10_000 } }) // 100 MiB/s in: 50 for writers
  scene.look()
  scene.written = BURST - 1
  assert.equal(scene.stalls.mustDelay(), false)
  scene.written = BURST + 4.5 * MiB
  assert.deepEqual([scene.stalls.mustDelay(), scene.stalls.mustDelay(), scene.clock.timerCount], [true, true, 1])
  await scene.clock.advance(99)
  assert.equal(scene.encoded, 0)
  await scene.clock.advance(1) // 4.5 MiB at 0.9 × 50 MiB/s
  assert.equal(scene.encoded, 1)
  scene.written -= 1
  assert.equal(scene.stalls.mustDelay(), false)
  assert.equal(scene.stalls.stats().totalMs, 100)
})

test('the pace is never below 16 MiB/s; sealed memtables go by the speed of flushes', async () => {
  for (const [flushMs, expected] of [[1000, 0.9 * 64 * MiB], [100_000, PACE_MIN]] as const) {
    scene = new Scene()
    Object.assign(scene, { sealed: 3, flushMs })
    scene.look()
    scene.written = BURST + expected - 64 * KiB
    assert.equal(scene.stalls.mustDelay(), true)
    await scene.clock.advance(1000)
    assert.deepEqual([scene.encoded, scene.stalls.mustDelay()], [1, false])
    scene.written += 128 * KiB
    assert.equal(scene.stalls.mustDelay(), true)
    scene.stalls.stop()
    assert.equal(scene.clock.timerCount, 0)
  }
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
