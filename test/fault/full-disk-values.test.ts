/**
 * What: the disk is full while value logs are garbage. Their space comes back all the same: the edit that takes them
 * out finds its room in the zeros of the manifest, and then writes resume.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EngineEvent } from '../../src/index.js'
import { crashNow, patiently, reopen } from '../support/crash/crash-steps.js'
import type { Way } from '../support/crash/crash-steps.js'
import { Workload } from '../support/model/workload.js'

const LARGE = 15_000
const KEYS = 24
const WAYS: readonly Way[] = ['kill', 'none', 'random50']

/** A database whose value logs are garbage as soon as a merge has met the deletions. */
async function dyingValues(manifestSync: boolean, onEvent: (event: EngineEvent) => void): Promise<Workload> {
  const w = new Workload({
    seed: 31, toleratesErrors: true, onEvent,
    settings: { manifestSync, valueThreshold: 4096, compaction: { style: 'leveled' } },
  })
  await w.open()
  for (let i = 0; i < KEYS; i++) await w.put(`k${i}`, LARGE)
  await w.put('stays', 100)
  await patiently(w, () => w.flush())
  await w.batch(Array.from({ length: KEYS }, (_, i) => ({ key: `k${i}`, length: null })), { sync: true })
  await w.vfs.settled()
  return w
}

/** Opens what each crash leaves, with room again. */
async function reopenAll(w: Workload): Promise<void> {
  for (const way of WAYS) {
    const disk = crashNow(w, way)
    disk.vfs.capacityBytes = Infinity
    const { db } = await reopen(disk)
    await db.close()
  }
}

for (const manifestSync of [true, false]) {
  const mode = manifestSync ? 'strict' : 'fast'

  test(`A23: the disk is full at the sweep's own edit and at the deletions: the files go, ${mode} mode`, async () => {
    let fullFrom = 0
    const w = await dyingValues(manifestSync, ({ type }) => {
      if (type !== 'compactionEnd' || fullFrom > 0) return
      if (w.db.stats().valueLog.files.some(({ liveCount }) => liveCount > 0)) return
      fullFrom = w.vfs.usedBytes
      w.vfs.capacityBytes = fullFrom
    })
    const done: string[] = []
    w.vfs.onEffect = (_index, description) => void (fullFrom > 0 && done.push(description))
    await patiently(w, () => w.compact())
    await w.vfs.clock.advance(2000)
    await w.vfs.settled()
    w.vfs.onEffect = null
    const edit = done.findIndex((each) => /write .*\.manifest/.test(each))
    const deletion = done.findIndex((each) => /unlink .*\.wal/.test(each))
    assert.ok(edit >= 0 && deletion > edit, done.join(', '))
    assert.equal(w.db.stats().database.state, 'OPEN')
    assert.deepEqual(w.db.stats().valueLog.files, [])
    assert.ok(w.vfs.usedBytes < fullFrom - KEYS * LARGE, 'the space is there again')
    w.checkReads()
    await reopenAll(w)
    await w.put('there is room', LARGE, { sync: true })
    assert.deepEqual(w.errors, [])
    await patiently(w, () => w.close())
  })

  test(`A23: writers fill the disk, garbage is collected, writes resume by themselves, ${mode} mode`, async () => {
    const events: string[] = []
    const w = await dyingValues(manifestSync, ({ type }) => void events.push(type))
    const capacityBytes = w.vfs.usedBytes + 200_000
    w.vfs.capacityBytes = capacityBytes
    for (let i = 0; i < 200 && w.errors.length === 0; i++) await w.put(`k${i % 5}`, LARGE)
    assert.deepEqual(w.errors.splice(0), ['NO_SPACE'])
    assert.equal(w.db.stats().database.state, 'READ_ONLY')
    // What values left of the disk may be less than a table of a collection takes.
    w.vfs.capacityBytes = Math.max(capacityBytes, w.vfs.usedBytes + 8192)
    await reopenAll(w)
    await patiently(w, () => w.compact()).catch(() => undefined)
    await w.vfs.clock.advance(15_000)
    await w.vfs.settled()
    w.errors.length = 0
    assert.equal(w.db.stats().database.state, 'OPEN')
    assert.ok(events.includes('resumed') && events.includes('valueLogRemoved'))
    await w.put('there is room', LARGE, { sync: true })
    await patiently(w, () => w.flush())
    assert.deepEqual(w.errors, [])
    w.checkReads()
    await reopenAll(w)
    await patiently(w, () => w.close())
  })
}
