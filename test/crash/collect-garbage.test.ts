/**
 * Crashes after every change of the disk while values are moved: whatever was left opens, every value is there as it
 * was put, what was deleted stays so, and the directory comes to the files that it needs and no others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Varve } from '../../src/index.js'
import { crashesOf, newMachine, valueLogsIn } from '../support/crash/value-log-machine.js'
import { openSim } from '../support/databases/simulated.js'
import { sampleEntries } from '../support/databases/value-databases.js'
import { drawn } from '../support/harness/share.js'

const entries = sampleEntries(16)
const isGoing = (i: number): boolean => i % 2 === 1

/** What a batch deleted is gone as a whole, or there as a whole; all else is there. */
function check(db: Varve, isDeleted: boolean): void {
  const seen = entries.filter(({ key }, i) => isGoing(i) && db.hasSync(key))
  if (isDeleted) assert.equal(seen.length, 0, 'nothing comes back')
  else assert.ok(seen.length === 0 || seen.length === entries.filter((_, i) => isGoing(i)).length)
  for (const [i, { key, value }] of entries.entries()) {
    if (isGoing(i) && seen.length === 0) continue
    assert.deepEqual(Buffer.from(db.getSync(key)!), Buffer.from(value), key)
  }
}

for (const manifestSync of [true, false]) {
  const mode = manifestSync ? 'strict' : 'fast'
  test(`rows 11, 12 and 16, S1: ${mode}: collections, crashed after every change`, { timeout: 240_000 }, async () => {
    const vfs = newMachine(entries)
    let isDeleted = false
    const crashes = await crashesOf(vfs, () => isDeleted, async () => {
      const db = await openSim(vfs, { manifestSync })
      await db.batch(entries.filter((_, i) => isGoing(i)).map(({ key }) => ({ type: 'del', key })), { sync: true })
      isDeleted = true
      const { filesRemoved } = await db.collectGarbage({ ratio: 0.05 })
      // Its flush may begin a compaction that has moved them by the time of the call's own.
      assert.ok(filesRemoved === 2 && db.stats().valueLog.movedBytes > 0)
      check(db, true)
      await db.close()
    })
    assert.ok(crashes.length > 60, `${crashes.length} images`)
    for (const { vfs: image, what, state } of drawn(`collections, ${mode}`, crashes)) {
      try {
        const db = await openSim(image, { manifestSync })
        check(db, state)
        await db.collectGarbage({ ratio: 0.05 })
        check(db, state)
        await db.close()
        const again = await openSim(image, { manifestSync })
        check(again, state)
        assert.equal(valueLogsIn(image).length, again.stats().valueLog.fileCount, 'files that nobody needs are gone')
        const { garbageBytes, fileBytes } = again.stats().valueLog
        assert.ok(garbageBytes <= 0.05 * fileBytes, `${garbageBytes} of ${fileBytes} bytes are garbage`)
        await again.close()
      } catch (error) {
        throw new Error(`${what}: ${(error as Error).stack}`, { cause: error })
      }
    }
  })
}
