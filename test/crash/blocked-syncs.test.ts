/**
 * What: blocking syncs of a log while the thread pool syncs it. The pool's sync may have taken the error of a
 * write-back already, and says so only when the event loop turns, which a blocked caller does not let it do.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashNow, reopen } from '../support/crash/crash-steps.js'
import type { CrashedDisk, Way } from '../support/crash/crash-steps.js'
import { DIR, Workload } from '../support/model/workload.js'
import type { WorkloadOptions } from '../support/model/workload.js'

const MODES = ['lostClean', 'revert', 'benign'] as const
const WAYS: Way[] = ['kill', 'none', 'all', 'namesOnly', 'dataOnly', 'reverse']

async function opened(options: Partial<WorkloadOptions> = {}): Promise<Workload> {
  const w = new Workload({ seed: 9, toleratesErrors: true, ...options })
  await w.open()
  await w.vfs.settled()
  return w
}

/** Lets a sync fail in the thread pool, and `blocked` run before the event loop turns and tells of it. */
async function beforeItIsHeard(w: Workload, mode: (typeof MODES)[number], blocked: () => void): Promise<void> {
  w.vfs.addFault({ kind: 'dataSync', fileClass: 'log', fault: { do: 'failSync', mode } })
  const syncing = w.sync()
  for (let i = 0; i < 50; i++) await null
  const record = w.vfs.recordOps(DIR)
  w.vfs.workWhileBlocked()
  assert.match(record.stop().join(), /dataSync 000002.wal -> EIO/)
  w.vfs.clearFaults()
  blocked()
  await syncing
}

for (const mode of MODES) {
  test(`WAL-8: a blocking sync hears of a failure that the thread pool has not told yet (${mode})`, async () => {
    const w = await opened()
    await w.put('a', 700)
    const crashed: CrashedDisk[] = []
    await beforeItIsHeard(w, mode, () => {
      w.putSync('b', 700, { sync: true })
      for (const way of WAYS) crashed.push(crashNow(w, way))
      assert.deepEqual(w.errors, ['COMMIT_UNKNOWN'])
      w.putSync('c', 700, { sync: true })
    })
    assert.deepEqual(w.errors, ['COMMIT_UNKNOWN', 'BACKGROUND_ERROR', 'COMMIT_UNKNOWN'])
    assert.equal(w.db.stats().database.state, 'FAILED')
    const expected = w.oracle.expect('power')
    for (const disk of crashed) await reopen({ ...disk, expected })
    assert.deepEqual(w.vfs.violations, [])
  })

  test(`WAL-8, VLG-2: no edit lists a log whose last sync failed unheard (${mode})`, async () => {
    const w = await opened({ settings: { valueThreshold: 4096, immutablesMax: 1 } })
    for (let i = 0; i < 4; i++) w.putSync(`k${i}`, 15_000)
    const crashed: CrashedDisk[] = []
    await beforeItIsHeard(w, mode, () => {
      w.putSync('s', 700, { sync: true })
      for (let i = 0; i < 20; i++) w.putSync(`n${i}`, 15_000)
      for (const way of WAYS) crashed.push(crashNow(w, way))
    })
    const expected = w.oracle.expect('power')
    for (const disk of crashed) await reopen({ ...disk, expected })
    assert.deepEqual(w.vfs.violations, [])
  })
}

test('WAL-8: a log that is cut after a failed write does not durably end there if a sync failed unheard', async () => {
  const w = await opened()
  await w.put('a', 700)
  const crashed: CrashedDisk[] = []
  await beforeItIsHeard(w, 'lostClean', () => {
    w.vfs.addFault({ kind: 'write', fileClass: 'log', fault: { do: 'error', code: 'ENOSPC' } })
    w.putSync('b', 700)
    crashed.push(crashNow(w, 'none'))
  })
  assert.deepEqual(w.errors, ['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN'])
  assert.equal(w.db.stats().database.state, 'FAILED')
  for (const disk of crashed) await reopen(disk)
  assert.deepEqual(w.vfs.violations, [])
})

test('WAL-8: zeros ahead that cannot be written are no failure, and their handle does no sync', async () => {
  for (const code of ['ENOSPC', 'EIO', 'EMFILE']) {
    const w = await opened({ settings: { writeBufferSize: 4 * 1024 * 1024 } })
    for (let i = 1; i < 8; i++) await w.put(`k${i}`, 100, { sync: true })
    const kind = code === 'EMFILE' ? 'open' : 'write'
    const rule = { kind, fileClass: 'log', nth: kind === 'open' ? 1 : 2, fault: { do: 'error', code } } as const
    const fault = w.vfs.addFault(rule)
    for (let i = 8; i < 20; i++) await w.put(`k${i}`, 100, { sync: true })
    w.putSync('last', 100, { sync: true })
    assert.equal(fault.hitCount, 1)
    assert.deepEqual([w.errors, w.vfs.violations], [[], []])
    assert.equal((await reopen(crashNow(w, 'none'))).matched, 20)
    await w.close()
    assert.equal(w.vfs.openFileCount, 0)
  }
})
