/**
 * Crashes after every change of the disk while values die, tables are merged and value logs are swept. Whatever is left
 * opens, has every value that was not deleted, and comes to the files that it needs and no others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Varve } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import type { SurvivalPolicy } from '../../src/testing.js'
import { openSim, SIM_DIR, textOf } from '../support/databases/simulated.js'
import { makeDatabase, sampleEntries } from '../support/databases/value-databases.js'
import { hashDisk } from '../support/crash/crash-image.js'

const WAYS: readonly (SurvivalPolicy | 'kill')[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']
const entries = sampleEntries(24)
const rounds = [entries.filter(({ log }) => log === 14), entries.filter(({ log }) => log !== 14)]

/** A machine with the database, all of it durable. */
function newMachine(): SimVfs {
  const vfs = new SimVfs({ seed: 5 })
  vfs.mkdirSync(SIM_DIR)
  makeDatabase(vfs, SIM_DIR, { entries })
  for (const name of vfs.listSync(SIM_DIR)) {
    const file = vfs.openSync(vfs.join(SIM_DIR, name), 'write')
    file.syncSync()
    file.closeSync()
  }
  vfs.syncDirSync(SIM_DIR)
  vfs.syncDirSync('/')
  return vfs
}

interface Crash { vfs: SimVfs; what: string; gone: number }

/** Runs the program, and gives each different disk that a crash could leave. `gone`: so many rounds were durable. */
async function crashesOf(manifestSync: boolean): Promise<Crash[]> {
  const vfs = newMachine()
  const crashes = new Map<string, Crash>()
  let gone = 0
  vfs.onEffect = (index, description) => {
    for (const way of WAYS) {
      const image = way === 'kill' ? vfs.cloneKilled(index) : vfs.clone(way, index)
      const key = `${hashDisk(image)} ${gone} ${way === 'kill' ? hashDisk(image.clone('none', 1)) : ''}`
      const what = `effect ${index}: ${description}, then ${way}`
      if (!crashes.has(key)) crashes.set(key, { vfs: image, what, gone })
    }
  }
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
  vfs.onEffect = null
  return [...crashes.values()]
}

const valueLogsIn = (vfs: SimVfs): string[] =>
  vfs.listSync(SIM_DIR).filter((name) => name.endsWith('.vlog') || name === '000012.wal').sort()

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
    const crashes = await crashesOf(manifestSync)
    assert.ok(crashes.length > 100, `${crashes.length} images`)
    for (const { vfs, what, gone } of crashes) {
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
