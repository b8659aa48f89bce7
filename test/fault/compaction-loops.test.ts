/**
 * What: every call of a compaction fails: once, or in each way a sync can fail. What must be true after each:
 * test/support/faults/fault-loop.ts; and here: it is tried again, nothing of a failed attempt is left, a directory or
 * manifest that failed ends writing and deleting.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpKind } from '../../src/testing.js'
import { patiently } from '../support/crash/crash-steps.js'
import { checkNothingLeft, runLoop } from '../support/faults/fault-loop.js'
import type { FaultOutcome, FaultProgram } from '../support/faults/fault-loop.js'
import { isWholeRun } from '../support/harness/share.js'
import type { Workload } from '../support/model/workload.js'

const CHANGES: OpKind[] = ['create', 'write', 'sync', 'link', 'unlink', 'syncDir']
const READS: OpKind[] = ['open', 'read']

const ops = (keys: string, length: number | null) => [...keys].map((key) => ({ key, length }))

const program: FaultProgram = {
  async before(w) {
    for (const [keys, length] of [['abcd', 300], ['bd', 200], ['ac', null]] as const) {
      await w.batch(ops(keys, length))
      await w.flush()
      if (keys === 'abcd') await w.compact()
    }
    await w.vfs.settled()
  },
  async run(w) {
    await patiently(w, () => w.compact())
    await w.put('b', 100)
  },
  after: checkDone,
}

/** What still works has done everything, and left nothing behind. */
async function checkDone(w: Workload): Promise<void> {
  if (!await checkNothingLeft(w)) return
  const { levels, compaction } = w.db.stats()
  assert.deepEqual([levels[0]!.tableCount, levels.at(-1)!.tableCount, compaction.active], [0, 1, 0])
  assert.equal(levels.at(-1)!.tombstoneCount, 0)
}

/** The kinds of calls whose failure is one of the compaction, in order. */
function kindsThatFail(outcomes: readonly FaultOutcome[]): string[] {
  const failed = outcomes.filter(({ events }) => events.some(({ type }) => type === 'compactionFailed'))
  return [...new Set(failed.map(({ op }) => op.split(' ')[0]!))].sort()
}

/** In strict mode: the state that follows from the place. */
function checkStates(outcomes: readonly FaultOutcome[], kinds: readonly OpKind[]): void {
  const seen = new Set<string>()
  for (const { op, state } of outcomes) {
    if (!op.includes('->')) continue
    const isFinal = /^(syncDir|(write|sync) \d+\.manifest)/.test(op)
    const isRetried = /\.table/.test(op) && !/\.wal/.test(op)
    if (!isFinal && !isRetried) continue
    assert.equal(state, isFinal ? 'FAILED' : 'OPEN', op)
    seen.add(`${op.split(' ')[0]} ${state}`)
  }
  for (const kind of kinds) {
    const expected = kind === 'syncDir' ? 'syncDir FAILED' : `${kind} OPEN`
    assert.ok(seen.has(expected), `${expected} among ${[...seen].join(', ')}`)
  }
  for (const expected of ['write FAILED', 'sync FAILED']) assert.ok(seen.has(expected), expected)
}

for (const manifestSync of [true, false]) {
  const mode = manifestSync ? 'strict' : 'fast'
  for (const [code, when] of [
    ['EIO', 'before'], ['EIO', 'after'], ['ENOSPC', 'before'], ['ENOSPC', 'after'],
  ] as const) {
    test(`COMP-5: each call of a compaction fails once with ${code}, ${when} its effect, ${mode} mode`, async () => {
      const outcomes = await runLoop({
        rule: { ...(code === 'ENOSPC' ? { kind: CHANGES } : {}), fault: { do: 'error', code, when } },
        settings: { manifestSync }, program, ways: ['kill'],
      })
      if (!isWholeRun) return
      if (manifestSync) checkStates(outcomes, code === 'EIO' ? [...READS, ...CHANGES] : CHANGES)
      // A read is tried again by itself. In fast mode the table is listed before its sync, whose failure is final.
      assert.deepEqual(kindsThatFail(outcomes), [
        'create', 'write', ...(manifestSync ? ['sync', 'link'] : []), ...(code === 'EIO' ? ['open', 'close'] : []),
      ].sort())
      assert.ok(outcomes.some(({ state }) => state === 'FAILED'))
    })
  }

  test(`each write of a compaction is short once, ${mode} mode`, async () => {
    const outcomes = await runLoop({
      rule: { kind: 'write', fault: { do: 'short' } }, settings: { manifestSync }, program, ways: ['kill'],
    })
    assert.ok(outcomes.every(({ state, errors }) => state === 'OPEN' && errors.length === 0), 'the rest is written')
  })

  // In fast mode readers already look at what a reverted sync takes away: they hear of it, the next open does not.
  for (const lie of ['lostClean', 'benign', ...(manifestSync ? (['revert'] as const) : [])] as const) {
    test(`each sync of a compaction fails once: ${lie}, ${mode} mode`, async () => {
      const outcomes = await runLoop({
        rule: { kind: ['sync', 'syncDir'], fault: { do: 'failSync', mode: lie } }, settings: { manifestSync }, program,
        ways: ['kill'], ...(lie === 'benign' ? {} : { losesUnsynced: true }),
      })
      if (isWholeRun) assert.ok(outcomes.some(({ state }) => state === 'FAILED'))
    })
  }
}
