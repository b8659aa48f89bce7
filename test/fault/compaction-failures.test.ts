/** What: compactions that fail for long: a full disk (C09), a run that fails each time (C14). Writes go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveError } from '../../src/base/index.js'
import type { EngineEvent } from '../../src/index.js'
import { table } from '../support/crash/compaction-scenarios.js'
import { checkFiles } from '../support/crash/crash-files.js'
import { crashNow, numbersOf, reopen } from '../support/crash/crash-steps.js'
import { withRuns } from '../support/fakes/run-hooks.js'
import { DIR, Workload } from '../support/model/workload.js'
import type { WorkloadOptions } from '../support/model/workload.js'

const MODES = [['strict', true], ['fast', false]] as const

async function opened(options: Partial<WorkloadOptions>): Promise<Workload> {
  const settings = { compaction: { style: 'leveled' as const }, ...options.settings }
  const w = new Workload({ seed: 19, toleratesErrors: true, ...options, settings })
  await w.open()
  return w
}

const stateOf = (w: Workload) => w.db.stats().database.state
const level0Count = (w: Workload) => w.db.stats().levels[0]!.tableCount

async function checkCrashes(w: Workload): Promise<void> {
  for (const way of ['kill', 'none'] as const) {
    const disk = crashNow(w, way)
    disk.vfs.capacityBytes = Infinity
    await reopen(disk, { settings: { compaction: { style: 'none' } } })
  }
}

for (const [mode, manifestSync] of MODES) {
  test(`C09: the disk is full: outputs go, writes go on, it is done once there is room, ${mode}`, async () => {
    const w = await opened({ settings: { manifestSync, valueThreshold: 0 } })
    for (const keys of ['bcd', 'efg', 'hij']) await table(w, keys, 19_000)
    await w.compact()
    await w.vfs.settled()
    w.vfs.onEffect = (_index, text) => {
      // Less than the output, more than what writes need.
      const isOutput = /create .*table/.test(text) && w.db.stats().compaction.active > 0
      if (isOutput) w.vfs.capacityBytes = w.vfs.usedBytes + 130_000
    }
    for (let i = 0; i < 8; i++) await table(w, 'afk', 4000 + i)
    await w.vfs.settled()
    const full = w.db.stats()
    assert.deepEqual([full.backgroundError?.code, full.database.state], ['NO_SPACE', 'DEGRADED'])
    assert.equal(full.compaction.completed, 0, 'the base was moved')
    assert.ok(level0Count(w) >= 8, 'inputs stay')
    for (let i = 0; i < 3; i++) await w.put('b', 1000 + i, { sync: i === 1 })
    await w.flush()
    await w.vfs.clock.advance(30_000)
    assert.deepEqual([w.errors, stateOf(w)], [[], 'DEGRADED'], 'writes go on')
    assert.ok(w.db.stats().compaction.failed > 3, 'it was tried again')
    assert.deepEqual(numbersOf(w.vfs.listSync(DIR), 'temp'), [])
    checkFiles(w.vfs.cloneKilled(1), DIR)
    w.checkReads()
    await checkCrashes(w)
    w.vfs.onEffect = null
    w.vfs.capacityBytes = Infinity
    await w.vfs.clock.advance(61_000)
    assert.deepEqual([stateOf(w), level0Count(w), w.db.stats().backgroundError], ['OPEN', 0, null])
    w.checkReads()
    await checkCrashes(w)
  })
}

test('C14: a run that fails each time: ever later, told each time, and nothing else stops', async () => {
  const events: EngineEvent[] = []
  let [isBroken, attempts] = [true, 0]
  const executor = withRuns((input) => {
    attempts++
    if (isBroken) throw new VarveError('INTERNAL', 'this key again')
    return input
  })
  const w = await opened({ executor, onEvent: (event) => events.push(event) })
  for (let i = 0; i < 8; i++) await table(w, 'abcd', 200 + i)
  for (let minute = 0; minute < 10; minute++) {
    await w.vfs.clock.advance(60_000)
    await w.put(`minute ${minute}`, 100)
    await w.flush()
  }
  // 200 ms, 400 ms, … 51.2 s, then once a minute.
  assert.ok(attempts >= 15 && attempts <= 19, `${attempts} attempts in ten minutes`)
  const failed = events.filter((event) => event.type === 'compactionFailed')
  assert.deepEqual([failed.length, failed.every(({ willRetry }) => willRetry)], [attempts, true])
  assert.deepEqual([w.errors, stateOf(w), w.db.stats().backgroundError?.code], [[], 'DEGRADED', 'INTERNAL'])
  w.checkReads()
  await w.vfs.settled()
  checkFiles(w.vfs.cloneKilled(1), DIR)
  isBroken = false
  await w.vfs.clock.advance(60_000)
  assert.deepEqual([stateOf(w), level0Count(w)], ['OPEN', 0])
  w.checkReads()
})
