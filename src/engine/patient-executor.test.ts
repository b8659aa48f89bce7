/**
 * Jobs that found no descriptor: they are done again where that is right, in the loop or by a caller that blocks, and
 * not for ever.
 */
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { ioError } from '../base/index.js'
import type { JobResult } from '../exec/index.js'
import { FileSystemError } from '../vfs/index.js'
import { HandClock } from '../../test/support/fakes/hand-clock.js'
import { HandExecutor } from '../../test/support/fakes/hand-executor.js'
import { PatientExecutor } from './patient-executor.js'

const short = (code = 'EMFILE') => ioError(new FileSystemError(code, 'open', '/db/1'), 'open', '1')

let inner: HandExecutor
let clock: HandClock
let executor: PatientExecutor
let told: string[]

beforeEach(() => {
  inner = new HandExecutor({ appendGroup: function* () { return 7 } })
  clock = new HandClock()
  executor = new PatientExecutor(inner, clock)
  told = []
  executor.onShort = () => told.push('short')
  executor.onMended = () => told.push('mended')
})

function submit(kind: string): void {
  executor.submitPolled<number>({ kind, input: null }, (result: JobResult<number>) => {
    told.push(result.ok ? `gave ${result.output}` : String((result.error as Error).message))
  })
}

test('ERR-4: a job that may be done twice is done again until there are descriptors', async () => {
  submit('appendGroup')
  for (const code of ['EMFILE', 'ENFILE', 'EMFILE']) {
    inner.fail(short(code))
    assert.deepEqual([inner.activeCount, executor.activeCount], [0, 1], 'it counts as under way')
    await clock.advance(1000)
    assert.equal(inner.activeCount, 1)
  }
  inner.run()
  assert.deepEqual(told, ['short', 'short', 'short', 'mended', 'gave 7'])
  assert.deepEqual([executor.activeCount, clock.timerCount], [0, 0])
})

test('a job that may not be done twice, and any other error, is its owner’s', () => {
  submit('publishTables')
  inner.fail(short())
  submit('appendGroup')
  inner.fail(ioError(new FileSystemError('EIO', 'fsync', '/db/1'), 'sync', '1'))
  assert.deepEqual(told, ['open 1 failed: EMFILE, too many open files', 'sync 1 failed: EIO'])
})

test('who blocks lets no timer come: a poll begins what is due', async () => {
  submit('appendGroup')
  inner.fail(short())
  executor.poll(0)
  assert.equal(inner.activeCount, 0, 'not before its time')
  await clock.advance(19)
  executor.poll(0)
  assert.equal(inner.activeCount, 0)
  clock.nowMs = () => 20
  executor.poll(0)
  assert.deepEqual([inner.activeCount, clock.timerCount], [1, 0])
})

test('the end comes: in a hurry it is tried a few times only, and a close waits for nothing', async () => {
  submit('appendGroup')
  executor.hurry()
  for (let i = 0; i < 20 && inner.activeCount > 0; i++) {
    inner.fail(short())
    await clock.advance(1000)
  }
  assert.equal(told.filter((what) => what === 'short').length, 8)
  assert.match(told.at(-1)!, /EMFILE/)
  executor = new PatientExecutor(inner, clock)
  submit('appendGroup')
  inner.fail(short())
  void executor.close()
  assert.deepEqual([inner.activeCount, clock.timerCount], [1, 0], 'handed on, to end as the executor ends it')
  inner.fail(short())
  assert.equal(executor.activeCount, 0)
})
