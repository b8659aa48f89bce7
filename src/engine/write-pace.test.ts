import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { StallsScene } from '../../test/support/scenes/stalls-scene.js'
import { KiB, MiB } from '../base/index.js'
import { DrainMeter } from '../compaction/drain-meter.js'

const PACE_MIN = MiB
const BURST = MiB

let scene: StallsScene
beforeEach(() => {
  scene = new StallsScene()
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
    scene = new StallsScene()
    Object.assign(scene, { level0, drain: 40 * MiB / 1000 })
    scene.look()
    const pace = await paceNow()
    assert.ok(Math.abs(pace / (40 * MiB * share) - 1) < 0.05, `${level0} tables: ${pace / MiB} MiB/s`)
  }
})

test('the pace falls from 1.5 to 0.25 of the speed at which garbage goes, not below 16 MiB a second', async () => {
  for (const [garbage, reclaimMiB, paceMiB] of [
    [100, 100, 150], [150, 100, 87.5], [200, 100, 25], [1000, 100, 25], [200, 1, 16], [100, 0, 96],
  ] as const) {
    scene = new StallsScene()
    Object.assign(scene, { garbage, reclaim: reclaimMiB * MiB / 1000 })
    scene.look()
    const pace = await paceNow()
    assert.ok(Math.abs(pace / (paceMiB * MiB) - 1) < 0.05, `${garbage} of garbage: ${pace / MiB} MiB/s`)
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
    scene = new StallsScene()
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

// ── Load: writers that write as fast as they may, over compactions of a given speed ──────────────

const TABLE_BYTES = 32 * MiB
const BATCH_BYTES = 128 * KiB
const MERGED_TOGETHER_MIN = 8

/** Fills level 0 by writes, and empties it by one compaction after the other, each with all of it and a base. */
class Load {
  readonly scene = new StallsScene()
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
