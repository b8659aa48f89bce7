/**
 * What: all programs of at most two operations, and some of three and four, crashed after every change of
 * the disk; the short run draws a share of them. small-workloads.long.ts has all: docs/design/0008-crash-sweep.md.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawn, isWholeRun } from '../support/harness/share.js'
import { programsOf, SmallWorkloads } from '../support/crash/small-workloads.js'
import { leaveOutRunnerHooks } from '../support/harness/runner-hooks.js'

leaveOutRunnerHooks()

/** One program in this many is run, by length; odd numbers, so that each operation comes at each position. */
const EVERY = [1, 1, 1, 83, 631 * 2 + 1]

for (const [mode, settings, hasThreads] of [
  ['strict', { manifestSync: true, ttlGraceMs: 0 }, false],
  ['fast', { manifestSync: false, ttlGraceMs: 0 }, false],
  ['strict, with threads', { manifestSync: true, ttlGraceMs: 0 }, true],
] as const) {
  test(`small programs, ${mode}`, async (t) => {
    const workloads = new SmallWorkloads(settings, hasThreads)
    for (const [length, every] of EVERY.entries()) {
      const programs = [...programsOf(length)].filter((_, i) => i % every === 0)
      for (const program of drawn(`${mode} ${length}`, programs)) await workloads.run(program)
    }
    const { programCount, counts } = workloads
    t.diagnostic(`${programCount} programs, ${counts.points} crashes, ${counts.images} different disks`)
    if (!isWholeRun) return
    assert.equal(programCount, 1 + 13 + 169 + 27 + 23)
    assert.ok(counts.images > 600, String(counts.images))
  })
}
