/**
 * What: the check of the sweep: on a file system that leaves out one class of syncs, a sweep must fail.
 *
 * Not here, since nothing can be lost without them; the golden lists of calls hold them in place:
 *   marker               a marker is all name: its content is empty
 *   manifest mark        says to a later reader that a bad last group is damage, not a torn write
 *   replayed log         what was replayed stands in synced tables before anything is acknowledged
 *   replayed table name  the directory is synced again before the marker moves
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compactionScenarios } from '../support/crash/compaction-scenarios.js'
import { mutantThatDeletesEarly, mutantWithout } from '../support/crash/crash-mutant.js'
import type { Mutant, SyncClass } from '../support/crash/crash-mutant.js'
import { scenarios } from '../support/crash/crash-scenarios.js'
import type { Scenario } from '../support/crash/crash-scenarios.js'
import { CrashSweep } from '../support/crash/crash-sweep.js'
import { DIR } from '../support/model/workload.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'
import { heavyTest } from '../support/harness/share.js'

leaveOutRunnerHooks()

const strict: SyncClass[] = [
  'database directory', 'log header', 'log name', 'log data', 'table', 'table name', 'manifest edit',
  'new manifest', 'manifest name', 'marker name', 'replayed table', 'compaction table', 'compaction table name',
]
const fast: SyncClass[] = ['held table', 'held table name', 'manifest edit', 'compaction table']

/** Those that see the most for their time stand first. */
const flushes = [
  'first create', 'batches with sync', 'a writer that syncs each write', 'fill and flush',
].map((name) => scenarios[name]!)
const compactions = [compactionScenarios['several tables are compacted']!]

async function findFailure(
  mutant: Mutant, programs: readonly Scenario[], manifestSync: boolean,
): Promise<{ found: string; dropCount: number }> {
  for (const { run, settings } of programs) {
    try {
      await new CrashSweep({ seed: 7 }).run(run, { settings: { ...settings, manifestSync }, wrap: mutant.wrap })
    } catch (error) {
      return { found: (error as Error).message, dropCount: mutant.dropCount() }
    }
  }
  return { found: '', dropCount: mutant.dropCount() }
}

for (const [mode, classes] of Object.entries({ strict, fast })) {
  for (const dropped of classes) {
    // WAL-6 among them: a log's header and its name.
    heavyTest(`the sweep sees that a sync is missing: ${dropped}, ${mode} mode`, async (t) => {
      const programs = dropped.startsWith('compaction') ? compactions : flushes
      const { found, dropCount } = await findFailure(mutantWithout(dropped, DIR), programs, mode === 'strict')
      assert.ok(dropCount > 0, 'such syncs happen')
      assert.notEqual(found, '', 'a crash that does harm was found')
      t.diagnostic(found.split('\n').slice(0, 2).join(','))
    })
  }
}

for (const manifestSync of [true, false]) {
  test(`COMP-4: the sweep sees that inputs are deleted early, ${manifestSync ? 'strict' : 'fast'} mode`, async () => {
    const { found, dropCount } = await findFailure(mutantThatDeletesEarly(), compactions, manifestSync)
    assert.ok(dropCount > 0)
    assert.match(found, /is deleted, but a restart needs it/)
  })
}
