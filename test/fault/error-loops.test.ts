/**
 * What: every call to the file system fails once, or from then on, before or after its effect; every sync
 * fails in every way. What must be true after each: test/support/faults/fault-loop.ts. What state follows from
 * which place: docs/errors.md.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpKind } from '../../src/testing.js'
import { runLoop } from '../support/faults/fault-loop.js'
import type { FaultOutcome } from '../support/faults/fault-loop.js'
import { isWholeRun } from '../support/harness/share.js'

const CHANGES: OpKind[] = [
  'create', 'write', 'truncate', 'sync', 'dataSync', 'link', 'rename', 'unlink', 'mkdir', 'syncDir',
]
const SYNCS: OpKind[] = ['sync', 'syncDir']

/** The state after one failure at this call of an open database; null: not said here. */
function stateAfter(call: string): RegExp | null {
  if (/^(dataSync \d+\.wal|syncDir|(write|sync|open) \d+\.manifest)/.test(call)) return /^FAILED$/
  if (/^(create|write|sync) \d+\.wal/.test(call)) return /^READ_ONLY$/
  if (/\.table|^unlink|^close|^read/.test(call)) return /^(OPEN|DEGRADED)$/
  return null
}

function checkStates(outcomes: FaultOutcome[], from: number): void {
  const seen = new Set<string>()
  for (const { op, openError, state } of outcomes.slice(from)) {
    const expected = stateAfter(op)
    if (openError !== null || expected === null || !op.includes('->')) continue
    assert.match(state, expected, op)
    seen.add(`${op.split(' ')[0]} ${expected.source}`)
  }
  assert.ok(seen.size >= 9, `too few kinds of calls failed: ${[...seen].join(', ')}`)
}

for (const when of ['before', 'after'] as const) {
  for (const manifestSync of [true, false]) {
    const mode = manifestSync ? 'strict' : 'fast'
    test(`S02, FLUSH-13: each call fails once, ${when} its effect, ${mode} mode`, async () => {
      const outcomes = await runLoop({
        rule: { fault: { do: 'error', code: 'EIO', when } }, settings: { manifestSync },
      })
      if (!isWholeRun) return
      const opened = outcomes.findIndex(({ openError }) => openError === null)
      assert.ok(opened > 5, 'an open whose calls fail is refused')
      const firstWrite = outcomes.findIndex(({ op }) => /write \d+\.wal 128/.test(op))
      if (manifestSync) checkStates(outcomes, firstWrite)
      assert.ok(outcomes.some(({ state }) => state === 'FAILED'))
      assert.ok(outcomes.some(({ state }) => state === 'READ_ONLY'))
      assert.ok(outcomes.some(({ op, state }) => op.includes('->') && state === 'OPEN'))
    })
  }
}

for (const code of ['EIO', 'ENOSPC']) {
  test(`S03: from each call on every change fails with ${code}`, async () => {
    const outcomes = await runLoop({
      rule: { kind: CHANGES, times: Infinity, fault: { do: 'error', code } },
    })
    if (!isWholeRun) return
    const stopped = outcomes.filter(({ openError, state }) => openError === null && state !== 'OPEN')
    assert.ok(stopped.length > 40, `${stopped.length}`)
    const refusal = code === 'EIO' ? 'BACKGROUND_ERROR' : 'NO_SPACE'
    assert.ok(outcomes.some(({ errors }) => errors.includes(refusal)))
  })
}

for (const [mode, more] of [
  ['lostClean', { losesUnsynced: true }], ['revert', { losesUnsynced: true }], ['benign', {}],
  ['late', { losesUnsynced: true, syncLies: true }],
] as const) {
  test(`S02: each sync fails once: ${mode}`, async () => {
    const outcomes = await runLoop({ rule: { kind: SYNCS, fault: { do: 'failSync', mode } }, ...more })
    if (isWholeRun) assert.ok(outcomes.some(({ state }) => state === 'FAILED'))
  })
}
