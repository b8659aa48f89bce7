import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { follow } from '../../test/support/scenes/commit-scene.js'
import { HandClock } from '../../test/support/fakes/hand-clock.js'
import { KiB, MiB } from '../base/index.js'
import { DrainMeter } from '../compaction/drain-meter.js'
import type { Pressure } from '../pick/index.js'
import type { EngineCore } from './engine-core.js'
import { WriteStalls } from './write-stalls.js'

const PACE_MIN = MiB
const BURST = MiB

/** A database as the stalls see it. */
class Scene {
  /** How often those who wait for a sync were told that a blocked caller cannot. */
  laterCount = 0
  readonly clock = new HandClock()
  readonly told: string[] = []
  sealed = 0
  /** The slabs of the sealed memtables. */
  slabBytes: number[] = []
  level0 = 0
  debtBytes = 0
  /** True when something is under way that relieves writers, or begins when it is asked for. */
  isFlushing = true
  isAtWork = true
  onSchedule = (): void => undefined
  pausesEnded = 0
  readonly bugs: string[] = []
  immutablesMax = 4
  written = 0
  encoded = 0
  /** What waiting writers do when they are let through. */
  onTurn = (): void => undefined
  isFull = false
  /** True when no write waits in line. */
  isLineEmpty = true
  /** The number of sealed or full memtables that leave no room for the index of another. */
  indexesMax = Infinity
  /** How long the last flush took, and the bytes a millisecond that compactions take out of level 0. */
  flushMs = 0
  drain = 0
  /** Milliseconds until a compaction out of level 0 is done. */
  reliefMs = Infinity
  jobs = 0
  readonly polls: (() => void)[] = []
  refusal: Error | null = null
  readonly stalls: WriteStalls

  constructor() {
    const scene = this
    const engine = {
      get immutables() {
        return Array.from({ length: scene.sealed }, (_, i) => ({ slabBytes: scene.slabBytes[i] ?? 0 }))
      },
      options: {
        clock: this.clock, writeBufferSize: 64 * MiB,
        get immutablesMax() { return scene.immutablesMax },
      },
      health: { state: 'OPEN', degradeForGood: (_place: unknown, error: Error) => void scene.bugs.push(error.message) },
      compactor: {
        get pressures() { return scene.pressures },
        get isAtWork() { return scene.isAtWork },
        get running() { return scene.isAtWork ? [null] : [] },
        schedule: () => scene.onSchedule(),
        endPause: () => void scene.pausesEnded++,
        get drainBytesPerMs() { return scene.drain },
        get reliefMs() { return scene.reliefMs },
      },
      flusher: {
        get isAtWork() { return scene.isFlushing && scene.sealed > 0 },
        queue: { oldest: null },
        buildTimes: { stats: () => ({ lastMs: this.flushMs }) }, installTimes: { stats: () => ({ lastMs: 0 }) },
      },
      syncer: { syncBlocked: () => void this.laterCount++ },
      pipeline: {
        counters: { get bytes() { return scene.written } },
        waiting: { get isEmpty() { return scene.isLineEmpty } },
        current: {
          isFilled: true, roomBytes: 64 * MiB, memtable: { slabBytes: 64 * MiB },
          get isFull() { return scene.isFull },
        },
        encodeWaiting: () => {
          this.encoded++
          this.onTurn()
        },
      },
      setup: {
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

  get pressures(): Pressure[] {
    return [
      {
        reason: 'level 0 tables', text: `${this.level0} tables in level 0 wait for compaction`, unit: 'tables',
        value: this.level0, slow: 20, stop: 36, hysteresis: 4,
      },
      {
        reason: 'compaction debt', text: 'compactions are far behind', unit: 'bytes',
        value: this.debtBytes, slow: 4096 * MiB, stop: 16_384 * MiB, hysteresis: 512 * MiB,
      },
    ]
  }

  /** Shows the state and its reason now. */
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

test('compaction debt slows and stops', () => {
  scene.debtBytes = 4096 * MiB
  assert.equal(scene.look(), 'slow compactions are far behind')
  scene.debtBytes = 16_384 * MiB
  assert.equal(scene.look(), 'stopped compactions are far behind')
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
    scene = new Scene()
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
    scene = new Scene()
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

test('slow: a burst at once, then the speed of compactions, and a timer for the rest', async () => {
  assert.equal(scene.stalls.mustDelay(), false)
  Object.assign(scene, { level0: 20, drain: 50 * MiB / 1000 })
  scene.look()
  scene.written = BURST - 1
  assert.equal(scene.stalls.mustDelay(), false)
  scene.written = BURST + 4 * MiB
  assert.deepEqual([scene.stalls.mustDelay(), scene.stalls.mustDelay(), scene.clock.timerCount], [true, true, 1])
  await scene.clock.advance(79)
  assert.equal(scene.encoded, 0)
  await scene.clock.advance(1) // 4 MiB at 50 MiB/s
  assert.equal(scene.encoded, 1)
  scene.written -= 1
  assert.equal(scene.stalls.mustDelay(), false)
  assert.equal(scene.stalls.stats().totalMs, 80)
})

/** Measures the bytes that are let through in a second, after the burst, in writes of 16 KiB. */
async function paceNow(): Promise<number> {
  const start = scene.written
  let allowed = 0
  scene.onTurn = () => {
    while (!scene.stalls.mustDelay()) scene.written += 16 * KiB
  }
  scene.onTurn()
  allowed = scene.written
  await scene.clock.advance(1000)
  assert.ok(allowed - start <= BURST + 32 * KiB)
  return scene.written - allowed
}

test('the pace falls to half the speed of compactions where writers stop, and goes on while they do', async () => {
  for (const [level0, share] of [[20, 1], [28, 0.75], [35, 0.5 + 0.5 / 16], [36, 0.5]] as const) {
    scene = new Scene()
    Object.assign(scene, { level0, drain: 40 * MiB / 1000 })
    scene.look()
    const pace = await paceNow()
    assert.ok(Math.abs(pace / (40 * MiB * share) - 1) < 0.05, `${level0} tables: ${pace / MiB} MiB/s`)
  }
})

test('what level 0 has room for lasts until the compaction out of it is done', async () => {
  Object.assign(scene, { level0: 30, drain: 1000 * MiB / 1000, reliefMs: 10_000 })
  scene.look()
  // The room is four tables of 64 MiB, and the buffer.
  assert.ok(Math.abs(await paceNow() / (5 * 6.4 * MiB) - 1) < 0.05)
  scene.level0 = 35
  scene.look()
  assert.ok(await paceNow() < 1.1 * 6.4 * MiB, 'no table but the one that is filled')
})

test('sealed memtables go by the speed of flushes; not known yet, and far too slow, have bounds', async () => {
  const cases = [
    [{ sealed: 3, flushMs: 1000 }, 0.9 * 64 * MiB], [{ sealed: 3, flushMs: 100_000 }, 16 * MiB],
    [{ level0: 20, drain: 0 }, 16 * MiB], [{ level0: 20, drain: 1 }, PACE_MIN],
  ] as const
  for (const [state, expected] of cases) {
    scene = new Scene()
    Object.assign(scene, state)
    scene.look()
    const pace = await paceNow()
    assert.ok(Math.abs(pace / expected - 1) < 0.05, `${JSON.stringify(state)}: ${pace / MiB} MiB/s`)
    scene.stalls.stop()
    assert.equal(scene.clock.timerCount, 0)
  }
})

test('no write waits longer than 100 ms for its turn, however large the one before it was', async () => {
  Object.assign(scene, { level0: 20, drain: 2 * MiB / 1000 })
  scene.look()
  scene.written = 64 * MiB
  assert.equal(scene.stalls.mustDelay(), true)
  await scene.clock.advance(100)
  assert.deepEqual([scene.encoded, scene.stalls.mustDelay()], [1, false])
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
    state: 'stopped', reason: '2 large writes wait for their flush', stallCount: 1, totalMs: 30,
  })
  assert.equal(scene.stalls.mustStop(10), false)
  assert.equal(scene.told.length, 1, 'a small write says nothing of it')
  scene.sealed = 1
  assert.equal(scene.stalls.mustStop(65 * MiB), false)
  await scene.clock.advance(50)
  assert.deepEqual(scene.told, ['stopped: large writes', 'no longer stopped: large writes'])
  assert.deepEqual(scene.stalls.stats(), { state: 'none', reason: null, stallCount: 1, totalMs: 30 })
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

// ── Load: writers that write as fast as they may, over compactions of a given speed ──────────────

const TABLE_BYTES = 32 * MiB
const BATCH_BYTES = 128 * KiB
const MERGED_TOGETHER_MIN = 8

/** Fills level 0 by writes, and empties it by one compaction after the other, each with all of it and a base. */
class Load {
  readonly scene = new Scene()
  readonly meter = new DrainMeter()
  readonly speed: number
  readonly baseBytes: number
  busyMs = 0
  pauseMsMost = 0
  level0Most = 0
  private running: { tables: number; startMs: number; endMs: number } | null = null
  /** Milliseconds since the beginning. */
  private totalBusyMs = 0
  private pausedSinceMs: number | null = null
  private tables = 0

  constructor(speed: number, baseBytes: number) {
    this.speed = speed
    this.baseBytes = baseBytes
    this.scene.onTurn = () => this.write()
  }

  private write(): void {
    const { scene } = this
    const nowMs = scene.clock.nowMs()
    // The writer is no faster than 1 GiB/s.
    for (let left = 8 * STEP_MS; left > 0 && !scene.stalls.mustDelay() && !scene.stalls.mustStop(); left--) {
      if (this.pausedSinceMs !== null) this.pauseMsMost = Math.max(this.pauseMsMost, nowMs - this.pausedSinceMs)
      this.pausedSinceMs = null
      scene.written += BATCH_BYTES
      const tables = Math.floor(scene.written / TABLE_BYTES)
      scene.level0 += tables - this.tables
      if (tables > this.tables) this.assess()
      this.tables = tables
    }
    if (scene.stalls.mustDelay() || scene.stalls.mustStop()) this.pausedSinceMs ??= nowMs
  }

  private assess(): void {
    const { scene, running } = this
    const nowMs = scene.clock.nowMs()
    if (running === null && scene.level0 >= MERGED_TOGETHER_MIN) {
      const tables = scene.level0
      const ms = (tables * TABLE_BYTES + this.baseBytes) / this.speed
      this.running = { tables, startMs: nowMs, endMs: nowMs + ms }
    }
    this.level0Most = Math.max(this.level0Most, scene.level0)
    scene.stalls.assess()
  }

  private compact(): void {
    const { scene, meter, running } = this
    if (running === null) return
    this.busyMs += STEP_MS
    this.totalBusyMs += STEP_MS
    const level0Bytes = running.tables * TABLE_BYTES
    const relief = { level0Bytes, inputBytes: level0Bytes + this.baseBytes }
    scene.reliefMs = running.endMs - scene.clock.nowMs()
    if (scene.stalls.stats().state !== 'none') {
      scene.drain = meter.bytesPerMs(this.totalBusyMs, this.totalBusyMs * this.speed, [relief])
    }
    if (scene.clock.nowMs() < running.endMs) return
    meter.add(relief)
    scene.reliefMs = Infinity
    scene.level0 -= running.tables
    this.running = null
    this.assess()
  }

  async run(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += STEP_MS) {
      await this.scene.clock.advance(STEP_MS)
      this.compact()
      this.write()
    }
  }
}

const STEP_MS = 5

for (const [speedMiB, baseMiB] of [[200, 256], [200, 2048], [50, 512], [600, 1024]] as const) {
  const merges = `merges of ${speedMiB} MiB/s with ${baseMiB} MiB`
  test(`paced writers keep ${merges} busy, and are never stopped`, async () => {
    const load = new Load(speedMiB * MiB / 1000, baseMiB * MiB)
    await load.run(60_000)
    load.busyMs = 0
    const { stallCount } = load.scene.stalls.stats()
    await load.run(30_000)
    assert.deepEqual(load.scene.told.filter((text) => text.startsWith('stopped')), [])
    assert.ok(load.level0Most < 36, `${load.level0Most} tables`)
    assert.ok(load.busyMs > 0.9 * 30_000, `busy for ${load.busyMs} ms`)
    assert.ok(load.pauseMsMost <= 100, `a pause of ${load.pauseMsMost} ms`)
    // There is at most one stall for each compaction.
    assert.ok(load.scene.stalls.stats().stallCount - stallCount <= 30_000 / 1000)
    assert.ok(load.scene.stalls.stats().totalMs > 0)
  })
}
