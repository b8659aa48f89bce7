/**
 * Nothing can be opened for a moment, or for a while, anywhere in the life of a database: no write that was awaited is
 * lost or refused for good, and what could not be done is done when files can be opened again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpKind } from '../../src/testing.js'
import { patiently } from '../support/crash/crash-steps.js'
import { checkNothingLeft, runLoop } from '../support/faults/fault-loop.js'
import type { FaultProgram } from '../support/faults/fault-loop.js'
import { atLeast, drawn, isWholeRun } from '../support/harness/share.js'
import { DIR, Workload } from '../support/model/workload.js'

/** Calls that take a descriptor. */
const OPENING: OpKind[] = ['create', 'open', 'list', 'syncDir']

/** Everything that opens files: flushes, a compaction, a longer log, a new manifest, a pin. */
async function live(w: Workload): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await patiently(w, () => w.batch([{ key: 'a', length: 300 + i }, { key: `k${i}`, length: 200 }]))
    await patiently(w, () => w.flush())
  }
  for (let i = 0; i < 7; i++) await patiently(w, () => w.put(`big${i}`, 10_000))
  await patiently(w, () => w.compact())
  await patiently(w, () => w.put('b', 100, { sync: true }))
  await patiently(w, () => w.sync())
}

const program: FaultProgram = {
  run: live,
  async after(w) {
    assert.ok(await checkNothingLeft(w), w.db.stats().database.state)
  },
}

for (const manifestSync of [true, false]) {
  const mode = manifestSync ? 'strict' : 'fast'
  for (const times of [1, 3]) {
    const moment = times === 1 ? 'one open finds' : `${times} opens in a row find`
    test(`ERR-4: ${moment} no descriptor, wherever: nothing is refused, and all is as ever, ${mode} mode`, async () => {
      const outcomes = await runLoop({
        rule: { kind: OPENING, times, fault: { do: 'error', code: 'EMFILE' } },
        settings: { manifestSync }, program, ways: ['kill'],
      })
      for (const { op, openError, errors, state } of outcomes) {
        if (openError === null) assert.deepEqual([state, errors], ['OPEN', []], op)
        else assert.match(openError, /^(IO_ERROR|COMMIT_UNKNOWN)$/, op)
      }
      if (isWholeRun) assert.ok(outcomes.filter(({ openError }) => openError === null).length > 20)
    })
  }
}

/** From call `op` on nothing can be opened until the program has ended. */
async function liveWithout(op: number): Promise<'OPEN' | 'not opened'> {
  const w = new Workload({ seed: 31, toleratesErrors: true, settings: { compaction: { style: 'leveled' } } })
  const fault = w.vfs.addFault({ kind: OPENING, op, times: Infinity, fault: { do: 'error', code: 'ENFILE' } })
  try {
    await patiently(w, () => w.open())
  } catch {
    return 'not opened'
  }
  const living = live(w).then(() => null, (error: unknown) => error)
  await w.vfs.clock.advance(20_000)
  assert.notEqual(w.db.stats().database.state, 'FAILED')
  fault.remove()
  await w.vfs.clock.advance(90_000)
  assert.equal(await living, null)
  assert.equal(w.db.stats().database.state, 'OPEN')
  w.errors.length = 0
  await w.put('later', 100, { sync: true })
  await patiently(w, () => w.flush())
  assert.deepEqual(w.errors, [])
  w.checkReads()
  await w.close()
  await w.reopen()
  w.checkReads()
  await w.close()
  assert.equal(w.vfs.openFileCount, 0)
  return 'OPEN'
}

test('ERR-4: twenty seconds without descriptors, from any call on: writing comes back by itself', async () => {
  const w = new Workload({ seed: 31, settings: { compaction: { style: 'leveled' } } })
  const { lines } = w.vfs.recordOps(DIR)
  await w.open()
  await live(w)
  await w.close()
  const calls = lines.flatMap((line, i) => (OPENING.includes(line.split(' ')[0] as OpKind) ? [i + 1] : []))
  const ends: string[] = []
  for (const op of drawn('twenty seconds', calls)) {
    try {
      ends.push(await liveWithout(op))
    } catch (error) {
      throw new Error(`from call ${op} on, ${lines[op - 1]}: ${(error as Error).message}`, { cause: error })
    }
  }
  assert.ok(ends.filter((end) => end === 'OPEN').length >= atLeast(15), `${ends}`)
})
