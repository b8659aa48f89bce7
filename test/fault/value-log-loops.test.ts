/**
 * What: each call of a flush that promotes a log, copies values or keeps them, and of a collection with its sweep,
 * fails once. What must be true after each: test/support/faults/fault-loop.ts; and here: the next try does the work,
 * and nothing is left that no version lists.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpKind } from '../../src/testing.js'
import { patiently } from '../support/crash/crash-steps.js'
import { checkNothingLeft, runLoop } from '../support/faults/fault-loop.js'
import type { FaultProgram } from '../support/faults/fault-loop.js'
import { isWholeRun } from '../support/harness/share.js'
import type { Settings, Workload } from '../support/model/workload.js'

/** Reads of values are told to their caller; test/api/value-log-damage.test.ts has them. */
const CHANGES: OpKind[] = ['create', 'write', 'truncate', 'sync', 'dataSync', 'link', 'unlink', 'syncDir']
const LARGE = 15_000

interface Operation { settings: Settings; program: FaultProgram }

async function fill(w: Workload, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await w.put(`k${i}`, LARGE)
}

const leveled = { compaction: { style: 'leveled' } } as const

const operations: Record<string, Operation> = {
  promote: {
    settings: { valueThreshold: 4096 },
    program: {
      before: (w) => fill(w, 0, 3),
      run: (w) => patiently(w, () => w.flush()),
      after: checkNothingLeft,
    },
  },
  keep: {
    settings: { valueThreshold: 4096 },
    program: {
      async before(w) {
        await fill(w, 0, 1)
        for (let i = 0; i < 20; i++) await w.put(`small${i}`, 1000)
      },
      run: (w) => patiently(w, () => w.flush()),
      after: checkNothingLeft,
    },
  },
  copy: {
    settings: { valueThreshold: 4096, writeBufferSize: 2 * 1024 * 1024 },
    program: {
      async before(w) {
        for (let i = 0; i < 4; i++) {
          await w.put(`large${i}`, 280_000)
          await w.batch(Array.from({ length: 30 }, (_, n) => ({ key: `small${i}.${n}`, length: 3900 })))
        }
      },
      run: (w) => patiently(w, () => w.flush()),
      after: checkNothingLeft,
    },
  },
  'move and sweep': {
    settings: { valueThreshold: 4096, ...leveled },
    program: {
      async before(w) {
        await fill(w, 0, 8)
        await w.flush()
        for (let i = 0; i < 8; i += 2) await w.del(`k${i}`)
        await w.flush()
        await w.vfs.settled()
      },
      async run(w) {
        await patiently(w, () => w.collectGarbage(0.1))
        await patiently(w, () => w.collectGarbage(0.1))
        await w.put('after', 100)
      },
      async after(w) {
        if (!await checkNothingLeft(w)) return
        for (const { liveCount } of w.db.stats().valueLog.files) assert.ok(liveCount > 0)
      },
    },
  },
}

for (const [name, { settings, program }] of Object.entries(operations)) {
  for (const manifestSync of [true, false]) {
    for (const code of ['EIO', 'ENOSPC', 'EMFILE']) {
      test(`each call of ${name} fails once with ${code}, ${manifestSync ? 'strict' : 'fast'} mode`, async () => {
        const kind: OpKind[] = code === 'EMFILE' ? ['open', 'create'] : CHANGES
        const outcomes = await runLoop({
          rule: { kind, fault: { do: 'error', code } }, program, ways: ['kill'],
          settings: { ...settings, manifestSync },
        })
        if (!isWholeRun) return
        assert.ok(outcomes.length > 0)
        if (code === 'EMFILE') return
        assert.ok(outcomes.some(({ state }) => state === 'FAILED') && outcomes.some(({ state }) => state === 'OPEN'))
      })
    }
  }
}
