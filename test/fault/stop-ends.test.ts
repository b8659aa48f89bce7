/**
 * What: every stop of writers ends: with the work that ends it, or with why that cannot be done. Writers are
 * awaited here and nobody else turns the clock, so a stop that does not end is a test that does not end.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SeededRandom, VarveError } from '../../src/base/index.js'
import type { ExecutorFactory } from '../../src/exec/index.js'
import type { EngineEvent, VarveOptions } from '../../src/index.js'
import { Varve } from '../../src/index.js'
import { simExecutor, SimVfs } from '../../src/testing.js'
import { RunGate, withRuns } from '../support/fakes/run-hooks.js'
import { steppingClock } from '../support/fakes/stepping-clock.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'
import { heavyTest } from '../support/harness/share.js'

leaveOutRunnerHooks()

const DIR = '/db'
const STOP = 36
/** After this many attempts the test would have ended. */
const ATTEMPTS_MAX = 100
const TURNS_MAX = 20_000
/** Large values that are written again and again. */
const KEYS = 700
/** Four tables: less garbage slows nobody. */
const GARBAGE_MIN = 8 * 2 ** 20
const value = (i: number) => Buffer.alloc(20_000, `${i}`)

interface Scene {
  vfs: SimVfs
  db: Varve
  events: EngineEvent[]
}

async function opened(executor = simExecutor({ seed: 5 }), options: VarveOptions = {}): Promise<Scene> {
  const vfs = new SimVfs({ seed: 5 })
  vfs.clock.setAutomatic(true)
  const events: EngineEvent[] = []
  const onEvent = (event: EngineEvent): void => void events.push(event)
  const components = { vfs, clock: steppingClock(vfs.clock), executor, onEvent }
  const db = await Varve.open(DIR, { writeBufferSize: 64 * 1024, ...options, components })
  return { vfs, db, events }
}

/** Tables over one another, all with the same two keys. */
async function fill({ db }: Scene, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    db.batchSync([{ type: 'put', key: 'a', value: value(i) }, { type: 'put', key: 'z', value: value(i) }])
    await db.flush()
  }
}

async function fillToStop(scene: Scene): Promise<void> {
  while (scene.db.stats().writeStall.state !== 'stopped') await fill(scene, 1)
  assert.equal(level0Of(scene), STOP)
}

const level0Of = ({ db }: Scene) => db.stats().levels[0]!.tableCount
const bugsOf = ({ events }: Scene) =>
  events.filter((event) => 'error' in event && (event.error as VarveError | null)?.code === 'INTERNAL')

test('flush waits at the stop as writers do, until compactions have caught up', async () => {
  const gate = new RunGate()
  gate.isClosed = true
  const scene = await opened(gate.executor)
  await fillToStop(scene)
  const { db } = scene
  db.putSync('k', 'v')
  let isFlushed = false
  const flushed = db.flush().then(() => (isFlushed = true))
  const closed = Promise.all(Array.from({ length: 20 }, () => db.flush()))
  for (let i = 0; i < 50; i++) await setImmediate()
  assert.deepEqual([isFlushed, level0Of(scene)], [false, STOP], 'a loop of flushes does not outrun compactions')
  gate.isClosed = false
  await Promise.all([flushed, closed])
  assert.ok(level0Of(scene) < STOP)
  await db.close()
  assert.deepEqual(bugsOf(scene), [])
})

/** Runs fail until they are mended; and then too when nobody heard of it for long: the test fails then, and ends. */
class BrokenRuns {
  isBroken = true
  readonly executor: ExecutorFactory
  private failedCount = 0

  constructor(code: 'IO_ERROR' | 'NO_SPACE') {
    this.executor = withRuns((input) => {
      if (this.isBroken && this.failedCount++ < ATTEMPTS_MAX) throw new VarveError(code, 'told to fail')
      return input
    })
  }
}

test('who waits for a compaction that fails again and again is told why; it mends itself', async () => {
  const runs = new BrokenRuns('IO_ERROR')
  const scene = await opened(runs.executor)
  const { db } = scene
  await assert.rejects(fill(scene, 2 * STOP), { code: 'BACKGROUND_ERROR', message: /after compaction failed/ })
  assert.deepEqual([level0Of(scene), db.stats().database.state], [STOP, 'READ_ONLY'])
  assert.equal(db.stats().backgroundError?.place, 'compaction')
  await assert.rejects(db.put('k', 'v'), { code: 'BACKGROUND_ERROR' })
  assert.throws(() => db.putSync('k', 'v'), { code: 'BACKGROUND_ERROR' })
  assert.equal(db.getSync('a')?.length, 20_000, 'reads go on')
  runs.isBroken = false
  for (let turn = 0; turn < TURNS_MAX && db.stats().database.state !== 'OPEN'; turn++) await setImmediate()
  await db.put('k', 'v')
  await fill(scene, 5)
  assert.ok(level0Of(scene) < STOP)
  await db.close()
})

test('writers that wait when compactions fail hear of it; resume() tries at once', async () => {
  const runs = new BrokenRuns('NO_SPACE')
  const scene = await opened(runs.executor)
  const { db } = scene
  const writes = Array.from({ length: 160 }, (_, i) => db.put(i % 2 === 0 ? 'a' : 'z', value(i)))
  const answers = await Promise.allSettled(writes)
  const refused = answers.filter((it) => it.status === 'rejected').map(({ reason }) => (reason as VarveError).code)
  assert.ok(refused.length > 0 && refused.every((code) => code === 'NO_SPACE'), refused.join())
  assert.equal(db.stats().database.state, 'READ_ONLY')
  runs.isBroken = false
  scene.vfs.clock.setAutomatic(false)
  const { completed } = db.stats().compaction
  await db.resume()
  for (let turn = 0; turn < TURNS_MAX && db.stats().compaction.completed === completed; turn++) await setImmediate()
  assert.ok(db.stats().compaction.completed > completed, 'no timer was waited for')
  scene.vfs.clock.setAutomatic(true)
  await Promise.all(Array.from({ length: 160 }, (_, i) => db.put(i % 2 === 0 ? 'a' : 'z', value(i))))
  assert.equal(db.stats().database.state, 'OPEN')
  await db.close()
})

test('a close at the stop waits for the compaction', async () => {
  const gate = new RunGate()
  gate.isClosed = true
  const scene = await opened(gate.executor)
  await fillToStop(scene)
  scene.db.putSync('k', 'v')
  let isClosed = false
  const closed = scene.db.close().then(() => (isClosed = true))
  for (let i = 0; i < 50; i++) await setImmediate()
  assert.equal(isClosed, false)
  gate.isClosed = false
  await closed
  assert.ok(scene.db.stats().compaction.completed >= 1, 'it was not given up')
})

/** Writes large values again and again, so that each log has some that are live for long. */
async function rewrite({ db }: Scene, rounds: number): Promise<void> {
  const random = new SeededRandom(1, 'rewrite')
  for (let i = 0; i < rounds * KEYS; i += 5) {
    await Promise.all([0, 1, 2, 3, 4].map(() => db.put(`k${random.below(KEYS)}`, value(i))))
  }
}

function slowed({ events }: Scene): number {
  const begins = events.filter((event) => event.type === 'stallBegin' && event.reason === 'value log garbage')
  for (const event of begins) assert.equal(event.type === 'stallBegin' && event.state, 'slow')
  return begins.length
}

heavyTest('A1: garbage slows writers while it is being collected, and stops nobody; then they go on', async () => {
  const gate = new RunGate()
  Object.assign(gate, { isClosed: true, isForMoves: true })
  const scene = await opened(gate.executor, { valueThreshold: 4096 })
  const { db } = scene
  await rewrite(scene, 3)
  const { valueLog } = db.stats()
  assert.ok(valueLog.garbageBytes > GARBAGE_MIN, `${valueLog.garbageBytes} bytes of garbage`)
  assert.ok(slowed(scene) > 0)
  gate.isClosed = false
  for (let turn = 0; turn < TURNS_MAX && db.stats().writeStall.state !== 'none'; turn++) await setImmediate()
  assert.equal(db.stats().writeStall.state, 'none')
  assert.ok(db.stats().valueLog.movedBytes > 0 || db.stats().valueLog.garbageBytes < valueLog.garbageBytes)
  await db.close()
  assert.deepEqual(bugsOf(scene), [])
})

heavyTest('A1: garbage that cannot be collected slows nobody: the disk has no room for it', async () => {
  const scene = await opened(simExecutor({ seed: 5 }), { valueThreshold: 4096 })
  scene.vfs.freeBytes = () => Promise.resolve(0)
  await rewrite(scene, 3)
  const { valueLog } = scene.db.stats()
  assert.ok(valueLog.garbageBytes > GARBAGE_MIN, `${valueLog.garbageBytes} bytes of garbage`)
  assert.ok(slowed(scene) <= 1, `slowed down ${slowed(scene)} times; once until the disk was looked at`)
  assert.deepEqual(bugsOf(scene), [])
  await scene.db.close()
})
