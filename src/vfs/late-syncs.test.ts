import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LateSyncs } from './late-syncs.js'
import { SimVfs } from './sim/sim-vfs.js'

function scene(): { sim: SimVfs; late: LateSyncs; lines: () => string[] } {
  const sim = new SimVfs({ hasBlockingSync: false })
  sim.mkdirSync('/db')
  const recorder = sim.recordOps('/db')
  return { sim, late: new LateSyncs(sim), lines: () => [...recorder.lines] }
}

function writeSynced(late: LateSyncs, name: string): void {
  const file = late.vfs.openSync(`/db/${name}`, 'create')
  file.writeSync(new Uint8Array(8), 0, 8, 0)
  file.dataSyncSync()
  file.syncSync()
  file.closeSync()
}

test('syncs are done when they are settled, once a file, in their order; until then the handles are open', async () => {
  const { sim, late, lines } = scene()
  writeSynced(late, 'a')
  writeSynced(late, 'b')
  late.vfs.syncDirSync('/db')
  late.vfs.openSync('/db/a', 'read').closeSync()
  assert.deepEqual(lines().filter((line) => line.startsWith('sync')), [])
  assert.equal(sim.openFileCount, 2)
  await late.settle()
  assert.deepEqual(lines().filter((line) => line.startsWith('sync')), ['sync a', 'sync b', 'syncDir .'])
  assert.equal(sim.openFileCount, 0)
  await late.settle()
  assert.equal(lines().filter((line) => line.startsWith('sync')).length, 3)
})

test('a sync that fails says where, and the handles are closed all the same', async () => {
  for (const [kind, file] of [['sync', 'a'], ['syncDir', '.']] as const) {
    const { sim, late } = scene()
    writeSynced(late, 'a')
    late.vfs.syncDirSync('/db')
    sim.addFault({ kind, fault: { do: 'failSync', mode: 'lostClean' } })
    await assert.rejects(late.settle(), { code: 'IO_ERROR', file })
    assert.equal(sim.openFileCount, 0)
  }
})

test('what a failed job wrote is not synced', async () => {
  const { sim, late, lines } = scene()
  writeSynced(late, 'a')
  await late.abandon()
  assert.deepEqual(lines().filter((line) => line.startsWith('sync')), [])
  assert.equal(sim.openFileCount, 0)
})
