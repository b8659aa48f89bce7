import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { follow } from '../../test/support/scenes/commit-scene.js'
import { settled } from '../../test/support/fakes/hand-clock.js'
import { HandExecutor } from '../../test/support/fakes/hand-executor.js'
import { sampleBase, sampleOptions, sampleTable } from '../../test/support/samples/manifest-samples.js'
import { runSync, VarveError } from '../base/index.js'
import { jobs } from '../engine/jobs.js'
import { drive } from '../exec/index.js'
import { createManifest, readManifest } from '../manifest/index.js'
import type { ManifestLog, Version } from '../manifest/index.js'
import { MemoryVfs } from '../vfs/index.js'
import { EditRefused, VersionSet } from './version-set.js'

let vfs: MemoryVfs
let executor: HandExecutor
let failures: unknown[]
let log: ManifestLog
let versions: VersionSet

beforeEach(() => {
  vfs = new MemoryVfs()
  vfs.mkdirSync('/db')
  executor = new HandExecutor(jobs as never, { vfs })
  failures = []
  log = runSync(createManifest(vfs, '/db', sampleOptions(), sampleBase))
  const start = { executor, dir: '/db', version: sampleBase, log, nextFileNum: 200 }
  versions = new VersionSet(start, (error) => failures.push(error))
})

/** The edit that adds a table of this number at level 0. */
function addTable(fileNum: number) {
  return { lastSeqNum: 2000, addTables: [{ level: 0, facts: sampleTable(fileNum) }] }
}

const level0 = (version: Version) => version.levels[0]!.tables.map(({ fileNum }) => fileNum)
const added = (version: Version) => level0(version).filter((fileNum) => fileNum >= 100)
const onDisk = () => added(runSync(readManifest(vfs, '/db', 7)).version)
const eio = new VarveError('IO_ERROR', 'disk')

test('MAN-20: an edit is in the version when it is durable, not before', () => {
  const told: unknown[] = []
  versions.append(addTable(100), (error) => told.push(error))
  assert.deepEqual([added(versions.durable), added(versions.current), told], [[], [], []])
  executor.run()
  assert.deepEqual([added(versions.durable), told], [[100], [null]])
  assert.equal(versions.current, versions.durable)
  assert.deepEqual(onDisk(), [100])
})

test('edits that come during a write go out together afterwards, in their order', () => {
  const told: number[] = []
  for (const fileNum of [100, 101, 102]) versions.append(addTable(fileNum), () => told.push(fileNum))
  assert.equal(executor.jobs.length, 1)
  executor.run()
  assert.deepEqual(told, [100])
  assert.equal(executor.jobs.length, 1)
  executor.run()
  assert.deepEqual(failures, [])
  assert.deepEqual(told, [100, 101, 102])
  assert.deepEqual(onDisk().sort(), [100, 101, 102])
  assert.ok(versions.isIdle)
})

test('MAN-21: numbers are given out once, and each edit says which come next', () => {
  assert.deepEqual([versions.allocateFileNum(), versions.allocateFileNum()], [200, 201])
  versions.append({}, () => undefined)
  executor.run()
  assert.equal(runSync(readManifest(vfs, '/db', 7)).version.nextFileNum, 202)
  assert.equal(versions.nextFileNum, 202)
})

test('a failed write is told once, to everybody; nothing is written any more', async () => {
  const told: unknown[] = []
  const first = follow(versions.appended(addTable(100)))
  const behind = follow(versions.appended(addTable(101)))
  executor.fail(eio)
  await settled()
  assert.deepEqual([first.state, behind.state], ['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN'])
  assert.equal(failures.length, 1)
  versions.append(addTable(102), (error) => told.push((error as VarveError).code))
  assert.deepEqual([told, executor.jobs], [['COMMIT_UNKNOWN'], []])
  assert.deepEqual([added(versions.durable), onDisk()], [[], []])
  await versions.idle()
})

test('C10: an edit that deletes a table which is not there goes back to its caller, others are written', async () => {
  const remove = (fileNum: number) => versions.appended({ deleteTables: [{ level: 0, fileNum }] })
  const alone = follow(remove(9999))
  await settled()
  assert.equal(alone.state, 'INTERNAL')
  assert.equal(executor.jobs.length, 0)
  const first = follow(versions.appended(addTable(100)))
  const group = [
    follow(versions.appended(addTable(101))), follow(remove(9999)), follow(remove(101)), follow(remove(101)),
    follow(versions.appended(addTable(102))),
  ]
  executor.run()
  executor.run()
  await settled()
  const states = group.map(({ state }) => state)
  assert.deepEqual([first.state, ...states], ['done', 'done', 'INTERNAL', 'done', 'INTERNAL', 'done'])
  assert.deepEqual([onDisk(), failures], [[102, 100], []])
})

test('whoever is refused and appends again comes behind what is on its way', () => {
  const told: unknown[] = []
  versions.append(addTable(100), () => undefined)
  versions.append({ deleteTables: [{ level: 3, fileNum: 9999 }] }, (error) => {
    assert.ok(error instanceof EditRefused)
    versions.append(addTable(102), (again) => told.push(again))
  })
  versions.append(addTable(101), (error) => told.push(error))
  for (let i = 0; i < 3; i++) executor.run()
  assert.deepEqual([onDisk(), told, failures], [[102, 101, 100], [null, null], []])
})

test('any other edit that fits no version fails before anything is written, and ends all writing', () => {
  const told: unknown[] = []
  versions.append({ logPointer: 1 }, (error) => told.push(error))
  assert.equal(executor.jobs.length, 0)
  assert.equal(told.length, 1)
  assert.notEqual(told[0], null)
  assert.equal(failures.length, 1)
})

test('a new manifest begins with what the run did so far; groups do not carry it', () => {
  versions.runStats = () => 'so far'
  versions.append(addTable(100), () => undefined)
  executor.run()
  assert.equal(runSync(readManifest(vfs, '/db', 7)).version.flushStats, '')
  assert.deepEqual(versions.whole, { ...versions.durable, flushStats: 'so far' })
})

test('fast mode: readers see a held edit at once, the manifest later; never twice', () => {
  versions.holdBack(addTable(100))
  assert.deepEqual([added(versions.current), added(versions.durable), onDisk()], [[100], [], []])
  versions.append(addTable(101), () => undefined)
  drive(versions.appendingHeld([addTable(100)]))
  executor.run()
  assert.deepEqual([added(versions.current).sort(), added(versions.durable)], [[100, 101], [101]])
  executor.run()
  assert.equal(versions.current, versions.durable, 'nothing is held any more')
  for (const version of [versions.current, versions.durable]) assert.deepEqual(added(version).sort(), [100, 101])
  assert.deepEqual(onDisk().sort(), [100, 101])
})

test('while a new manifest is made no group is written; then the rest goes into the new one', async () => {
  versions.append(addTable(100), () => undefined)
  let isWorking = false
  let finish = () => {}
  const making = versions.exclusively(async () => {
    isWorking = true
    await new Promise<void>((resolve) => (finish = resolve))
    const next = runSync(createManifest(vfs, '/db', { ...sampleOptions(), fileNum: 8 }, versions.durable))
    assert.equal(versions.replaceManifest(next), log)
  })
  await settled()
  assert.equal(isWorking, false, 'a group is being written')
  executor.run()
  await settled()
  assert.equal(isWorking, true)
  const behind = follow(versions.appended(addTable(101)))
  assert.equal(executor.jobs.length, 0)
  finish()
  await making
  executor.run()
  await settled()
  assert.equal(behind.state, 'done')
  assert.deepEqual(added(runSync(readManifest(vfs, '/db', 8)).version).sort(), [100, 101])
  assert.deepEqual(onDisk(), [100])
})

test('a new manifest that may count already ends all writing; one that surely does not, ends nothing', async () => {
  await assert.rejects(versions.exclusively(() => Promise.reject(eio)), { code: 'IO_ERROR' })
  assert.deepEqual(failures, [])
  const behind = follow(versions.appended(addTable(100)))
  executor.run()
  await settled()
  assert.equal(behind.state, 'done')
  const unknown = new VarveError('COMMIT_UNKNOWN', 'marker')
  await assert.rejects(versions.exclusively(() => Promise.reject(unknown)), { code: 'COMMIT_UNKNOWN' })
  assert.deepEqual(failures, [unknown])
  await assert.rejects(versions.appended(addTable(101)), { code: 'COMMIT_UNKNOWN' })
  assert.equal(executor.jobs.length, 0)
})

test('idle waits for what is being written and for what waits', async () => {
  await versions.idle()
  for (const fileNum of [100, 101]) versions.append(addTable(fileNum), () => undefined)
  const idle = follow(versions.idle())
  executor.run()
  await settled()
  assert.equal(idle.state, 'waiting')
  executor.run()
  await settled()
  assert.equal(idle.state, 'done')
})

test('stopped from outside: no edit and no new manifest is written any more; what is being written ends', async () => {
  const first = follow(versions.appended(addTable(100)))
  const behind = follow(versions.appended(addTable(101)))
  versions.stop(eio)
  assert.deepEqual(failures, [eio])
  executor.run()
  await settled()
  assert.deepEqual([first.state, behind.state], ['done', 'IO_ERROR'])
  await assert.rejects(versions.appended(addTable(102)), { code: 'IO_ERROR' })
  await assert.rejects(versions.exclusively(() => Promise.reject(new Error('called'))), { code: 'IO_ERROR' })
  assert.deepEqual([onDisk(), executor.jobs.length], [[100], 0])
})
