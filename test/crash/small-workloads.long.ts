/** What: all programs of at most four operations, crashed after every change of the disk, in each mode. */
import { test } from 'node:test'
import { programsOf, SmallWorkloads } from '../support/crash/small-workloads.js'

for (const [mode, settings, hasThreads] of [
  ['strict', { manifestSync: true, ttlGraceMs: 0 }, false],
  ['fast', { manifestSync: false, ttlGraceMs: 0 }, false],
  ['strict, with threads', { manifestSync: true, ttlGraceMs: 0 }, true],
  ['fast, with threads', { manifestSync: false, ttlGraceMs: 0 }, true],
] as const) {
  test(`all small programs, ${mode}`, async () => {
    const workloads = new SmallWorkloads(settings, hasThreads)
    for (let length = 0; length <= 4; length++) {
      for (const program of programsOf(length)) await workloads.run(program)
      const { programCount, counts } = workloads
      console.log(`${mode}: ${programCount} programs, ${counts.points} crashes, ${counts.images} different disks`)
    }
  })
}
