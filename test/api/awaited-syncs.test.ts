/** Where a sync can only be awaited: awaited calls do everything, Sync calls that would wait are refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimVfs } from '../../src/testing.js'
import { openSim, readAllText } from '../support/databases/simulated.js'

test('Sync calls that would wait for the disk are refused, and change nothing', async () => {
  const vfs = new SimVfs({ hasBlockingSync: false })
  const db = await openSim(vfs)
  const sync = { sync: true }
  for (const call of [
    () => db.putSync('a', '1', sync), () => db.delSync('a', sync),
    () => db.batchSync([{ type: 'del', key: 'a' }], sync),
  ]) assert.throws(call, { code: 'NOT_SUPPORTED' })
  assert.equal(db.stats().database.visibleSeq, 0)
  assert.throws(() => {
    for (let i = 0; i < 1000; i++) db.putSync(`k${i}`, 'v'.repeat(1000))
  }, { code: 'BUSY' }, 'no log can be made while the loop stands still')
  await vfs.settled()
  await db.put('b', '3', sync)
  assert.equal(db.stats().database.state, 'OPEN')
  await db.close()
})

test('awaited calls write, flush, compact and come back after power loss', async () => {
  for (const manifestSync of [true, false]) {
    const vfs = new SimVfs({ hasBlockingSync: false })
    const db = await openSim(vfs, { manifestSync })
    for (let i = 0; i < 300; i++) await db.put(`k${i % 100}`, `${i} ${'v'.repeat(1000)}`)
    await db.put('last', 'x', { sync: true })
    await db.compact()
    assert.equal(db.stats().levels.reduce((sum, { tableCount }) => sum + tableCount, 0), 1)
    const written = readAllText(db)
    assert.equal(written.size, 101)
    const crashed = await openSim(vfs.crash('none', 1))
    assert.deepEqual(readAllText(crashed), written)
    await crashed.close()
  }
})
