import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HandClock, settled } from '../../test/support/fakes/hand-clock.js'
import { HandExecutor } from '../../test/support/fakes/hand-executor.js'
import { FileDeleter } from './file-deleter.js'
import { FileHolds } from './file-holds.js'
import type { UnlinkInput } from './unlink-files.js'

test('HOLD-1, HOLD-2: what is held waits, whatever its kind, and goes when the last holder lets go', async () => {
  const [executor, clock] = [new HandExecutor(), new HandClock()]
  const holds = new FileHolds(clock)
  const deleter = new FileDeleter({ executor, dir: '/db', clock, holds }, () => true)
  const underWay = (): string[] => executor.jobs.flatMap(({ job }) => (job.input as UnlinkInput).names)
  const end = async (): Promise<void> => {
    executor.jobs.shift()!.deliver({ ok: true, output: [] as never })
    await settled()
  }
  const [one, two] = [holds.hold('one', [1, 2]), holds.hold('two', [2, 3])]
  assert.deepEqual(holds.stats().map(({ owner, fileCount }) => [owner, fileCount]), [['one', 2], ['two', 2]])
  deleter.add(['000001.table', '000002.wal', '000003.vlog', '000004.table'])
  assert.deepEqual([underWay(), deleter.waitingCount], [['000004.table'], 3])
  assert.deepEqual(deleter.tableNums(), [1, 4], 'TAB-2: what waits is known not to count')
  await end()
  assert.deepEqual(underWay(), [])
  one.release()
  one.release()
  assert.deepEqual(underWay(), ['000001.table'])
  await end()
  two.release()
  assert.deepEqual(underWay(), ['000002.wal', '000003.vlog'])
  await end()
  assert.deepEqual([holds.stats(), deleter.waitingCount, deleter.deletedCount], [[], 0, 4])
})
