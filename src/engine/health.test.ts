import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveError } from '../base/index.js'
import { FileSystemError } from '../vfs/index.js'
import { expectError } from '../../test/support/harness/expect-error.js'
import { Health } from './health.js'
import type { FailurePlace, HealthState } from './health.js'

const states: HealthState[] = ['OPEN', 'DEGRADED', 'READ_ONLY', 'FAILED', 'CLOSED']
const full = new FileSystemError('ENOSPC', 'write', 'x')
const broken = new FileSystemError('EIO', 'fsync', 'x')

function make(): { health: Health; changes: string[] } {
  const changes: string[] = []
  return { health: new Health((state, place) => changes.push(`${state} ${place}`.trim())), changes }
}

function reach(health: Health, state: HealthState, place: FailurePlace, error: unknown): void {
  if (state === 'CLOSED') health.close()
  else if (state !== 'OPEN') health.raise(state, place, error)
}

test('ERR-1: the state only rises, and each rise is told once', () => {
  for (const first of states) {
    for (const second of states) {
      const { health, changes } = make()
      reach(health, first, 'flush', broken)
      reach(health, second, 'manifest', broken)
      const rises = states.indexOf(second) > states.indexOf(first)
      assert.equal(health.state, rises ? second : first)
      assert.equal(changes.length, (first === 'OPEN' ? 0 : 1) + (rises ? 1 : 0))
    }
  }
})

test('ERR-1: only DEGRADED and READ_ONLY can be mended', () => {
  for (const state of states) {
    const { health, changes } = make()
    reach(health, state, 'flush', broken)
    health.recover()
    const isMended = state === 'DEGRADED' || state === 'READ_ONLY'
    assert.equal(health.state, isMended ? 'OPEN' : state)
    if (isMended) assert.deepEqual([health.cause, health.causePlace, changes.at(-1)], [null, '', 'OPEN'])
  }
})

test('ERR-2: the first error is the cause, until it is mended', () => {
  const { health } = make()
  health.raise('DEGRADED', 'flush', full)
  health.raise('FAILED', 'manifest', broken)
  assert.deepEqual([health.cause, health.causePlace], [full, 'flush'])
  const mended = make().health
  mended.raise('READ_ONLY', 'log append', full)
  mended.recover()
  mended.raise('READ_ONLY', 'flush', broken)
  assert.deepEqual([mended.cause, mended.causePlace], [broken, 'flush'])
})

test('ERR-3: files are deleted only while the state of the disk is known', () => {
  for (const state of states) {
    const { health } = make()
    reach(health, state, 'flush', broken)
    assert.equal(health.mayDelete, states.indexOf(state) < states.indexOf('FAILED'), state)
  }
})

test('writes are refused with a code that says what to do; reads go on until the end', () => {
  const codes: Partial<Record<HealthState, string>> = {}
  for (const state of states) {
    const { health } = make()
    reach(health, state, 'flush', broken)
    try {
      health.checkWritable()
    } catch (error) {
      codes[state] = (error as VarveError).code
      if (state !== 'CLOSED') assert.equal((error as VarveError).cause, broken)
    }
    if (state === 'CLOSED') expectError(() => health.checkReadable(), 'CLOSED')
    else health.checkReadable()
  }
  assert.deepEqual(codes, { READ_ONLY: 'BACKGROUND_ERROR', FAILED: 'BACKGROUND_ERROR', CLOSED: 'CLOSED' })
  const { health } = make()
  health.raise('READ_ONLY', 'flush', full)
  assert.equal(expectError(() => health.checkWritable(), 'NO_SPACE').cause, full)
  health.raise('FAILED', 'manifest', broken)
  expectError(() => health.checkWritable(), 'BACKGROUND_ERROR')
})

test('what stays broken until the next open is told again when something else is mended', () => {
  const { health, changes } = make()
  health.raise('DEGRADED', 'flush', full)
  health.degradeForGood('compaction of 7.table', broken)
  assert.deepEqual([health.cause, health.causePlace], [full, 'flush'])
  health.recoverFrom('flush')
  assert.deepEqual([health.state, health.cause, health.causePlace], ['DEGRADED', broken, 'compaction of 7.table'])
  health.raise('READ_ONLY', 'log append', full)
  health.recover()
  assert.deepEqual([health.state, health.cause], ['DEGRADED', broken])
  assert.equal(changes.at(-1), 'DEGRADED compaction of 7.table')
})
