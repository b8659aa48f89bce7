/**
 * What: the disk is full at every point of a program, of which a short run draws a share. Writes say NO_SPACE, reads go
 * on, nothing acknowledged is lost, and when there is room again writes resume by themselves.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashNow, patiently, reopen } from '../support/crash/crash-steps.js'
import { atLeast, drawn } from '../support/harness/share.js'
import { Workload } from '../support/model/workload.js'

const STEP_BYTES = 2900
const ROOM_BYTES_MAX = 190_000
/** Bytes that are free when the program begins. */
const ROOMS = Array.from({ length: Math.ceil(ROOM_BYTES_MAX / STEP_BYTES) }, (_, i) => i * STEP_BYTES)

/** Writes until something is refused, or all is written. */
async function writeOn(w: Workload): Promise<void> {
  for (let i = 0; i < 16 && w.errors.length === 0; i++) {
    await w.put(`k${i % 5}`, 7000, { sync: i % 4 === 1 })
    if (i === 3) await w.batch([{ key: 'x', length: 3000 }, { key: 'k1', length: null }])
    if (i === 5) await patiently(w, () => w.flush())
  }
}

for (const manifestSync of [true, false]) {
  test(`the disk is full at any point, ${manifestSync ? 'strict' : 'fast'} mode`, async () => {
    let refusedCount = 0
    for (const room of drawn(`full disk, ${manifestSync}`, ROOMS)) {
      const w = new Workload({ seed: 31, toleratesErrors: true, settings: { manifestSync } })
      await w.open()
      await w.vfs.settled()
      w.vfs.capacityBytes = w.vfs.usedBytes + room
      await writeOn(w)
      await w.vfs.clock.advance(300)
      w.checkReads()
      const { state } = w.db.stats().database
      if (state === 'FAILED') await checkFailed(w)
      else if (w.errors.length > 0 || state !== 'OPEN') refusedCount += await checkResumes(w)
      await patiently(w, () => w.close())
      assert.deepEqual(w.vfs.violations, [])
      assert.equal(w.vfs.openFileCount, 0)
    }
    assert.ok(refusedCount >= atLeast(20), `${refusedCount}`)
  })
}

/** A full disk at the manifest or at a sync: only a reopen helps. */
async function checkFailed(w: Workload): Promise<void> {
  for (const way of ['kill', 'none'] as const) {
    const disk = crashNow(w, way)
    disk.vfs.capacityBytes = Infinity
    await reopen(disk)
  }
}

async function checkResumes(w: Workload): Promise<number> {
  assert.ok(w.errors.every((code) => code === 'NO_SPACE'), w.errors.join(' '))
  w.errors.length = 0
  await w.vfs.clock.advance(15_000)
  const wasRefused = w.db.stats().database.state === 'READ_ONLY'
  if (wasRefused) {
    await w.put('refused', 100)
    assert.deepEqual(w.errors.splice(0), ['NO_SPACE'])
    w.checkReads()
  }
  for (const way of ['kill', 'none'] as const) {
    const disk = crashNow(w, way)
    disk.vfs.capacityBytes = Infinity
    await reopen(disk)
  }
  w.vfs.capacityBytes = Infinity
  await w.vfs.clock.advance(15_000)
  await w.put('there is room', 100, { sync: true })
  await patiently(w, () => w.flush())
  assert.deepEqual(w.errors, [])
  w.checkReads()
  await reopen(crashNow(w, 'none'))
  return wasRefused ? 1 : 0
}
