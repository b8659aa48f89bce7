/**
 * Crashes after every change of the disk while values die, tables are merged and value logs are swept: whatever was
 * left opens, has every value that was not deleted, and comes to the files that it needs and no others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Varve } from '../../src/index.js'
import { crashesOf, newMachine, valueLogsIn } from '../support/crash/value-log-machine.js'
import type { Crash } from '../support/crash/value-log-machine.js'
import { openSim, textOf } from '../support/databases/simulated.js'
import { sampleEntries } from '../support/databases/value-databases.js'
import { drawn } from '../support/harness/share.js'

const entries = sampleEntries(24)
const rounds = [entries.filter(({ log }) => log === 14), entries.filter(({ log }) => log !== 14)]

/** Runs the program; the state of a crash is how many rounds were durable. */
async function sweepCrashes(manifestSync: boolean): Promise<Crash<number>[]> {
  const vfs = newMachine(entries)
  let gone = 0
  return crashesOf(vfs, () => gone, async () => {
    const db = await openSim(vfs, { manifestSync })
    for (const round of rounds) {
      await db.batch(round.map(({ key }) => ({ type: 'del', key })), { sync: true })
      gone++
      await db.compact()
      await vfs.clock.advance(2000)
      await vfs.settled()
    }
    assert.deepEqual(valueLogsIn(vfs), [])
    assert.equal(db.stats().valueLog.removedCount, 2)
    await db.close()
  })
}

/** The rounds that were durable are gone, and of the one that was not there is all or nothing. */
function check(db: Varve, gone: number): void {
  for (const [i, round] of rounds.entries()) {
    const seen = round.filter(({ key }) => db.getSync(key) !== undefined)
    const isThere = i >= gone && (i > gone || seen.length > 0)
    assert.equal(seen.length, isThere ? round.length : 0)
    for (const { key, value } of seen) assert.deepEqual(Buffer.from(db.getSync(key)!), Buffer.from(value), key)
  }
  assert.deepEqual([...db.keysSync()].map(textOf).length, entries.filter(({ key }) => db.hasSync(key)).length)
}

for (const manifestSync of [true, false]) {
  const mode = manifestSync ? 'strict' : 'fast'
  test(`rows 12 to 15: ${mode}: sweeps, crashed after every change of the disk`, { timeout: 120_000 }, async () => {
    const crashes = await sweepCrashes(manifestSync)
    assert.ok(crashes.length > 100, `${crashes.length} images`)
    for (const { vfs, what, state: gone } of drawn(`value log sweeps, ${mode}`, crashes)) {
      try {
        const db = await openSim(vfs, { manifestSync })
        check(db, gone)
        await vfs.clock.advance(2000)
        await vfs.settled()
        check(db, gone)
        assert.equal(valueLogsIn(vfs).length, db.stats().valueLog.fileCount, 'files that nobody needs are gone')
        assert.ok(db.stats().valueLog.files.every(({ liveCount }) => liveCount > 0))
        await db.close()
      } catch (error) {
        throw new Error(`${what}: ${(error as Error).stack}`, { cause: error })
      }
    }
  })
}
