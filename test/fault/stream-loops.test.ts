/**
 * What: a program that streams values, with a fault at each of its calls to the file system. What must be true after
 * each: test/support/faults/fault-loop.ts. A stream whose own file fails leaves the database open.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpKind } from '../../src/testing.js'
import { patiently } from '../support/crash/crash-steps.js'
import { checkNothingLeft, runLoop } from '../support/faults/fault-loop.js'
import type { FaultProgram } from '../support/faults/fault-loop.js'
import { isWholeRun } from '../support/harness/share.js'

/** A read that fails is told to its caller, as any. */
const CHANGES: OpKind[] = ['create', 'write', 'truncate', 'sync', 'dataSync', 'link', 'rename', 'unlink', 'syncDir']
/** More than a buffer. */
const LONG = 80_000

const program: FaultProgram = {
  before: (w) => w.put('before', 100),
  async run(w) {
    await w.putStream('s1', LONG)
    await w.putStream('s2', LONG, { sync: true })
    await w.put('s1', 50)
    await patiently(w, () => w.flush())
    await w.putStream('s1', LONG)
    await w.del('s2')
    await patiently(w, () => w.flush())
    await w.put('after', 100)
  },
  after: checkNothingLeft,
}

for (const when of ['before', 'after'] as const) {
  for (const manifestSync of [true, false]) {
    test(`each call fails once, ${when} its effect, ${manifestSync ? 'strict' : 'fast'} mode`, async () => {
      const outcomes = await runLoop({
        rule: { kind: CHANGES, fault: { do: 'error', code: 'EIO', when } }, settings: { manifestSync }, program,
      })
      const ofFile = outcomes.filter(({ op }) => /\.vlog\.tmp/.test(op) && !/unlink|close/.test(op))
      for (const { op, state } of ofFile) assert.equal(state, 'OPEN', op)
      if (!isWholeRun) return
      assert.ok(ofFile.some(({ op }) => op.startsWith('write')))
      assert.ok(ofFile.some(({ op }) => op.startsWith('sync')))
      assert.ok(outcomes.some(({ op, state }) => op.startsWith('syncDir') && state === 'FAILED'))
    })
  }
}

test('a full disk refuses a stream, and nothing else', async () => {
  const outcomes = await runLoop({ rule: { kind: 'write', fault: { do: 'error', code: 'ENOSPC' } }, program })
  for (const { op, state, errors } of outcomes.filter((each) => /\.vlog\.tmp/.test(each.op))) {
    assert.equal(state, 'OPEN', op)
    assert.deepEqual(errors, ['NO_SPACE'], op)
  }
})

for (const mode of ['lostClean', 'revert'] as const) {
  test(`each sync fails once: ${mode}`, async () => {
    const rule = { kind: ['sync', 'syncDir'] as OpKind[], fault: { do: 'failSync', mode } as const }
    await runLoop({ rule, program, losesUnsynced: true })
  })
}
