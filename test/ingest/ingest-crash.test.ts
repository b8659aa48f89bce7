/**
 * Crashes after every change of the disk while files from outside come in, and errors at every call: all of them are
 * there or none, with all that was acknowledged before, and the sources are as they were.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseFileName } from '../../src/base/index.js'
import { VarveError } from '../../src/index.js'
import type { Varve } from '../../src/index.js'
import { SimVfs } from '../../src/testing.js'
import type { FaultRule } from '../../src/testing.js'
import { crashesOf } from '../support/crash/value-log-machine.js'
import { entriesOf, hashOf, makeFile, USER_DIR } from '../support/databases/outside-files.js'
import { openSim, readAllText, SIM_DIR, textOf } from '../support/databases/simulated.js'
import { drawn, drawnNumbers, isWholeRun } from '../support/harness/share.js'

const OUTSIDE = [...'abmn']

/** What the program has done. */
interface State {
  /** Puts that were acknowledged durably, in order. */
  durable: string[]
  isIngested: boolean
}

/** A machine with two files, all durable, and a database with something in a table and in a log. */
async function newMachine(): Promise<{ vfs: SimVfs; files: string[]; hashes: string[] }> {
  const vfs = new SimVfs({ seed: 3 })
  const files = [
    await makeFile(vfs, 'one', { entries: entriesOf('ab') }),
    await makeFile(vfs, 'two', { entries: entriesOf('mn'), ranges: [{ gte: 'y' }] }),
  ]
  const db = await openSim(vfs)
  await db.put('y', 'gone')
  await db.flush()
  await db.close()
  return { vfs, files, hashes: files.map((file) => hashOf(vfs, file)) }
}

/** Lets time pass until a call has ended. */
async function patiently<T>(vfs: SimVfs, call: Promise<T>): Promise<T> {
  let isOver = false
  const over = call.finally(() => (isOver = true))
  for (let i = 0; !isOver && i < 2000; i++) await vfs.clock.advance(100)
  assert.ok(isOver, 'it ends')
  return over
}

/** Looks at what a crash left. Gives whether the files are there. */
async function check(vfs: SimVfs, state: State, ways: { manifestSync: boolean }): Promise<boolean> {
  const db = await openSim(vfs, ways)
  const seen = readAllText(db)
  const there = OUTSIDE.filter((key) => seen.get(key)?.startsWith('outside') === true)
  const isThere = there.length === OUTSIDE.length
  assert.ok(isThere || there.length === 0, `ING-1: ${there.join('')} of ${OUTSIDE.join('')}`)
  assert.equal(seen.has('y'), !isThere, 'ING-1: the range delete comes with the rest')
  if (state.isIngested) assert.ok(isThere, 'what was acknowledged is there')
  for (const key of state.durable) assert.ok(seen.has(key), `${key} is there`)
  // Writes are in order: what was put before it is there when it is, and what came after is not without it.
  if (isThere) assert.ok(seen.has('p1') && seen.has('p2'), 'ING-6: no hole before it')
  if (seen.has('q')) assert.ok(isThere, 'no hole behind it')
  await db.put('r', 'later')
  const later = await makeFile(vfs, `later ${vfs.listSync(USER_DIR).length}`, { entries: entriesOf('aq') })
  const again = await db.ingest([later])
  assert.equal(textOf(await db.get('a')), 'outside a')
  assert.ok(again.seqNum > 2)
  await db.close()
  await vfs.settled()
  const fresh = await openSim(vfs, ways)
  assert.equal(textOf(await fresh.get('q')), 'outside q')
  const listed = fresh.stats().levels.reduce((sum, { tableCount }) => sum + tableCount, 0)
  await fresh.close()
  await vfs.settled()
  const names = vfs.listSync(SIM_DIR)
  const tables = names.filter((name) => parseFileName(name)?.kind === 'table')
  assert.equal(tables.length, listed, 'files nobody needs are gone')
  assert.deepEqual(names.filter((name) => parseFileName(name)?.kind === 'temp'), [])
  return isThere
}

describe('an ingest, crashed after every change', () => {
  for (const manifestSync of [true, false]) {
    for (const mode of ['link', 'move', 'copy'] as const) {
      it(`ING-1, ING-2, ING-6: ${manifestSync ? 'strict' : 'fast'}, ${mode}`, async () => {
        const { vfs, files, hashes } = await newMachine()
        const state: State = { durable: [], isIngested: false }
        const crashes = await crashesOf(vfs, () => JSON.stringify(state), async () => {
          const db = await openSim(vfs, { manifestSync })
          await db.pins.acquire('f')
          await db.put('p1', 'before', { sync: true })
          state.durable.push('p1')
          await db.put('p2', 'before')
          await db.ingest(files, { mode })
          state.isIngested = true
          await db.put('q', 'after')
          await db.sync()
          state.durable.push('p2', 'q')
          await db.close()
        })
        for (const { vfs: image, what, state: then } of drawn(`ingest ${mode} ${manifestSync}`, crashes)) {
          try {
            for (const [i, file] of files.entries()) {
              const isGone = image.statSync(file) === null
              if (!isGone) assert.equal(hashOf(image, file), hashes[i], 'ING-2')
              else assert.equal(mode, 'move')
            }
            const isAnyGone = files.some((file) => image.statSync(file) === null)
            const isThere = await check(image, JSON.parse(then) as State, { manifestSync })
            if (isAnyGone) assert.ok(isThere, 'a source goes only when the database has it')
            for (const [i, file] of files.entries()) {
              if (image.statSync(file) !== null) assert.equal(hashOf(image, file), hashes[i], 'also later')
            }
          } catch (error) {
            throw new Error(`${what}: ${(error as Error).stack}`, { cause: error })
          }
        }
        assert.ok(crashes.length > 30, `${crashes.length} images`)
      })
    }
  }

  it('a follower never reads of one that did not come true, and its number is not used again', async () => {
    const { vfs, files } = await newMachine()
    let seqNum = 0
    const crashes = await crashesOf(vfs, () => String(seqNum), async () => {
      const db = await openSim(vfs)
      await db.pins.acquire('f')
      await db.put('p1', 'before')
      seqNum = (await db.ingest(files)).seqNum
      await db.close()
    })
    let voidCount = 0
    for (const { vfs: image, what } of drawn('notes', crashes)) {
      const db = await openSim(image)
      const isThere = db.hasSync('a')
      const isPinned = db.pins.list().length > 0
      const ingested: number[] = []
      if (isPinned) {
        for await (const batch of db.pins.read('f', { ingested: true })) if (batch.ingested) ingested.push(batch.seqNum)
        assert.equal(ingested.length, isThere ? 1 : 0, what)
      }
      const next = await db.ingest([files[0]!])
      if (isThere) assert.ok(next.seqNum > ingested[0]!)
      else voidCount++
      await db.close()
    }
    assert.ok(voidCount > 0 || !isWholeRun)
  })
})

describe('an ingest, with an error at every call', () => {
  for (const code of ['ENOSPC', 'EIO', 'EACCES']) {
    for (const when of ['before', 'after'] as const) {
      it(`${code}, ${when} the call had its effect: nothing has changed, or all of it`, async () => {
        const count = await run({ fault: { do: 'error', code, when }, nth: 1e6 })
        assert.ok(count > 20, `${count} calls`)
        for (const nth of drawnNumbers(`ingest ${code} ${when}`, count)) {
          await run({ fault: { do: 'error', code, when }, nth: nth + 1 })
        }
      })
    }
  }

  /** Gives the number of calls. */
  async function run(rule: FaultRule): Promise<number> {
    const { vfs, files, hashes } = await newMachine()
    const db = await openSim(vfs)
    await db.put('p1', 'before', { sync: true })
    await db.put('p2', 'before')
    const fault = vfs.addFault(rule)
    const error = await patiently(vfs, db.ingest(files).then(() => null, (thrown: unknown) => thrown))
    fault.remove()
    if (error !== null) assert.ok(VarveError.is(error), String(error))
    if (fault.hitCount === 0) assert.equal(error, null)
    await checkAfter(db, vfs, error)
    for (const [i, file] of files.entries()) assert.equal(hashOf(vfs, file), hashes[i], 'ING-2')
    return fault.matchCount
  }

  async function checkAfter(db: Varve, vfs: SimVfs, error: unknown): Promise<void> {
    const seen = OUTSIDE.filter((key) => db.hasSync(key))
    assert.ok(seen.length === 0 || seen.length === OUTSIDE.length)
    if (error === null) assert.equal(seen.length, OUTSIDE.length)
    await patiently(vfs, db.close().catch(() => undefined))
    const again = await openSim(vfs)
    const later = OUTSIDE.filter((key) => again.hasSync(key))
    assert.ok(later.length === 0 || later.length === OUTSIDE.length)
    if (error === null) assert.equal(later.length, OUTSIDE.length)
    assert.ok(again.hasSync('p1') && again.hasSync('p2'))
    await again.close()
    await vfs.settled()
  }
})
