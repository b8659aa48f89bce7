/** What: a call of compact() ends, whatever fails: docs/design/0014-compaction.md. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VarveError } from '../../src/base/index.js'
import { table } from '../support/crash/compaction-scenarios.js'
import { patiently, turns } from '../support/crash/crash-steps.js'
import { RunGate, withRuns } from '../support/fakes/run-hooks.js'
import { Workload } from '../support/model/workload.js'
import type { WorkloadOptions } from '../support/model/workload.js'

/** Two tables over one another. */
async function opened(options: Partial<WorkloadOptions> = {}): Promise<Workload> {
  const w = new Workload({ seed: 23, toleratesErrors: true, ...options })
  await w.open()
  await table(w, 'abc', 15_000)
  await table(w, 'bc', 15_000)
  await w.vfs.settled()
  return w
}

const stateOf = (w: Workload) => w.db.stats().database.state

for (const manifestSync of [true, false]) {
  const mode = manifestSync ? 'strict' : 'fast'
  test(`the disk stays full: NO_SPACE after three tries; when there is room, it is done, ${mode} mode`, async () => {
    const w = await opened({ settings: { manifestSync } })
    w.vfs.capacityBytes = w.vfs.usedBytes + 10_000
    await patiently(w, () => assert.rejects(w.db.compact(), { code: 'NO_SPACE' }))
    const { compaction, backgroundError } = w.db.stats()
    assert.deepEqual([compaction.failed, backgroundError?.code, stateOf(w)], [3, 'NO_SPACE', 'DEGRADED'])
    w.checkReads()
    await w.vfs.clock.advance(120_000)
    assert.equal(w.db.stats().compaction.failed, 3, 'nobody wants it any more')
    w.vfs.capacityBytes = Infinity
    await w.db.compact()
    assert.deepEqual([stateOf(w), w.db.stats().levels[0]!.tableCount], ['OPEN', 0])
    w.checkReads()
  })

  for (const [state, fault] of [
    ['READ_ONLY', { kind: 'write', fileClass: 'log' }], ['FAILED', { kind: 'dataSync', fileClass: 'log' }],
  ] as const) {
    test(`the database goes ${state} while its run stands still: it is told at once, ${mode} mode`, async () => {
      const gate = new RunGate()
      const w = await opened({ settings: { manifestSync }, executor: gate.executor })
      gate.isClosed = true
      const told = assert.rejects(w.db.compact(), { code: 'BACKGROUND_ERROR' })
      while (w.db.stats().compaction.active === 0) await turns(w, 1)
      w.vfs.addFault({ ...fault, fault: { do: 'error', code: 'EIO' } })
      await w.put('a', 100, { sync: true })
      assert.equal(stateOf(w), state)
      await told
      gate.isClosed = false
      await assert.rejects(w.db.compact(), { code: 'BACKGROUND_ERROR' })
      w.checkReads()
      await w.db.close().catch(() => undefined)
      assert.equal(w.vfs.openFileCount, 0)
    })
  }
}

/** Inputs of every kind: one has range tombstones, which are read apart, one values that stand in a value log. */
async function openedMixed(): Promise<Workload> {
  const settings = { valueThreshold: 512, garbageRatio: 0.05, ttlGraceMs: 0 }
  const w = new Workload({ seed: 24, toleratesErrors: true, settings })
  await w.open()
  await table(w, 'abcd', 3000)
  await w.batch([{ key: 'b', length: 900, ttl: 10 }, { key: 'd', length: 40, ttl: 10 }])
  await w.delRange('c', 'd')
  await w.flush()
  await w.vfs.clock.advance(20)
  await w.vfs.settled()
  return w
}

test('calls fail from any one on, as often as it is tried: compact() ends with an error of Varve', async () => {
  for (const kind of ['open', 'read', 'create', 'write', 'sync', 'syncDir', 'link', 'close'] as const) {
    let failed = 0
    for (let nth = 1, wasMet = true; wasMet; nth++) {
      const w = await openedMixed()
      const fault = w.vfs.addFault({ kind, nth, times: Infinity, fault: { do: 'error', code: 'EIO' } })
      let error: unknown = null
      await patiently(w, () => w.db.compact().catch((thrown: unknown) => void (error = thrown)))
      wasMet = fault.hitCount > 0
      fault.remove()
      if (error !== null) failed++
      assert.ok(error === null || VarveError.is(error), `${kind} ${nth}: ${String(error)}`)
      w.checkReads()
      await w.db.close().catch(() => undefined)
    }
    assert.ok(failed > 0, kind)
  }
})

test('what fails elsewhere is not waited for, nor the pause after it', async () => {
  const executor = withRuns((input) => {
    if (String.fromCharCode(input.inputs[0]![0]!.smallestKey[0]!) < 'm') throw new VarveError('IO_ERROR', 'a bad place')
    return input
  })
  const w = await opened({ settings: { compaction: { style: 'leveled' } }, executor })
  for (let i = 0; i < 8; i++) await table(w, 'ad', 100 + i)
  await w.vfs.clock.advance(120_000)
  const { failed } = w.db.stats().compaction
  assert.ok(failed > 5 && stateOf(w) === 'DEGRADED')
  await table(w, 'mno', 200)
  await table(w, 'n', 100)
  await w.db.compact({ gte: 'm' }) // no time passes
  assert.equal(w.db.stats().compaction.completed, 1)
  w.checkReads()
  await w.close()
})

test('a snapshot that goes at the end makes work: it is done too', async () => {
  const w = await opened()
  const { snapshot } = w.snapshot()
  await w.del('a')
  await w.db.compact({}, { onProgress: () => snapshot.release() })
  assert.deepEqual(w.db.stats().levels.at(-1)!.tombstoneCount, 0)
  w.checkReads()
})
