/** What: compactions while nothing is written, and those that an open and a close wait for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { follow } from '../../test/support/scenes/commit-scene.js'
import { CompactorScene, leveledPickers } from '../../test/support/scenes/compactor-scene.js'
import { drawnVersion, smallSettings } from '../../test/support/scenes/pick-scene.js'
import type { Picker } from '../pick/compaction-pick.js'
import { createPicker } from '../pick/create-picker.js'
import type { CompactorPickers } from './compaction-task.js'

const STACK = ['4: a-c', '3: a-c', '2: a-c', '1: a-c']
/** Two low stacks of level 0, which are two merges of a quiet time. */
const PAIRS = drawnVersion({ 0: ['14: a-c', '13: a-c', '24: x-z', '23: x-z'], 6: ['1: a-d 900', '2: w-z 900'] })
const TINY = drawnVersion({
  0: ['17: aa-ab 1', '16: ca-cb 1', '15: ea-eb 1', '14: ga-gb 1', '13: ia-ib 1', '12: ka-kb 1', '11: ma-mb 1'],
  6: ['1: a-z 9000'],
})
const MiB = 2 ** 20

/** Settings with which level 0 is merged when it holds a fifth of its base, and seven tables are a crowd. */
function pickers(): CompactorPickers {
  const settings = { ...smallSettings, level0CrowdMin: 99 }
  const quiet = createPicker({ ...settings, level0ShareMin: 0.2, level0CrowdMin: 7 })
  return { busy: createPicker(settings), paused: createPicker(settings), quiet }
}

test('a quiet time goes on as long as nothing is written: one step follows the other at once', async () => {
  const scene = new CompactorScene(PAIRS, { pickers: pickers() })
  scene.compactor.schedule()
  await scene.clock.advance(1000)
  assert.deepEqual(scene.doing, ['run 14 13 1'])
  scene.finishRun()
  assert.deepEqual(scene.doing, ['run 24 23 2'], 'no second more')
  scene.finishRun()
  await scene.clock.advance(10_000)
  assert.deepEqual([scene.doing, scene.clock.timerCount], [[], 0], 'and nothing is left to look at')
})

test('a write ends the quiet time; the next step comes a second after the last write', async () => {
  const scene = new CompactorScene(PAIRS, { pickers: pickers() })
  scene.compactor.schedule()
  await scene.clock.advance(1000)
  scene.write()
  scene.finishRun()
  await scene.clock.advance(900)
  scene.write()
  await scene.clock.advance(1050)
  assert.deepEqual(scene.doing, [], 'a write came')
  await scene.clock.advance(100)
  assert.deepEqual(scene.doing, ['run 24 23 2'])
})

test('a write after the quiet time has found nothing to do begins another one', async () => {
  const scene = new CompactorScene(drawnVersion({}), { pickers: pickers() })
  scene.compactor.schedule()
  await scene.clock.advance(5000)
  assert.deepEqual([scene.news, scene.clock.timerCount], [['quiet'], 0])
  scene.current = PAIRS
  scene.write()
  await scene.clock.advance(1000)
  assert.deepEqual(scene.doing, ['run 14 13 1'])
})

test('at open small tables that are too many are merged first, and nothing else is waited for', async () => {
  const scene = new CompactorScene(TINY, { pickers: { ...pickers(), busy: pickers().quiet }, workerCount: 4 })
  const tidied = follow(scene.compactor.tidyUp())
  assert.deepEqual(scene.doing, ['run 17 16 15 14 13 12 11'])
  scene.ran()
  scene.published()
  await scene.clock.turn()
  assert.equal(tidied.state, 'waiting')
  scene.durable()
  await scene.clock.turn()
  assert.equal(tidied.state, 'done')
  const others = new CompactorScene(drawnVersion({ 0: STACK }))
  const nothing = follow(others.compactor.tidyUp())
  await others.clock.turn()
  assert.deepEqual([nothing.state, others.doing], ['done', []])
})

test('at close short runs end, and small tables that are too many are merged; nothing begins by itself', async () => {
  const tiny = TINY.levels[0]!.tables.map(({ fileNum }) => `${fileNum}: n${fileNum}-n${fileNum}x 1`)
  const version = drawnVersion({ 0: [...STACK, ...tiny], 6: ['30: k-z 9000'] })
  const scene = new CompactorScene(version, { pickers: pickers() })
  scene.compactor.schedule()
  assert.deepEqual(scene.doing, ['run 4 3 2 1'])
  const control = new Int32Array(scene.runInput.control)
  const closed = follow(scene.compactor.windUp())
  await scene.clock.turn()
  assert.deepEqual([control[0], closed.state], [0, 'waiting'])
  scene.finishRun()
  await scene.clock.turn()
  assert.deepEqual(scene.doing, ['run 17 16 15 14 13 12 11'])
  scene.finishRun()
  await scene.clock.turn()
  assert.deepEqual([closed.state, scene.doing, scene.clock.timerCount], ['done', [], 0])
})

test('at close a long run is given up, and large tables are not merged', async () => {
  const large = drawnVersion({ 0: STACK.map((text) => `${text} ${9 * MiB}`) })
  const scene = new CompactorScene(large, { pickers: pickers() })
  scene.compactor.schedule()
  const control = new Int32Array(scene.runInput.control)
  const closed = follow(scene.compactor.windUp())
  assert.equal(control[0], 1)
  scene.fails('ABORTED')
  await scene.clock.turn()
  assert.deepEqual([closed.state, scene.doing, scene.compactor.failedCount], ['done', [], 0])
})

test('at close a merge that fails is not tried again, and what failed before leaves no timer', async () => {
  const scene = new CompactorScene(TINY, { pickers: pickers() })
  const closed = follow(scene.compactor.windUp())
  await scene.clock.turn()
  scene.fails('NO_SPACE')
  await scene.clock.turn()
  assert.deepEqual([closed.state, scene.doing, scene.clock.timerCount], ['done', [], 0])
  const failing = new CompactorScene(drawnVersion({ 0: STACK }))
  failing.compactor.schedule()
  failing.fails()
  const other = follow(failing.compactor.windUp())
  await failing.clock.turn()
  assert.deepEqual([other.state, failing.clock.timerCount], ['done', 0])
})

test('the style comes before who asked while writers are stopped', () => {
  const asked: Picker = leveledPickers().busy
  for (const isStopped of [false, true]) {
    const scene = new CompactorScene(drawnVersion({ 0: STACK }))
    scene.isStopped = isStopped
    scene.compactor.addExtra(asked)
    assert.equal(scene.compactor.running[0]!.askedBy === asked, !isStopped)
  }
})

test('a pause after failures ends when writers wait; the failures still count', async () => {
  const scene = new CompactorScene(drawnVersion({ 0: STACK }))
  const { compactor } = scene
  compactor.schedule()
  for (let i = 0; i < 8; i++) {
    scene.fails()
    compactor.endPause()
  }
  assert.deepEqual([scene.doing, compactor.failuresInRow, compactor.isAtWork], [['run 4 3 2 1'], 8, true])
})

test('what slows writers down is reckoned once for each version', () => {
  let count = 0
  const busy: Picker = { ...leveledPickers().busy, pressures: () => (count++, []) }
  const scene = new CompactorScene(drawnVersion({ 0: STACK }), { pickers: { busy, paused: busy, quiet: busy } })
  for (let i = 0; i < 3; i++) scene.compactor.pressures.slice()
  assert.equal(count, 1)
  scene.compactor.leftAlone.tables.set(1, new Error('corrupt'))
  scene.compactor.pressures.slice()
  scene.current = drawnVersion({})
  scene.compactor.pressures.slice()
  assert.equal(count, 3)
})
