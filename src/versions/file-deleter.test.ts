import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { follow } from '../../test/support/scenes/commit-scene.js'
import { HandClock, settled } from '../../test/support/fakes/hand-clock.js'
import { HandExecutor } from '../../test/support/fakes/hand-executor.js'
import { FileDeleter } from './file-deleter.js'
import type { UnlinkInput } from './unlink-files.js'

let executor: HandExecutor
let clock: HandClock
let mayDelete: boolean
let deleter: FileDeleter

beforeEach(() => {
  executor = new HandExecutor()
  clock = new HandClock()
  mayDelete = true
  deleter = new FileDeleter({ executor, dir: '/db', clock }, () => mayDelete)
})

/** Gives the names in the unlink that is under way. */
const underWay = () => executor.jobs.flatMap(({ job }) => (job.input as UnlinkInput).names)
const end = (stayed: string[]) => executor.jobs.shift()!.deliver({ ok: true, output: stayed as never })

test('one unlink at a time; what comes meanwhile follows', async () => {
  await deleter.idle()
  deleter.add(['a', 'b'])
  deleter.add(['c'])
  assert.deepEqual(underWay(), ['a', 'b'])
  const idle = follow(deleter.idle())
  end([])
  await settled()
  assert.deepEqual([underWay(), idle.state], [['c'], 'waiting'])
  end([])
  await settled()
  assert.deepEqual([deleter.deletedCount, deleter.waitingCount, idle.state], [3, 0, 'done'])
})

test('what stays is tried again later, with what came meanwhile', async () => {
  deleter.add(['a', 'b'])
  end(['b'])
  deleter.add(['c'])
  await clock.advance(9999)
  assert.deepEqual([underWay(), deleter.deletedCount, deleter.waitingCount], [[], 1, 2])
  await clock.advance(1)
  assert.deepEqual(underWay(), ['b', 'c'])
  executor.fail(new Error('worker lost'))
  await clock.advance(10_000)
  assert.deepEqual(underWay(), ['b', 'c'])
})

test('ERR-3: nothing is deleted when that is not allowed any more', async () => {
  mayDelete = false
  deleter.add(['a'])
  assert.deepEqual(underWay(), [])
  mayDelete = true
  deleter.add(['b'])
  assert.deepEqual(underWay(), ['a', 'b'])
  end(['a'])
  mayDelete = false
  await clock.advance(10_000)
  assert.deepEqual(underWay(), [])
})

test('after stop no timer is left', async () => {
  deleter.add(['a'])
  end(['a'])
  assert.equal(clock.timerCount, 1)
  deleter.stop()
  assert.deepEqual([clock.timerCount, deleter.waitingCount], [0, 0])
})
