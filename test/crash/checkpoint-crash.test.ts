/** Crashes after every change of the disk while a checkpoint, a backup or a restore is made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Varve } from '../../src/index.js'
import type { CheckpointOptions, VarveOptions } from '../../src/index.js'
import { CopyScene, SOURCE, sweepCopies } from '../support/crash/copy-sweep.js'
import { atLeast } from '../support/harness/share.js'

let points = 0
let images = 0

function declareSweep(
  name: string, options: VarveOptions, scenario: (scene: CopyScene, begin: () => void) => Promise<void>,
): void {
  test(`CP-4, CP-5, C5, C6, C12, C17: crashes ${name}`, async () => {
    const counts = await sweepCopies(name, options, scenario)
    points += counts.points
    images += counts.images
  })
}

/** Writes, makes a checkpoint while more is written, and writes on. */
function whileWriting(options: CheckpointOptions): (scene: CopyScene, begin: () => void) => Promise<void> {
  return async (scene, begin) => {
    await scene.putMany(40, 3000)
    await scene.put(100, true)
    await scene.putMany(5)
    begin()
    const made = scene.db.checkpoint('/copy', options)
    await scene.putMany(10, 3000)
    await scene.put(100, true)
    const { seqNum } = await made
    scene.promise('/copy', seqNum)
    await scene.putMany(3)
    await scene.db.flush()
    scene.durable = scene.written
  }
}

declareSweep('of a checkpoint by links', {}, whileWriting({ mode: 'link', logs: 'keep' }))
declareSweep('of a checkpoint by copies', {}, whileWriting({ mode: 'copy', logs: 'keep' }))
declareSweep('of a checkpoint without logs', {}, whileWriting({ logs: 'flush' }))
declareSweep('of a checkpoint in fast mode', { manifestSync: false }, whileWriting({ logs: 'keep' }))
declareSweep('of a checkpoint with value logs', { valueThreshold: 1024 }, whileWriting({ logs: 'keep' }))

declareSweep('of a checkpoint from outside', { manifestSync: false, valueThreshold: 1024 }, async (scene, begin) => {
  await scene.putMany(40, 3000)
  begin()
  const made = Varve.checkpoint(SOURCE, '/copy', { vfs: scene.vfs })
  await scene.putMany(10, 3000)
  const { seqNum } = await made
  scene.promise('/copy', seqNum)
  await scene.put()
})

declareSweep('of backups, of which the oldest go', {}, async (scene, begin) => {
  await scene.putMany(30, 3000)
  const first = await Varve.backup(scene.db, '/set', { keep: 2 })
  scene.promise(first.location, first.seqNum)
  begin()
  for (let i = 0; i < 3; i++) {
    await scene.putMany(4, 3000)
    if (i > 0) scene.forget(`/set/00000${i}`) // it goes as soon as there are two that are newer
    const { location, seqNum } = await Varve.backup(scene.db, '/set', { keep: 2 })
    scene.promise(location, seqNum)
  }
})

declareSweep('of a restore', {}, async (scene, begin) => {
  await scene.putMany(30, 3000)
  const { seqNum } = await scene.db.checkpoint('/copy')
  scene.promise('/copy', seqNum)
  await scene.putMany(4, 3000)
  begin()
  for (const mode of ['copy', 'link'] as const) {
    const report = await Varve.restore('/copy', `/back-${mode}`, { vfs: scene.vfs, mode })
    scene.promise(`/back-${mode}`, report.seqNum)
  }
})

test('enough crashes were tried', (t) => {
  t.diagnostic(`${points} crashes, ${images} different disks`)
  assert.ok(points >= atLeast(2000), `${points} crashes`)
})
