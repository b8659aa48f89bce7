import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { VarveError } from '../base/index.js'
import { waitFor } from '../exec/index.js'
import type { Procedure } from '../exec/index.js'
import type { VersionEdit } from '../manifest/index.js'
import { follow } from '../../test/support/scenes/commit-scene.js'
import { HandClock, settled } from '../../test/support/fakes/hand-clock.js'
import { HandExecutor } from '../../test/support/fakes/hand-executor.js'
import { sampleTable } from '../../test/support/samples/manifest-samples.js'
import type { LastSync, LogFile } from '../wal/index.js'
import { HeldEdits } from './held-edits.js'

let executor: HandExecutor
let clock: HandClock
let appended: { edits: readonly VersionEdit[]; done: (error: unknown) => void }[]
let released: number[]
let failures: unknown[]
let held: HeldEdits
let syncWaits: { log: number; tell: (lastSync: LastSync) => void }[]

function make(): void {
  appended = []
  released = []
  failures = []
  syncWaits = []
  const versions = {
    *appendingHeld(edits: readonly VersionEdit[]): Procedure<void> {
      const error = yield* waitFor<unknown>((done) => appended.push({ edits, done }))
      if (error !== null) throw error
    },
  }
  held = new HeldEdits({
    dir: '/db', clock, executor, intervalMs: 1000, versions: versions as never,
    *syncKept() {},
    syncer: { whenSynced: (log, _end, tell) => void syncWaits.push({ log: log.fileNum, tell }) },
    syncingDirectory: () => () => undefined,
    onFailure: (error) => failures.push(error),
  })
}

beforeEach(() => {
  executor = new HandExecutor()
  clock = new HandClock()
  make()
})

function add(id: number): void {
  const edit = { addTables: [{ level: 0, facts: sampleTable(id) }] }
  held.add({ edit, log: null, onDurable: () => released.push(id) })
}

/** Gives the names that are being synced. */
const syncing = () => executor.jobs.map(({ job }) => (job.input as { names: string[] }).names)
const synced = () => executor.jobs.shift()!.deliver({ ok: true, output: null as never })

test('FLUSH-10, FLUSH-11: files first, then one group, then the logs may go', async () => {
  add(1)
  await clock.advance(500)
  add(2)
  assert.deepEqual(syncing(), [])
  await clock.advance(500)
  assert.deepEqual(syncing(), [['000001.table', '000002.table']])
  assert.equal(appended.length, 0)
  synced()
  assert.equal(appended.length, 1)
  assert.equal(appended[0]!.edits.length, 2)
  assert.deepEqual(released, [])
  appended[0]!.done(null)
  assert.deepEqual([released, held.count], [[1, 2], 0])
})

test('many held edits are settled without the timer; what comes meanwhile waits for the next step', async () => {
  for (let id = 1; id <= 8; id++) add(id)
  assert.equal(syncing()[0]!.length, 8)
  add(9)
  synced()
  appended[0]!.done(null)
  assert.deepEqual([released.length, held.count, syncing().length], [8, 1, 0])
  await clock.advance(1000)
  assert.deepEqual(syncing(), [['000009.table']])
})

test('whenSettled settles at once, and also what was added meanwhile', async () => {
  await held.whenSettled()
  add(1)
  const settling = follow(held.whenSettled())
  assert.deepEqual(syncing(), [['000001.table']])
  add(2)
  synced()
  appended[0]!.done(null)
  await settled()
  assert.deepEqual([settling.state, syncing()], ['waiting', [['000002.table']]])
  synced()
  appended[1]!.done(null)
  await settled()
  assert.equal(settling.state, 'done')
})

test('FLUSH-12: a failed sync or group is told once; the logs stay, nothing is tried again', async () => {
  for (const stage of ['sync', 'group']) {
    make()
    const error = new VarveError('IO_ERROR', stage)
    add(1)
    const settling = follow(held.whenSettled())
    const idle = follow(held.idle())
    if (stage === 'sync') executor.fail(error)
    else {
      synced()
      appended[0]!.done(error)
    }
    await settled()
    assert.deepEqual([failures, settling.state, idle.state, released], [[error], 'IO_ERROR', 'done', []])
    add(2)
    await clock.advance(60_000)
    assert.deepEqual([syncing(), released], [[], []])
  }
})

test('idle waits for a step under way and starts none', async () => {
  add(1)
  await held.idle()
  await clock.advance(1000)
  const idle = follow(held.idle())
  synced()
  await settled()
  assert.equal(idle.state, 'waiting')
  appended[0]!.done(null)
  await settled()
  assert.equal(idle.state, 'done')
  assert.equal(clock.timerCount, 0)
})

const promoting: VersionEdit = {
  addTables: [{ level: 0, facts: sampleTable(1) }],
  addValueLogs: [
    { fileNum: 7, isLog: true, bytes: 9000, salt: new Uint8Array(8), putCount: 1, putBytes: 8000, namedInLog: 0 },
    { fileNum: 8, isLog: false, bytes: 9000, salt: new Uint8Array(8), putCount: 1, putBytes: 8000, namedInLog: 0 },
  ],
}

test('FLUSH-10, VLG-2: a group that promotes a log waits for its last sync, and syncs new value logs', async () => {
  held.add({ edit: promoting, log: { fileNum: 7, name: '000007.wal' } as LogFile, onDurable: () => released.push(7) })
  await clock.advance(1000)
  assert.deepEqual(syncing(), [['000001.table', '000008.vlog']])
  synced()
  assert.equal(appended.length, 0)
  // A caller who blocks this thread cannot wait with it; the group can.
  syncWaits.shift()!.tell('later')
  assert.equal(appended.length, 0)
  const { log, tell } = syncWaits.shift()!
  assert.equal(log, 7)
  tell('done')
  assert.deepEqual(appended.map(({ edits }) => edits), [[promoting]])
  assert.deepEqual(released, [])
  appended.shift()!.done(null)
  assert.deepEqual(released, [7])
})

test('VLG-2: without that sync the edit is never written', async () => {
  held.add({ edit: promoting, log: { fileNum: 7, name: '000007.wal' } as LogFile, onDurable: () => released.push(7) })
  await clock.advance(1000)
  synced()
  syncWaits.shift()!.tell('never')
  assert.equal(appended.length, 0)
  assert.equal(failures.length, 1)
})
